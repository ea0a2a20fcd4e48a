"""The ticket: fields, preview, one fresh key that sends once, and refusals that keep what was typed."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from textual.widgets import Input

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.orders import OrderState, OrderType, Side, Tif
from ibkr_tui.tui.feed import LinkState
from ibkr_tui.tui.screens.ticket import TicketScreen
from ibkr_tui.tui.trade.form import TicketForm, first_price, fresh_form
from ibkr_tui.tui.trade.panel import TicketPanel
from ibkr_tui.tui.trade.reading import read_form
from ibkr_tui.tui.trade.sheet import Stage

D = Decimal


def form(**changes: Any) -> TicketForm:
    return fresh_form("AAPL", 265598, Side.BUY, **({"qty": "100", "limit_price": "189.42"} | changes))


def test_a_good_form_is_a_ticket(scene: Any) -> None:
    reading = read_form(form(), scene.instrument())
    assert reading.problems == {}
    assert reading.draft is not None
    (ticket,) = reading.draft.tickets
    assert (ticket.qty, ticket.limit_price, ticket.tif) == (D(100), D("189.42"), Tif.DAY)


@pytest.mark.parametrize("text", ["1e3", "1,000", "１００", "NaN", "+-1", "9" * 20, "", "-5", "0", "1.5"])
def test_a_bad_quantity_is_named_beside_its_field(scene: Any, text: str) -> None:
    reading = read_form(form(qty=text), scene.instrument())
    assert reading.draft is None
    assert set(reading.problems) == {(0, "qty")}
    assert reading.of(0)["qty"][0].isupper() or reading.of(0)["qty"][0] == "“"


def test_a_price_off_the_increment_names_the_next_ones(scene: Any) -> None:
    problems = read_form(form(limit_price="189.425"), scene.instrument()).of(0)
    assert "189.42" in problems["limit_price"]
    assert "189.43" in problems["limit_price"]


def test_a_market_order_has_no_price(scene: Any) -> None:
    reading = read_form(form(order_type=OrderType.MARKET, limit_price="rubbish"), scene.instrument())
    assert reading.draft is not None
    assert reading.draft.tickets[0].limit_price is None


def test_the_first_price_rests_on_its_side(scene: Any) -> None:
    quote = scene.quote("AAPL")
    assert first_price(quote, Side.BUY) == "189.42"
    assert first_price(quote, Side.SELL) == "189.44"
    assert first_price(None, Side.BUY) == ""
    assert first_price(scene.quote("EUR.USD"), Side.BUY) == "1.08405"


async def open_ticket(desk: Any, key: str = "b") -> TicketPanel:
    await desk.press(key)
    screen = desk.app.screen
    assert isinstance(screen, TicketScreen)
    return screen.panel


async def preview(desk: Any, qty: str = "100") -> TicketPanel:
    panel = await open_ticket(desk)
    await desk.pilot.press(*qty)
    await desk.press("enter")
    await desk.until(lambda: panel.stage is Stage.PREVIEWED, "the preview")
    await desk.pilot.pause()
    return panel


async def test_it_shows_side_holding_prices_and_age(drive: Any) -> None:
    async with drive() as desk:
        panel = await open_ticket(desk)
        await desk.until(lambda: "Apple Inc" in desk.text, "the name")
        assert "BUY · AAPL" in desk.text
        assert "hold +100 @ 180.10" in desk.text
        assert "bid 189.42  ask 189.44" in desk.text
        assert panel.query_one("#limit_price", Input).value == "189.42"
        assert panel.has_class("buy")


async def test_enter_previews_and_one_fresh_key_sends_once(drive: Any) -> None:
    async with drive() as desk:
        await preview(desk)
        assert "18,942.00 USD" in desk.text
        assert "0.62 → 0.64 / 4.0" in desk.text
        assert "BUY 100 AAPL LMT 189.42 DAY" in desk.text
        assert desk.feed.called("place_order") == []
        await desk.press("y")
        await desk.until(lambda: desk.app.screen is desk.app.desk, "the ticket to close")
        await desk.press("y", "ctrl+s")
        sent = {"side": "buy", "qty": "100", "order_type": "limit", "tif": "day", "symbol": "AAPL", "conid": 265598}
        assert desk.feed.called("place_order") == [sent | {"limit_price": "189.42"}]


async def test_a_key_too_soon_or_held_does_not_send(drive: Any) -> None:
    async with drive() as desk:
        await preview(desk)
        for _ in range(60):
            desk.clock.advance(0.033)
            await desk.pilot.press("ctrl+s")
        assert desk.feed.called("place_order") == []
        await desk.press("ctrl+s", calm=1.5)
        await desk.until(lambda: desk.feed.called("place_order"), "the order")


async def test_a_paste_never_sends(drive: Any) -> None:
    from textual.events import Paste

    async with drive() as desk:
        panel = await preview(desk)
        desk.clock.advance(1)
        desk.app.post_message(Paste("y\ry\r" * 200))
        await desk.pilot.pause()
        assert panel.stage is Stage.PREVIEWED
        assert desk.feed.called("place_order") == []


async def test_a_change_makes_the_preview_void(drive: Any) -> None:
    async with drive() as desk:
        panel = await preview(desk)
        await desk.press("f2")
        assert panel.stage is Stage.EDITING
        await desk.press("ctrl+s")
        assert desk.feed.called("place_order") == []


async def test_a_preview_runs_out(drive: Any) -> None:
    async with drive() as desk:
        panel = await preview(desk)
        await desk.frame(31)
        assert panel.stage is Stage.EDITING


async def test_bad_numbers_stay_beside_their_field_and_nothing_is_asked(drive: Any) -> None:
    async with drive() as desk:
        await open_ticket(desk)
        await desk.pilot.press(*"1e3", "enter")
        await desk.pilot.pause()
        assert "exponent" in desk.line("Qty")
        assert desk.feed.called("preview_order") == []


async def test_market_hides_the_price(drive: Any) -> None:
    async with drive() as desk:
        await open_ticket(desk, "s")
        await desk.press("f2")
        await desk.pilot.press(*"5", "enter")
        await desk.until(lambda: desk.feed.called("preview_order"), "the preview")
        asked = desk.feed.called("preview_order")[0]
        assert (asked["side"], asked["order_type"]) == ("sell", "market")
        assert "limit_price" not in asked


async def test_the_other_side_takes_its_own_price(drive: Any) -> None:
    async with drive() as desk:
        panel = await open_ticket(desk)
        await desk.press("f4", "f3")
        assert panel.form.leg.side is Side.SELL
        assert panel.form.leg.tif is Tif.GTC
        assert panel.query_one("#limit_price", Input).value == "189.44"
        assert panel.has_class("sell")


async def test_a_refusal_keeps_the_ticket_with_its_values_and_the_reason(drive: Any) -> None:
    async with drive() as desk:
        desk.feed.answers["place_order"] = BrokerError(
            "IBKR_ORDER_REJECTED", "No trading permission for this [bold]product"
        )
        panel = await preview(desk)
        await desk.press("y")
        await desk.until(lambda: "No trading permission for this [bold]product" in desk.text, "the reason")
        assert "IBKR_ORDER_REJECTED" in desk.text
        assert panel.stage is Stage.EDITING
        assert panel.query_one("#qty", Input).value == "100"


async def test_a_rejected_order_is_a_refusal_too(drive: Any, scene: Any) -> None:
    async with drive() as desk:
        desk.feed.answers["place_order"] = scene.order("t9", state=OrderState.REJECTED, text="The price is far off")
        await preview(desk)
        await desk.press("y")
        await desk.until(lambda: "The price is far off" in desk.text, "the reason")


async def test_a_risk_refusal_stands_at_the_preview(drive: Any) -> None:
    async with drive() as desk:
        desk.feed.answers["preview_order"] = BrokerError(
            "RISK_LEVERAGE",
            "Leverage after this order is 4.12, the cap is 4.0",
            details={"fields": {"qty": "At most 93."}},
        )
        panel = await open_ticket(desk)
        await desk.pilot.press(*"100", "enter")
        await desk.until(lambda: "RISK_LEVERAGE" in desk.text, "the refusal")
        assert panel.stage is Stage.EDITING
        assert "At most 93." in desk.line("Qty")


@pytest.mark.parametrize(
    "error",
    [
        BrokerError("IBKR_ORDER_UNKNOWN", "no answer"),
        BrokerError("CORE_UNREACHABLE", "the core has gone", details={"outcome": "unknown"}),
    ],
    ids=["unknown", "core gone"],
)
async def test_a_lost_answer_is_unknown_and_can_never_be_sent_again(drive: Any, error: BrokerError) -> None:
    async with drive() as desk:
        desk.feed.answers["place_order"] = error
        panel = await preview(desk)
        await desk.press("y")
        await desk.until(lambda: panel.stage is Stage.UNKNOWN, "the unknown state")
        assert "It will not be sent again." in desk.text
        await desk.press("y", "ctrl+s", "enter", "y")
        assert len(desk.feed.called("place_order")) == 1


async def test_sending_disarms_every_key(drive: Any) -> None:
    async with drive() as desk:
        never = asyncio.get_running_loop().create_future()

        async def hang() -> Any:
            return await never

        desk.feed.answers["place_order"] = lambda _: hang()
        panel = await preview(desk)
        await desk.press("y")
        await desk.press("y", "ctrl+s", "enter", "f2", "y")
        assert panel.stage is Stage.SENDING
        assert len(desk.feed.called("place_order")) == 1
        never.cancel()


async def test_another_account_voids_the_ticket(drive: Any, scene: Any) -> None:
    async with drive() as desk:
        await preview(desk)
        desk.feed.rows("health", {"paper": scene.health(account="DU7654321")})
        await desk.press("y")
        assert "The account is no longer DU1234567" in desk.text
        assert desk.feed.called("place_order") == []


async def test_a_stale_price_is_said_in_the_ticket(drive: Any) -> None:
    async with drive() as desk:
        await open_ticket(desk)
        desk.feed.say(LinkState.LOST, "gone")
        await desk.frame()
        assert "STALE" in desk.line("bid 189.42")


async def test_letters_in_a_field_are_text(drive: Any) -> None:
    async with drive() as desk:
        panel = await open_ticket(desk)
        await desk.pilot.press(*"sbq")
        assert isinstance(desk.app.screen, TicketScreen)
        assert panel.query_one("#qty", Input).value == "sbq"
        assert "not a number" in desk.line("Qty")


async def test_no_ticket_without_a_listing(drive: Any) -> None:
    async with drive(live=False) as desk:
        key = desk.app.state.watchlist.add("NEW")  # a frame between the keys would choose it again
        desk.app.desk.watch_board.show(list(desk.app.state.watchlist.rows))
        desk.app.desk.watch_board.select(key)
        await desk.until(lambda: desk.app.state.chosen.symbol == "NEW", "the symbol without a listing")
        await desk.press("b")
        assert desk.app.screen is desk.app.desk
        assert "has no listing yet" in desk.text

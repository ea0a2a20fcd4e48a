"""The Trade page by keys: every kind of order from the first key to what is sent, and what must never send."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from textual.widgets import Input

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.groups import GroupKind
from ibkr_tui.model.instruments import Listing
from ibkr_tui.model.orders import OrderState, Side
from ibkr_tui.tui.screens.trade import TradeScreen
from ibkr_tui.tui.trade.panel import TicketPanel
from ibkr_tui.tui.trade.sheet import Stage
from tests.tui.trade.conftest import group_result

D = Decimal


async def trade(desk: Any, core: Any) -> TicketPanel:
    """The Trade page, with the ticket ready to be filled in."""
    core(desk)
    await desk.press("3")
    page = desk.app.screen
    assert isinstance(page, TradeScreen)
    await desk.until(lambda: page.ticket.instrument is not None, "the instrument")
    assert desk.app.focused is page.blotter, "a number goes to a page, not into the ticket"
    await desk.press("b")
    await desk.until(lambda: desk.app.focused is page.ticket.query_one("#qty"), "the first field")
    return page.ticket


async def write(desk: Any, field: str, text: str) -> None:
    """Replace the text of a field, as a person would."""
    desk.app.screen.ticket.query_one(f"#{field}", Input).focus()
    await desk.pilot.pause()
    await desk.pilot.press("ctrl+u", *text)
    await desk.pilot.pause()


async def send(desk: Any, ticket: TicketPanel) -> None:
    """Enter, then a fresh key."""
    await desk.press("enter")
    await desk.until(lambda: ticket.stage is Stage.PREVIEWED, "the preview")
    await desk.pilot.pause()
    await desk.press("y")


async def sent(desk: Any, operation: str) -> dict[str, Any]:
    await desk.until(lambda: desk.feed.called(operation), operation)
    await desk.pilot.pause()
    (arguments,) = desk.feed.called(operation)
    return {name: value for name, value in arguments.items() if name not in {"symbol", "conid", "approval"}}


TYPES = [
    ([], {"limit_price": "188"}, {"order_type": "limit", "limit_price": "188"}),
    (["f2"], {}, {"order_type": "market"}),
    (["f2"] * 2, {"stop_price": "195"}, {"order_type": "stop", "stop_price": "195"}),
    (
        ["f2"] * 3,
        {"stop_price": "195", "limit_price": "196"},
        {"order_type": "stop_limit", "stop_price": "195", "limit_price": "196"},
    ),
    (["f2"] * 4, {"trail": "2"}, {"order_type": "trail", "trail": "2", "trail_by": "amount"}),
    (["f2"] * 4 + ["f8"], {"trail": "1.5"}, {"order_type": "trail", "trail": "1.5", "trail_by": "percent"}),
    (
        ["f2"] * 5,
        {"trail": "2", "limit_offset": "0.1"},
        {"order_type": "trail_limit", "trail": "2", "trail_by": "amount", "limit_offset": "0.1"},
    ),
    (["f2"] * 6, {"limit_price": ""}, {"order_type": "midprice"}),
]


@pytest.mark.parametrize(("keys", "fields", "expected"), TYPES, ids=lambda value: str(len(value)))
async def test_a_simple_order_of_each_type(
    drive: Any, core: Any, keys: list[str], fields: dict[str, str], expected: dict[str, str]
) -> None:
    async with drive() as desk:
        ticket = await trade(desk, core)
        await desk.press(*keys)
        for name, text in {"qty": "100", **fields}.items():
            await write(desk, name, text)
        await send(desk, ticket)
        assert await sent(desk, "place_order") == {"side": "buy", "qty": "100", "tif": "day"} | expected
        await desk.until(lambda: ticket.stage is Stage.EDITING, "an empty ticket")
        assert ticket.form.leg.qty == ""


async def test_time_side_and_hours_by_key(drive: Any, core: Any) -> None:
    async with drive() as desk:
        ticket = await trade(desk, core)
        await desk.press("f4", "f3", "f7")
        await write(desk, "qty", "5")
        await send(desk, ticket)
        assert await sent(desk, "place_order") == {
            "side": "sell", "qty": "5", "tif": "gtc", "order_type": "limit", "limit_price": "189.44",
            "outside_rth": True,
        }  # fmt: skip


async def test_a_bracket_with_its_picture(drive: Any, core: Any) -> None:
    async with drive() as desk:
        ticket = await trade(desk, core)
        await desk.press("f5")
        for name, text in {"qty": "100", "limit_price": "188", "stop_loss": "185", "take_profit": "195"}.items():
            await write(desk, name, text)
        assert "195.00 ┤▓▓▓ target +700" in desk.text
        assert "188.00 ┤═══ entry" in desk.text
        assert "185.00 ┤░░░ stop −300" in desk.text
        assert "R = 2.33" in desk.text
        assert "= 18,800 · risk 300 = 0.03%" in desk.line("Qty")
        await send(desk, ticket)
        assert await sent(desk, "place_bracket_order") == {
            "side": "buy", "qty": "100", "tif": "day",
            "entry_price": "188", "stop_loss": "185", "take_profit": "195",
        }  # fmt: skip


async def test_a_bracket_sized_by_its_risk(drive: Any, core: Any) -> None:
    async with drive() as desk:
        ticket = await trade(desk, core)
        await desk.press("f5", "f6", "f6")
        for name, text in {"qty": "500", "limit_price": "188", "stop_loss": "185", "take_profit": "195"}.items():
            await write(desk, name, text)
        assert "166 = 31,208 · risk 498" in desk.line("Risk")
        await send(desk, ticket)
        assert (await sent(desk, "place_bracket_order"))["qty"] == "166"


async def test_alternatives_leg_by_leg(drive: Any, core: Any) -> None:
    async with drive() as desk:
        ticket = await trade(desk, core)
        await desk.press("f4")
        await write(desk, "qty", "100")
        await write(desk, "limit_price", "195")
        await desk.press("f5", "f5")
        await desk.press("f9")
        await write(desk, "stop_price", "185")
        await desk.press("ctrl+n")
        await write(desk, "limit_price", "199")
        assert "▸3 SELL" in desk.text
        await desk.press("ctrl+r")
        assert "3 SELL" not in desk.text
        await send(desk, ticket)
        legs = (await sent(desk, "place_oco_order"))["legs"]
        assert [(leg["side"], leg["qty"], leg["order_type"]) for leg in legs] == [
            ("sell", "100", "limit"), ("sell", "100", "stop"),
        ]  # fmt: skip


async def test_a_trigger_and_its_child(drive: Any, core: Any) -> None:
    async with drive() as desk:
        ticket = await trade(desk, core)
        await write(desk, "qty", "100")
        await desk.press("f5", "f5", "f5", "f9")
        await write(desk, "limit_price", "195")
        await send(desk, ticket)
        arguments = await sent(desk, "place_oto_order")
        assert (arguments["trigger"]["side"], arguments["child"]["side"]) == ("buy", "sell")
        assert arguments["child"]["limit_price"] == "195"


async def test_enter_on_a_leg_that_is_not_ready_goes_to_it(drive: Any, core: Any) -> None:
    async with drive() as desk:
        ticket = await trade(desk, core)
        await write(desk, "qty", "100")
        await desk.press("f5", "f5", "enter")
        assert ticket.form.at == 1
        assert desk.app.focused.id == "stop_price"
        assert "✗ Fill this in." in desk.line("│ Stop ")
        assert desk.feed.called("preview_order") == []


async def test_an_order_in_one_line_with_a_live_reading(drive: Any, core: Any) -> None:
    async with drive() as desk:
        ticket = await trade(desk, core)
        await desk.press("ctrl+l")
        await desk.pilot.press(*"buy 100 AAPL @ 188 stop")
        await desk.pilot.pause()
        assert "The price after “stop” is missing" in desk.text
        await desk.pilot.press(*" 185 target 195")
        await desk.pilot.pause()
        assert "Bracket: buy 100 AAPL LMT 188 day, stop at 185, target at 195" in desk.text
        await send(desk, ticket)
        assert (await sent(desk, "place_bracket_order"))["take_profit"] == "195"


async def test_a_line_may_name_another_instrument(drive: Any, core: Any, scene: Any) -> None:
    async with drive() as desk:
        ticket = await trade(desk, core)
        msft = scene.instrument(conid=272093, symbol="MSFT", description="MSFT", name="Microsoft")
        desk.feed.answers["get_contract"] = lambda a: msft
        await desk.press("ctrl+l")
        await desk.pilot.press(*"sell 10 MSFT @ 402.12")
        await send(desk, ticket)
        await desk.until(lambda: desk.feed.called("place_order"), "the order")
        arguments = desk.feed.called("place_order")[0]
        assert (arguments["symbol"], arguments["conid"], arguments["side"]) == ("MSFT", 272093, "sell")


async def test_a_line_that_names_nothing_keeps_what_was_typed(drive: Any, core: Any) -> None:
    async with drive() as desk:
        ticket = await trade(desk, core)
        desk.feed.answers["get_contract"] = BrokerError("SYMBOL_NOT_FOUND", "no listing of NOPE")
        await desk.press("ctrl+l")
        await desk.pilot.press(*"buy 1 NOPE", "enter")
        await desk.until(lambda: "SYMBOL_NOT_FOUND" in desk.text, "the reason")
        assert ticket.query_one("#line", Input).value == "buy 1 NOPE"
        assert desk.feed.called("preview_order") == []


async def test_up_and_down_move_a_price_by_its_increment(drive: Any, core: Any) -> None:
    async with drive() as desk:
        ticket = await trade(desk, core)
        await desk.press("tab")
        assert desk.app.focused.id == "limit_price"
        await desk.press("up", "up", "down")
        assert ticket.form.leg.limit_price == "189.43"


async def test_neither_a_second_enter_nor_a_held_key_nor_a_paste_sends(drive: Any, core: Any) -> None:
    from textual.events import Paste

    async with drive() as desk:
        ticket = await trade(desk, core)
        await write(desk, "qty", "100")
        await desk.press("enter")
        await desk.until(lambda: ticket.stage is Stage.PREVIEWED, "the preview")
        await desk.pilot.pause()
        await desk.press("enter", "enter", calm=1.5)
        for _ in range(40):
            desk.clock.advance(0.03)
            await desk.pilot.press("y")
        desk.app.post_message(Paste("y\r" * 50))
        await desk.pilot.pause()
        assert ticket.stage is Stage.PREVIEWED
        assert desk.feed.called("place_order") == []
        await desk.press("y", calm=2)
        await desk.press("y", "ctrl+s", "y", calm=2)
        assert len(desk.feed.called("place_order")) == 1


async def test_a_refusal_keeps_the_bracket_and_stands_beside_the_field(drive: Any, core: Any) -> None:
    async with drive() as desk:
        ticket = await trade(desk, core)
        desk.feed.answers["place_bracket_order"] = BrokerError(
            "BAD_TICKET",
            "The stop is too close",
            details={"fields": {"stop_loss": "At most 184.", "entry_price": "No."}},
        )
        await desk.press("f5")
        for name, text in {"qty": "100", "limit_price": "188", "stop_loss": "185", "take_profit": "195"}.items():
            await write(desk, name, text)
        await send(desk, ticket)
        await desk.until(lambda: "The stop is too close (BAD_TICKET)" in desk.text, "the reason")
        assert "✗ At most 184." in desk.line("│ Stop ")
        assert "✗ No." in desk.line("Entry")
        assert (ticket.form.stop_loss, ticket.form.leg.qty) == ("185", "100")
        assert ticket.stage is Stage.EDITING


@pytest.mark.parametrize("kind", [GroupKind.BRACKET, GroupKind.OCO])
async def test_a_leg_of_unknown_fate_makes_the_whole_unknown(drive: Any, core: Any, kind: GroupKind) -> None:
    async with drive() as desk:
        ticket = await trade(desk, core)
        operation = f"place_{kind}_order"
        desk.feed.answers[operation] = group_result(kind, OrderState.WORKING, OrderState.UNKNOWN)
        line = {
            GroupKind.BRACKET: "buy 1 AAPL @ 188 stop 185 target 195",
            GroupKind.OCO: "sell 1 AAPL @ 195 or sell 1 AAPL stop 185",
        }[kind]
        await desk.press("ctrl+l")
        await desk.pilot.press(*line)
        await send(desk, ticket)
        await desk.until(lambda: ticket.stage is Stage.UNKNOWN, "the unknown state")
        assert "It will not be sent again." in desk.text
        await desk.press("y", "ctrl+s", "enter", "y")
        assert len(desk.feed.called(operation)) == 1
        await desk.press("escape")
        assert ticket.stage is Stage.EDITING
        assert ticket.form.leg.qty == ""


async def test_a_rejected_leg_is_named(drive: Any, core: Any) -> None:
    async with drive() as desk:
        ticket = await trade(desk, core)
        desk.feed.answers["place_bracket_order"] = group_result(
            GroupKind.BRACKET, OrderState.WORKING, OrderState.WORKING, OrderState.REJECTED
        )
        await desk.press("ctrl+l")
        await desk.pilot.press(*"buy 1 AAPL @ 188 stop 185 target 195")
        await send(desk, ticket)
        await desk.until(lambda: "the stop rejected" in desk.text, "the leg")


async def test_the_ticket_follows_the_selected_instrument_until_something_is_typed(drive: Any, core: Any) -> None:
    async with drive() as desk:
        ticket = await trade(desk, core)
        await desk.press("escape", "1", "down", "3")
        assert ticket.form.symbol == "MSFT"
        assert "402.08" in desk.text
        ticket.focus_first()
        await write(desk, "qty", "5")
        await desk.press("escape", "1", "down", "3")
        assert ticket.form.symbol == "MSFT"
        assert ticket.form.leg.qty == "5"


async def test_another_instrument_is_found_by_its_name(drive: Any, core: Any, scene: Any) -> None:
    async with drive() as desk:
        ticket = await trade(desk, core)
        await desk.press("escape", "slash")
        desk.app.screen.dismiss(Listing(7, "TSLA", "TESLA", "STK", "NASDAQ", "USD", True, True))
        await desk.until(lambda: ticket.form.conid == 7, "the instrument")
        assert ticket.form.symbol == "TSLA"


async def test_it_shows_what_is_held_what_can_be_bought_and_how_old_the_price_is(drive: Any, core: Any) -> None:
    async with drive() as desk:
        await trade(desk, core)
        await desk.frame()
        assert "BUY · AAPL Apple Inc · hold +100 @ 180.10 · DU1234567" in desk.text
        assert "buying power 2,800,000  bid 189.42  ask 189.44  " in desk.text


async def test_letters_in_a_field_are_text_and_outside_they_are_keys(drive: Any, core: Any) -> None:
    async with drive() as desk:
        ticket = await trade(desk, core)
        await desk.press("s", "1")
        assert ticket.form.leg.qty == "s1"
        await write(desk, "qty", "")
        await desk.press("escape", "s")
        assert ticket.form.leg.side is Side.SELL
        assert desk.app.focused.id == "qty"


async def test_the_child_of_an_oto_may_be_another_instrument(drive: Any, core: Any, scene: Any) -> None:
    async with drive() as desk:
        ticket = await trade(desk, core)
        msft = scene.instrument(conid=272093, symbol="MSFT", description="MSFT", name="Microsoft")
        desk.feed.answers["get_contract"] = lambda a: msft
        await write(desk, "qty", "100")
        await desk.press("f5", "f5", "f5", "f9", "f10")
        desk.app.screen.dismiss(Listing(272093, "MSFT", "MICROSOFT", "STK", "NASDAQ", "USD", True, True))
        await desk.until(lambda: ticket.instrument_here == msft, "the child's instrument")
        assert "SELL · MSFT Microsoft" in desk.text
        await write(desk, "limit_price", "402.10")
        assert "2 SELL 100 MSFT LMT 402.10" in desk.text
        await send(desk, ticket)
        arguments = await sent(desk, "place_oto_order")
        assert (arguments["trigger"]["conid"], arguments["child"]["conid"]) == (265598, 272093)


async def test_a_line_may_name_two_instruments(drive: Any, core: Any, scene: Any) -> None:
    async with drive() as desk:
        ticket = await trade(desk, core)
        msft = scene.instrument(conid=272093, symbol="MSFT", description="MSFT", name="Microsoft")
        desk.feed.answers["get_contract"] = lambda a: msft
        await desk.press("ctrl+l")
        await desk.pilot.press(*"buy 10 MSFT @ 402 then sell 20 AAPL @ 195")
        await send(desk, ticket)
        arguments = await sent(desk, "place_oto_order")
        assert (arguments["trigger"]["conid"], arguments["child"]["conid"]) == (272093, 265598)


async def test_a_limit_that_nobody_wrote_follows_the_market(drive: Any, core: Any, scene: Any) -> None:
    async with drive() as desk:
        ticket = await trade(desk, core)
        await desk.press("escape")
        desk.feed.rows("quotes", {"265598": scene.quote("AAPL", bid=D("190.10"), ask=D("190.12"))})
        await desk.frame()
        await desk.frame()
        assert ticket.form.leg.limit_price == "190.10"
        await desk.press("b", "1")
        desk.feed.rows("quotes", {"265598": scene.quote("AAPL", bid=D("191.10"), ask=D("191.12"))})
        await desk.frame()
        await desk.frame()
        assert ticket.form.leg.limit_price == "190.10", "it stands still once something is typed"


async def test_a_lost_order_that_is_seen_ends_its_ticket(drive: Any, core: Any, scene: Any) -> None:
    async with drive() as desk:
        ticket = await trade(desk, core)
        lost = scene.order("n1", state=OrderState.UNKNOWN, order_id="")
        desk.feed.rows("orders", {"n1": lost})
        desk.feed.answers["place_order"] = BrokerError("IBKR_ORDER_UNKNOWN", "no answer", details={"coid": "n1"})
        await write(desk, "qty", "100")
        await send(desk, ticket)
        await desk.until(lambda: ticket.stage is Stage.UNKNOWN, "the unknown state")
        await desk.until(lambda: desk.app.trade.blotter.selected == "n1", "the order under the cursor")
        desk.feed.rows("orders", {"n1": scene.order("n1")})
        await desk.frame()
        await desk.until(lambda: ticket.stage is Stage.EDITING, "an empty ticket")
        assert ticket.form.leg.qty == ""

"""The desk under a pilot: what it shows of the core, what the keys do, and what it never shows as live."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from rich.color import ColorSystem

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.events import Event, Severity
from ibkr_tui.model.health import SessionState
from ibkr_tui.model.looks import Looks, Refusal
from ibkr_tui.model.orders import OrderState
from ibkr_tui.model.quotes import QuoteStatus
from ibkr_tui.model.table import TableDelta
from ibkr_tui.tui.feed import LinkState
from ibkr_tui.tui.screens.choice import ChoiceScreen
from ibkr_tui.tui.screens.help import HelpScreen
from ibkr_tui.tui.screens.ticket import TicketScreen
from ibkr_tui.tui.settings import UiSettings


async def test_the_status_bar_tells_environment_money_risk_and_market(drive: Any) -> None:
    async with drive(size=(120, 40)) as desk:
        top = desk.text.split("\n")[0]
        for words in ("PAPER", "DU1234567", "1,024,311", "+3,120 +0.31%", "0.62/4.0", "38ms", "data", "10:42", "open"):
            assert words in top


@pytest.mark.parametrize("width", [30, 20])
async def test_the_badge_is_never_dropped(drive: Any, width: int) -> None:
    async with drive(size=(width, 24), kind="live") as desk:
        assert desk.text.split("\n")[0].startswith(" LIVE ")


async def test_every_status_has_its_word(drive: Any) -> None:
    async with drive(size=(120, 40)) as desk:
        for symbol, word in (("AMZN", "DELAYED"), ("ES DEC26", "STALE"), ("TSLA", "HALTED"), ("BRK.B", "FROZEN")):
            assert word in desk.line(f" {symbol}")
        assert "1s" in desk.line("▸AAPL")


async def test_a_changed_price_is_bright_for_one_frame(drive: Any, scene: Any) -> None:
    async with drive() as desk:

        def style_of_last() -> Any:
            row = desk.app.desk.watch_board._rows[1]
            return next(segment.style for segment in row if "189." in segment.text)

        desk.feed.rows("quotes", {"265598": scene.quote("AAPL", last=Decimal("189.50"))})
        await desk.frame(0.1)
        assert "189.50" in desk.line("▸AAPL")
        assert style_of_last() == desk.app.palette.bright
        await desk.frame(0.1)
        assert style_of_last() == desk.app.palette.text


async def test_when_the_link_goes_every_price_is_stale_at_once(drive: Any) -> None:
    async with drive(size=(120, 40)) as desk:
        desk.feed.say(LinkState.LOST, "The link to the core was lost.")
        await desk.frame()
        for symbol in ("AAPL", "MSFT", "SPY"):
            assert "STALE" in desk.line(f"{symbol} ")
        assert "no core" in desk.text
        assert "The link to the core was lost." in desk.text
        stale = desk.app.palette.stale
        prices = [segment for segment in desk.app.desk.watch_board._rows[1] if "189." in segment.text]
        assert prices
        assert all(segment.style == stale for segment in prices)
        desk.feed.say(LinkState.LIVE)
        await desk.frame()
        assert "STALE" not in desk.line("▸AAPL")


async def test_a_silent_core_makes_prices_stale_too(drive: Any) -> None:
    async with drive() as desk:
        desk.feed.say(LinkState.SILENT, "The core does not answer. What is shown is old.")
        await desk.frame()
        assert "STALE" in desk.line("▸AAPL")
        assert "core silent" in desk.text


async def test_an_empty_start_says_what_is_being_done(drive: Any) -> None:
    async with drive(live=False) as desk:
        desk.feed._step("Starting the core")
        desk.feed._step("Logging in")
        await desk.frame()
        assert "✓ Starting the core" in desk.text
        assert "▸ Logging in" in desk.text
        assert "waiting" in desk.line("▸AAPL")


async def test_an_empty_account_has_its_sentences(drive: Any) -> None:
    async with drive() as desk:
        desk.feed.rows("positions", {}, *desk.feed.positions.rows)
        desk.feed.rows("orders", {}, *desk.feed.orders.rows)
        await desk.frame()
        assert "No positions." in desk.text
        assert "No orders today." in desk.text


async def test_a_symbol_without_data_says_why(drive: Any) -> None:
    async with drive() as desk:
        desk.feed.answers["get_contract"] = lambda a: BrokerError("SYMBOL_NOT_FOUND", f"no listing of {a['symbol']}")
        desk.app.state.watchlist.add("NOPE")
        desk.app.desk.watch_board.show(list(desk.app.state.watchlist.rows))
        desk.app.subscriptions.wake()
        await desk.press("end")
        await desk.until(lambda: desk.feed.called("get_contract"), "its listing")
        await desk.frame()
        assert "no listing of NOPE" in desk.line("▸NOPE")
        assert "NO DATA" in desk.line("▸NOPE")


async def test_a_core_that_is_not_ready_is_asked_again(drive: Any, scene: Any) -> None:
    async with drive() as desk:
        answers = iter([BrokerError("IBKR_NO_SESSION", "not yet")] * 3)
        desk.feed.answers["get_contract"] = lambda a: next(answers, scene.instrument(conid=7))
        desk.app.state.watchlist.add("LATE")
        desk.app.subscriptions.wake()
        await desk.until(lambda: desk.app.state.watchlist.rows["LATE"].conid == 7, "the listing of LATE")


async def test_chart_and_prices_follow_the_cursor(drive: Any) -> None:
    async with drive() as desk:
        await desk.until(lambda: desk.feed.called("get_bars"), "bars")
        await desk.press("down")
        await desk.frame()
        assert "╭─ MSFT" in desk.text
        await desk.until(lambda: desk.feed.called("get_bars")[-1]["conid"] == 272093, "bars of MSFT")
        await desk.press("tab")
        await desk.until(lambda: "▸NVDA" in desk.text or "▸AAPL" in desk.text, "the cursor in positions")
        assert desk.app.desk.board.id == "positions"


async def test_other_bars_are_asked_for(drive: Any) -> None:
    async with drive() as desk:
        await desk.until(lambda: desk.feed.called("get_bars"), "bars")
        await desk.press("right_square_bracket")
        await desk.until(lambda: desk.feed.called("get_bars")[-1]["bar"] == "15min", "longer bars")


async def test_a_chart_that_is_refused_says_why(drive: Any) -> None:
    async with drive(size=(120, 40)) as desk:
        desk.feed.answers["get_bars"] = BrokerError("IBKR_NO_MARKET_DATA_SUBSCRIPTION", "no history of MSFT")
        await desk.press("down")
        await desk.until(lambda: "no history of MSFT" in desk.text, "the reason")


async def test_the_last_bar_follows_the_price(drive: Any, scene: Any, clock: Any) -> None:
    async with drive() as desk:
        await desk.until(lambda: desk.app.desk.chart.bars, "bars")
        newest = desk.app.desk.chart.bars[-1]
        quote = scene.quote("AAPL", last=Decimal("250"), changed_at=clock.now())
        desk.feed.rows("quotes", {"265598": quote})
        await desk.frame()
        assert desk.app.desk.chart.bars[-1].close == 250
        desk.feed.rows("quotes", {"265598": msgspec.structs.replace(quote, status=QuoteStatus.STALE, last=Decimal(1))})
        await desk.frame()
        assert desk.app.desk.chart.bars[-1].close == 250
        assert desk.app.desk.chart.bars[-1].at >= newest.at


async def test_unknown_orders_stand_first_and_in_the_title(drive: Any) -> None:
    async with drive() as desk:
        first = desk.app.desk.order_board.keys[0]
        assert desk.feed.orders.rows[first].state is OrderState.UNKNOWN
        assert "1 UNKNOWN" in desk.text
        assert "UNKNOWN 0:43" in desk.text


async def test_an_unknown_order_opens_with_its_sentence(drive: Any) -> None:
    async with drive() as desk:
        await desk.press("tab", "tab", "enter")
        assert "IBKR may or may not have this order. It will not be sent again." in desk.text
        await desk.press("escape")
        assert desk.app.screen is desk.app.desk


async def test_an_unknown_order_is_cancelled_on_sight(drive: Any) -> None:
    async with drive() as desk:
        await desk.press("tab", "tab", "enter")
        await desk.frame()
        await desk.press("x")
        await desk.until(lambda: desk.feed.called("resolve_order"), "the verdict")
        assert desk.feed.called("resolve_order") == [{"coid": "t2", "verdict": "cancel_on_sight", "confirm": ""}]


async def test_an_order_is_declared_not_sent_by_its_symbol_after_two_minutes(drive: Any) -> None:
    async with drive() as desk:
        await desk.press("tab", "tab", "enter")
        await desk.frame()
        assert "Declare not sent (in 1:2" in desk.text
        await desk.press("n")
        assert "Declare this order" not in desk.text
        await desk.press("escape")
        order = desk.feed.orders.rows["t2"]
        long_ago = order.since - timedelta(minutes=2)
        desk.feed.rows("orders", {"t2": msgspec.structs.replace(order, since=long_ago)})
        await desk.frame()
        await desk.press("enter")
        await desk.frame()
        await desk.press("n")
        await desk.frame()
        assert "Declare this order not sent?" in desk.text
        await desk.press("m", "s", "f", "enter")
        assert desk.feed.called("resolve_order") == [], "Escape is no verdict, half a symbol is none"
        await desk.press("t")
        await desk.frame()
        await desk.press("enter")
        await desk.until(lambda: desk.feed.called("resolve_order"), "the verdict")
        assert desk.feed.called("resolve_order") == [{"coid": "t2", "verdict": "not_sent", "confirm": "MSFT"}]


async def test_cancel_asks_first(drive: Any) -> None:
    async with drive() as desk:
        await desk.press("tab", "tab", "down", "c")
        assert "Cancel this order?" in desk.text
        await desk.press("enter")
        assert desk.feed.called("cancel_order") == []
        await desk.press("c")
        await desk.frame()
        await desk.press("y")
        await desk.until(lambda: desk.feed.called("cancel_order"), "the cancel")
        assert desk.feed.called("cancel_order") == [{"order_id": "1001"}]


async def test_a_finished_order_has_nothing_to_cancel(drive: Any) -> None:
    async with drive() as desk:
        await desk.press("tab", "tab", "end", "c")
        assert desk.app.screen is desk.app.desk
        assert "c Cancel" not in desk.text.split("\n")[-1]


async def test_a_refused_cancel_is_said(drive: Any) -> None:
    async with drive() as desk:
        desk.feed.answers["cancel_order"] = BrokerError("ORDER_DONE", "the order is filled")
        await desk.press("tab", "tab", "down", "c")
        await desk.frame()
        await desk.press("y")
        await desk.until(lambda: "Not cancelled: the order is filled" in desk.text, "the reason")


async def test_events_stand_in_the_message_line_for_ten_seconds(drive: Any, clock: Any) -> None:
    async with drive() as desk:
        desk.feed.event(Event(clock.now(), "filled BUY 1 AAPL @ 189.44", Severity.INFO))
        await desk.frame()
        assert "filled BUY 1 AAPL" in desk.text
        desk.feed.rows("orders", {}, "t2")
        await desk.frame(11)
        await desk.frame()
        assert "filled BUY 1 AAPL" not in desk.text


async def test_what_the_core_complains_of_stays(drive: Any, scene: Any) -> None:
    async with drive() as desk:
        await desk.frame(11)
        row = scene.health(session=SessionState.BLOCKED, message="The key file is missing.", code="IBKR_KEY_NOT_FOUND")
        desk.feed.rows("health", {"paper": row})
        await desk.frame(11)
        assert "The key file is missing." in desk.text
        assert "blocked" in desk.text.split("\n")[0]


async def test_remove_takes_a_symbol_off_and_lets_it_go(drive: Any) -> None:
    async with drive() as desk:
        await desk.press("end")
        await desk.frame()
        await desk.until(lambda: 72063691 in desk.feed.called("look_at")[-1]["quotes"], "a look at BRK.B")
        await desk.press("minus")
        assert "BRK.B" not in desk.app.state.watchlist.rows
        await desk.frame()
        await desk.until(lambda: 72063691 not in desk.feed.called("look_at")[-1]["quotes"], "BRK.B let go")


async def test_help_explains_the_focused_pane_and_every_key(drive: Any) -> None:
    async with drive(size=(80, 60)) as desk:
        await desk.press("tab", "tab", "question_mark")
        assert isinstance(desk.app.screen, HelpScreen)
        assert "never sent again" in desk.text
        assert "Open a buy ticket" in desk.text
        await desk.press("question_mark")
        assert desk.app.screen is desk.app.desk


async def test_the_palette_knows_the_actions(drive: Any) -> None:
    async with drive(size=(120, 40)) as desk:
        await desk.press("ctrl+p")
        await desk.until(lambda: "Open a buy ticket" in desk.text, "the actions")
        await desk.pilot.press(*"buy")
        await desk.until(lambda: "Open a sell ticket" not in desk.text, "the hit")
        await desk.press("enter")
        await desk.until(lambda: isinstance(desk.app.screen, TicketScreen), "the ticket")


async def test_themes_change_and_are_remembered(drive: Any) -> None:
    async with drive() as desk:
        before = desk.app.palette
        await desk.press("t")
        assert desk.app.theme != "harbour"
        assert desk.app.palette != before
        assert desk.app.remembered.memory.theme == desk.app.theme


async def test_sixteen_colours_keep_the_roles_apart(drive: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("COLORTERM")
    async with drive() as desk:
        roles = ("up", "down", "buy", "sell", "warn", "stale")
        numbers = {getattr(desk.app.palette, role).color.downgrade(ColorSystem.STANDARD).number for role in roles}
        assert len(numbers) == len(roles)


async def test_a_theme_that_does_not_exist_is_a_toast(drive: Any) -> None:
    async with drive(settings=UiSettings(theme="nosuch")) as desk:
        assert desk.app.theme == "harbour"
        await desk.until(lambda: "nosuch" in desk.text, "the toast")


async def test_a_keymap_is_in_force_and_a_dangerous_one_is_not(drive: Any) -> None:
    async with drive(settings=UiSettings(keymap={"order.buy": "ctrl+b"})) as desk:
        await desk.press("b")
        assert desk.app.screen is desk.app.desk
        await desk.press("ctrl+b")
        assert isinstance(desk.app.screen, TicketScreen)
    async with drive(settings=UiSettings(keymap={"order.sell": "b"})) as desk:
        await desk.press("b")
        assert "BUY" in str(desk.app.screen.query_one("#ticket").border_title)


async def test_a_frame_that_comes_when_the_app_has_ended_does_no_harm(drive: Any) -> None:
    async with drive() as desk:
        app = desk.app
    desk.clock.advance(5)
    app._frame()
    assert app.return_code in {0, None}


async def test_quitting_asks_and_staying_stays(drive: Any) -> None:
    async with drive() as desk:
        await desk.press("q")
        assert isinstance(desk.app.screen, ChoiceScreen)
        assert "1 order is UNKNOWN" in desk.text
        await desk.press("escape")
        assert desk.app.screen is desk.app.desk
        await desk.press("q", "d")
    assert desk.app.return_value == 0
    assert desk.app.launcher.stopped == 0


async def test_stop_stops_the_core(drive: Any) -> None:
    async with drive() as desk:
        await desk.press("q", "s")
        await desk.until(lambda: desk.app.launcher.stopped, "the stop")
    assert desk.app.return_value == 0


async def test_a_demo_just_goes(drive: Any) -> None:
    async with drive(is_demo=True) as desk:
        assert desk.text.startswith(" DEMO ")
        await desk.press("q")
    assert desk.app.return_value == 0


async def test_r_starts_a_core_that_has_gone(drive: Any) -> None:
    async with drive() as desk:
        assert "Start core" not in desk.text
        desk.feed.say(LinkState.LOST, "The core was stopped.")
        await desk.frame()
        assert "r Start core" in desk.text
        await desk.press("r")
        assert desk.feed._again.is_set()


async def test_ten_thousand_positions_stay_smooth(drive: Any, scene: Any) -> None:
    async with drive() as desk:
        many = {str(n): scene.position(f"S{n:05}", n, "10", "5.00", "6.00") for n in range(1, 10_001)}
        desk.feed.rows("positions", many, "265598", "272093", "900001")
        await desk.frame()
        await desk.press("tab", "end")
        await desk.frame()
        assert "▸S10000" in desk.text
        assert len(desk.app.desk.position_board._rows) < 10


async def test_tiny_and_huge_terminals_do_not_break_it(drive: Any) -> None:
    async with drive() as desk:
        for size in ((1, 1), (12, 5), (500, 200), (80, 24)):
            await desk.pilot.resize_terminal(*size)
            await desk.frame()
        assert "▸AAPL" in desk.text


async def test_what_is_not_read_yet_is_not_called_empty(drive: Any) -> None:
    async with drive(size=(120, 40)) as desk:
        for table in ("positions", "orders"):
            desk.feed.apply(TableDelta(table, 2, True, {}, is_read=False))
        await desk.frame()
        assert "Reading the positions…" in desk.text
        assert "Reading the day's orders…" in desk.text
        for table in ("positions", "orders"):
            desk.feed.apply(TableDelta(table, 2, False, {}, is_read=True))
        await desk.frame()
        assert "No positions." in desk.text
        assert "No orders today." in desk.text


async def test_a_quiet_price_of_a_closed_market_says_so(drive: Any, scene: Any) -> None:
    async with drive(size=(120, 40)) as desk:
        health = scene.health()
        closed = msgspec.structs.replace(health, market=msgspec.structs.replace(health.market, is_open=False))
        desk.feed.rows("health", {"paper": closed})
        await desk.frame()
        assert "CLOSED" not in desk.line("▸AAPL")
        await desk.frame(90)
        assert "CLOSED" in desk.line("▸AAPL")


async def test_a_row_that_finds_no_place_says_why(drive: Any) -> None:
    async with drive(size=(120, 40)) as desk:
        refused = Refusal(272093, "IBKR_WS_SUB_LIMIT", "80 instruments are subscribed already")
        desk.feed.answers["look_at"] = lambda a: Looks((), (), (refused,))
        desk.feed.rows("quotes", {}, "272093")
        await desk.press("down")
        await desk.frame()
        await desk.until(lambda: 272093 in desk.app.state.refused, "the refusal")
        await desk.press("up")
        await desk.frame()
        assert "80 instruments are subscribed" in desk.line(" MSFT  ")


async def test_the_venues_clock_goes_on_from_when_the_core_read_it(drive: Any, scene: Any, clock: Any) -> None:
    async with drive(size=(120, 40)) as desk:
        read = clock.monotonic() - 240  # long before this face came
        desk.feed.rows("health", {"paper": scene.health(market_mono=read)})
        await desk.frame()
        assert "10:46:1" in desk.text.split("\n")[0], "15:42:10 UTC and four minutes"

"""The Market page under a pilot: lists, columns, filter, ladder, tape, chart; what streams, and what is not live."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from ibkr_tui.model.alerts import Alert, AlertKind, AlertState, Direction
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.health import StreamState
from ibkr_tui.model.log import LogPage
from ibkr_tui.model.looks import Looks, Refusal
from ibkr_tui.model.orders import Fill, OrderState, Side
from ibkr_tui.model.quotes import QuoteStatus
from ibkr_tui.model.tape import Print
from ibkr_tui.tui.feed import LinkState
from ibkr_tui.tui.remembered import Remembered
from ibkr_tui.tui.screens.choice import ChoiceScreen
from ibkr_tui.tui.screens.columns import ColumnsScreen
from ibkr_tui.tui.screens.line_entry import LineEntry
from tests.tui.conftest import NOW

D = Decimal


async def show(desk: Any) -> Any:
    """The Market page, painted."""
    await desk.press("2")
    market = desk.app.market
    await desk.until(lambda: market.is_current and market.chart.bars, "the chart's bars")
    await desk.until(lambda: desk.feed.called("look_at"), "a look")
    await desk.frame()
    return market


def rows(market: Any) -> list[str]:
    return [str(key).partition("#")[0] for key in market.board.keys]


# what streams


async def test_visible_rows_stream_and_the_chosen_one_in_depth(drive: Any) -> None:
    async with drive() as desk:
        market = await show(desk)
        await desk.frame()
        seen = {market.state.watchlist.rows[key].conid for key in market.board.visible_keys()}
        await desk.until(lambda: set(desk.feed.called("look_at")[-1]["quotes"]) == seen, "the visible rows")
        assert desk.feed.called("look_at")[-1]["depth"] == [265598]
        await desk.press("end")
        await desk.frame()
        await desk.until(lambda: desk.feed.called("look_at")[-1]["depth"] == [72063691], "the last row's depth")
        assert 265598 not in desk.feed.called("look_at")[-1]["quotes"]


async def test_a_new_connection_is_told_again(drive: Any) -> None:
    async with drive() as desk:
        await show(desk)
        before = len(desk.feed.called("look_at"))
        desk.feed.say(LinkState.LOST, "gone")
        await desk.frame()
        desk.feed.connections += 1
        desk.feed.say(LinkState.LIVE)
        await desk.frame()
        await desk.until(lambda: len(desk.feed.called("look_at")) > before, "a look on the new connection")


async def test_a_row_that_finds_no_place_says_why(drive: Any) -> None:
    async with drive(size=(120, 40)) as desk:
        refused = Refusal(272093, "IBKR_WS_SUB_LIMIT", "80 instruments are subscribed already")
        desk.feed.answers["look_at"] = lambda a: Looks((), (), (refused,))
        desk.feed.rows("quotes", {}, "272093")
        await show(desk)
        await desk.until(lambda: 272093 in desk.app.state.refused, "the refusal")
        await desk.frame()
        assert "80 instruments are subscribed already" in desk.line(" MSFT")
        assert "NO DATA" in desk.line(" MSFT")


async def test_a_core_that_cannot_look_yet_is_asked_again(drive: Any) -> None:
    async with drive(live=False) as desk:
        answers = iter([BrokerError("IBKR_NO_SESSION", "not yet")] * 2)
        desk.feed.answers["look_at"] = lambda a: next(answers, Looks())
        desk.feed.begin()
        await desk.frame()
        await desk.until(lambda: len(desk.feed.called("look_at")) >= 3, "the third look")


# the board


async def test_braces_add_several_symbols(drive: Any) -> None:
    async with drive(size=(120, 40)) as desk:
        market = await show(desk)
        await desk.press("slash")
        await desk.pilot.press(*"SP", "left_curly_bracket", *"Y,XL", "right_curly_bracket", *",QQQ")
        await desk.until(lambda: "Enter adds 3 symbols: SPY, SPXL, QQQ" in desk.text, "what it stands for")
        await desk.pilot.press("enter")
        await desk.until(lambda: market.is_current, "the page")
        assert rows(market)[-2:] == ["SPXL", "QQQ"]
        assert "3 symbols added" in desk.text or "2 symbols added to Main; 1 stood there already" in desk.text
        assert desk.feed.called("search_contracts") == []
        await desk.until(lambda: {"symbol": "SPXL"} in desk.feed.called("get_contract"), "the listing of SPXL")


async def test_a_brace_that_is_open_is_said_and_adds_nothing(drive: Any) -> None:
    async with drive() as desk:
        market = await show(desk)
        before = rows(market)
        await desk.press("slash")
        await desk.pilot.press("left_curly_bracket", *"AB,C", "enter")
        await desk.until(lambda: "no } after it" in desk.text, "what is wrong")
        await desk.pilot.press("escape")
        assert rows(market) == before


async def test_lists_are_made_renamed_moved_through_and_deleted(drive: Any) -> None:
    async with drive(size=(120, 40)) as desk:
        market = await show(desk)
        await desk.press("n")
        assert isinstance(desk.app.screen, LineEntry)
        await desk.pilot.press(*"main", "enter")
        await desk.until(lambda: "already" in desk.text, "that the name is taken")
        await desk.press("ctrl+u", *"tech", "enter")
        await desk.until(lambda: market.is_current, "the page")
        assert "Watchlist · tech 2/2" in desk.text
        assert "This list is empty." in desk.text
        await desk.press("e")
        await desk.pilot.press(*"technology", "enter")
        await desk.until(lambda: "Watchlist · technology 2/2" in desk.text, "the name")
        await desk.press("comma")
        assert "Watchlist · Main 1/2" in desk.text
        assert "▸AAPL" in desk.text
        await desk.press("full_stop", "X")
        assert isinstance(desk.app.screen, ChoiceScreen)
        await desk.press("d", calm=2.0)
        await desk.until(lambda: market.is_current, "the page")
        assert [one.name for one in Remembered(desk.app.remembered.folder).memory.watchlists] == ["Main"]
        assert "Watchlist · Main" in desk.text


async def test_rows_move_and_stay_moved(drive: Any) -> None:
    async with drive() as desk:
        market = await show(desk)
        await desk.press("J")
        assert rows(market)[:2] == ["MSFT", "AAPL"]
        assert market.board.selected == "AAPL#265598"
        await desk.press("down", "K")
        assert rows(market)[:3] == ["MSFT", "NVDA", "AAPL"]
        again = Remembered(desk.app.remembered.folder).memory.watchlists[0]
        assert [one.symbol for one in again.symbols][:3] == ["MSFT", "NVDA", "AAPL"]


async def test_columns_are_chosen_ordered_and_sorted_by(drive: Any) -> None:
    async with drive(size=(120, 40)) as desk:
        market = await show(desk)
        await desk.press("w")
        assert isinstance(desk.app.screen, ColumnsScreen)
        await desk.press("down", "space", "down", "s", "r", "J", "enter")
        await desk.until(lambda: market.is_current, "the page")
        head = market.board.rows(110, 20)[0]
        words = [segment.text.strip() for segment in head]
        assert words[:3] == ["Symbol", "Trend", "Chg%"]
        assert "Last" not in words
        assert rows(market)[:2] == ["NVDA", "AAPL"]
        assert rows(market)[-1] == "TSLA"
        assert "Chg% ▼" in desk.text
        kept = Remembered(desk.app.remembered.folder).memory.board
        assert (kept.sort, kept.falling, kept.columns[:2]) == ("change_pct", True, ("spark", "change_pct"))
        await desk.press("J")
        assert rows(market)[:2] == ["NVDA", "AAPL"]  # a sorted board has no rows to move


async def test_a_sorted_board_takes_its_new_order_and_keeps_its_cursor(drive: Any, scene: Any) -> None:
    async with drive(size=(120, 40)) as desk:
        market = await show(desk)
        market.state.watchlists.show(msgspec.structs.replace(market.state.watchlists.look, sort="change_pct"))
        await desk.frame()
        assert rows(market)[0] == "TSLA"
        chosen = market.board.selected
        desk.feed.rows("quotes", {"76792991": scene.quote("TSLA", change_pct=D(9))})
        await desk.frame()
        assert rows(market)[-1] == "TSLA"
        assert market.board.selected == chosen


async def test_a_filter_hides_rows_and_says_so(drive: Any) -> None:
    async with drive(size=(120, 40)) as desk:
        market = await show(desk)
        await desk.press("f")
        await desk.pilot.press(*"halted", "enter")
        await desk.until(lambda: market.is_current, "the page")
        assert rows(market) == ["TSLA"]
        assert "hides 8" in desk.text
        await desk.press("f")
        await desk.pilot.press(*"xyz", "enter")
        await desk.until(lambda: "No row has “xyz”." in desk.text, "the sentence")
        await desk.press("f", "ctrl+u", "enter")
        await desk.until(lambda: len(rows(market)) == 9, "every row")


async def test_a_row_shows_the_day_s_course(drive: Any, scene: Any) -> None:
    async with drive(size=(120, 40)) as desk:
        market = await show(desk)
        await desk.until(lambda: len(market.trends.loaded) == 9, "every trend")
        await desk.frame()
        assert any(block in desk.line("▸AAPL") for block in "▂▃▅▆▇")
        asked = [a for a in desk.feed.called("get_bars") if a["bar"] == "15min"]
        assert len(asked) == 9
        desk.feed.rows("quotes", {"265598": scene.quote("AAPL", last=D("300"))})
        await desk.frame()
        assert market.trends.points(265598)[-1] == D("300")


async def test_a_trend_that_is_refused_grows_from_what_is_seen(drive: Any, scene: Any) -> None:
    async with drive() as desk:
        desk.feed.answers["get_bars"] = BrokerError("IBKR_NO_MARKET_DATA_SUBSCRIPTION", "no history")
        await desk.press("2")
        market = desk.app.market
        await desk.until(lambda: 265598 in market.trends.loaded, "an answer")
        desk.feed.rows("quotes", {"265598": scene.quote("AAPL", last=D("190"))})
        await desk.frame()
        assert market.trends.points(265598) == (D("190"),)


# honesty


async def test_the_three_reasons_are_told_apart_on_each_row(drive: Any, scene: Any) -> None:
    async with drive(size=(200, 50)) as desk:
        await show(desk)
        quotes = {
            "265598": scene.quote("AAPL", status=QuoteStatus.STALE, problem="the stream is lost"),
            "272093": scene.quote("MSFT", status=QuoteStatus.NO_DATA, problem="no market data subscription"),
            "4815747": scene.quote("NVDA", status=QuoteStatus.FROZEN),
        }
        desk.feed.rows("health", {"paper": scene.health(stream=StreamState.LOST)})
        desk.feed.rows("quotes", quotes)
        await desk.frame()
        assert "STALE · socket down" in desk.line("▸AAPL")
        assert "no market data subscription" in desk.line(" MSFT")
        assert "NO DATA · no subscription" in desk.line(" MSFT")
        assert "FROZEN · market closed" in desk.line(" NVDA")
        assert "AAPL: socket down" in desk.text


async def test_a_lost_link_makes_every_pane_stale(drive: Any) -> None:
    async with drive(size=(120, 40)) as desk:
        market = await show(desk)
        desk.feed.say(LinkState.LOST, "The link to the core was lost.")
        await desk.frame()
        palette = desk.app.palette
        for symbol in ("AAPL", "MSFT", "SPY"):
            assert "STALE" in desk.line(f"{symbol} ")
        assert desk.text.count("STALE") > 6  # the panes' titles too
        inks = {segment.style for row in market.ladder._rows[1:] for segment in row if "█" in segment.text}
        assert inks == {palette.stale}


# the ladder


async def test_the_ladder_has_fixed_rows_with_sizes_and_sums(drive: Any) -> None:
    async with drive(size=(120, 40)) as desk:
        await show(desk)
        line = desk.line("│ 189.40 │")
        assert "1,200" in line
        assert "2.4K" in line
        assert "◂" in desk.line(" 189.43◂")


async def test_rows_stand_still_until_the_market_leaves_the_middle(drive: Any, scene: Any) -> None:
    async with drive(size=(120, 40)) as desk:
        market = await show(desk)
        top = market.ladder._top
        for price in ("189.44", "189.46"):
            desk.feed.rows("depth", {"265598": scene.book(price=price)})
            await desk.frame()
            assert market.ladder._top == top
        desk.feed.rows("depth", {"265598": scene.book(price="189.52")})
        await desk.frame()
        assert market.ladder._top > top
        shown = [rung.price for rung in market.ladder._shown]
        assert abs(shown.index(D("189.52")) - len(shown) // 2) <= 1


async def test_the_ladder_s_cursor_names_a_price_and_what_stands_there(drive: Any, scene: Any) -> None:
    async with drive(size=(120, 40)) as desk:
        desk.feed.rows("orders", {"t1": scene.order("t1", limit_price=D("189.41"), qty=D(100))})
        market = await show(desk)
        await desk.press("tab", "tab")
        assert market.pane is market.ladder
        await desk.press("down", "j")
        assert market.ladder.price == D("189.41")
        assert [order.key for order in market.ladder.rung.orders] == ["t1"]
        assert "▸  +100" in desk.line("│ 189.41 │")


async def test_moving_past_the_edge_holds_the_rows_and_g_centres(drive: Any) -> None:
    async with drive() as desk:
        market = await show(desk)
        await desk.press("tab", "tab", "pagedown", "pagedown")
        assert not market.ladder.follows
        assert market.ladder.price == D("189.43") - D("0.01") * 2 * market.ladder.count
        await desk.frame()
        assert "held" in desk.text
        await desk.press("g")
        assert market.ladder.follows
        assert market.ladder.price == D("189.43")


async def test_coarser_rows_hold_more(drive: Any) -> None:
    async with drive() as desk:
        market = await show(desk)
        await desk.press("tab", "tab", "plus", "plus")
        assert market.ladder.group == 5
        assert "tick 0.05" in desk.text
        shown = market.ladder._shown
        assert {shown[at].price - shown[at + 1].price for at in range(len(shown) - 1)} == {D("0.05")}
        await desk.press("underscore", "underscore", "underscore")
        assert market.ladder.group == 1


async def test_own_orders_stand_in_the_ladder_and_an_unknown_one_is_marked(drive: Any, scene: Any) -> None:
    async with drive(size=(120, 40)) as desk:
        desk.feed.rows(
            "orders",
            {
                "a": scene.order("a", limit_price=D("189.41"), qty=D(100)),
                "b": scene.order("b", side=Side.SELL, limit_price=D("189.46"), qty=D(50), state=OrderState.UNKNOWN),
                "c": scene.order("c", limit_price=D("189.39"), state=OrderState.CANCELLED),
            },
        )
        await show(desk)
        assert "+100" in desk.line("│ 189.41 │")
        assert "?−50" in desk.line("│ 189.46 │")
        assert "+100" not in desk.line("│ 189.39 │")


async def test_without_depth_the_best_prices_stand_and_it_is_said(drive: Any, scene: Any) -> None:
    async with drive(size=(120, 40)) as desk:
        book = scene.book(bids=(), asks=(), status=QuoteStatus.NO_DATA, problem="no depth subscription")
        desk.feed.rows("depth", {"265598": book})
        market = await show(desk)
        assert "best prices only: no depth subscription" in desk.text
        assert [rung.price for rung in market.ladder._shown if rung.bid is not None] == [D("189.42")]


async def test_an_instrument_without_a_price_has_a_sentence(drive: Any, scene: Any) -> None:
    async with drive() as desk:
        quote = scene.quote("AAPL", status=QuoteStatus.NO_DATA, problem="no market data subscription", last=None,
                            bid=None, ask=None, close=None)  # fmt: skip
        desk.feed.rows("quotes", {"265598": quote})
        desk.feed.rows("depth", {}, "265598")
        await show(desk)
        ladder = "\n".join("".join(segment.text for segment in row) for row in desk.app.market.ladder._rows)
        assert "No price: no market data subscription." in " ".join(ladder.split()), "every word of it"


async def test_alerts_on_the_price_stand_in_ladder_and_chart(drive: Any, scene: Any) -> None:
    async with drive(size=(120, 40)) as desk:
        alert = Alert("1", 265598, "AAPL", AlertKind.PRICE, D("189.47"), Direction.ABOVE, NOW)
        others = (
            msgspec.structs.replace(alert, id="2", level=D("187.50")),
            msgspec.structs.replace(alert, id="3", level=D("189.39"), state=AlertState.FIRED),
            msgspec.structs.replace(alert, id="4", level=D("189.40"), kind=AlertKind.CHANGE),
            msgspec.structs.replace(alert, id="5", level=D("189.38"), conid=1),
        )
        desk.feed.rows("alerts", {one.id: one for one in (alert, *others)})
        market = await show(desk)
        assert "189.47◇" in desk.text
        assert sum("◇" in "".join(segment.text for segment in row) for row in market.ladder._rows) == 1
        drawn = "\n".join("".join(segment.text for segment in row) for row in market.chart._rows)
        assert "◇ 187.50" in drawn


async def test_increments_of_the_instrument_make_the_rows(drive: Any, scene: Any) -> None:
    async with drive(size=(120, 40)) as desk:
        market = await show(desk)
        await desk.press(*["down"] * 5)
        await desk.until(lambda: 12087792 in desk.app.state.instruments, "the increments of EUR.USD")
        await desk.frame()
        assert "tick 0.00005" in desk.text
        assert market.ladder._shown[0].price - market.ladder._shown[1].price == D("0.00005")


# tape and chart


async def test_the_tape_is_labelled_sampled_and_has_the_newest_on_top(drive: Any) -> None:
    async with drive(size=(120, 40)) as desk:
        await show(desk)
        seen = Print(265598, "AAPL", NOW + timedelta(seconds=1), D("190.01"), D(700), 1)
        desk.feed.accept(LogPage("tape", 31, (seen,)))
        await desk.frame(0.1)
        lines = desk.text.split("\n")
        at = next(index for index, line in enumerate(lines) if "Tape AAPL · sampled" in line)
        assert "10:42:11" in lines[at + 1]
        assert "190.01 ▲" in lines[at + 1]
        assert "700" in lines[at + 1]
        await desk.press("down")
        await desk.frame()
        assert "Nothing was seen yet." in desk.text


async def test_fills_and_orders_are_marked_in_the_chart(drive: Any, scene: Any) -> None:
    async with drive(size=(120, 40)) as desk:
        bars = scene.bars()
        bought = Fill("e1", "DU1234567", 265598, "AAPL", Side.BUY, D(10), bars[40].low, bars[40].at)
        sold = msgspec.structs.replace(bought, execution_id="e2", side=Side.SELL, at=bars[60].at)
        elsewhere = msgspec.structs.replace(bought, execution_id="e3", conid=1, at=bars[50].at)
        desk.feed.accept(LogPage("fills", 1, (bought, sold, elsewhere)))
        desk.feed.rows("orders", {"t1": scene.order("t1", limit_price=D("187.50"))})
        market = await show(desk)
        drawn = "\n".join("".join(segment.text for segment in row) for row in market.chart._rows)
        assert drawn.count("▲") == 1
        assert drawn.count("▼") == 1
        assert "◂ 187.50" in drawn


async def test_the_crosshair_shows_a_bar_s_values(drive: Any, scene: Any) -> None:
    async with drive(size=(120, 40)) as desk:
        market = await show(desk)
        bars = market.chart.bars
        await desk.press("h", "left", "left")
        assert market.pane is market.chart
        bar = bars[-3]
        line = "".join(segment.text for segment in market.chart._rows[0])
        for value in (bar.open, bar.high, bar.low, bar.close):
            assert f"{value:.2f}" in line
        assert "┆" in desk.text
        await desk.press("right", "right", "right")
        assert market.chart.cross == 0
        await desk.press("escape")
        assert market.chart.cross is None
        assert "┆" not in desk.text


async def test_other_bars_are_asked_for(drive: Any) -> None:
    async with drive() as desk:
        await show(desk)
        await desk.press("right_square_bracket", "right_square_bracket")
        await desk.until(lambda: any(a["bar"] == "1h" for a in desk.feed.called("get_bars")), "longer bars")


# pages


async def test_the_focused_pane_takes_the_page_and_gives_it_back(drive: Any) -> None:
    async with drive() as desk:
        market = await show(desk)
        await desk.press("tab", "tab", "z")
        await desk.frame()
        assert market.ladder.size.height == 19
        assert not market.board.display
        await desk.press("tab", "z")
        await desk.frame()
        assert all(pane.display for pane in (market.board, market.chart, market.ladder, market.tape))
        assert "Watchlist" in desk.text
        assert "Tape" in desk.text


async def test_the_desk_takes_over_the_list_and_the_instrument(drive: Any) -> None:
    async with drive() as desk:
        market = await show(desk)
        await desk.press("down", "down", "1")
        assert "▸NVDA" in desk.text
        await desk.press("2")
        market.state.watchlists.make("tech")
        market.state.watchlist.add("SPXL")
        await desk.press("1")
        assert "Watchlist · tech" in desk.text
        assert "▸SPXL" in desk.text


async def test_a_page_that_is_away_does_not_paint(drive: Any, scene: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async with drive() as desk:
        market = await show(desk)
        await desk.press("8")
        painted: list[str] = []
        for pane in (market.board, market.ladder, market.tape, market.chart):
            monkeypatch.setattr(pane, "paint", lambda name=pane.id: painted.append(str(name)))
        desk.feed.rows("quotes", {"265598": scene.quote("AAPL", last=D("200"))})
        desk.feed.rows("depth", {"265598": scene.book(price="200")})
        await desk.frame()
        assert painted == []


async def test_a_quiet_frame_repaints_nothing_of_the_ladder(drive: Any, scene: Any) -> None:
    async with drive(size=(120, 40)) as desk:
        market = await show(desk)
        regions: list[Any] = []
        market.ladder.refresh = lambda *spots, **_: regions.extend(spots)  # type: ignore[method-assign]
        market.ladder.paint()
        assert regions == []
        book = scene.book()
        asks = (msgspec.structs.replace(book.asks[0], size=D(350)), *book.asks[1:])
        desk.feed.rows("depth", {"265598": msgspec.structs.replace(book, asks=asks)})
        await desk.frame(0.1)
        lines = {spot.y for spot in regions}
        assert 1 <= len(lines) <= 5  # the level, and the sums behind it
        assert all(spot.height == 1 for spot in regions)


async def test_tiny_and_huge_terminals_do_not_break_it(drive: Any) -> None:
    async with drive() as desk:
        await show(desk)
        for size in ((30, 10), (80, 24), (220, 60)):
            await desk.pilot.resize_terminal(*size)
            await desk.frame()
            assert desk.text


async def test_help_explains_the_ladder(drive: Any) -> None:
    async with drive(size=(100, 50)) as desk:
        await show(desk)
        await desk.press("tab", "tab", "question_mark")
        assert "Depth on fixed price rows" in desk.text
        assert "Choose the columns" in desk.text, "the keys of this page stand before all others"

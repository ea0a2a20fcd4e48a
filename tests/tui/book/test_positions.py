"""The Positions page under a pilot: live P&L, shorts, closing orders, sort, group, sums, and every state in words."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.orders import OrderState, Side
from ibkr_tui.model.quotes import QuoteStatus
from ibkr_tui.tui.feed import LinkState
from ibkr_tui.tui.screens.choice import ChoiceScreen
from ibkr_tui.tui.screens.ticket import TicketScreen
from tests.tui.conftest import NOW

D = Decimal


async def opened(desk: Any) -> Any:
    await desk.press("4")
    page = desk.app.positions
    await desk.until(lambda: desk.app.screen is page and page.board.content_size.width, "the page")
    await desk.frame()
    return page


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=str)
async def test_the_book_has_longs_shorts_and_what_closes_them(drive: Any, size: tuple[int, int]) -> None:
    async with drive(size=size) as desk:
        await opened(desk)
        assert "Positions · 4, 1 short" in desk.text
        assert "+933.00" in desk.line("AAPL ")
        assert "−50" in desk.line("MSFT ")
        assert "+395.00" in desk.line("MSFT ")
        assert "60%" in desk.line("NVDA ")  # 12 of 20 are still to be sold
        closer = desk.line("└ SELL")
        assert "12 LMT 1150.00 DAY" in closer.replace("1,150.00", "1150.00")
        assert "8/20" in closer
        assert "+1.03% away" in closer
        assert "none" in desk.line("AAPL ")


async def test_a_price_moves_the_pnl_at_once_and_is_bright_for_a_frame(drive: Any, scene: Any) -> None:
    async with drive() as desk:
        page = await opened(desk)
        desk.feed.rows("quotes", {"265598": scene.quote("AAPL", last=D("190.43"))})
        await desk.frame(0.1)
        assert "+1,033.00" in desk.line("AAPL ")
        row = page.board.cells("265598", 77)
        assert next(segment for segment in row if "190.43" in segment.text).style == desk.app.palette.bright
        await desk.frame(0.1)
        row = page.board.cells("265598", 77)
        assert next(segment for segment in row if "190.43" in segment.text).style == desk.app.palette.text


async def test_a_price_that_is_not_live_says_so(drive: Any, scene: Any) -> None:
    async with drive() as desk:
        await opened(desk)
        old = NOW - timedelta(seconds=34)
        desk.feed.rows(
            "positions", {"900001": msgspec.structs.replace(desk.feed.positions.rows["900001"], updated_at=old)}
        )
        desk.feed.rows("quotes", {"265598": scene.quote("AAPL", status=QuoteStatus.HALTED)})
        await desk.frame()
        assert "HALTED" in desk.line("AAPL ")
        assert "~30s" in desk.line("SPY 19JAN 500C")


async def test_the_link_goes_and_every_row_is_stale(drive: Any) -> None:
    async with drive() as desk:
        page = await opened(desk)
        desk.feed.say(LinkState.LOST, "The link to the core was lost.")
        await desk.frame()
        for name in ("AAPL ", "MSFT ", "NVDA ", "SPY 19JAN"):
            assert "STALE" in desk.line(name)
        assert "as last heard" in desk.text
        profit = next(segment for segment in page.board.cells("265598", 77) if "+933.00" in segment.text)
        assert profit.style == desk.app.palette.stale


async def test_sorting_and_turning_is_kept(drive: Any) -> None:
    async with drive() as desk:
        page = await opened(desk)
        assert page.board.keys[0] == "265598"
        await desk.press("less_than_sign")
        assert "P&L%▾" in desk.text
        assert page.board.keys[0] == "900001"
        await desk.press("i")
        assert "P&L%▴" in desk.text
        assert page.board.keys[0] == "4815747"
        assert page.board.keys[1] == "order:t4"
        assert desk.app.remembered.memory.book.sort == "P&L%"
        await desk.press("greater_than_sign", "i")
        assert "Symbol▴" in desk.text


async def test_a_live_order_is_made_anew_once_a_second(drive: Any, scene: Any) -> None:
    async with drive() as desk:
        page = await opened(desk)
        await desk.press("less_than_sign")
        desk.feed.rows("quotes", {"265598": scene.quote("AAPL", last=D("900"))})
        await desk.frame(0.1)
        assert page.board.keys[0] == "900001"
        await desk.frame(1.5)
        assert page.board.keys[0] == "265598"


async def test_groups_have_heads_with_their_sums(drive: Any, scene: Any) -> None:
    async with drive(size=(120, 40)) as desk:
        page = await opened(desk)
        sap = scene.position("SAP", 14204, "30", "200", "190", currency="EUR")
        desk.feed.rows("positions", {"14204": sap})
        await desk.press("g")
        assert "Options  1 position  value 11 USD  open +250.00" in desk.text
        assert "Stocks  4 positions  in 2 currencies" in desk.text
        await desk.press("g")
        assert "EUR  1 position  value 5,700 EUR  open −300.00" in desk.text
        assert page.board.keys[0] == "group:EUR"
        await desk.press("home")
        assert page.selected_position is None
        await desk.press("g")
        assert "Positions stand in one list." in desk.text


async def test_sums_are_by_currency_and_in_the_accounts_own(drive: Any, scene: Any, accounts: Any) -> None:
    async with drive(size=(120, 40)) as desk:
        accounts.answers(desk.feed)
        desk.feed.answers["get_ledger"] = BrokerError("IBKR_UNAVAILABLE", "no answer within 10 s")
        page = await opened(desk)
        assert "= USD" not in desk.text
        desk.feed.rows("positions", {"14204": scene.position("SAP", 14204, "30", "200", "190", currency="EUR")})
        await desk.frame()
        assert "All in USD: not yet, 1 position waits for an exchange rate." in desk.text
        desk.feed.answers["get_ledger"] = lambda _: accounts.ledger()
        await desk.frame(6)
        await desk.until(lambda: "= USD" in desk.text, "the sum of all")
        euro, whole = desk.line("EUR  "), desk.line("= USD")
        assert "5,700" in euro
        assert "−300.00" in euro
        assert f"{D('1253.00') - D(300) * D('1.0841'):+,.2f}"[1:] in whole or "+" in whole
        assert page.totals.wanted == 6


async def test_the_selected_position_is_the_chosen_one_and_enter_takes_from_it(drive: Any) -> None:
    async with drive() as desk:
        page = await opened(desk)
        await desk.press("down")
        assert page.selected_position.symbol == "MSFT"
        assert desk.app.state.chosen.symbol == "MSFT"
        await desk.press("enter")
        assert isinstance(desk.app.screen, TicketScreen)
        assert desk.app.screen.panel.form.legs[0].side is Side.BUY
        await desk.press("escape")
        await desk.until(lambda: desk.app.screen is page, "the page")
        await desk.press("down", "down", "down")
        assert page.selected_order.key == "t4"
        assert page.selected_position.symbol == "NVDA"
        await desk.press("enter")
        assert isinstance(desk.app.screen, ChoiceScreen)


async def test_an_unknown_closing_order_stands_out_with_its_time(drive: Any, scene: Any) -> None:
    async with drive() as desk:
        await opened(desk)
        lost = scene.order("t7", side=Side.SELL, state=OrderState.UNKNOWN, placed_at=NOW - timedelta(seconds=40))
        desk.feed.rows("orders", {"t7": lost})
        await desk.frame()
        assert "UNKNOWN 0:4" in desk.line("└ SELL 100")


async def test_nothing_and_not_yet_have_their_sentences(drive: Any) -> None:
    async with drive(live=False) as desk:
        await opened(desk)
        assert "Positions appear when the core is ready." in desk.text
        desk.feed.begin()
        desk.feed.positions.is_read = False
        await desk.frame()
        assert "Reading the positions…" in desk.text
        desk.feed.positions.is_read = True
        desk.feed._changed.link = True
        await desk.frame()
        assert "No positions: the account holds no instrument." in desk.text
        assert not desk.app.positions.totals.display


async def test_a_hidden_page_does_not_paint(drive: Any, scene: Any) -> None:
    async with drive() as desk:
        page = await opened(desk)
        await desk.press("1")
        before = page.board._rows
        desk.feed.rows("quotes", {"265598": scene.quote("AAPL", last=D("195"))})
        await desk.frame()
        assert page.board._rows is before
        await desk.press("4")
        assert "195.00" in desk.line("AAPL ")


async def test_what_can_be_seen_is_looked_at(drive: Any) -> None:
    async with drive() as desk:
        page = await opened(desk)
        assert page.looks_at() == {265598, 272093, 900001, 4815747}
        await desk.until(lambda: any(900001 in a["quotes"] for a in desk.feed.called("look_at")), "a look")

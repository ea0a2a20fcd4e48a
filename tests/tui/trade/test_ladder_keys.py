"""From the ladder: place at the row, move the leg or its bracket, cancel; all by keys."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from ibkr_tui.model.depth import DepthBook, DepthLevel
from ibkr_tui.model.quotes import QuoteStatus
from ibkr_tui.tui.screens.choice import ChoiceScreen
from ibkr_tui.tui.screens.move_order import MoveScreen
from ibkr_tui.tui.screens.ticket import TicketScreen
from tests.tui.trade.conftest import bracket_rows

D = Decimal


async def on_ladder(desk: Any, core: Any, price: str) -> Any:
    """The Market page with the ladder's cursor on a price."""
    core(desk)
    levels = [tuple(DepthLevel(D("189.42") + side * at * D("0.01"), D(100)) for at in range(3)) for side in (-1, 1)]
    book = DepthBook(265598, "AAPL", levels[0], levels[1], QuoteStatus.LIVE, changed_mono=1000.0)
    desk.feed.rows("depth", {"265598": book})
    await desk.press("2")
    market = desk.app.market
    await desk.until(lambda: market.is_current and market.chart.bars, "the page")
    market.ladder.focus()
    await desk.frame()
    market.ladder._stand(D(price))
    market.ladder.paint()
    await desk.frame()
    assert market.ladder.price == D(price)
    return market


async def test_b_and_s_open_the_ticket_at_the_row(drive: Any, core: Any) -> None:
    async with drive(size=(120, 40)) as desk:
        await on_ladder(desk, core, "189.40")
        await desk.press("b")
        await desk.until(lambda: isinstance(desk.app.screen, TicketScreen), "the ticket")
        assert desk.app.screen.panel.form.leg.limit_price == "189.40"
        assert desk.app.screen.panel.form.leg.side == "buy"


async def test_shift_moves_the_leg_alt_the_bracket_and_c_cancels(drive: Any, core: Any, scene: Any) -> None:
    async with drive(size=(120, 40)) as desk:
        market = await on_ladder(desk, core, "189.40")
        rows = bracket_rows(scene)
        rows["b1"] = msgspec.structs.replace(rows["b1"], limit_price=D("189.40"))
        desk.feed.rows("orders", rows)
        await desk.frame()
        order = market.selected_order
        assert order is not None
        assert order.key == "b1"
        await desk.press("shift+up")
        await desk.until(lambda: isinstance(desk.app.screen, MoveScreen), "the move")
        assert len(desk.app.screen.orders) == 1
        await desk.press("escape", "alt+down")
        await desk.until(lambda: isinstance(desk.app.screen, MoveScreen), "the move of all")
        assert len(desk.app.screen.orders) == 3
        await desk.press("escape", "c")
        await desk.until(lambda: type(desk.app.screen) is ChoiceScreen, "the cancel")
        assert "Cancel all 3" in desk.text


async def test_off_the_ladder_the_ticket_has_the_markets_price(drive: Any, core: Any) -> None:
    async with drive(size=(120, 40)) as desk:
        market = await on_ladder(desk, core, "189.40")
        market.board.focus()
        await desk.press("c", "shift+up", "b")
        await desk.until(lambda: isinstance(desk.app.screen, TicketScreen), "the ticket")
        assert desk.app.screen.panel.form.leg.limit_price == "189.42"


async def test_space_finds_the_own_order_and_the_cursor_goes_with_it(drive: Any, core: Any, scene: Any) -> None:
    async with drive(size=(120, 40)) as desk:
        market = await on_ladder(desk, core, "189.40")
        rows = bracket_rows(scene)
        desk.feed.rows("orders", {"b3": rows["b3"]}, *(key for key in desk.feed.orders.rows if key != "b3"))
        await desk.frame()
        await desk.press("space")
        await desk.frame()
        assert market.ladder.price == D("185.00")
        assert market.selected_order.key == "b3"
        desk.feed.rows("orders", {"b3": msgspec.structs.replace(rows["b3"], stop_price=D("186.10"))})
        await desk.frame()
        assert market.ladder.price == D("186.10")
        await desk.press("down")
        await desk.frame()
        assert market.ladder.price == D("186.09")

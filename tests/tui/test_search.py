"""Symbol search: asked after a pause in typing, newest question wins, the chosen listing joins the watchlist."""

from __future__ import annotations

from typing import Any

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.tui.remembered import Remembered
from ibkr_tui.tui.screens.search import SearchScreen


async def test_typing_finds_and_enter_adds(drive: Any, scene: Any) -> None:
    async with drive() as desk:
        await desk.press("slash")
        assert isinstance(desk.app.screen, SearchScreen)
        await desk.pilot.press(*"aapl")
        await desk.until(lambda: "EBS" in desk.text, "listings")
        assert desk.feed.called("search_contracts") == [{"symbol": "aapl"}]
        assert desk.text.index("NASDAQ") < desk.text.index("EBS")
        await desk.pilot.press("down", "enter")
        await desk.until(lambda: desk.app.screen is desk.app.desk, "the desk")
        assert desk.app.desk.watch_board.selected == "AAPL#273982664"
        wanted = {"symbol": "AAPL", "conid": 273982664}
        await desk.until(lambda: wanted in desk.feed.called("get_contract"), "the listing")
        again = Remembered(desk.app.remembered.folder)
        assert 273982664 in {watched.conid for watched in again.memory.watchlists[0].symbols}


async def test_a_listing_that_is_there_is_selected_not_doubled(drive: Any) -> None:
    async with drive() as desk:
        before = list(desk.app.state.watchlist.rows)
        await desk.press("down", "slash")
        await desk.pilot.press(*"aapl")
        await desk.until(lambda: "EBS" in desk.text, "listings")
        await desk.pilot.press("enter")
        await desk.until(lambda: desk.app.screen is desk.app.desk, "the desk")
        assert list(desk.app.state.watchlist.rows) == before
        assert desk.app.state.chosen.conid == 265598


async def test_nothing_found_and_a_core_that_is_away_are_said(drive: Any) -> None:
    async with drive() as desk:
        desk.feed.answers["search_contracts"] = []
        await desk.press("slash")
        await desk.pilot.press(*"zz")
        await desk.until(lambda: "Nothing is called “zz”." in desk.text, "the sentence")
        desk.feed.answers["search_contracts"] = BrokerError("CORE_UNREACHABLE", "the core has gone")
        await desk.pilot.press("x")
        await desk.until(lambda: "the core has gone" in desk.text, "the reason")
        await desk.pilot.press("enter", "escape")
        await desk.until(lambda: desk.app.screen is desk.app.desk, "the desk")

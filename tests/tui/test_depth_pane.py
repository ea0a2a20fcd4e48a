"""The depth on the Desk: levels, the spread between, and books that are empty, crossed or not live."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ibkr_tui.model.depth import DepthLevel
from ibkr_tui.model.quotes import QuoteStatus
from ibkr_tui.tui.feed import LinkState

D = Decimal


async def test_asks_above_bids_below_and_the_spread_between(drive: Any) -> None:
    async with drive(size=(120, 40)) as desk:
        lines = desk.text.split("\n")
        at = next(index for index, line in enumerate(lines) if "spread 0.02" in line)
        assert "300      189.44" in lines[at - 1]
        assert "400      189.42" in lines[at + 1]
        assert "Depth · 1s" in desk.text
        await desk.pilot.resize_terminal(80, 24)
        await desk.frame()
        assert "189.43 ±0.02" in desk.text


async def test_a_crossed_book_is_said_to_be_one(drive: Any, scene: Any) -> None:
    async with drive(size=(120, 40)) as desk:
        crossed = scene.book(asks=(DepthLevel(D("189.40"), D(100)),))
        desk.feed.rows("depth", {"265598": crossed})
        await desk.frame()
        assert "crossed" in desk.text


async def test_without_levels_the_best_prices_stand(drive: Any, scene: Any) -> None:
    async with drive(size=(120, 40)) as desk:
        desk.feed.rows("depth", {"265598": scene.book(bids=(), asks=())})
        await desk.frame()
        assert "Bid · Ask" in desk.text
        assert "spread 0.02" in desk.text


async def test_a_book_that_is_not_live_is_dim_and_says_why(drive: Any, scene: Any) -> None:
    async with drive(size=(120, 40)) as desk:
        book = scene.book(status=QuoteStatus.STALE, problem="the stream is lost")
        desk.feed.rows("depth", {"265598": book})
        await desk.frame()
        assert "Depth · the stream is lost" in desk.text
        inks = {segment.style for row in desk.app.desk.inside._rows for segment in row if "█" in segment.text}
        assert inks == {desk.app.palette.stale}
        desk.feed.rows("depth", {"265598": scene.book()})
        desk.feed.say(LinkState.LOST, "gone")
        await desk.frame()
        assert "Depth · STALE" in desk.text

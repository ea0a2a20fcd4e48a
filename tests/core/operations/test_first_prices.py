"""`get_tick` and `get_depth` wait three seconds of the clock for their first word, and believe nothing stale."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from ibkr_tui.core.dispatch import Caller
from ibkr_tui.core.market.depth import DepthBoard
from ibkr_tui.core.market.depth_subscriptions import DepthSubscriptions
from ibkr_tui.core.market.quotes import QuoteBoard
from ibkr_tui.core.market.subscriptions import Subscriptions
from ibkr_tui.core.operations.arguments import GetDepth, WhichInstrument
from ibkr_tui.core.operations.market import MarketHandlers
from ibkr_tui.model.depth import DepthBook
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.quotes import Quote
from ibkr_tui.model.table import Table

AAPL = Instrument(265598, "AAPL", "AAPL", "APPLE INC", "STK", "SMART", "USD")
ME = Caller("app", "face-1", True)
PRICE = {"6509": "R", "31": "189.43"}
LADDER = [{"row": 0, "focus": 0, "price": "10.1", "ask": "5"}, {"row": 1, "focus": 0, "price": "10", "bid": "5"}]


class Place:
    """The market's operations on boards that a test feeds."""

    def __init__(self, clock: Any) -> None:
        self.clock = clock
        quotes: Table[Quote] = Table("quotes")
        books: Table[DepthBook] = Table("depth")
        self.board = QuoteBoard(quotes, clock)
        self.board.connected()
        self.books = DepthBoard(books, clock, self.board.pulse, lambda conid: None)
        held = Subscriptions(self.board, lambda text: True, clock, most=9, idle_after=300)
        deep = DepthSubscriptions(self.books, lambda text: True, clock, account="DU1", most=9, idle_after=300)
        broker: Any = SimpleNamespace(
            clock=clock,
            tables={"quotes": quotes, "depth": books},
            board=self.board,
            depth_board=self.books,
            subscriptions=held,
            depth=deep,
            contracts=SimpleNamespace(known=lambda conid: AAPL),
            profile=SimpleNamespace(market=SimpleNamespace(ws_enabled=True)),
        )
        self.do = MarketHandlers(broker)

    async def tick(self) -> Quote:
        return await self.do.get_tick(WhichInstrument(conid=265598), ME)

    async def depth(self) -> DepthBook:
        return await self.do.get_depth(GetDepth(conid=265598, rows=1), ME)


@pytest.fixture
def place(fake_clock: Any) -> Place:
    return Place(fake_clock)


@pytest.mark.parametrize("what", ["tick", "depth"])
async def test_three_seconds_and_no_longer(place: Place, fake_clock: Any, what: str) -> None:
    asked = asyncio.create_task(getattr(place, what)())
    await fake_clock.advance(2.9)
    assert not asked.done()
    await fake_clock.advance(0.2)
    with pytest.raises(BrokerError) as caught:
        await asked
    assert (caught.value.code, caught.value.retryable) == ("IBKR_TICK_TIMEOUT", True)
    assert "within 3 s" in caught.value.message


async def test_the_first_word_is_the_answer(place: Place, fake_clock: Any) -> None:
    tick, depth = asyncio.create_task(place.tick()), asyncio.create_task(place.depth())
    await fake_clock.advance(2.9)
    place.board.merge(265598, PRICE)
    place.books.merge(265598, LADDER)
    await fake_clock.settle()
    assert str((await tick).last) == "189.43"
    assert len((await depth).bids) == 1


@pytest.mark.parametrize(("away", "is_valid"), [(4.9, True), (5.1, False)])
async def test_what_is_known_is_invalid_five_seconds_after_the_loss(
    place: Place, fake_clock: Any, away: float, is_valid: bool
) -> None:
    place.do._broker.subscriptions.add(AAPL, pinned=True)
    place.do._broker.depth.add(AAPL)
    place.board.merge(265598, PRICE)
    place.books.merge(265598, LADDER)
    place.board.lost()
    await fake_clock.advance(away)  # nobody has reviewed the boards meanwhile
    asked = [asyncio.create_task(place.tick()), asyncio.create_task(place.depth())]
    await fake_clock.settle()
    assert [task.done() for task in asked] == [is_valid, is_valid]
    await fake_clock.advance(4)
    problems = await asyncio.gather(*asked, return_exceptions=True)
    assert [getattr(p, "code", "") for p in problems] == (["", ""] if is_valid else ["IBKR_TICK_TIMEOUT"] * 2)


async def test_a_price_without_permission_says_so(place: Place, fake_clock: Any) -> None:
    asked = asyncio.create_task(place.tick())
    await fake_clock.settle()
    place.board.merge(265598, {"6509": "N", "55": "AAPL", "31": ""})
    with pytest.raises(BrokerError) as caught:
        await asked
    assert caught.value.code == "IBKR_NO_MARKET_DATA_SUBSCRIPTION"

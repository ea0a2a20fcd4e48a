"""Books merge ladders whole or in parts, crossed or empty, and are honest about their age (W-03, W1, W2)."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import pytest

from ibkr_tui.core.market.depth import MOST_LEVELS, SILENT_AFTER, DepthBoard, cut
from ibkr_tui.core.market.pulse import Pulse
from ibkr_tui.model.depth import DepthBook, DepthLevel
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.quotes import Quote, QuoteStatus
from ibkr_tui.model.table import Table

AAPL = Instrument(265598, "AAPL", "AAPL", "Apple Inc", "STK", "NASDAQ", "USD")


def line(row: int, price: str, *, bid: str | None = None, ask: str | None = None) -> dict[str, Any]:
    sizes = {name: size for name, size in (("bid", bid), ("ask", ask)) if size is not None}
    return {"row": row, "focus": 0, "price": price, **sizes}


LADDER = [
    line(0, "189.46", ask="300"),
    line(1, "189.45", ask="1,900"),
    {"row": 2, "focus": 1, "price": "100 @ 189.44"},
    line(3, "189.43", bid="400"),
    line(4, "189.42", bid="2.5K"),
]


class Place:
    def __init__(self, clock: Any) -> None:
        self.clock = clock
        self.table: Table[DepthBook] = Table("depth")
        self.pulse = Pulse(clock)
        self.pulse.connected()
        self.quote: Quote | None = None
        self.board = DepthBoard(self.table, clock, self.pulse, lambda conid: self.quote)
        self.board.expect(AAPL)

    @property
    def book(self) -> DepthBook:
        found = self.table.get("265598")
        assert found is not None
        return found

    @property
    def prices(self) -> tuple[list[str], list[str]]:
        return [str(level.price) for level in self.book.bids], [str(level.price) for level in self.book.asks]


@pytest.fixture
def place(fake_clock: Any) -> Place:
    return Place(fake_clock)


def test_a_ladder_becomes_a_book(place: Place) -> None:
    assert (place.book.status, place.book.problem) == (QuoteStatus.NO_DATA, "waiting for the first book")
    assert place.board.merge(265598, LADDER)
    assert place.book.bids == (DepthLevel(D("189.43"), D(400)), DepthLevel(D("189.42"), D(2500)))
    assert place.book.asks == (DepthLevel(D("189.45"), D(1900)), DepthLevel(D("189.46"), D(300)))
    assert (place.book.status, place.book.problem) == (QuoteStatus.LIVE, "")
    assert place.book.at is not None


def test_a_part_changes_only_its_lines(place: Place) -> None:
    place.board.merge(265598, LADDER)
    place.board.merge(265598, [{"row": 3, "bid": "700"}])
    assert place.book.bids[0] == DepthLevel(D("189.43"), D(700))
    assert len(place.book.asks) == 2
    place.board.merge(265598, [line(3, "189.43")])
    assert place.prices == (["189.42"], ["189.45", "189.46"]), "a line without sizes is a price where nothing stands"
    place.board.merge(265598, [{"row": 4, "bid": "0"}])
    assert place.book.bids == ()
    assert (place.book.status, place.book.problem) == (QuoteStatus.LIVE, "no bids")


def test_a_whole_ladder_leaves_nothing_of_the_one_before(place: Place) -> None:
    place.board.merge(265598, LADDER)
    place.board.merge(265598, [line(0, "189.50", ask="1"), line(1, "189.49", bid="2")])
    assert place.prices == (["189.49"], ["189.50"])


def test_a_price_stands_once(place: Place) -> None:
    place.board.merge(265598, LADDER)
    place.board.merge(265598, [line(9, "189.42", ask="50")])
    assert place.prices == ([], ["189.42", "189.45", "189.46"]), "older bids that cross the newer ask have gone"


def test_what_one_frame_says_is_shown_even_when_it_crosses(place: Place) -> None:
    place.board.merge(265598, [line(0, "10.00", ask="1"), line(1, "10.01", bid="1")])
    assert (place.prices, place.book.problem) == ((["10.01"], ["10.00"]), "crossed")
    place.board.merge(265598, [line(0, "10.00", bid="1", ask="1")])
    assert place.book.problem == "locked"
    assert place.book.status is QuoteStatus.LIVE


def test_an_empty_book_says_so(place: Place) -> None:
    place.board.merge(265598, LADDER)
    place.board.merge(265598, [])
    assert (place.book.bids, place.book.asks) == ((), ())
    assert (place.book.status, place.book.problem) == (QuoteStatus.NO_DATA, "the book is empty")


def test_ten_levels_at_most_and_fewer_when_cut(place: Place) -> None:
    rows = [line(n, f"{200 - n}", ask="1") for n in range(20)] + [
        line(20 + n, f"{180 - n}", bid="1") for n in range(20)
    ]
    place.board.merge(265598, rows)
    assert (len(place.book.bids), len(place.book.asks)) == (MOST_LEVELS, MOST_LEVELS)
    assert (place.book.bids[0].price, place.book.asks[0].price) == (D(180), D(181))
    small = cut(place.book, 5)
    assert (len(small.bids), len(small.asks), small.status) == (5, 5, QuoteStatus.LIVE)
    assert small.asks[0].price == D(181)


@pytest.mark.parametrize(
    "odd",
    [
        7, None, {}, {"row": -1, "price": "1", "bid": "1"}, {"row": "x"}, {"row": True}, {"row": 99999},
        line(9, "NaN", bid="5"), line(9, "1", bid="many"),
    ],
)  # fmt: skip
def test_odd_lines_are_counted_and_do_no_harm(place: Place, odd: Any) -> None:
    place.board.merge(265598, LADDER)
    before = place.book
    place.board.merge(265598, [odd])
    assert (place.book.bids, place.book.asks) == (before.bids, before.asks)
    assert place.board.garbled == 1


def test_a_book_of_nothing_subscribed_is_dropped(place: Place) -> None:
    assert not place.board.merge(7, LADDER)
    assert place.board.stray == 1
    place.board.forget(265598)
    assert not place.board.merge(265598, LADDER)
    assert len(place.table) == 0


async def test_five_seconds_without_a_stream_make_it_stale(place: Place) -> None:
    place.board.merge(265598, LADDER)
    place.pulse.lost()
    await place.clock.advance(4.9)
    place.board.review()
    assert place.book.status is QuoteStatus.LIVE
    await place.clock.advance(0.2)
    place.board.review()
    assert (place.book.status, place.book.problem) == (QuoteStatus.STALE, "the stream is lost")
    place.pulse.connected()
    place.board.connected()
    place.board.review()
    assert place.book.status is QuoteStatus.STALE, "the new stream has not said a word of it"
    assert place.prices[0] == ["189.43", "189.42"]
    place.board.merge(265598, [line(0, "188.02", ask="1"), line(1, "188.01", bid="1")])
    assert (place.prices, place.book.status) == ((["188.01"], ["188.02"]), QuoteStatus.LIVE)


async def test_silence_about_a_book_is_explained(place: Place) -> None:
    await place.clock.advance(SILENT_AFTER + 0.1)
    place.board.review()
    assert place.book.status is QuoteStatus.NO_DATA
    assert "subscription" in place.book.problem


@pytest.mark.parametrize("status", [QuoteStatus.HALTED, QuoteStatus.DELAYED, QuoteStatus.FROZEN])
def test_a_book_is_no_better_than_its_quote(place: Place, status: QuoteStatus) -> None:
    place.quote = Quote(265598, "AAPL", "AAPL", status, problem="why")
    place.board.merge(265598, LADDER)
    assert (place.book.status, place.book.problem) == (status, "why")

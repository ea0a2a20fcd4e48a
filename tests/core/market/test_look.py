"""A face says the whole set it shows: the set is replaced, counted, and dropped when the face goes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ibkr_tui.core.market.depth import DepthBoard
from ibkr_tui.core.market.depth_subscriptions import DepthSubscriptions
from ibkr_tui.core.market.look import LookDesk
from ibkr_tui.core.market.looking import Looking
from ibkr_tui.core.market.quotes import QuoteBoard
from ibkr_tui.core.market.subscriptions import Subscriptions
from ibkr_tui.core.market.tape import Tape
from ibkr_tui.model.depth import DepthBook
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.log import Log
from ibkr_tui.model.quotes import Quote
from ibkr_tui.model.table import Table
from ibkr_tui.model.tape import Print


class Place:
    """The subscriptions of quotes and depth, with instruments that are found when `found` is set."""

    def __init__(self, clock: Any, *, most: int = 6, has_stream: bool = True) -> None:
        self.clock = clock
        self.quotes: Table[Quote] = Table("quotes")
        self.board = QuoteBoard(self.quotes, clock)
        self.board.connected()
        books: Table[DepthBook] = Table("depth")
        deep = DepthBoard(books, clock, self.board.pulse, lambda conid: None)
        self.depth = DepthSubscriptions(
            deep, self.send, clock, account="DU1", most=most, idle_after=300, others=lambda: len(self.held)
        )
        self.held = Subscriptions(
            self.board, self.send, clock, most=most, idle_after=300, others=lambda: len(self.depth)
        )
        self.sent: list[str] = []
        self.found = asyncio.Event()
        self.found.set()
        self.desk = LookDesk(self.held, self.depth, self.find, has_stream=has_stream)

    def send(self, text: str) -> bool:
        self.sent.append(text.partition("{")[0])
        return True

    async def find(self, conid: int) -> Instrument:
        await self.found.wait()
        if conid == 404:
            raise BrokerError("SYMBOL_NOT_FOUND", "IBKR knows no contract 404")
        return Instrument(conid, f"S{conid}", f"S{conid}", "", "STK", "SMART", "USD")

    async def pass_time(self, seconds: float) -> None:
        await self.clock.advance(seconds)
        self.held.tend()
        self.depth.tend()


@pytest.fixture
def place(fake_clock: Any) -> Place:
    return Place(fake_clock)


def test_those_who_look_are_counted() -> None:
    looking = Looking()
    looking.replace("a", [1, 2])
    looking.replace("b", [2, 3])
    assert sorted(looking) == [1, 2, 3]
    looking.replace("a", [3])
    assert sorted(looking) == [2, 3]
    looking.leave("b")
    looking.leave("b")
    assert (sorted(looking), looking.of("a"), looking.of("b")) == ([3], {3}, frozenset())


async def test_a_set_replaces_the_one_before(place: Place) -> None:
    first = await place.desk.look("app", [1, 2], [1])
    assert (first.quotes, first.depth, first.refused) == ((1, 2), (1,), ())
    assert place.sent == ["smd+1+", "sbd+DU1+1", "smd+2+"]
    await place.pass_time(10_000)
    assert set(place.held.conids) == {1, 2}, "what is looked at never idles"
    await place.desk.look("app", [2], [])
    await place.pass_time(300)
    assert (place.held.conids, place.depth.conids) == ((2,), ())


async def test_two_faces_share_and_the_last_to_leave_ends_it(place: Place) -> None:
    await place.desk.look("one", [1], [])
    await place.desk.look("two", [1], [])
    place.desk.leave("one")
    await place.pass_time(400)
    assert place.held.conids == (1,)
    place.desk.leave("two")
    await place.pass_time(299)
    assert place.held.conids == (1,), "it may come back"
    await place.pass_time(1)
    assert place.held.conids == ()
    assert place.sent[-1] == "umd+1+"


async def test_a_pinned_one_outlives_its_looks(place: Place) -> None:
    place.held.add(await place.find(1), pinned=True)
    await place.desk.look("app", [1], [])
    place.desk.leave("app")
    await place.pass_time(10_000)
    assert place.held.conids == (1,)


async def test_what_finds_no_place_is_refused_by_name(fake_clock: Any) -> None:
    place = Place(fake_clock, most=2)
    found = await place.desk.look("app", [1, 404, 2, 3], [])
    assert found.quotes == (1, 2)
    assert [(r.conid, r.code) for r in found.refused] == [(404, "SYMBOL_NOT_FOUND"), (3, "IBKR_WS_SUB_LIMIT")]


async def test_what_is_seen_takes_the_place_of_what_is_idle(fake_clock: Any) -> None:
    place = Place(fake_clock, most=3)
    place.held.add(await place.find(9), pinned=True)
    await place.desk.look("app", [1, 2], [])
    await place.pass_time(10)
    await place.desk.look("app", [2, 3], [])
    assert place.held.conids == (9, 2, 3), "nobody looks at 1 any more"
    await place.pass_time(10)
    found = await place.desk.look("app", [3], [3])
    assert (found.depth, place.held.conids) == ((3,), (9, 3))
    found = await place.desk.look("app", [3, 4], [3])
    assert [r.code for r in found.refused] == ["IBKR_WS_SUB_LIMIT"], "pinned and seen ones keep theirs"


async def test_without_a_stream_depth_says_why(fake_clock: Any) -> None:
    place = Place(fake_clock, has_stream=False)
    found = await place.desk.look("app", [1], [1])
    assert (found.quotes, found.depth) == ((1,), ())
    assert [(r.conid, r.code) for r in found.refused] == [(1, "STREAM_OFF")]


async def test_a_face_that_looked_away_meanwhile_gets_nothing(place: Place) -> None:
    place.found.clear()
    slow = asyncio.create_task(place.desk.look("app", [1], [1]))
    await place.clock.settle()
    place.desk.leave("app")
    place.found.set()
    assert (await slow).quotes == ()
    assert place.held.conids == ()


def frame(last: str, size: str | None = None) -> dict[str, Any]:
    return {"6509": "R", "31": last} | ({"7059": size} if size else {})


async def test_the_tape_of_what_is_watched_closely(place: Place) -> None:
    log: Log[Print] = Log("tape")
    place.board.on_change.append(Tape(log, lambda conid: conid in place.depth, place.clock).observe)
    await place.desk.look("app", [1, 2], [1])
    for conid in (1, 2):
        for last, size in (("10.00", "5"), ("10.01", "7"), ("10.01", "9"), ("10.01", "9"), ("10.00", None)):
            place.board.merge(conid, frame(last, size))
    place.board.merge(1, {"84": "9.99"})
    seen = [(p.conid, str(p.price), str(p.size), p.tick) for p in log.entries()]
    assert seen == [(1, "10.01", "7", 1), (1, "10.01", "9", 0), (1, "10.00", "9", -1)]
    place.board.merge(1, {"6509": "Z", "31": "10.05"})
    assert log.last == 3, "frozen prices are no trades"

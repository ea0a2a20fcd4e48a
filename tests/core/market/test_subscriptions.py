"""Subscriptions: pinned ones stay, idle ones leave, all return after a reconnect, and each is renewed in time."""

from __future__ import annotations

import asyncio
from decimal import Decimal as D
from typing import Any

import pytest

from ibkr_tui.core.market.polling import poll, poll_once
from ibkr_tui.core.market.quotes import QuoteBoard
from ibkr_tui.core.market.subscriptions import RENEW_EVERY, Subscriptions
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.quotes import Quote, QuoteStatus
from ibkr_tui.model.table import Table


def instrument(conid: int) -> Instrument:
    return Instrument(conid, f"S{conid}", f"S{conid}", "", "STK", "SMART", "USD")


class Place:
    """Subscriptions with a stream that remembers, and can be away."""

    def __init__(self, clock: Any, most: int = 3) -> None:
        self.sent: list[str] = []
        self.live = True
        self.table: Table[Quote] = Table("quotes")
        self.board = QuoteBoard(self.table, clock)
        self.board.connected()
        self.held = Subscriptions(self.board, self.send, clock, most=most, idle_after=300)

    def send(self, text: str) -> bool:
        if self.live:
            self.sent.append(text.partition("{")[0])
        return self.live


@pytest.fixture
def place(fake_clock: Any) -> Place:
    return Place(fake_clock)


def test_a_subscription_asks_for_the_fields_and_has_its_row(place: Place) -> None:
    place.held.add(instrument(1), pinned=True)
    assert place.sent == ["smd+1+"]
    assert "1" in place.table
    place.held.add(instrument(1), pinned=True)
    assert place.sent == ["smd+1+"], "once is enough"
    assert (len(place.held), 1 in place.held, place.held.conids) == (1, True, (1,))


def test_the_limit_is_told_and_a_freed_place_can_be_taken(place: Place) -> None:
    for conid in (1, 2, 3):
        place.held.add(instrument(conid), pinned=True)
    with pytest.raises(BrokerError) as caught:
        place.held.add(instrument(4), pinned=True)
    assert caught.value.code == "IBKR_WS_SUB_LIMIT"
    assert place.held.remove(2)
    assert not place.held.remove(2)
    assert place.sent[-1] == "umd+2+"
    place.held.add(instrument(4), pinned=True)
    assert "2" not in place.table


def test_without_a_stream_the_row_waits_and_a_reconnect_asks_for_all(place: Place) -> None:
    place.live = False
    place.held.add(instrument(1), pinned=True)
    place.held.add(instrument(2), pinned=False)
    assert set(place.table) == {"1", "2"}
    place.live = True
    place.held.opened()
    assert place.sent == ["smd+1+", "smd+2+"]


async def test_idle_ones_leave_and_pinned_ones_stay(place: Place, fake_clock: Any) -> None:
    place.held.add(instrument(1), pinned=True)
    place.held.add(instrument(2), pinned=False)
    place.held.add(instrument(3), pinned=False)
    await fake_clock.advance(299)
    place.held.touch(3)
    place.held.touch(99)
    await fake_clock.advance(1)
    place.held.tend()
    assert place.held.conids == (1, 3)


async def test_a_later_pin_keeps_it(place: Place, fake_clock: Any) -> None:
    place.held.add(instrument(2), pinned=False)
    place.held.add(instrument(2), pinned=True)
    await fake_clock.advance(301)
    place.held.tend()
    assert 2 in place.held


def test_options_are_asked_for_their_greeks_and_stocks_for_their_volatility(fake_clock: Any) -> None:
    asked: list[str] = []
    table: Table[Quote] = Table("quotes")
    held = Subscriptions(
        QuoteBoard(table, fake_clock), lambda text: bool(asked.append(text)) or True, fake_clock, most=9, idle_after=300
    )
    for conid, sec_type in ((1, "OPT"), (2, "STK"), (3, "CASH")):
        held.add(Instrument(conid, "S", "S", "", sec_type, "SMART", "USD"), pinned=True)
    option, stock, pair = asked
    assert {"7308", "7283", "31"} <= set(held.fields), "single snapshots ask for all of it too"
    assert len(held.fields) == len(set(held.fields)) <= 50
    assert all(f'"{code}"' in option for code in ("7308", "7309", "7310", "7311", "7633"))
    assert '"7283"' in stock and '"7308"' not in stock
    assert '"7283"' not in pair and '"31"' in pair


async def test_what_somebody_looks_at_never_idles(place: Place, fake_clock: Any) -> None:
    place.held.add(instrument(1), pinned=False)
    place.held.looking.replace("face", [1])
    for _ in range(4):
        await fake_clock.advance(299)
        place.held.tend()
    place.held.looking.leave("face")
    await fake_clock.advance(299)
    place.held.tend()
    assert 1 in place.held, "the time runs from the last look"
    await fake_clock.advance(1)
    place.held.tend()
    assert 1 not in place.held


def test_the_eighty_first_is_refused_whatever_holds_the_places(fake_clock: Any) -> None:
    table: Table[Quote] = Table("quotes")
    board = QuoteBoard(table, fake_clock)
    held = Subscriptions(board, lambda text: True, fake_clock, most=80, idle_after=300, others=lambda: 3)
    for conid in range(1, 78):
        held.add(instrument(conid), pinned=conid % 2 == 0)
    with pytest.raises(BrokerError, match="80 instruments") as caught:
        held.add(instrument(78), pinned=True)
    assert caught.value.code == "IBKR_WS_SUB_LIMIT"


async def test_renewal_comes_before_the_stream_ends_silently(place: Place, fake_clock: Any) -> None:
    place.held.add(instrument(1), pinned=True)
    await fake_clock.advance(RENEW_EVERY - 1)
    place.held.tend()
    assert place.sent == ["smd+1+"]
    await fake_clock.advance(1)
    place.held.tend()
    place.held.tend()
    assert place.sent == ["smd+1+", "smd+1+"]


class Snapshots:
    """Answers snapshots; can fail."""

    def __init__(self) -> None:
        self.fails = False
        self.asked: list[tuple[int, ...]] = []

    async def snapshot(self, conids: Any, fields: Any) -> dict[int, dict[str, Any]]:
        self.asked.append(tuple(conids))
        if self.fails:
            raise BrokerError("IBKR_UNAVAILABLE", "no answer")
        rows: dict[int, dict[str, Any]] = {c: {"conid": c, "6509": "R", "31": "10.5"} for c in conids if c != 2}
        return rows | {2: {"conid": 2}}


async def test_without_a_stream_snapshots_fill_the_rows(place: Place, fake_clock: Any) -> None:
    reads = Snapshots()
    await poll_once(reads, place.held, place.board)
    assert reads.asked == []
    for conid in (1, 2):
        place.held.add(instrument(conid), pinned=True)
    await poll_once(reads, place.held, place.board)
    first, second = place.table.rows()["1"], place.table.rows()["2"]
    assert (first.last, first.status) == (D("10.5"), QuoteStatus.LIVE)
    assert second.status is QuoteStatus.NO_DATA


async def test_failing_snapshots_make_rows_stale(place: Place, fake_clock: Any) -> None:
    reads = Snapshots()
    place.held.add(instrument(1), pinned=True)
    polling = asyncio.create_task(poll(reads, place.held, place.board, fake_clock))
    await fake_clock.advance(3)
    assert place.table.rows()["1"].status is QuoteStatus.LIVE
    reads.fails = True
    await fake_clock.advance(10)
    place.board.review()
    assert place.table.rows()["1"].status is QuoteStatus.STALE
    polling.cancel()

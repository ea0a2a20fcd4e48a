"""Books stay while somebody looks; ending one ends all, so that the others are asked for again (W-03)."""

from __future__ import annotations

from typing import Any

import pytest

from ibkr_tui.core.market.depth import DepthBoard
from ibkr_tui.core.market.depth_subscriptions import DepthSubscriptions
from ibkr_tui.core.market.pulse import Pulse
from ibkr_tui.core.market.subscriptions import RENEW_EVERY
from ibkr_tui.model.depth import DepthBook
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.table import Table


def instrument(conid: int) -> Instrument:
    return Instrument(conid, f"S{conid}", f"S{conid}", "", "STK", "SMART", "USD")


class Place:
    def __init__(self, clock: Any) -> None:
        self.sent: list[str] = []
        self.live = True
        self.quotes = 0
        self.table: Table[DepthBook] = Table("depth")
        self.board = DepthBoard(self.table, clock, Pulse(clock), lambda conid: None)
        self.held = DepthSubscriptions(
            self.board, self.send, clock, account="DU1", most=4, idle_after=300, others=lambda: self.quotes
        )

    def send(self, text: str) -> bool:
        if self.live:
            self.sent.append(text)
        return self.live


@pytest.fixture
def place(fake_clock: Any) -> Place:
    return Place(fake_clock)


def test_one_is_asked_for_once_and_has_its_row(place: Place) -> None:
    place.held.add(instrument(1))
    place.held.add(instrument(1))
    assert place.sent == ["sbd+DU1+1"]
    assert "1" in place.table
    assert (1 in place.held, len(place.held), place.held.conids) == (True, 1, (1,))


def test_ending_one_asks_for_the_others_again(place: Place) -> None:
    for conid in (1, 2, 3):
        place.held.add(instrument(conid))
    place.sent.clear()
    assert place.held.remove(2)
    assert place.sent == ["ubd+DU1", "sbd+DU1+1", "sbd+DU1+3"]
    assert set(place.table) == {"1", "3"}
    assert not place.held.remove(2)
    place.held.remove(1)
    place.sent.clear()
    place.held.remove(3)
    assert place.sent == ["ubd+DU1"]


def test_books_and_quotes_share_one_limit(place: Place) -> None:
    place.quotes = 3
    place.held.add(instrument(1))
    with pytest.raises(BrokerError) as caught:
        place.held.add(instrument(2))
    assert caught.value.code == "IBKR_WS_SUB_LIMIT"


async def test_a_book_leaves_when_nobody_looked_for_a_while(place: Place, fake_clock: Any) -> None:
    for conid in (1, 2, 3):
        place.held.add(instrument(conid))
    place.held.looking.replace("face", [2])
    await fake_clock.advance(299)
    place.held.add(instrument(3))
    place.held.tend()
    assert place.held.conids == (1, 2, 3)
    await fake_clock.advance(1)
    place.sent.clear()
    place.held.tend()
    assert place.held.conids == (2, 3)
    assert place.sent == ["ubd+DU1", "sbd+DU1+2", "sbd+DU1+3"], "one farewell, however many leave"
    place.held.looking.leave("face")
    await fake_clock.advance(300)
    place.held.tend()
    assert place.held.conids == ()


async def test_books_are_renewed_and_return_with_a_new_stream(place: Place, fake_clock: Any) -> None:
    place.held.add(instrument(1))
    place.held.looking.replace("face", [1])
    await fake_clock.advance(RENEW_EVERY - 1)
    place.held.tend()
    assert place.sent == ["sbd+DU1+1"]
    await fake_clock.advance(1)
    place.held.tend()
    place.held.tend()
    assert place.sent == ["sbd+DU1+1"] * 2
    place.live = False
    place.held.opened()
    place.live = True
    place.held.opened()
    assert place.sent == ["sbd+DU1+1"] * 3


NO_PERMISSION = "no market depth permissions for 1"
TOO_MANY = "max number of market depth requests (2) has been reached"


def test_a_refused_book_says_why_until_it_comes(place: Place) -> None:
    place.held.add(instrument(1))
    place.held.refused(1, NO_PERMISSION)
    row = place.table.get("1")
    assert row is not None
    assert row.problem == "depth of S1 needs a subscription of its own (IBKR_NO_MARKET_DATA_SUBSCRIPTION)"
    place.held.add(instrument(1))
    assert place.sent == ["sbd+DU1+1"] * 2, "who asks again asks IBKR again"
    assert place.board.refusal(1) is None
    place.held.refused(1, "depth is closed for today")
    refusal = place.board.refusal(1)
    assert refusal is not None
    assert (refusal.code, refusal.message) == ("IBKR_REQUEST_REFUSED", "no depth of S1: “depth is closed for today”")
    place.board.merge(1, [{"row": 0, "price": "10", "bid": "1"}])
    assert place.board.refusal(1) is None
    place.held.refused(1, "no bridge")
    assert place.board.refusal(1) is None, "the next session asks again"


async def test_at_ibkrs_limit_the_book_nobody_looks_at_makes_room(place: Place, fake_clock: Any) -> None:
    for conid in (1, 2, 3):
        place.held.add(instrument(conid))
        await fake_clock.advance(1)
    place.held.looking.replace("app", [1])
    place.sent.clear()
    place.held.refused(3, TOO_MANY)
    assert place.sent == ["ubd+DU1", "sbd+DU1+1", "sbd+DU1+3"], "2 has left, 3 is asked for anew"
    place.held.refused(3, TOO_MANY)
    refusal = place.board.refusal(3)
    assert refusal is not None
    assert refusal.code == "IBKR_WS_SUB_LIMIT"

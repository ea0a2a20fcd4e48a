"""Alerts tell on edges, never on levels, and only what may be believed."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal as D

import msgspec
import pytest

from ibkr_tui.model.alerts import Alert, AlertKind, AlertState, Direction, judge, observed, told
from ibkr_tui.model.quotes import Quote, QuoteStatus

NOW = datetime(2026, 1, 5, 15, 0, tzinfo=UTC)
ABOVE = Alert("1", 265598, "AAPL", AlertKind.PRICE, D(190), Direction.ABOVE, NOW)


def run(alert: Alert, *values: str | None) -> list[bool]:
    """What each value tells, one after the other."""
    found = []
    for value in values:
        alert, is_told = judge(alert, None if value is None else D(value), NOW)
        found.append(is_told)
    return found


def test_it_tells_when_its_condition_becomes_true() -> None:
    assert run(ABOVE, "189", "189.99", "190", "191", "189", "191") == [False, False, True, False, False, False]


def test_true_from_the_beginning_tells_nothing_until_it_was_false() -> None:
    assert run(ABOVE, "191", "192", "189", "190") == [False, False, False, True]


def test_a_repeating_one_tells_at_every_edge() -> None:
    again = msgspec.structs.replace(ABOVE, repeat=True)
    assert run(again, "189", "190", "191", "189", "190", None, "190") == [False, True, False, False, True, False, False]


def test_below_is_the_other_side() -> None:
    below = msgspec.structs.replace(ABOVE, direction=Direction.BELOW)
    assert run(below, "191", "190.01", "190") == [False, False, True]


def test_what_was_true_before_a_restart_is_remembered() -> None:
    waiting, _ = judge(ABOVE, D(189), NOW)
    kept = msgspec.json.decode(msgspec.json.encode(waiting), type=Alert)
    assert run(kept, "195") == [True], "it was crossed while nobody looked"


def test_once_told_it_is_done() -> None:
    waiting, _ = judge(ABOVE, D(189), NOW)
    fired, is_told = judge(waiting, D("190.02"), NOW)
    assert is_told
    assert (fired.state, fired.fired_value, fired.fired_at, fired.times_fired) == (
        AlertState.FIRED, D("190.02"), NOW, 1,
    )  # fmt: skip
    assert judge(fired, D(1), NOW) == (fired, False)
    assert told(fired, D("190.02"), False) == "AAPL price above 190: 190.02"


@pytest.mark.parametrize(
    ("status", "seen"),
    [("live", True), ("delayed", True), ("frozen", False), ("halted", False), ("stale", False), ("no_data", False)],
)
def test_only_prices_that_may_be_believed_count(status: str, seen: bool) -> None:
    quote = Quote(265598, "AAPL", "AAPL", QuoteStatus(status), last=D(191), change_pct=D("1.5"))
    assert observed(ABOVE, quote, None) == (D(191) if seen else None)
    change = msgspec.structs.replace(ABOVE, kind=AlertKind.CHANGE)
    assert observed(change, quote, None) == (D("1.5") if seen else None)


def test_without_a_last_price_the_middle_counts() -> None:
    quote = Quote(1, "EUR.USD", "EUR.USD", QuoteStatus.LIVE, bid=D("1.08"), ask=D("1.10"))
    assert observed(ABOVE, quote, None) == D("1.09")


def test_staleness_and_words() -> None:
    stale = msgspec.structs.replace(ABOVE, kind=AlertKind.STALENESS, level=D(30), note="check the line")
    quote = Quote(1, "AAPL", "AAPL", QuoteStatus.STALE)
    assert observed(stale, quote, 31.24) == D("31.2")
    assert told(stale, D("31.2"), True) == "AAPL without a fresh price for 30 s: 31.2 s — check the line"
    change = msgspec.structs.replace(ABOVE, kind=AlertKind.CHANGE, level=D("2.50"))
    assert told(change, D("2.6"), True) == "AAPL change above 2.5 %: 2.6 % (delayed)"

"""Shapes of their answers, among them those of recorded exchanges; what does not fit is refused, never guessed."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from ibkr_tui.core.web import wire
from ibkr_tui.core.web.answer import Answer
from ibkr_tui.model.errors import BrokerError


def answer(body: Any, status: int = 200) -> Answer:
    return Answer(status, body if isinstance(body, bytes) else json.dumps(body).encode())


def test_accounts() -> None:
    recorded = {"accounts": ["U1234567"], "aliases": {}, "selectedAccount": "U1234567", "isFT": False, "isPaper": True}
    assert wire.read_accounts(answer(recorded)) == wire.Accounts(("U1234567",), "U1234567", True)
    assert wire.read_accounts(answer({"accounts": ["U1", 7]})) == wire.Accounts(("U1",), "", None)


@pytest.mark.parametrize(
    ("read", "body"),
    [
        (wire.read_accounts, {}),
        (wire.read_accounts, []),
        (wire.read_orders, {}),
        (wire.read_orders, {"orders": None}),
        (wire.read_orders, {"orders": [1]}),
        (wire.read_schedule, {}),
        (wire.read_schedule, {"schedules": []}),
        (wire.read_whatif, [1]),
        (wire.read_whatif, b'["amount"]'),
        (lambda found: wire.as_rows(found, "rows"), {"a": 1}),
        (lambda found: wire.as_rows(found, "rows"), [1]),
        (lambda found: wire.as_object(found, "thing"), [1]),
        (lambda found: wire.as_object(found, "thing"), b""),
    ],
)
def test_another_shape_is_refused(read: Any, body: Any) -> None:
    with pytest.raises(BrokerError) as caught:
        read(answer(body))
    assert caught.value.code == "IBKR_RESPONSE_INVALID"


@pytest.mark.parametrize("body", [b"", b"  ", b"null", b"{}", b"[]"])
def test_a_first_read_may_be_nothing_at_all(body: bytes) -> None:
    assert wire.as_rows(answer(body), "the trades") == []


def test_orders_keep_their_flag() -> None:
    assert wire.read_orders(answer({"orders": [], "snapshot": False})) == {"orders": [], "snapshot": False}
    assert wire.read_orders(answer({"snapshot": False}))["orders"] == []
    assert wire.read_orders(answer({"orders": [{"orderId": 1}], "snapshot": True}))["orders"] == [{"orderId": 1}]


SCHEDULE = {
    "exchange_time_zone": "US/Eastern",
    "schedules": {
        "20260406": {
            "liquid_hours": [{"opening": 1775482200, "closing": 1775505600}],
            "extended_hours": [{"cancel_daily_orders": True, "opening": 1775462400, "closing": 1775520000}],
        },
        "20260402": {
            "liquid_hours": [{"opening": 1775136600, "closing": 1775160000}],
            "extended_hours": [{"cancel_daily_orders": True, "opening": 1775116800, "closing": 1775174400}],
        },
        "20260403": {"liquid_hours": [], "extended_hours": []},
        "20261399": {"liquid_hours": [{"opening": 1, "closing": 2}]},
        "notes": {"liquid_hours": [{"opening": 1, "closing": 2}]},
        "20260407": [],
    },
}


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def test_a_trading_schedule_in_order() -> None:
    found = wire.read_schedule(answer(SCHEDULE))
    assert found.timezone == "US/Eastern"
    assert found.liquid == (
        wire.Span(at(1775136600), at(1775160000)),
        wire.Span(at(1775482200), at(1775505600)),
    )
    assert found.extended[0] == wire.Span(at(1775116800), at(1775174400))
    assert found.days == (date(2026, 4, 2), date(2026, 4, 3), date(2026, 4, 6))


@pytest.mark.parametrize(
    ("now", "is_open", "change"),
    [
        (1775136599, False, 1775136600),
        (1775136600, True, 1775160000),
        (1775159999, True, 1775160000),
        (1775160000, False, 1775482200),
        (1775600000, False, None),
    ],
)
def test_market_hours_at_the_edges(now: int, is_open: bool, change: int | None) -> None:
    hours = wire.read_schedule(answer(SCHEDULE)).hours("NYSE", at(now))
    assert (hours.venue, hours.is_open, hours.timezone) == ("NYSE", is_open, "US/Eastern")
    assert hours.next_change == (None if change is None else at(change))


def week(closings: dict[int, int]) -> wire.TradingSchedule:
    """Five days from 9:30 to 16:00, Monday at 0; `closings` in hours override. Extended from 4:00 to 20:00."""
    days = {}
    for day in range(5):
        begin = 1_775_433_600 + 86_400 * day
        closing = begin + 3600 * closings.get(day, 16)
        days[f"2026040{6 + day}"] = {
            "liquid_hours": [{"opening": begin + 34_200, "closing": closing}],
            "extended_hours": [{"opening": begin + 14_400, "closing": begin + 72_000}],
        }
    return wire.read_schedule(answer({"exchange_time_zone": "US/Eastern", "schedules": days}))


MONDAY = 1_775_433_600


@pytest.mark.parametrize(
    ("hour", "is_open", "is_extended", "opens_day", "half"),
    [
        (3, False, False, 0, False),
        (5, False, True, 0, False),
        (12, True, False, 0, False),
        (17, False, True, 1, False),
        (24 + 21, False, False, 2, True),
        (48 + 10, True, False, 2, True),
        (48 + 14, False, True, 3, False),
    ],
)
def test_the_session_that_is_on_or_comes_next(
    hour: int, is_open: bool, is_extended: bool, opens_day: int, half: bool
) -> None:
    hours = week({2: 13}).hours("NYSE", at(MONDAY + 3600 * hour))
    assert (hours.is_open, hours.is_extended, hours.is_half_day) == (is_open, is_extended, half)
    assert hours.opens == at(MONDAY + 86_400 * opens_day + 34_200)
    assert hours.closes == at(MONDAY + 86_400 * opens_day + 3600 * (13 if half else 16))


def test_after_the_last_known_session_nothing_is_said() -> None:
    hours = week({}).hours("NYSE", at(MONDAY + 86_400 * 6))
    assert (hours.opens, hours.closes, hours.is_half_day, hours.next_change) == (None, None, False, None)


def test_a_lone_session_is_no_half_day() -> None:
    one = wire.TradingSchedule("", (wire.Span(at(10), at(20)),), ())
    assert not one.hours("X", at(5)).is_half_day


def test_hours_that_make_no_sense_are_left_out() -> None:
    odd = [
        {"opening": 20, "closing": 10},
        {"opening": "x", "closing": 30},
        {"closing": 30},
        7,
        {"opening": -1, "closing": 5},
    ]
    found = wire.read_schedule(answer({"schedules": {"20260402": {"liquid_hours": odd, "extended_hours": None}}}))
    assert (found.liquid, found.extended, found.timezone) == ((), (), "")


def test_a_what_if_in_the_brokers_words() -> None:
    recorded = {
        "amount": {"amount": "1 USD (1 Shares)", "commission": "0.01 USD", "total": "1.01 USD"},
        "equity": {"current": "1,006,413", "change": "163", "after": "1,006,576"},
        "initial": {"current": "8,637", "change": "164", "after": "8,801"},
        "maintenance": {"current": "8,637", "change": "164", "after": "8,801"},
        "warn": 'The following order "BUY 1 SPY LMT 1.00" price exceeds<br>...',
        "error": None,
    }
    found = wire.read_whatif(answer(recorded))
    assert (found.amount, found.commission, found.total) == ("1 USD (1 Shares)", "0.01 USD", "1.01 USD")
    assert found.initial == wire.WhatIfLine("8,637", "164", "8,801")
    assert found.position == wire.WhatIfLine()
    assert "price exceeds" in found.warning
    assert "<br>" not in found.warning
    assert found.error == ""


def test_a_what_if_with_figures_and_an_error_is_both() -> None:
    found = wire.read_whatif(answer({"amount": {"amount": "1 USD"}, "error": "no \x1b funds"}))
    assert (found.amount, found.error) == ("1 USD", "no \N{REPLACEMENT CHARACTER} funds")


def test_a_what_if_that_is_an_error_only_is_raised() -> None:
    with pytest.raises(BrokerError, match="bad conid"):
        wire.read_whatif(answer({"error": "bad conid"}, 400))
    with pytest.raises(BrokerError, match="not possible"):
        wire.read_whatif(answer({"error": "not possible"}))

"""How often, how much in a day, and the same order twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from typing import Any

import msgspec
import pytest

from ibkr_tui.core.journal.counts import SentOrder
from ibkr_tui.core.orders.pace import (
    check_day,
    check_duplicate,
    check_rate,
    counted_from,
    day_begins,
    unusual_size,
)
from ibkr_tui.core.settings import Limits
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.groups import GroupKind, Leg, Proposal
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.orders import Order, OrderState, OrderTicket, OrderType, Role, Side

AAPL = Instrument(265598, "AAPL", "AAPL", "Apple Inc", "STK", "NASDAQ", "USD")
NOW = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)
TICKET = OrderTicket(Side.BUY, D(10), "AAPL", order_type=OrderType.LIMIT, limit_price=D("188.00"))
ORDER = Proposal(GroupKind.SIMPLE, "DU1", (Leg(Role.SINGLE, TICKET, AAPL),))


def sent(*ages: float, value: int = 100) -> list[SentOrder]:
    return [SentOrder(f"t{age}", NOW - timedelta(seconds=age), "intent", D(value)) for age in ages]


def refused(rule: Any, *arguments: Any) -> BrokerError:
    with pytest.raises(BrokerError) as caught:
        rule(*arguments)
    return caught.value


def test_the_rate_at_its_boundary() -> None:
    limits = Limits(max_orders_per_minute=3)
    check_rate(1, sent(59, 1, 60, 61), NOW, limits)
    error = refused(check_rate, 1, sent(59, 30, 1), NOW, limits)
    assert (error.code, error.details["retry_after_s"], error.retryable) == ("RISK_ORDER_RATE", 1.0, True)
    assert refused(check_rate, 2, sent(40, 30), NOW, limits).details["retry_after_s"] == 20.0
    assert refused(check_rate, 4, [], NOW, limits).retryable is False
    check_rate(500, sent(1, 2, 3), NOW, Limits(max_orders_per_minute=None))


def test_a_day_begins_at_midnight_in_new_york() -> None:
    assert day_begins(NOW) == datetime(2026, 3, 10, 4, tzinfo=UTC)
    assert day_begins(datetime(2026, 1, 10, 3, tzinfo=UTC)) == datetime(2026, 1, 9, 5, tzinfo=UTC)


def test_a_days_value_at_its_boundary() -> None:
    limits = Limits(max_day_value=D(1000))
    yesterday = 12 * 3600.0
    check_day(D(700), sent(1, 2, 3, yesterday), NOW, limits)
    error = refused(check_day, D("700.01"), sent(1, 2, 3), NOW, limits)
    assert (error.code, error.details) == ("RISK_DAY_VALUE", {"sent": "300", "left": "700"})
    check_day(D(10**9), sent(1), NOW, Limits())


def test_only_what_a_rule_counts_is_read() -> None:
    assert counted_from(NOW, Limits(max_orders_per_minute=None)) is None
    assert counted_from(NOW, Limits()) == NOW - timedelta(seconds=60)
    assert counted_from(NOW, Limits(max_day_value=D(1))) == day_begins(NOW)
    midnight = day_begins(NOW) + timedelta(seconds=5)
    assert counted_from(midnight, Limits(max_day_value=D(1))) == midnight - timedelta(seconds=60)


def order(age: float, **changes: Any) -> Order:
    known = Order(
        "t", "DU1", AAPL.conid, "AAPL", "AAPL", Side.BUY, "limit", D(10), OrderState.WORKING, coid="t",
        limit_price=D(188), placed_at=NOW - timedelta(seconds=age),
    )  # fmt: skip
    return msgspec.structs.replace(known, **changes)


def test_the_same_order_within_the_window_is_a_slip() -> None:
    error = refused(check_duplicate, ORDER, [order(2)], NOW, Limits())
    assert (error.code, error.details) == ("RISK_DUPLICATE", {"coid": "t", "retry_after_s": 3.0})
    assert refused(check_duplicate, ORDER, [order(-2)], NOW, Limits()).code == "RISK_DUPLICATE"
    for state in (OrderState.FILLED, OrderState.UNKNOWN, OrderState.SENDING):
        assert refused(check_duplicate, ORDER, [order(2, state=state)], NOW, Limits()).code == "RISK_DUPLICATE"


@pytest.mark.parametrize(
    "other",
    [
        order(5), order(1, qty=D(11)), order(1, limit_price=D(187)), order(1, side=Side.SELL), order(1, conid=1),
        order(1, state=OrderState.REJECTED), order(1, state=OrderState.CANCELLED), order(1, coid=""),
        order(1, role=Role.ENTRY), order(1, placed_at=None),
    ],
)  # fmt: skip
def test_what_is_another_order(other: Order) -> None:
    check_duplicate(ORDER, [other], NOW, Limits())


def test_the_rule_can_be_off() -> None:
    check_duplicate(ORDER, [order(1)], NOW, Limits(duplicate_window_s=0))


def test_an_unusual_size_is_worth_a_word() -> None:
    assert unusual_size(ORDER.legs[0], D(2)) == "10 is 5 times the usual quantity of AAPL, 2"
    assert unusual_size(ORDER.legs[0], D("2.1")) == ""
    assert unusual_size(ORDER.legs[0], None) == ""

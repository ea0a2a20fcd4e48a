"""Rules on how often and how much in a day, and on the same order twice. Pure, over what was sent before."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Final

from ibkr_tui.core.journal.counts import SentOrder, value_of
from ibkr_tui.core.session.breaks import NEW_YORK
from ibkr_tui.core.settings import Limits
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.groups import Leg, Proposal
from ibkr_tui.model.numbers import plain
from ibkr_tui.model.orders import Order, OrderState

MINUTE: Final = timedelta(seconds=60)
UNUSUAL: Final = 5
"""So many times the usual quantity is worth a warning."""
_OVER: Final = {OrderState.REJECTED, OrderState.CANCELLED}


def counted_from(now: datetime, limits: Limits) -> datetime | None:
    """Since when what was sent has to be known; None when no rule counts it."""
    if limits.max_day_value is not None:
        return min(day_begins(now), now - MINUTE)
    return now - MINUTE if limits.max_orders_per_minute is not None else None


def day_begins(now: datetime) -> datetime:
    """Midnight in New York: when a day's value begins anew."""
    return datetime.combine(now.astimezone(NEW_YORK).date(), time(), NEW_YORK).astimezone(now.tzinfo)


def check_rate(orders: int, sent: Iterable[SentOrder], now: datetime, limits: Limits) -> None:
    """Raise BrokerError RISK_ORDER_RATE when `orders` more are too many within a minute."""
    most = limits.max_orders_per_minute
    if most is None:
        return
    recent = sorted(order.at for order in sent if order.at > now - MINUTE)
    over = len(recent) + orders - most
    if over <= 0:
        return
    if orders > most:
        raise BrokerError(
            "RISK_ORDER_RATE",
            f"{orders} orders at once are more than the {most} of a minute",
            retryable=False,
            user_action="Send fewer legs, or raise limits.max_orders_per_minute in the configuration.",
        )
    wait = max((recent[over - 1] + MINUTE - now).total_seconds(), 0.0)
    raise BrokerError(
        "RISK_ORDER_RATE",
        f"{len(recent)} orders were sent within the last minute, the limit is {most}",
        user_action=f"Wait {wait:.0f} s, or raise limits.max_orders_per_minute in the configuration.",
        details={"retry_after_s": round(wait, 1)},
    )


def check_day(value: Decimal, sent: Iterable[SentOrder], now: datetime, limits: Limits) -> None:
    """Raise BrokerError RISK_DAY_VALUE when `value` more is too much for a day."""
    most = limits.max_day_value
    if most is None:
        return
    begun = day_begins(now)
    before = value_of(order for order in sent if order.at >= begun)
    if before + value > most:
        left = max(most - before, Decimal(0))
        raise BrokerError(
            "RISK_DAY_VALUE",
            f"orders of {before:,.2f} were sent today; {value:,.2f} more is above the limit of {most:,.2f}",
            details={"sent": plain(before), "left": plain(left)},
        )


def check_duplicate(proposal: Proposal, orders: Iterable[Order], now: datetime, limits: Limits) -> None:
    """Raise BrokerError RISK_DUPLICATE when the same order was sent a moment ago, and was not refused or cancelled."""
    window = limits.duplicate_window_s
    if window <= 0:
        return
    first = proposal.legs[0]
    for order in orders:
        if not order.coid or order.placed_at is None or order.state in _OVER or not _same(first, order):
            continue
        age = (now - order.placed_at).total_seconds()
        if abs(age) < window:  # a clock that was set back makes an age negative
            wait = window - age
            raise BrokerError(
                "RISK_DUPLICATE",
                f"the same order was sent {abs(age):.1f} s ago and is {order.state.value}",
                user_action=f"If it is meant, wait {wait:.0f} s; limits.duplicate_window_s sets it.",
                details={"coid": order.coid, "retry_after_s": round(wait, 1)},
            )


def unusual_size(leg: Leg, usual: Decimal | None) -> str:
    """A warning when the quantity is far above the usual one of this instrument."""
    if usual is None or leg.ticket.qty < UNUSUAL * usual:
        return ""
    return (
        f"{plain(leg.ticket.qty)} is {leg.ticket.qty / usual:.0f} times the usual quantity of "
        f"{leg.instrument.description}, {plain(usual)}"
    )


def _same(leg: Leg, order: Order) -> bool:
    ticket = leg.ticket
    mine = (
        leg.instrument.conid, ticket.side, ticket.qty, ticket.order_type.value, ticket.limit_price, ticket.stop_price,
        ticket.trail, leg.role,
    )  # fmt: skip
    return mine == (
        order.conid, order.side, order.qty, order.order_type, order.limit_price, order.stop_price, order.trail,
        order.role,
    )  # fmt: skip

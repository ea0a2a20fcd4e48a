"""How many units an amount of money buys, or may be lost with at the stop. Always rounded down to whole units."""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal
from enum import StrEnum


class SizeBy(StrEnum):
    """What a person gives to size an order."""

    QTY = "qty"
    MONEY = "money"
    RISK = "risk"


def quantity_for_money(money: Decimal, price: Decimal, multiplier: Decimal = Decimal(1)) -> Decimal:
    """The most whole units that `money` buys at `price`, both in the instrument's currency; 0 when not even one."""
    each = price * multiplier
    return (money / each).to_integral_value(ROUND_FLOOR) if each > 0 and money > 0 else Decimal(0)


def quantity_for_risk(risk: Decimal, entry: Decimal, stop: Decimal, multiplier: Decimal = Decimal(1)) -> Decimal:
    """The most whole units that lose no more than `risk` between `entry` and `stop`; 0 when one loses more."""
    each = abs(entry - stop) * multiplier
    return (risk / each).to_integral_value(ROUND_FLOOR) if each > 0 and risk > 0 else Decimal(0)


def money_between(qty: Decimal, first: Decimal, second: Decimal, multiplier: Decimal = Decimal(1)) -> Decimal:
    """What `qty` units gain when the price goes from `first` to `second`: negative for a fall."""
    return (second - first) * qty * multiplier


def reward_ratio(entry: Decimal, stop: Decimal, target: Decimal) -> Decimal | None:
    """R: what the target wins for each unit of money that the stop loses; None without a risk."""
    risk = abs(entry - stop)
    return abs(target - entry) / risk if risk > 0 else None

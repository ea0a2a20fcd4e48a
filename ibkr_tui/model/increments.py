"""Price increments of a contract: which prices may be sent, and with how many decimals prices are shown.

IBKR's `incrementRules` are steps: from `lower_edge` upward the increment holds (reference 4.2 and 4.7).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import Final

import msgspec


class IncrementStep(msgspec.Struct, frozen=True):
    """From the price `lower_edge` upward, prices are multiples of `increment`."""

    lower_edge: Decimal
    increment: Decimal


PENNY: Final = (IncrementStep(Decimal(0), Decimal("0.01")),)


def increment_at(steps: Sequence[IncrementStep], price: Decimal) -> Decimal:
    """The increment in force at `price` (its absolute value); a cent where the contract names none."""
    size = abs(price)
    found = Decimal("0.01")
    for step in sorted(steps, key=lambda s: s.lower_edge):
        if step.lower_edge <= size and step.increment > 0:
            found = step.increment
    return found


def is_on_increment(steps: Sequence[IncrementStep], price: Decimal) -> bool:
    """Whether `price` may be sent as it is."""
    return price % increment_at(steps, price) == 0


def nearest_prices(steps: Sequence[IncrementStep], price: Decimal) -> tuple[Decimal, Decimal]:
    """The allowed prices just below and just above `price` (equal when it is allowed)."""
    step = increment_at(steps, price)
    ratio = price / step
    return (
        ratio.to_integral_value(ROUND_FLOOR) * step,
        ratio.to_integral_value(ROUND_CEILING) * step,
    )


def round_price(steps: Sequence[IncrementStep], price: Decimal) -> Decimal:
    """The allowed price nearest to `price`."""
    step = increment_at(steps, price)
    return (price / step).to_integral_value(ROUND_HALF_EVEN) * step


def decimals(steps: Sequence[IncrementStep], price: Decimal) -> int:
    """How many decimals a price of this contract is shown with."""
    exponent = increment_at(steps, price).normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 2

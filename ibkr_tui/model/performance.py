"""How an account did over time, and what moved in one instrument."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import msgspec


class PerformancePoint(msgspec.Struct, frozen=True):
    """One day: net value at its end, and the time-weighted return since the beginning as a fraction (0.05 is 5 %)."""

    day: date
    nav: Decimal | None = None
    total_return: Decimal | None = None


class Performance(msgspec.Struct, frozen=True):
    """The days of `period`, oldest first, in the base currency (reference 4.2, pa/performance)."""

    account: str
    period: str
    currency: str
    points: tuple[PerformancePoint, ...]
    start_nav: Decimal | None = None


class Transaction(msgspec.Struct, frozen=True):
    """One booking in an instrument: a trade (`qty` signed), a dividend, a fee. The broker gives its day, no time."""

    day: date
    account: str
    conid: int
    kind: str
    text: str
    currency: str
    amount: Decimal
    qty: Decimal | None = None
    price: Decimal | None = None
    fx_rate: Decimal | None = None

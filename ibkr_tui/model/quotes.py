"""Quotes and bars: what a market data row knows, and how fresh it is."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec


class QuoteStatus(StrEnum):
    """How far a price may be believed. Only LIVE may be painted as live."""

    LIVE = "live"
    DELAYED = "delayed"
    FROZEN = "frozen"
    HALTED = "halted"
    STALE = "stale"
    NO_DATA = "no_data"


class Quote(msgspec.Struct, frozen=True):
    """The merged state of one instrument's market data.

    `changed_mono` is the monotonic second of the last change, for ages; `changed_at` the same in UTC, for people.
    `times` has the monotonic second of each value's own last change, by its name here. Greeks are the broker's, of
    options only; `implied_vol` is in percent: of the strike for an option, of thirty days for an underlying.
    """

    conid: int
    symbol: str
    description: str
    status: QuoteStatus
    last: Decimal | None = None
    bid: Decimal | None = None
    ask: Decimal | None = None
    last_size: Decimal | None = None
    bid_size: Decimal | None = None
    ask_size: Decimal | None = None
    change: Decimal | None = None
    change_pct: Decimal | None = None
    volume: Decimal | None = None
    open: Decimal | None = None
    high: Decimal | None = None
    low: Decimal | None = None
    close: Decimal | None = None
    availability: str = ""
    decimals: int = 2
    changed_at: datetime | None = None
    changed_mono: float | None = None
    problem: str = ""
    mark: Decimal | None = None
    implied_vol: Decimal | None = None
    delta: Decimal | None = None
    gamma: Decimal | None = None
    theta: Decimal | None = None
    vega: Decimal | None = None
    open_interest: Decimal | None = None
    halted: bool = False
    delayed: bool = False
    times: dict[str, float] = {}

    @property
    def mid(self) -> Decimal | None:
        """Half way between bid and ask, where both are known."""
        if self.bid is None or self.ask is None:
            return None
        return (self.bid + self.ask) / 2


class Bar(msgspec.Struct, frozen=True):
    """One bar of history; `at` is its beginning, `volume` in shares or contracts."""

    at: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal


class MarketHours(msgspec.Struct, frozen=True):
    """Whether a venue trades now, and when that changes.

    `opens` and `closes` are those of the regular session that is on, or of the next one; `is_half_day` says of that
    session that it is shorter than the usual one. `is_extended`: trading before or after the regular session is on.
    """

    venue: str
    is_open: bool
    timezone: str
    now: datetime
    next_change: datetime | None = None
    is_extended: bool = False
    opens: datetime | None = None
    closes: datetime | None = None
    is_half_day: bool = False

"""A book of depth: price levels with their sizes, bids falling and asks rising."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec

from ibkr_tui.model.quotes import QuoteStatus


class DepthLevel(msgspec.Struct, frozen=True):
    """One price and what stands there."""

    price: Decimal
    size: Decimal


class DepthBook(msgspec.Struct, frozen=True):
    """The best levels of an instrument. `status` and `problem` are as honest as a quote's; `changed_mono` is the core's
    monotonic time of the last change, in seconds."""

    conid: int
    symbol: str
    bids: tuple[DepthLevel, ...] = ()
    asks: tuple[DepthLevel, ...] = ()
    status: QuoteStatus = QuoteStatus.NO_DATA
    problem: str = ""
    at: datetime | None = None
    changed_mono: float | None = None

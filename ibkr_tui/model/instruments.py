"""What is traded: one listing of one contract, named by its conid."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from ibkr_tui.model.increments import PENNY, IncrementStep


class Instrument(msgspec.Struct, frozen=True):
    """One listing. `description` is what boards show: `AAPL`, `EUR.USD`, `ES DEC26`, `SPY 19JAN 500C`."""

    conid: int
    symbol: str
    description: str
    name: str
    sec_type: str
    exchange: str
    currency: str
    multiplier: Decimal = Decimal(1)
    increments: tuple[IncrementStep, ...] = PENNY


class Listing(msgspec.Struct, frozen=True):
    """One candidate of a symbol search."""

    conid: int
    symbol: str
    name: str
    sec_type: str
    exchange: str
    currency: str = ""
    is_us: bool = False
    preferred: bool = False

"""Option chains: one underlying, one expiry, calls and puts by strike. Prices and greeks are quotes of their conids."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import msgspec

from ibkr_tui.model.quotes import Quote


class OptionContract(msgspec.Struct, frozen=True):
    """One option. `description` is what boards show: `AAPL 15JAN27 190C`. `quote` only where it was asked for."""

    conid: int
    description: str
    right: str
    strike: Decimal
    expiry: date
    multiplier: Decimal = Decimal(100)
    trading_class: str = ""
    exchange: str = ""
    currency: str = ""
    quote: Quote | None = None


class ChainRow(msgspec.Struct, frozen=True):
    """One strike; a side that does not exist is None."""

    strike: Decimal
    call: OptionContract | None = None
    put: OptionContract | None = None


class OptionChain(msgspec.Struct, frozen=True):
    """A part of a chain, centred on `spot` or on the price that was asked for.

    `months` (`JAN27`, …) are all there are, `expiries` the days of `month`, `strikes` all strikes of `month`; `rows`
    are the strikes that were read, rising. `spot` is None when the underlying has no price: then `spot_problem` says
    why, and the rows stand around the middle strike. `problem` says what of the rows could not be read.
    """

    conid: int
    symbol: str
    months: tuple[str, ...]
    month: str
    expiries: tuple[date, ...]
    expiry: date
    strikes: tuple[Decimal, ...]
    rows: tuple[ChainRow, ...]
    spot: Decimal | None = None
    spot_problem: str = ""
    problem: str = ""

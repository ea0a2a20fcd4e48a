"""The tape: changes of last price and size as the stream showed them. Sampled: what happened between two frames is not
in it (reference 6, smd about every 500 ms)."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec


class Print(msgspec.Struct, frozen=True):
    """One observed change of the last trade. `tick` is 1 above the print before, -1 below, 0 at the same price;
    `size` is None where the broker did not say it."""

    conid: int
    symbol: str
    at: datetime
    price: Decimal
    size: Decimal | None = None
    tick: int = 0

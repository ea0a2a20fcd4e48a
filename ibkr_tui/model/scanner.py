"""What a market scanner found."""

from __future__ import annotations

import msgspec


class ScanRow(msgspec.Struct, frozen=True):
    """One instrument of a scan, best first. `value` is the figure that the scan ranks by, in the broker's words."""

    rank: int
    conid: int
    symbol: str
    name: str
    sec_type: str
    exchange: str
    value: str = ""
    column: str = ""

"""How boards name a contract: `AAPL`, `EUR.USD`, `ES DEC26`, `SPY 19JAN27 500C`."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from ibkr_tui.model.numbers import plain

_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_OPTIONS: Final = {"OPT", "FOP", "WAR"}


def contract_name(symbol: str, sec_type: str, expiry: str = "", strike: Decimal | None = None, right: str = "") -> str:
    """The short name of a contract; `expiry` is YYYYMMDD or YYYYMM (reference 4.2). What is unknown is left out."""
    month, day, year = _month(expiry), expiry[6:8] if len(expiry) == 8 else "", expiry[2:4]
    if sec_type in _OPTIONS and month and strike is not None and right[:1].upper() in {"C", "P"}:
        return f"{symbol} {day}{month}{year} {plain(strike)}{right[0].upper()}"
    if sec_type == "FUT" and month:
        return f"{symbol} {month}{year}"
    return symbol


def _month(expiry: str) -> str:
    if len(expiry) not in {6, 8} or not expiry.isascii() or not expiry.isdigit():
        return ""
    number = int(expiry[4:6])
    return _MONTHS[number - 1] if 1 <= number <= 12 else ""

"""Which market data fields are asked for, and what each is called here (reference 4.8)."""

from __future__ import annotations

from typing import Final

PRICES: Final = {
    "31": "last", "84": "bid", "86": "ask", "70": "high", "71": "low", "7295": "open", "7741": "close", "7635": "mark",
}  # fmt: skip
NUMBERS: Final = {"85": "ask_size", "88": "bid_size", "7059": "last_size", "82": "change", "83": "change_pct"}
VOLUMES: Final = ("7762", "87_raw", "87")
GREEKS: Final = {
    "7308": "delta", "7309": "gamma", "7310": "theta", "7311": "vega", "7633": "implied_vol", "7638": "open_interest",
}  # fmt: skip
UNDERLYING: Final = {"7283": "implied_vol"}
QUIET: Final = frozenset({"31", "84", "86", "7635"})
"""Prices of which IBKR says −1 or 0 when there is none."""
PERCENTAGES: Final = frozenset({"83", "7633", "7283"})
"""Numbers that may end in a per cent sign."""

FIELDS: Final = tuple(sorted({*PRICES, *NUMBERS, "7762", "87", "7296", "6509", "55"}, key=int))
"""What is asked for of every instrument."""

_OPTION_FIELDS: Final = (*FIELDS, *GREEKS)
_UNDERLYING_FIELDS: Final = (*FIELDS, *UNDERLYING)


def fields_of(sec_type: str) -> tuple[str, ...]:
    """The codes to ask for: options have greeks, what options are written on has its volatility."""
    if sec_type in {"OPT", "FOP", "WAR"}:
        return _OPTION_FIELDS
    return _UNDERLYING_FIELDS if sec_type in {"STK", "IND"} else FIELDS

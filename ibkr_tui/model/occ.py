"""OCC option symbols: `AAPL  270115C00190000`, padded or not, and what they name (W-21)."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from typing import Final

import msgspec

_OCC: Final = re.compile(r"([A-Z][A-Z0-9.]{0,5}) {0,5}([0-9]{2})([0-9]{2})([0-9]{2})([CP])([0-9]{8})")
MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


class OptionName(msgspec.Struct, frozen=True):
    """What an OCC symbol says. `right` is C or P."""

    root: str
    expiry: date
    right: str
    strike: Decimal

    @property
    def month(self) -> str:
        """The broker's word for its month: JAN27."""
        return month_word(self.expiry)


def month_word(day: date) -> str:
    """JAN27 for any day of January 2027."""
    return f"{MONTHS[day.month - 1]}{day:%y}"


def parse_occ(text: str) -> OptionName | None:
    """The option that `text` names; None when it is no OCC symbol, or names a day that does not exist."""
    match = _OCC.fullmatch(text.strip().upper())
    if match is None:
        return None
    root, year, month, day, right, strike = match.groups()
    try:
        expiry = date(2000 + int(year), int(month), int(day))
    except ValueError:
        return None
    return OptionName(root, expiry, right, Decimal(strike).scaleb(-3).normalize() + 0)


def occ_symbol(option: OptionName) -> str:
    """The padded symbol: root to six places, strike in thousandths to eight."""
    return f"{option.root:<6}{option.expiry:%y%m%d}{option.right}{int(option.strike * 1000):08d}"

"""Futures by symbol: `ES DEC26`, `ESZ6`, `ES 202612`, or `ES` where one contract is left (reference 4.7)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any, Final

import msgspec

from ibkr_tui.core.web.days import read_day
from ibkr_tui.model.occ import MONTHS

_CODES: Final = "FGHJKMNQUVXZ"
_LOCAL: Final = re.compile(rf"([A-Z0-9]{{1,6}}?)([{_CODES}])([0-9]{{1,2}})")
_NAMED: Final = re.compile(rf"([A-Z0-9]{{1,6}}) ({'|'.join(MONTHS)})([0-9]{{2}})")
_DATED: Final = re.compile(r"([A-Z0-9]{1,6}) (20[0-9]{2})(0[1-9]|1[0-2])([0-9]{2})?")


class FutureName(msgspec.Struct, frozen=True):
    """A future as a person names it. `year` of one digit is the next one that ends so; `day` 0 means any."""

    symbol: str
    month: int = 0
    year: int = 0
    day: int = 0
    is_short_year: bool = False

    def fits(self, expiry: date) -> bool:
        """Whether a contract that ends on `expiry` is meant."""
        if not self.month:
            return True
        year = expiry.year % 10 if self.is_short_year else expiry.year
        return (self.year, self.month) == (year, expiry.month) and self.day in {0, expiry.day}


class Future(msgspec.Struct, frozen=True):
    """One contract of `/trsrv/futures`."""

    conid: int
    symbol: str
    expiry: date


def parse_future(text: str) -> FutureName | None:
    """The future that `text` names with its month; None when it names none."""
    if (named := _NAMED.fullmatch(text)) is not None:
        return FutureName(named[1], MONTHS.index(named[2]) + 1, 2000 + int(named[3]))
    if (dated := _DATED.fullmatch(text)) is not None:
        return FutureName(dated[1], int(dated[3]), int(dated[2]), int(dated[4] or 0))
    local = _LOCAL.fullmatch(text)
    if local is None:
        return None
    is_short = len(local[3]) == 1
    year = int(local[3]) if is_short else 2000 + int(local[3])
    return FutureName(local[1], _CODES.index(local[2]) + 1, year, is_short_year=is_short)


def read_futures(symbol: str, answer: Mapping[str, Any], today: date) -> list[Future]:
    """The contracts that have not ended, the nearest first; rows that name no contract or no day are left out."""
    rows = answer.get(symbol)
    found = []
    for row in rows if isinstance(rows, list) else []:
        conid, expiry = (
            (row.get("conid"), read_day(row.get("expirationDate"))) if isinstance(row, Mapping) else (None, None)
        )
        if isinstance(conid, int) and conid > 0 and expiry is not None and expiry >= today:
            found.append(Future(conid, symbol, expiry))
    return sorted(found, key=lambda future: future.expiry)

"""A chain as lines from the lowest strike to the highest, with the money between two of them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Final

import msgspec

from ibkr_tui.model.chains import ChainRow, OptionChain, OptionContract
from ibkr_tui.model.numbers import plain
from ibkr_tui.model.text import clean

SPOT: Final = "spot"
CALL: Final = "call"
PUT: Final = "put"


class Lines(msgspec.Struct, frozen=True):
    """Keys from top to bottom: strikes as plain numbers, and `spot` where the price of the underlying stands."""

    keys: tuple[str, ...] = ()
    rows: dict[str, ChainRow] = {}
    spot: Decimal | None = None

    @property
    def money(self) -> str | None:
        """The strike nearest to the money; the middle one when the underlying has no price."""
        strikes = [key for key in self.keys if key != SPOT]
        if not strikes:
            return None
        if self.spot is None:
            return strikes[len(strikes) // 2]
        spot = self.spot
        return min(strikes, key=lambda key: abs(self.rows[key].strike - spot))

    def contract(self, key: str | None, side: str) -> OptionContract | None:
        """The call or the put of a line, if that exists."""
        row = self.rows.get(key) if key is not None else None
        if row is None:
            return None
        return row.call if side == CALL else row.put

    def conids(self, keys: Sequence[str]) -> set[int]:
        """Every contract of these lines."""
        found = (side for key in keys if (row := self.rows.get(key)) for side in (row.call, row.put))
        return {contract.conid for contract in found if contract is not None}


def lines(rows: Sequence[ChainRow], spot: Decimal | None) -> Lines:
    """The lines of a chain around a price of the underlying."""
    keys: list[str] = []
    found: dict[str, ChainRow] = {}
    for row in sorted(rows, key=lambda one: one.strike):
        if spot is not None and row.strike > spot and SPOT not in keys:
            keys.append(SPOT)
        key = plain(row.strike)
        keys.append(key)
        found[key] = row
    if keys and spot is not None and SPOT not in keys:
        keys.append(SPOT)
    return Lines(tuple(keys), found, spot)


def is_inside(strike: Decimal, side: str, spot: Decimal) -> bool:
    """Whether a contract is in the money."""
    return strike < spot if side == CALL else strike > spot


class Tab(msgspec.Struct, frozen=True):
    """A month, or a day of the month that is open. `is_open` is what the board shows."""

    label: str
    month: str
    day: date | None = None
    is_open: bool = False


def tabs(chain: OptionChain) -> list[Tab]:
    """Months in their order; in the place of the open one its days."""
    found: list[Tab] = []
    for month in chain.months:
        if month != chain.month or not chain.expiries:
            found.append(Tab(clean(month, limit=8), month, None, month == chain.month))
            continue
        for day in chain.expiries:
            found.append(Tab(f"{day.day} {clean(month, limit=8)}", month, day, day == chain.expiry))
    return found


def beside(chain: OptionChain, step: int) -> Tab | None:
    """The expiry `step` further on; None at the end."""
    found = tabs(chain)
    at = next((index for index, tab in enumerate(found) if tab.is_open), None)
    if at is None or not 0 <= at + step < len(found):
        return None
    return found[at + step]


def month_beside(chain: OptionChain, step: int) -> Tab | None:
    """The month `step` further on; None at the end."""
    if chain.month not in chain.months:
        return None
    at = chain.months.index(chain.month) + step
    return Tab(chain.months[at], chain.months[at]) if 0 <= at < len(chain.months) else None


def days_left(expiry: date, today: date) -> str:
    """`55 days`, `1 day`, `today`, `expired`."""
    days = (expiry - today).days
    if days < 0:
        return "expired"
    return "today" if days == 0 else "1 day" if days == 1 else f"{days} days"

"""The course of the day's profit and loss, as far as this app has heard it: the broker gives the present value only."""

from __future__ import annotations

from collections import deque
from datetime import date, datetime
from decimal import Decimal
from typing import Final

import msgspec

EVERY_S: Final = 15.0
_MOST: Final = 2400
"""Ten hours of points."""


class Moment(msgspec.Struct, frozen=True):
    """The day's P&L at one time; None where it was not known."""

    at: datetime
    daily: Decimal | None


class DayCourse:
    """One point every fifteen seconds; the last one follows. Another account or another day begins anew."""

    def __init__(self) -> None:
        self._moments: deque[Moment] = deque(maxlen=_MOST)
        self._next = 0.0
        self._of: tuple[str, date] | None = None

    def sample(self, now: float, at: datetime, account: str, daily: Decimal | None) -> None:
        """Take a value in. `now` is monotonic, `at` the wall time in the zone whose day counts."""
        if self._of != (account, at.date()):
            self._of, self._next = (account, at.date()), 0.0
            self._moments.clear()
        if not self._moments and daily is None:
            return
        moment = Moment(at, daily)
        if not self._moments or now >= self._next:
            self._next = now + EVERY_S
            self._moments.append(moment)
        elif daily is not None:
            self._moments[-1] = moment

    @property
    def moments(self) -> list[Moment]:
        """The points, oldest first; the first has a value."""
        return list(self._moments)

    @property
    def span(self) -> tuple[Decimal, Decimal] | None:
        """The lowest and the highest value; None before there is one."""
        known = [moment.daily for moment in self._moments if moment.daily is not None]
        return (min(known), max(known)) if known else None

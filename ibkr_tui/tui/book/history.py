"""Performance over time as the app has read it: one reading a period, kept, because IBKR gives it rarely."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from ibkr_tui.model.clock import Clock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.performance import Performance, PerformancePoint
from ibkr_tui.model.text import clean
from ibkr_tui.tui import requests
from ibkr_tui.tui.feed import Feed

PERIODS: Final = ("7D", "MTD", "1M", "3M", "6M", "YTD", "12M")
_KEPT_S: Final = 900.0
"""IBKR answers this once in fifteen minutes (reference 5)."""
_SOONER_S: Final = 30.0


class _Reading(msgspec.Struct, frozen=True):
    """What came of one question: the answer or why there is none, and when to ask again (monotonic)."""

    performance: Performance | None
    problem: str
    again: float


class History:
    """`period` is the one that is shown; `as_value` shows net value instead of the return."""

    def __init__(self, feed: Feed, clock: Clock) -> None:
        self._feed = feed
        self._clock = clock
        self._read: dict[tuple[str, str], _Reading] = {}
        self._asking: set[tuple[str, str]] = set()
        self.period = "1M"
        self.as_value = False

    def of(self, account: str) -> Performance | None:
        """The performance of the period that is shown, if it was read."""
        reading = self._read.get((account, self.period))
        return reading.performance if reading is not None else None

    def problem(self, account: str) -> str:
        """Why there is none."""
        reading = self._read.get((account, self.period))
        return reading.problem if reading is not None else ""

    def is_due(self, account: str) -> bool:
        """Whether to ask for it now."""
        key = (account, self.period)
        if not account or not self._feed.is_live or key in self._asking:
            return False
        reading = self._read.get(key)
        return reading is None or self._clock.monotonic() >= reading.again

    async def read(self, account: str) -> None:
        """Ask for the period that is shown. A failure is kept beside what was read before."""
        key = (account, self.period)
        self._asking.add(key)
        try:
            found = await requests.performance(self._feed, self.period)
        except BrokerError as error:
            before = self._read.get(key)
            wait = _SOONER_S if error.retryable else _KEPT_S
            said = f"{clean(error.message)} ({error.code}). {error.user_action}".strip()
            kept = before.performance if before is not None else None
            self._read[key] = _Reading(kept, said, self._clock.monotonic() + wait)
        else:
            self._read[key] = _Reading(found, "", self._clock.monotonic() + _KEPT_S)
        finally:
            self._asking.discard(key)

    def move(self, step: int) -> bool:
        """The period before or after; whether there is one."""
        at = PERIODS.index(self.period) + step
        if not 0 <= at < len(PERIODS):
            return False
        self.period = PERIODS[at]
        return True


def shown_value(point: PerformancePoint, *, as_value: bool) -> Decimal | None:
    """The point's net value, or its return in percent since the beginning."""
    if as_value:
        return point.nav
    return point.total_return * 100 if point.total_return is not None else None

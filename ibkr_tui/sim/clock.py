"""Time: one small clock that everything asks, and the exchange's own time derived from it.

The simulator never calls ``time.time`` or ``asyncio.sleep`` anywhere else, so a test can run it on a fake clock.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from ibkr_tui.sim.hours import US_STOCKS

NEW_YORK = ZoneInfo("America/New_York")
START_HOUR = 10
HOUR_S = 3600


class Clock(Protocol):
    """What the simulator needs from time."""

    def now(self) -> float:
        """Wall-clock seconds since the epoch."""

    def monotonic(self) -> float:
        """Seconds that never go back."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class WallClock:
    """The machine's clock."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class ShiftedClock:
    """A clock that the control URL can make jump; ``monotonic`` follows forward jumps, so that lifetimes end too."""

    def __init__(self, base: Clock) -> None:
        self._base = base
        self._shift = 0.0
        self._forward = 0.0

    def now(self) -> float:
        return self._base.now() + self._shift

    def monotonic(self) -> float:
        return self._base.monotonic() + self._forward

    async def sleep(self, seconds: float) -> None:
        await self._base.sleep(seconds)

    def jump(self, seconds: float) -> None:
        """Move wall time by ``seconds`` at once."""
        self._shift += seconds
        self._forward += max(0.0, seconds)


class ExchangeTime:
    """The exchange's clock: wall time moved so that a fresh one starts on a trading day at 10 o'clock in New York.

    The offset is a whole number of hours, so bars fall on the same grid on both clocks, and a time zone can name it: a
    start is between 10:00:00 and 10:59:59. ``speed`` makes exchange time run faster than the wall.
    """

    def __init__(self, clock: Clock, speed: float = 1.0) -> None:
        self._clock = clock
        self._speed = speed
        self._wall0 = clock.now()
        self._exchange0 = _first_moment(self._wall0)

    def now(self) -> float:
        """Exchange seconds since the epoch."""
        return self.to_exchange(self._clock.now())

    def to_exchange(self, wall: float) -> float:
        return self._exchange0 + (wall - self._wall0) * self._speed

    def to_wall(self, exchange: float) -> float:
        """The wall moment at which the exchange's clock shows ``exchange``."""
        return self._wall0 + (exchange - self._exchange0) / self._speed

    def zone_name(self, zone: str) -> str:
        """The zone in which the wall's time reads as the exchange's own clock in ``zone`` does; else ``zone`` itself.

        A client that shows the exchange's local time shows 10:42 and an open market, not 23:42 and an open market.
        """
        exchange = datetime.fromtimestamp(self.now(), ZoneInfo(zone))
        ahead = exchange.replace(tzinfo=UTC).timestamp() - self._clock.now()
        hours = (round(ahead / HOUR_S) + 11) % 24 - 11
        if self._speed != 1 or abs(ahead / HOUR_S - round(ahead / HOUR_S)) * HOUR_S > 1:
            return zone
        return "Etc/UTC" if hours == 0 else f"Etc/GMT{-hours:+d}"

    def jump(self, seconds: float) -> None:
        """Move the exchange's clock alone; wall time, and with it OAuth, stays."""
        self._exchange0 += seconds

    @property
    def start(self) -> float:
        return self._exchange0


def _first_moment(wall: float) -> float:
    """10 o'clock in New York on the last trading day up to ``wall``, with the minutes and seconds of the wall clock."""
    day = datetime.fromtimestamp(wall, UTC).astimezone(NEW_YORK)
    while US_STOCKS.session(day.date()) is None:
        day -= timedelta(days=1)
    return day.replace(hour=START_HOUR, minute=0, second=0, microsecond=0).timestamp() + wall % HOUR_S

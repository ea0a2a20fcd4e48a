"""Time, injected: a `Clock` for wall time, durations and waiting, so that timing rules need no sleep in tests."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from functools import partial
from typing import Final, Protocol

_LASTS: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""The clock that goes on while the machine sleeps: on Linux CLOCK_MONOTONIC stands still then, on macOS it does not. A
price from before a night's sleep is a night old."""


class Clock(Protocol):
    """Wall time is aware UTC; durations are seconds of a clock that never goes back."""

    def now(self) -> datetime:
        """The wall clock, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds of the machine's clock, sleep included; comparable between processes of one machine."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait that long."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    monotonic = staticmethod(partial(time.clock_gettime, _LASTS))

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

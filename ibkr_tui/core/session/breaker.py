"""The circuit breaker of the login: after five failures in a row nobody knocks for a minute (requirement A-058)."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Final

from ibkr_tui.model.clock import Clock
from ibkr_tui.model.errors import BrokerError

FAILURES_ALLOWED: Final = 5
RESET_S: Final = 60.0


class Breaker:
    """Counts the logins that failed in a row. Once open it lets one try through each time its reset time has come."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures = 0
        self._open_until = 0.0
        self._opens_at: datetime | None = None

    @property
    def is_doubtful(self) -> bool:
        """It has been open and no login has worked since: the next one is a probe, and not repeated."""
        return self._failures >= FAILURES_ALLOWED

    @property
    def retry_in_s(self) -> int:
        """Seconds until the next login may be tried; 0 when it may."""
        return max(0, math.ceil(self._open_until - self._clock.monotonic())) if self.is_doubtful else 0

    def failed(self) -> None:
        """One more login failed."""
        self._failures += 1
        if self.is_doubtful:
            self._open_until = self._clock.monotonic() + RESET_S
            self._opens_at = self._clock.now() + timedelta(seconds=RESET_S)

    def succeeded(self) -> None:
        """A login worked."""
        self._failures = 0

    def error(self, cause: BrokerError) -> BrokerError:
        """`cause` with the time of the next try; `retry_in_s` and `retry_at` are in the details."""
        at = self._opens_at or self._clock.now()
        return BrokerError(
            cause.code,
            f"{cause.message}; the login failed {self._failures} times in a row, "
            f"the next attempt is at {at:%H:%M:%S} UTC",
            details=cause.details | {"retry_in_s": self.retry_in_s, "retry_at": at.isoformat()},
        )

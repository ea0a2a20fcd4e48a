"""The last minutes of the broker's latency, as a line of bars."""

from __future__ import annotations

from collections import deque
from typing import Final

BUCKET_S: Final = 5.0
KEPT: Final = 60
_BARS: Final = "▁▂▃▄▅▆▇█"
_NONE: Final = "·"
_LOW_MS: Final = 200.0
"""A bar is at full height at the slowest answer, but never below this: a quick line should look calm."""


class Latencies:
    """One value every five seconds, for five minutes; a moment without an answer is a gap."""

    def __init__(self) -> None:
        self._values: deque[float | None] = deque(maxlen=KEPT)
        self._next = 0.0

    def sample(self, now: float, latency_ms: float | None) -> None:
        """Take a value in; the slowest of a bucket counts. `now` is monotonic."""
        if now >= self._next or not self._values:
            self._next = now + BUCKET_S
            self._values.append(latency_ms)
        elif latency_ms is not None:
            self._values[-1] = max(latency_ms, self._values[-1] or 0.0)

    @property
    def worst(self) -> float | None:
        """The slowest answer of those kept."""
        return max((value for value in self._values if value is not None), default=None)

    def bars(self, width: int) -> str:
        """The newest values at the right of `width` cells; a dot where none is known."""
        shown = list(self._values)[-max(1, width) :]
        top = max([_LOW_MS, *(value or 0.0 for value in shown)])
        bars = (_NONE if value is None else _BARS[min(7, int(value / top * 7.99))] for value in shown)
        return "".join(bars).rjust(width, _NONE)[:width]

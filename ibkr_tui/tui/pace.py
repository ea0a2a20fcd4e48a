"""The frame rate follows the terminal: when its writer falls behind, frames become rarer.

The driver's writer queue holds 30 writes; a full one blocks the event loop (terminal facts, section 3).
"""

from __future__ import annotations

from typing import Final

_BUSY: Final = 4
_CLOGGED: Final = 12
_CALM_FRAMES: Final = 20


class Pace:
    """Decides, frame by frame, whether to paint. `normal_s` is the time from frame to frame of a quick terminal."""

    def __init__(self, normal_s: float) -> None:
        self._normal_s = normal_s
        self.period_s = normal_s
        self._calm = 0
        self._painted = float("-inf")

    def due(self, now: float, queued: int) -> bool:
        """Whether to paint now, with `queued` writes still waiting for the terminal."""
        if queued >= _CLOGGED:
            self.period_s, self._calm = 1.0, 0
        elif queued >= _BUSY:
            self.period_s, self._calm = max(self.period_s, 0.5), 0
        elif self.period_s > self._normal_s:
            self._calm += 1
            if self._calm >= _CALM_FRAMES:
                self.period_s, self._calm = (0.5 if self.period_s >= 1 else self._normal_s), 0
        if queued >= 2 * _CLOGGED or now - self._painted < self.period_s * 0.9:
            return False
        self._painted = now
        return True

    @property
    def is_slow(self) -> bool:
        """The terminal can't take every frame."""
        return self.period_s > self._normal_s

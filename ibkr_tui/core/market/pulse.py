"""How the stream beats: what any row must know of it before it may be called fresh (design 7, requirement A-104)."""

from __future__ import annotations

from typing import Final

from ibkr_tui.model.clock import Clock

LOST_AFTER: Final = 5.0
HEARTBEAT_WITHIN: Final = 25.0
RENEWED_WITHIN: Final = 660.0


class Pulse:
    """Heard, lost, or replaced by single snapshots. Times are monotonic seconds; `heard_at` is that of the last frame,
    heartbeat or snapshot."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.heard_at: float | None = None
        self.lost_at: float | None = clock.monotonic()
        self.is_polled = False

    def heard(self) -> None:
        """A frame or heartbeat came over a live stream."""
        self.heard_at = self._clock.monotonic()

    def connected(self) -> None:
        """The stream is there."""
        self.lost_at = None
        self.is_polled = False
        self.heard()

    def polled(self) -> None:
        """A snapshot came instead of a stream."""
        self.lost_at = None
        self.is_polled = True
        self.heard()

    def lost(self) -> None:
        """The stream is gone; five seconds later nothing that came over it is valid."""
        if self.lost_at is None:
            self.lost_at = self._clock.monotonic()

    def vouches(self, *, confirmed: bool, renewed: float) -> bool:
        """Whether a row is fresh: `confirmed` since its subscription was made, which was `renewed` at that time."""
        now = self._clock.monotonic()
        if self.lost_at is not None:
            return confirmed and now - self.lost_at <= LOST_AFTER
        heard = self.heard_at is not None and now - self.heard_at <= HEARTBEAT_WITHIN
        return confirmed and heard and now - renewed <= RENEWED_WITHIN

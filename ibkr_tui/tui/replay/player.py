"""Plays what was recorded by its times: faster or slower, paused, step by step. Quiet hours are passed over. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Generic, Protocol, TypeVar

SPEEDS: Final = (1, 2, 5, 10, 60, 600)
LONGEST_QUIET_S: Final = 2.0
"""Seconds that a person waits for the next row, however long the day was quiet."""


class Timed(Protocol):
    """Something with the moment it was recorded at."""

    @property
    def at(self) -> datetime: ...


Row = TypeVar("Row", bound=Timed)


class Player(Generic[Row]):
    """`rows` are in their sequence and at least one. `tick` gives what is due."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows
        self.at = 0
        self.is_playing = True
        self._speed = 0
        self.now: datetime = rows[0].at - timedelta(seconds=1)

    @property
    def speed(self) -> int:
        return SPEEDS[self._speed]

    @property
    def is_done(self) -> bool:
        """Every row was played."""
        return self.at >= len(self.rows)

    def tick(self, seconds: float) -> Sequence[Row]:
        """So many seconds have passed for the person who looks."""
        if not self.is_playing or self.is_done:
            return ()
        self.now += timedelta(seconds=seconds * self.speed)
        quiet = timedelta(seconds=LONGEST_QUIET_S * self.speed)
        self.now = max(self.now, self.rows[self.at].at - quiet)
        return self._due()

    def step(self) -> Sequence[Row]:
        """Pause, and go to the next row."""
        self.is_playing = False
        if self.is_done:
            return ()
        self.now = max(self.now, self.rows[self.at].at)
        return self._due()

    def toggle(self) -> None:
        """Pause, or play on; at the end there is nothing to play."""
        self.is_playing = not self.is_playing and not self.is_done

    def change_speed(self, steps: int) -> None:
        """Faster or slower."""
        self._speed = max(0, min(len(SPEEDS) - 1, self._speed + steps))

    def begin_again(self) -> None:
        """Back to the beginning of the day."""
        self.at, self.is_playing, self.now = 0, True, self.rows[0].at - timedelta(seconds=1)

    def _due(self) -> Sequence[Row]:
        begin = self.at
        while self.at < len(self.rows) and self.rows[self.at].at <= self.now:
            self.at += 1
        if self.is_done:
            self.is_playing = False
        return self.rows[begin : self.at]

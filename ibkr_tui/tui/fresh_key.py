"""Which key press may confirm: a fresh one, made by a person who has seen what is confirmed.

A paste without brackets and a held key both arrive as presses close together; a key held since before the preview
arrives again after the keyboard's repeat delay. None of them may send an order (faults R23, U3). The first character
of a paste looks like a press: so a press is acted on only when nothing has followed it at once.
"""

from __future__ import annotations

from collections import deque
from typing import Final

SEEN_S: Final = 0.3
QUIET_S: Final = 0.15
SETTLE_S: Final = 0.06
"""So long a confirming press is looked at before it counts: the rest of a paste comes within it."""
HELD_S: Final = 1.0
"""Longer than a keyboard waits before it repeats a held key."""


class FreshKey:
    """Judges presses against the time something was shown. All times are monotonic seconds."""

    def __init__(self) -> None:
        self._shown: float | None = None
        self._before: float | None = None
        self._newest: float | None = None
        self._pasted: float | None = None
        self._refused: float | None = None
        self._presses: deque[float] = deque(maxlen=8)

    def show(self, now: float) -> None:
        """What is to be confirmed is on the screen since `now`."""
        self._shown = now
        self._refused = None

    def hide(self) -> None:
        """Nothing is to be confirmed."""
        self._shown = None

    def pressed(self, now: float) -> None:
        """Any key was pressed; call it for each press, before `may_confirm`."""
        self._before, self._newest = self._newest, now
        self._presses.append(now)

    def pasted(self, now: float) -> None:
        """Text was pasted."""
        self._pasted = now

    def stood_alone(self, pressed: float) -> bool:
        """Whether nothing came at once after the press made then; ask it `SETTLE_S` later. A paste makes it wait."""
        close = [press for press in self._presses if pressed <= press < pressed + SETTLE_S]
        pasted = self._pasted is not None and self._pasted >= pressed
        if len(close) > 1 or pasted:
            self._refused = self._newest
            return False
        return True

    def may_confirm(self, now: float) -> bool:
        """Whether the press just made may confirm. A refused one makes the next wait out a key repeat."""
        shown = self._shown
        if shown is None:
            return False
        fresh = (
            now - shown >= SEEN_S
            and (self._before is None or now - self._before >= QUIET_S)
            and (self._pasted is None or now - self._pasted >= SEEN_S)
            and (self._refused is None or now - self._refused >= HELD_S)
        )
        if not fresh:
            self._refused = now
        return fresh

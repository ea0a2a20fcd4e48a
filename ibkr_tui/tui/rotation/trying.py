"""Keep trying: the test login again every ten minutes, because IBKR can take a day to activate a new key."""

from __future__ import annotations

from typing import Final

EVERY_S: Final = 600.0
HOPELESS: Final = frozenset({"IBKR_ACCESS_TOKEN_EXPIRED", "IBKR_AUTH_FAILED"})
"""Refusals that no waiting mends: another token has to be entered."""


class Trying:
    """When the next try is. `confirm` is the live profile's name as it was typed when the trying began."""

    def __init__(self) -> None:
        self.tries = 0
        self.confirm = ""
        self._next: float | None = None

    @property
    def is_on(self) -> bool:
        return self._next is not None

    def begin(self, now: float, confirm: str = "") -> None:
        """The first try is now. `now` is of the monotonic clock."""
        self.tries, self.confirm, self._next = 0, confirm, now

    def stop(self) -> None:
        """No more tries."""
        self._next, self.confirm = None, ""

    def is_due(self, now: float) -> bool:
        """Whether a try should begin now."""
        return self._next is not None and now >= self._next

    def tried(self, now: float) -> None:
        """A try has begun; the next is ten minutes later."""
        if self._next is not None:
            self.tries += 1
            self._next = now + EVERY_S

    def left(self, now: float) -> float:
        """Seconds to the next try."""
        return max(0.0, self._next - now) if self._next is not None else 0.0

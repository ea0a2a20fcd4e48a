"""Names that were met lately: a memory that weeks of trading do not fill."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from ibkr_tui.model.clock import Clock

DAY: Final = 86400.0


class Lately:
    """A set that forgets what was last added more than `seconds` ago, and the oldest of more than `most`.

    `is_kept` says of a name that would go whether it is still needed.
    """

    def __init__(
        self, clock: Clock, *, seconds: float, most: int, is_kept: Callable[[str], bool] = lambda name: False
    ) -> None:
        self._clock = clock
        self._seconds = seconds
        self._most = most
        self._added: OrderedDict[str, float] = OrderedDict()
        self.is_kept = is_kept

    def __len__(self) -> int:
        return len(self._added)

    def __contains__(self, name: str) -> bool:
        return name in self._added

    def add(self, name: str) -> None:
        """Remember `name`; it is the newest now."""
        now = self._clock.monotonic()
        self._added[name] = now
        self._added.move_to_end(name)
        for _ in range(len(self._added)):
            oldest, at = next(iter(self._added.items()))
            if now - at <= self._seconds and len(self._added) <= self._most:
                return
            del self._added[oldest]
            if self.is_kept(oldest):
                self._added[oldest] = now

    def discard(self, name: str) -> None:
        """Forget `name`."""
        self._added.pop(name, None)

"""The mode for slow lines (`low_bandwidth`, `--low-bandwidth`): what a line may carry, and what a picture has cost.

Paints wait until the bytes of those before have had their time on the line, so that no size of terminal and no storm
of prices makes it more. Keys are answered at once; what they paint is counted too.
"""

from __future__ import annotations

from typing import Final, cast

from textual import events
from textual.driver import Driver
from textual.widgets import Input

from ibkr_tui.tui.crash import FramesOnly
from ibkr_tui.tui.settings import UiSettings

BYTES_PER_S: Final = 3500
"""Of the 4 kB/s that design 12 allows; keys and questions take theirs from the rest."""
LONGEST_S: Final = 3.0
"""A whole new page costs more than this time; prices wait no longer for it."""


class ByteBudget:
    """When the next picture may be sent. All times are monotonic seconds."""

    def __init__(self, per_s: float = BYTES_PER_S) -> None:
        self._per_s = per_s
        self._sent = 0
        self._free_at = float("-inf")

    def is_free(self, now: float, sent: int) -> bool:
        """Whether the `sent` bytes of the app's life so far have had their time."""
        new, self._sent = sent - self._sent, sent
        if new > 0:
            self._free_at = min(max(self._free_at, now) + new / self._per_s, now + LONGEST_S)
        return now >= self._free_at


class Metered(Driver):
    """A driver that counts what it writes."""

    sent_bytes = 0


def metered(driver: type[Driver]) -> type[Driver]:
    """`driver` with a count of its bytes."""

    def write(self: Driver, data: str) -> None:
        cast(Metered, self).sent_bytes += len(data.encode())
        driver.write(self, data)

    return type(f"Metered{driver.__name__}", (driver,), {"write": write, "sent_bytes": 0})


class SparingApp(FramesOnly):
    """An app that can spare its line. It is what it always is while `settings.low_bandwidth` is off."""

    settings: UiSettings

    def take_settings(self, settings: UiSettings) -> None:
        """Before everything else of the app is made."""
        self.settings = settings
        self._budget = ByteBudget() if settings.low_bandwidth else None

    def line_is_free(self, now: float) -> bool:
        """Whether a picture may be sent now."""
        return self._budget is None or self._budget.is_free(now, getattr(self._driver, "sent_bytes", 0))

    def get_driver_class(self) -> type[Driver]:
        """On a slow line one that counts what it sends."""
        found = super().get_driver_class()
        return metered(found) if self.settings.low_bandwidth else found

    def on_mount(self) -> None:
        """Nothing glides on a slow line."""
        if self.settings.low_bandwidth:
            self.animation_level = "none"

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Nor does a cursor blink."""
        if self.settings.low_bandwidth and isinstance(event.widget, Input):
            event.widget.cursor_blink = False

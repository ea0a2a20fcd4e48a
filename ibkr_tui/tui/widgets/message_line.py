"""The line above the keys: the last event for ten seconds, or the sentence of a trouble for as long as it lasts."""

from __future__ import annotations

from rich.segment import Segment

from ibkr_tui.model.events import Event, Severity
from ibkr_tui.model.text import clean
from ibkr_tui.tui import figures
from ibkr_tui.tui.widgets.painted import Painted
from ibkr_tui.tui.widgets.spans import Row

_STAYS_S = 10.0


class MessageLine(Painted):
    """An event of a person's own doing is shown even while there is trouble; the trouble then comes back."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._event: Event | None = None
        self._until = 0.0

    def say(self, event: Event) -> None:
        """Show an event for ten seconds."""
        self._event = event
        self._until = self.state.clock.monotonic() + _STAYS_S
        self.paint()

    def unsay(self, words: str) -> None:
        """What these words said is over, if they still stand there."""
        if self._event is not None and self._event.text == words:
            self._event = None
            self.paint()

    def follow(self, other: MessageLine) -> None:
        """Go on with what the line of another page says."""
        self._event, self._until = other._event, other._until
        self.paint()

    def rows(self, width: int, height: int) -> list[Row]:
        palette = self.palette
        event = self._event if self.state.clock.monotonic() < self._until else None
        if not self.state.feed.is_live and self._until - _STAYS_S <= self.state.feed.link_since:
            event = None  # what happened before the link was lost is not the news
        if event is not None:
            style = {Severity.ERROR: palette.danger, Severity.WARNING: palette.warn}.get(event.severity, palette.text)
            mark = {Severity.ERROR: "✗ ", Severity.WARNING: "! "}.get(event.severity, "")
            clock = f" {self.state.clock_time(event.at)} "
            return [[Segment(clock, palette.muted), Segment(figures.left(mark + clean(event.text), width - 11), style)]]
        words, grave = self.state.trouble()
        if words:
            mark = "✗ " if grave else ""
            return [
                [
                    Segment(
                        " " + figures.left(mark + clean(words, limit=400), width - 2),
                        palette.danger if grave else palette.muted,
                    )
                ]
            ]
        return [[]]

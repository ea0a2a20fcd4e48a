"""The core's log in a pane: newest last, long lines wrapped, following what is written until a person scrolls up."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import Final

from rich.segment import Segment
from textual import events
from textual.content import Content

from ibkr_tui.model.core_log import LogLevel, LogRecord, LogTail
from ibkr_tui.model.text import clean
from ibkr_tui.tui import figures
from ibkr_tui.tui.health_facts import moment
from ibkr_tui.tui.widgets.painted import Painted
from ibkr_tui.tui.widgets.spans import Row

KEPT: Final = 1000
_LEVELS: Final = (LogLevel.INFO, LogLevel.WARNING, LogLevel.ERROR, LogLevel.DEBUG)
_NAMES: Final = {
    LogLevel.DEBUG: "everything",
    LogLevel.INFO: "info and above",
    LogLevel.WARNING: "warnings and errors",
    LogLevel.ERROR: "errors only",
}
_SIGNS: Final = {LogLevel.DEBUG: "·", LogLevel.INFO: " ", LogLevel.WARNING: "!", LogLevel.ERROR: "✗"}
_GAP: Final = "more was written than could be shown here; the file has it all"
_SOURCE: Final = 14
_SOURCE_FROM: Final = 100


class LogPane(Painted, can_focus=True):
    """Filled by its page: `take` adds what was read, `begin` starts anew. `problem` is why nothing more comes."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.level = LogLevel.INFO
        self.cursor = ""
        self.problem = ""
        self._records: list[LogRecord] = []
        self._lines: list[Row] = []
        self._loaded = False
        self._above = 0

    @property
    def follows(self) -> bool:
        """Whether the newest line is in view."""
        return self._above == 0

    def begin(self, level: LogLevel | None = None) -> None:
        """Forget what was read, for another level."""
        self.level = level or self.level
        self.cursor, self.problem = "", ""
        self._records.clear()
        self._lines = []
        self._loaded = False
        self._above = 0
        self._scroll(0)

    def next_level(self) -> LogLevel:
        """The level after this one."""
        return _LEVELS[(_LEVELS.index(self.level) + 1) % len(_LEVELS)]

    def take(self, tail: LogTail) -> None:
        """Add what was read. A place at which a person reads stays where it is."""
        self.problem = ""
        self.cursor = tail.cursor
        fresh = list(tail.records)
        if tail.cut and self._loaded and fresh:
            fresh.insert(0, LogRecord(fresh[0].at, LogLevel.WARNING, "", _GAP))
        self._loaded = True
        self._records += fresh
        added = self._rows_of(fresh)
        self._lines += added
        if len(self._records) > KEPT:
            del self._records[: len(self._records) - KEPT * 3 // 4]
            self._lines = self._rows_of(self._records)
        self._scroll(len(added) if self._above else 0)

    def fail(self, problem: str) -> None:
        """Reading failed; what was read stays."""
        self.problem = clean(problem, limit=300)
        self.paint()
        self._retitle()

    # lines

    def _rows_of(self, records: Sequence[LogRecord]) -> list[Row]:
        """Records as lines of this width."""
        width = self.content_size.width
        return [row for record in records for row in self._record(record, width)] if width else []

    def _record(self, record: LogRecord, width: int) -> Sequence[Row]:
        palette = self.palette
        ink = {LogLevel.ERROR: palette.danger, LogLevel.WARNING: palette.warn, LogLevel.DEBUG: palette.muted}.get(
            record.level, palette.text
        )
        head: Row = [
            Segment(f" {figures.left(moment(record.at, self.state.now()), 9)} ", palette.muted),
            Segment(_SIGNS[record.level] + " ", ink),
        ]
        if width >= _SOURCE_FROM:
            source = record.source.rpartition(".")[2]
            head.append(Segment(figures.left(source, _SOURCE) + " ", palette.muted))
        indent = sum(segment.cell_length for segment in head)
        room = max(10, width - indent - 1)
        texts = wrap(record.text, room) or [""]
        rows: list[Row] = [[*head, Segment(texts[0], ink)]]
        rows += [[Segment(" " * indent), Segment(text, ink)] for text in texts[1:]]
        rows += [[Segment(" " * indent), Segment(figures.left(line, room), palette.muted)] for line in record.details]
        return rows

    def rows(self, width: int, height: int) -> list[Row]:
        if not self._lines:
            return [[Segment(" " + figures.left(self._nothing(), width - 2), self.palette.muted)]]
        end = len(self._lines) - self._above
        return self._lines[max(0, end - height) : end]

    def _nothing(self) -> str:
        if self.problem:
            return self.problem
        if not self._loaded:
            return "Reading the log…"
        return f"Nothing of this level ({_NAMES[self.level]}) is in the log. f shows another."

    def _retitle(self) -> None:
        parts: list[str | tuple[str, str]] = ["Core log", (f" · {_NAMES[self.level]}", "$muted")]
        if self.problem:
            parts.append((f" · {self.problem}", "$warn"))
        elif not self.follows:
            parts.append((f" · {self._above} newer lines below, End follows", "$warn"))
        else:
            parts.append((" · follows", "$muted"))
        self.entitle(Content.assemble(*parts))

    # scrolling

    def _scroll(self, lines: int) -> None:
        most = max(0, len(self._lines) - self.content_size.height)
        self._above = max(0, min(most, self._above + lines))
        self.paint()
        self._retitle()

    def on_key(self, event: events.Key) -> None:
        page = max(1, self.content_size.height - 1)
        steps = {"up": 1, "down": -1, "pageup": page, "pagedown": -page, "home": KEPT * 100, "end": -KEPT * 100}
        if event.key in steps:
            self._scroll(steps[event.key])
            event.stop()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self._scroll(3)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self._scroll(-3)

    def repaint(self) -> None:
        """Another size wraps anew; another theme inks anew."""
        self._rows = []
        self._strips.clear()
        self._base = None
        self._lines = self._rows_of(self._records)
        self._scroll(0)
        self.refresh()

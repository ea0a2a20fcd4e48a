"""The details of a line: request, approval, answer, life. Long texts wrap; it scrolls by itself."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import Final

from rich.segment import Segment
from textual import events
from textual.content import Content

from ibkr_tui.model.text import clean
from ibkr_tui.tui import figures
from ibkr_tui.tui.activity.details import Line
from ibkr_tui.tui.widgets.activity_board import style_of
from ibkr_tui.tui.widgets.painted import Painted
from ibkr_tui.tui.widgets.spans import Row

_LABEL: Final = 9


class ActivityDetails(Painted):
    """Shows what it was last told; `note` is a sentence on top: that rows are being read, or why they can't be."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._title = ""
        self._lines: Sequence[Line] = ()
        self._note = ""
        self._top = 0

    def tell(self, title: str, lines: Sequence[Line], note: str = "", *, anew: bool = False) -> None:
        """These are the lines; `anew` begins at the first."""
        self._title, self._lines, self._note = title, lines, note
        if anew:
            self._top = 0
        self.scroll_by(0)

    def scroll_by(self, lines: int) -> None:
        """Scroll, not past the end."""
        width, height = self.content_size.width, self.content_size.height
        total = len(self._wrapped(width)) if width else 0
        self._top = max(0, min(self._top + lines, total - height))
        more = total - self._top - height
        hint = f"[ ] scroll · {more} more" if more > 0 else "[ back" if self._top else ""
        self.border_subtitle = Content(f"{hint} · Esc close" if hint else "Esc close")
        self.entitle(Content(figures.left(clean(self._title), max(8, width - 4)).rstrip()))
        self.paint()

    def rows(self, width: int, height: int) -> list[Row]:
        return self._wrapped(width)[self._top : self._top + height]

    def _wrapped(self, width: int) -> list[Row]:
        palette = self.palette
        rows: list[Row] = []
        if self._note:
            rows += [[Segment(" " + text, palette.warn)] for text in wrap(self._note, max(20, width - 2))]
        for line in self._lines:
            if line.is_heading:
                rows.append([Segment(" " + figures.left(line.label, width - 1), palette.accent)])
                continue
            texts = wrap(line.text, max(10, width - _LABEL - 3)) or [""]
            ink = style_of(palette, line.ink)
            rows.append([Segment("  " + figures.left(line.label, _LABEL), palette.muted), Segment(texts[0], ink)])
            rows += [[Segment(" " * (_LABEL + 2)), Segment(text, ink)] for text in texts[1:]]
        return rows

    def on_resize(self) -> None:
        super().on_resize()
        self.scroll_by(0)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.scroll_by(3)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.scroll_by(-3)

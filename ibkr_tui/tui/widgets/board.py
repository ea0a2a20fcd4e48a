"""A board: a header, rows by key, a cursor. It builds only rows that are visible and repaints only what differs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.content import Content
from textual.geometry import Region
from textual.message import Message

from ibkr_tui.tui import figures
from ibkr_tui.tui.widgets.painted import Painted
from ibkr_tui.tui.widgets.spans import Row, damage


class Board(Painted, can_focus=True):
    """The base of watchlist, positions and orders. Subclasses give the keys, the cells, and a sentence for nothing."""

    class Moved(Message):
        """The cursor stands on another row, or on none."""

        def __init__(self, board: Board) -> None:
            super().__init__()
            self.board = board

        @property
        def control(self) -> Board:
            return self.board

    HEADED = True

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.keys: list[str] = []
        self.cursor = 0
        self.top = 0
        self._at: dict[str, int] = {}

    # what a subclass says

    def header(self, width: int) -> Row:
        """The column heads."""
        return []

    def cells(self, key: str, width: int) -> Row:
        """One row, without its cursor."""
        return []

    def nothing(self) -> Sequence[str]:
        """What to say when there is no row."""
        return ()

    # rows and cursor

    @property
    def selected(self) -> str | None:
        """The key under the cursor."""
        return self.keys[self.cursor] if self.keys else None

    @property
    def capacity(self) -> int:
        """How many rows fit."""
        return max(1, self.content_size.height - (1 if self.HEADED else 0))

    def show(self, keys: Sequence[str]) -> None:
        """These rows, in this order; the cursor stays on its row if that is still there."""
        if list(keys) == self.keys:
            return
        before = self.selected
        self.keys = list(keys)
        self._at = {key: index for index, key in enumerate(self.keys)}
        wanted = self._at.get(before, self.cursor) if before is not None else self.cursor
        self.cursor = max(0, min(wanted, len(self.keys) - 1))
        self._keep_in_view()
        self.paint()
        if self.selected != before:
            self.post_message(self.Moved(self))

    def select(self, key: str) -> None:
        """Put the cursor on `key`."""
        if key in self._at:
            self.move_to(self._at[key])

    def move_to(self, index: int) -> None:
        """Put the cursor on a row by its number."""
        index = max(0, min(index, len(self.keys) - 1))
        if index == self.cursor:
            return
        self.cursor = index
        self._keep_in_view()
        self._strips.clear()
        self.paint()
        self.refresh()
        self.post_message(self.Moved(self))

    def move(self, rows: int) -> None:
        """Move the cursor by some rows."""
        self.move_to(self.cursor + rows)

    def _keep_in_view(self) -> None:
        top = min(self.top, self.cursor)
        top = max(top, self.cursor - self.capacity + 1)
        top = max(0, min(top, len(self.keys) - self.capacity))
        if top != self.top:
            self.top = top
            self._strips.clear()
        self._say_place()

    def _say_place(self) -> None:
        shown = min(self.capacity, len(self.keys))
        more = len(self.keys) > shown > 0
        words = f"{self.top + 1}–{self.top + shown} of {len(self.keys)}" if more else ""
        if str(self.border_subtitle or "") != words:
            self.border_subtitle = Content(words)

    # painting

    def rows(self, width: int, height: int) -> list[Row]:
        head = [self.header(width - 1)] if self.HEADED else []
        if not self.keys:
            says = [[Segment(" " + figures.left(line, width - 1), self.palette.muted)] for line in self.nothing()]
            return [*([] if says else head), *says]
        shown = self.keys[self.top : self.top + height - len(head)]
        return [*head, *(self._line(key, width) for key in shown)]

    def _line(self, key: str, width: int) -> Row:
        mark = "▸" if key == self.selected and self.has_focus else " "
        return [Segment(mark, self.palette.accent), *self.cells(key, width - 1)]

    def paint_keys(self, keys: Iterable[str]) -> None:
        """Repaint those of `keys` that are visible."""
        width = self.content_size.width
        head = 1 if self.HEADED else 0
        last = min(self.capacity, len(self._rows) - head)
        regions = []
        for key in keys:
            index = self._at.get(key)
            if index is None or not 0 <= index - self.top < last:
                continue
            y = head + index - self.top
            row = self._line(key, width)
            spot = damage(self._rows[y], row, width)
            if spot is not None:
                self._rows[y] = row
                self._strips.pop(y, None)
                regions.append(Region(spot[0], y, spot[1], 1))
        if regions:
            self.refresh(*regions)

    def visible_keys(self) -> list[str]:
        """The rows that can be seen now."""
        return self.keys[self.top : self.top + self.capacity]

    def line_base(self, y: int) -> Style:
        base = self.base
        if self.keys and y == self._cursor_line:
            return base + (self.palette.cursor if self.has_focus else self.palette.cursor_idle)
        return base

    @property
    def _cursor_line(self) -> int:
        return (1 if self.HEADED else 0) + self.cursor - self.top

    def _restyle_cursor(self) -> None:
        self._strips.pop(self._cursor_line, None)
        self.paint()
        self.refresh()

    # events

    def on_resize(self) -> None:
        self._keep_in_view()
        self.repaint()

    def watch_has_focus(self, focus: bool) -> None:
        super().watch_has_focus(focus)
        self._restyle_cursor()

    def on_key(self, event: events.Key) -> None:
        steps = {"up": -1, "down": 1, "pageup": -self.capacity, "pagedown": self.capacity}
        if event.key in steps:
            self.move(steps[event.key])
        elif event.key in {"home", "end"}:
            self.move_to(0 if event.key == "home" else len(self.keys) - 1)
        else:
            return
        event.stop()

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is not None and self.keys:
            row = offset.y - (1 if self.HEADED else 0)
            if 0 <= row < len(self.visible_keys()):
                self.move_to(self.top + row)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.move(1)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.move(-1)

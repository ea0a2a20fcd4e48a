"""A curve over time with its axis, above and below a base line in the colours of profit and loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from textwrap import wrap

import msgspec
from rich.segment import Segment
from rich.style import Style

from ibkr_tui.tui import figures
from ibkr_tui.tui.widgets import candles
from ibkr_tui.tui.widgets.braille import curve
from ibkr_tui.tui.widgets.painted import Painted
from ibkr_tui.tui.widgets.spans import Row


class Drawing(msgspec.Struct, frozen=True):
    """What to draw: values oldest first (None is a gap), the base line, and the labels under the first and the last.

    `shown` writes a value for the axis, at most ten cells wide; `decimals` is how fine its steps may be.
    """

    values: tuple[Decimal | None, ...]
    base: Decimal
    first: str
    last: str
    shown: Callable[[Decimal], str]
    decimals: int = 0


class LineChart(Painted):
    """Shows a drawing, or a sentence that says why there is none."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._drawing: Drawing | None = None
        self._says = ""

    def draw(self, drawing: Drawing) -> None:
        """This curve."""
        self._drawing, self._says = drawing, ""
        self.paint()

    def say(self, words: str) -> None:
        """No curve, and why."""
        self._drawing, self._says = None, words
        self.paint()

    def rows(self, width: int, height: int) -> list[Row]:
        drawing = self._drawing
        if drawing is None:
            lines = wrap(self._says, max(10, width - 2))
            return [[Segment(" " + figures.left(line, width - 1), self.palette.muted)] for line in lines[:height]]
        known = [value for value in drawing.values if value is not None]
        tall = height - 1
        if not known or tall < 2:
            return [[Segment(" too small for a chart", self.palette.muted)]]
        return self._picture(drawing, known, width, tall)

    def _picture(self, drawing: Drawing, known: Sequence[Decimal], width: int, tall: int) -> list[Row]:
        palette = self.palette
        low, high = min(*known, drawing.base), max(*known, drawing.base)
        if low == high:
            pad = Decimal(1).scaleb(-drawing.decimals)
            low, high = low - pad, high + pad
        scale = candles.Scale(low, high, tall)
        labels = {row: drawing.shown(value) for row, value in candles.price_ticks(scale, drawing.decimals).items()}
        last = scale.row(known[-1])
        labels[last] = drawing.shown(known[-1])
        axis = max(len(label) for label in labels.values()) + 2
        room = width - axis - 1
        if room < 8:
            return [[Segment(" too small for a chart", palette.muted)]]
        lines = curve(drawing.values, room, tall, low, high)
        ground = scale.row(drawing.base)
        rows: list[Row] = []
        for y, line in enumerate(lines):
            mark = "◂" if y == last else "┤" if y in labels else "│"
            ink = self._ink(known[-1] - drawing.base) if y == last else palette.muted
            label = Segment(figures.right(labels.get(y, ""), axis - 1), ink)
            rows.append(
                [Segment(" "), *self._line(line, y, ground, known[-1] - drawing.base), Segment(mark, ink), label]
            )
        gap = room - len(drawing.first) - len(drawing.last)
        under = drawing.first + " " * gap + drawing.last if gap >= 2 else figures.right(drawing.last, room)
        return [*rows, [Segment(" " + under, palette.muted)]]

    def _ink(self, profit: Decimal) -> Style:
        return self.palette.change(profit) if self.state.feed.is_live else self.palette.stale

    def _line(self, line: str, y: int, ground: int, profit: Decimal) -> list[Segment]:
        """One line of the curve; the base line is dotted behind it."""
        if y != ground:
            return [Segment(line, self._ink(Decimal(ground - y)))]
        cells: list[Segment] = []
        for char in line:
            shown, ink = ("┄", self.palette.muted) if char == " " else (char, self._ink(profit))
            if cells and cells[-1].style is ink:
                cells[-1] = Segment(cells[-1].text + shown, ink)
            else:
                cells.append(Segment(shown, ink))
        return cells

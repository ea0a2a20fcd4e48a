"""A course over time with its axis: an area above and below a base line, in the colours of profit and loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import groupby
from textwrap import wrap

import msgspec
from rich.segment import Segment
from rich.style import Style

from ibkr_tui.tui import figures
from ibkr_tui.tui.widgets import candles
from ibkr_tui.tui.widgets.area import Cell, Fill, area, ground
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
        """This course."""
        self._drawing, self._says = drawing, ""
        self.paint()

    def say(self, words: str) -> None:
        """No course, and why."""
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
        scale = ground(known, drawing.base, tall)
        wanted = candles.price_ticks(candles.Scale(scale.low, scale.high, tall), drawing.decimals).values()
        labels = {scale.row(value): drawing.shown(value) for value in wanted if scale.low <= value <= scale.high}
        profit = known[-1] - drawing.base
        last = scale.row(known[-1])
        labels[last] = drawing.shown(known[-1])
        axis = max(len(label) for label in labels.values()) + 2
        room = width - axis - 1
        if room < 8:
            return [[Segment(" too small for a chart", palette.muted)]]
        rows: list[Row] = []
        for y, line in enumerate(area(drawing.values, room, scale)):
            mark = "◂" if y == last else "┤" if y in labels else "│"
            ink = self._ink(profit) if y == last else palette.muted
            label = Segment(figures.right(labels.get(y, ""), axis - 1), ink)
            rows.append([Segment(" "), *self._line(line), Segment(mark, ink), label])
        gap = room - len(drawing.first) - len(drawing.last)
        under = drawing.first + " " * gap + drawing.last if gap >= 2 else figures.right(drawing.last, room)
        return [*rows, [Segment(" " + under, palette.muted)]]

    def _ink(self, profit: Decimal) -> Style:
        return self.palette.change(profit) if self.state.feed.is_live else self.palette.stale

    def _line(self, line: Sequence[Cell]) -> list[Segment]:
        """One line of the area, neighbours of one style in one run."""
        up, down = self._ink(Decimal(1)), self._ink(Decimal(-1))
        inks = {Fill.EMPTY: self.palette.muted, Fill.UP: up, Fill.DOWN: down, Fill.HUNG: down + Style(reverse=True)}
        return [
            Segment("".join(glyph for glyph, _ in run), inks[fill])
            for fill, run in groupby(line, key=lambda cell: cell[1])
        ]

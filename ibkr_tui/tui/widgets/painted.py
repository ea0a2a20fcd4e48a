"""Widgets that paint lines themselves and repaint only the cells that differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from rich.segment import Segment
from rich.style import Style
from textual.content import Content
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from ibkr_tui.tui.palette import Palette
from ibkr_tui.tui.widgets.spans import Row, damage

if TYPE_CHECKING:
    from ibkr_tui.tui.desk_state import DeskState


class DeskApp:
    """What a painting widget needs of its app."""

    palette: Palette
    state: DeskState


class Painted(Widget):
    """A widget of a few lines. A subclass says what stands in them in `rows`; `paint` compares and repaints."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._rows: list[Row] = []
        self._strips: dict[int, Strip] = {}
        self._bases: dict[int, Style] = {}
        self._base: Style | None = None

    @property
    def palette(self) -> Palette:
        """The roles of the theme in force."""
        return cast(DeskApp, self.app).palette

    @property
    def state(self) -> DeskState:
        """What the desk knows."""
        return cast(DeskApp, self.app).state

    def rows(self, width: int, height: int) -> list[Row]:
        """The lines as they should stand now."""
        return []

    def paint(self) -> None:
        """Bring the screen up to date; cells that look the same are not sent."""
        width, height = self.content_size.width, self.content_size.height
        if width <= 0 or height <= 0 or not self.is_attached:
            return
        fresh = self.rows(width, height)
        regions = []
        for y in range(height):
            old = self._rows[y] if y < len(self._rows) else []
            new = fresh[y] if y < len(fresh) else []
            base = self.line_base(y)
            # Another background, as where a cursor was or is, damages a line from end to end.
            spot = damage(old, new, width) if self._bases.get(y, base) == base else (0, width)
            self._bases[y] = base
            if spot is not None:
                self._strips.pop(y, None)
                regions.append(Region(spot[0], y, spot[1], 1))
        self._rows = fresh
        if regions:
            self.refresh(*regions)

    def entitle(self, title: Content) -> None:
        """Set the border's title and send that line alone; the toolkit's own setter repaints the whole widget."""
        if title != self._border_title:
            self._border_title = title
            self.refresh(Region(-1, -1, self.outer_size.width, 1))

    def repaint(self) -> None:
        """Everything anew: another size or another theme."""
        self._rows = []
        self._strips.clear()
        self._bases.clear()
        self._base = None
        self.paint()
        self.refresh()

    def on_mount(self) -> None:
        self.app.theme_changed_signal.subscribe(self, lambda _: self.repaint())

    def on_resize(self) -> None:
        self.repaint()

    def line_base(self, y: int) -> Style:
        """The style under line `y`: its background, and the colour of text without a role."""
        return self.base

    @property
    def base(self) -> Style:
        """The widget's own style; the toolkit computes it anew at each look, which is most of a line's cost."""
        if self._base is None:
            self._base = self.rich_style
        return self._base

    def render_line(self, y: int) -> Strip:
        width = self.content_size.width
        strip = self._strips.get(y)
        if strip is None:
            row = self._rows[y] if y < len(self._rows) else []
            strip = painted_strip(row, width, self.line_base(y))
            self._strips[y] = strip
        return strip


def painted_strip(row: Row, width: int, base: Style) -> Strip:
    """`row` on the background of `base`, exactly `width` cells, with neighbours of one style merged."""
    segments = [Segment(text, base + style if style else base) for text, style, _ in row if text]
    # Padding must have a style: a colourless terminal's filter fails on a segment without one.
    return Strip(segments).adjust_cell_length(width, base).simplify()

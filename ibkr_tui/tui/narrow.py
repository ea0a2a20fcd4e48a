"""What a partial update sends: the damaged cells of a line, not the line from its widget's left edge.

Textual 8.2.8's `ChopsUpdate.render_segments` crops a line at the right end of the damage only.
"""

from __future__ import annotations

from rich.console import Console
from rich.control import Control
from textual._compositor import ChopsUpdate, Compositor


class NarrowUpdate(ChopsUpdate):
    """As the toolkit's, cropped at both ends."""

    def render_segments(self, console: Console) -> str:
        sent: list[str] = []
        for y, x1, x2 in self.spans:
            for end, (x, strip) in zip(self.chop_ends[y], self.chops[y].items(), strict=False):
                if strip is None or x >= x2 or end <= x1:
                    continue
                first, last = max(x, x1), min(end, x2)
                piece = strip if (first, last) == (x, end) else strip.crop(first - x, last - x)
                sent += (Control.move_to(first, y).segment.text, piece.render(console))
        return "".join(sent)


class NarrowCompositor(Compositor):
    """Makes narrow updates."""

    def render_partial_update(self) -> ChopsUpdate | None:
        update = super().render_partial_update()
        return update and NarrowUpdate(update.chops, update.spans, update.chop_ends)

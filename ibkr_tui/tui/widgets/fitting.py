"""One line made of parts of unequal importance: what does not fit is dropped, the least important first."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from rich.segment import Segment

from ibkr_tui.tui.widgets.spans import Row


class Part(msgspec.Struct, frozen=True):
    """Runs of text that stay together. `rank` 0 is never dropped; the highest goes first.

    Of the parts that say the same at different lengths (`group`), the first that fits is shown; what room is left then
    goes to the longest form that has it.
    """

    row: tuple[Segment, ...]
    rank: int
    group: str = ""

    @property
    def width(self) -> int:
        return sum(segment.cell_length for segment in self.row)


def fit(parts: Iterable[Part], width: int, gap: int = 2) -> Row:
    """The parts that fit into `width` cells, in their order, `gap` cells apart."""
    everything = list(parts)
    kept: list[int] = []
    groups: set[str] = set()
    left = width
    for rank in sorted({part.rank for part in everything}):
        for index, part in enumerate(everything):
            if part.rank != rank or part.group in groups:
                continue
            cost = part.width + (gap if kept else 0)
            if cost <= left or rank == 0:
                kept.append(index)
                left -= cost
                if part.group:
                    groups.add(part.group)
    for place, index in enumerate(kept):
        longer = [
            other
            for other, part in enumerate(everything)
            if part.group and part.group == everything[index].group and 0 < part.width - everything[index].width <= left
        ]
        if longer:
            best = max(longer, key=lambda other: everything[other].width)
            left -= everything[best].width - everything[index].width
            kept[place] = best
    row: Row = []
    for index in sorted(kept):
        if row:
            row.append(Segment(" " * gap))
        row.extend(everything[index].row)
    return row

"""Rows of text runs, and which cells of a row differ from what is on the screen.

The terminal gets what a widget declares as damaged and nothing is compared later, so we compare here.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment

Row = list[Segment]


def damage(old: Sequence[Segment], new: Sequence[Segment], width: int) -> tuple[int, int] | None:
    """The first damaged cell and the number of damaged cells within `width`; None when both rows look the same."""
    if old == new:
        return None
    start = 0
    head = 0
    shorter = min(len(old), len(new))
    while head < shorter and old[head] == new[head]:
        start += new[head].cell_length
        head += 1
    tail = 0
    end_old, end_new = _length(old), _length(new)
    if end_old == end_new:
        while tail < shorter - head and old[-1 - tail] == new[-1 - tail]:
            end_new -= new[-1 - tail].cell_length
            tail += 1
    else:
        end_new = max(end_old, end_new)
    end = min(width, end_new)
    return (start, end - start) if end > start else None


def _length(row: Sequence[Segment]) -> int:
    return sum(segment.cell_length for segment in row)

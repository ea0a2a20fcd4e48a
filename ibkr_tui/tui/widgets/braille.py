"""A curve in dots: two across and four down in each cell. Pure, from values to lines of characters."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

_EMPTY: Final = 0x2800
_DOTS: Final = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))


def curve(values: Sequence[Decimal | None], width: int, height: int, low: Decimal, high: Decimal) -> list[str]:
    """`height` lines of `width` cells with the values, oldest at the left; None is a gap.

    More values than dots are thinned to the last of each step; neighbours are joined, so a jump is a line.
    """
    cells = [[0] * width for _ in range(height)]
    across, down = width * 2, height * 4
    before: int | None = None
    for x, value in enumerate(_spread(values, across)):
        if value is None:
            before = None
            continue
        y = _dot(value, low, high, down)
        start = y if before is None else before + (1 if y > before else -1 if y < before else 0)
        for dot in range(min(start, y), max(start, y) + 1):
            cells[dot // 4][x // 2] |= _DOTS[dot % 4][x % 2]
        before = y
    return ["".join(chr(_EMPTY + cell) if cell else " " for cell in line) for line in cells]


def _dot(value: Decimal, low: Decimal, high: Decimal, down: int) -> int:
    """The dot of a value from the top; what lies outside stands on the edge."""
    share = (high - value) / (high - low) if high > low else Decimal("0.5")
    return max(0, min(down - 1, int(share * down)))


def _spread(values: Sequence[Decimal | None], across: int) -> list[Decimal | None]:
    """One value for each dot across the whole width."""
    count = len(values)
    if not count or across <= 0:
        return []
    return [values[min(count - 1, (dot * count + count - 1) // across)] for dot in range(across)]

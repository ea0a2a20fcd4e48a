"""An area above and below a base line, to an eighth of a cell. Pure, from values to glyphs.

The edge is solid and what lies behind it light, so that the course is seen first. What hangs below the base line is
drawn with the same glyphs in reverse: block elements rise from the bottom only.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from enum import Enum
from typing import Final

import msgspec

_BLOCKS: Final = " ▁▂▃▄▅▆▇█"
_INSIDE: Final = "░"


class Fill(Enum):
    """What a cell is: nothing, a part above the base line, a part below it (`HUNG`: paint it in reverse)."""

    EMPTY = 0
    UP = 1
    DOWN = 2
    HUNG = 3


Cell = tuple[str, Fill]


class Ground(msgspec.Struct, frozen=True):
    """The scale: values from `low` to `high` on `height` cells; the base line runs `under` cells above the bottom."""

    low: Decimal
    high: Decimal
    base: Decimal
    height: int

    @property
    def under(self) -> int:
        """Cells below the base line. It runs between two cells, and one cell at least is left to a side in use."""
        if self.base <= self.low:
            return 0
        if self.base >= self.high:
            return self.height
        share = (self.base - self.low) / (self.high - self.low)
        return max(1, min(self.height - 1, round(share * self.height)))

    def eighths(self, value: Decimal) -> int:
        """How far a value is from the base line: positive above, negative below; never nothing for a difference."""
        above = value > self.base
        span, cells = (
            (self.high - self._floor, self.height - self.under) if above else (self._roof - self.low, self.under)
        )
        if value == self.base or span <= 0 or not cells:
            return 0
        near = self._floor if above else self._roof
        size = max(1, min(cells * 8, round(abs(value - near) / span * cells * 8)))
        return size if above else -size

    @property
    def _floor(self) -> Decimal:
        """Where the upper part begins: the base line, or the lowest value when the base is out of the picture."""
        return max(self.base, self.low)

    @property
    def _roof(self) -> Decimal:
        """Where the lower part begins."""
        return min(self.base, self.high)

    def row(self, value: Decimal) -> int:
        """The line of a value, 0 at the top."""
        eighths = self.eighths(value)
        up = (eighths - 1) // 8 if eighths > 0 else eighths // 8 if eighths < 0 else 0
        return max(0, min(self.height - 1, self.height - 1 - self.under - up))


def ground(values: Sequence[Decimal], base: Decimal, height: int) -> Ground:
    """The scale of some values. The base line is in the picture unless it is further away than the values spread."""
    low, high = min(values), max(values)
    spread = high - low
    if base < low and low - base <= spread:
        low = base
    elif base > high and base - high <= spread:
        high = base
    if low == high:
        pad = abs(high) / 100 or Decimal(1)
        low, high = (low - pad, high) if base > high else (low, high + pad)
    elif not low <= base <= high:
        pad = spread / 10
        low, high = (low, high + pad) if base > high else (low - pad, high)
    return Ground(low, high, base, height)


def area(values: Sequence[Decimal | None], width: int, scale: Ground) -> list[list[Cell]]:
    """The lines from top to bottom, the oldest value at the left; None is a gap.

    More values than cells are thinned to the last of each step.
    """
    lines: list[list[Cell]] = [[(" ", Fill.EMPTY)] * width for _ in range(scale.height)]
    for x, value in enumerate(_spread(values, width)):
        size = scale.eighths(value) if value is not None else 0
        base = scale.height - scale.under  # the first line below the base line
        steps = (abs(size) + 7) // 8
        for step in range(steps):
            part = abs(size) - step * 8
            is_edge = step == steps - 1
            if size > 0:
                lines[base - 1 - step][x] = (_BLOCKS[part] if is_edge else _INSIDE, Fill.UP)
            elif is_edge and part < 8:
                lines[base + step][x] = (_BLOCKS[8 - part], Fill.HUNG)
            else:
                lines[base + step][x] = ("█" if is_edge else _INSIDE, Fill.DOWN)
    return lines


def _spread(values: Sequence[Decimal | None], width: int) -> list[Decimal | None]:
    """One value for each cell across the whole width."""
    count = len(values)
    if not count or width <= 0:
        return []
    return [values[min(count - 1, (cell * count + count - 1) // width)] for cell in range(width)]

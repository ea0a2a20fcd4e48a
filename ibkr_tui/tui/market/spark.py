"""A sparkline: the last prices of an instrument as blocks, one a cell. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

_BLOCKS: Final = "▁▂▃▄▅▆▇█"


def spark(prices: Sequence[Decimal], width: int) -> str:
    """`prices`, oldest first, in exactly `width` cells; more are thinned, fewer stand at the right."""
    if not prices or width <= 0:
        return " " * max(0, width)
    shown = _thinned(prices, width)
    low, high = min(shown), max(shown)
    if low == high:
        return (_BLOCKS[3] * len(shown)).rjust(width)
    return "".join(_BLOCKS[int((price - low) / (high - low) * 7)] for price in shown).rjust(width)


def _thinned(prices: Sequence[Decimal], width: int) -> list[Decimal]:
    """Every price while they fit, else the last of each of `width` equal parts."""
    count = len(prices)
    if count <= width:
        return list(prices)
    return [prices[(cell + 1) * count // width - 1] for cell in range(width)]

"""Where the prices of an order stand against each other: the rows of its picture, top to bottom. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum

import msgspec


class Mark(StrEnum):
    """What a price is."""

    TARGET = "target"
    ENTRY = "entry"
    STOP = "stop"
    LIMIT = "limit"
    LAST = "last"
    BID = "bid"
    ASK = "ask"


class Level(msgspec.Struct, frozen=True):
    """A price with its mark; `words` stand behind it."""

    mark: Mark
    price: Decimal
    words: str = ""


class Placed(msgspec.Struct, frozen=True):
    """A row of the picture: a level, or the space between two (`above` and `below` are its neighbours)."""

    level: Level | None
    above: Mark | None = None
    below: Mark | None = None


_OWN = {Mark.TARGET, Mark.ENTRY, Mark.STOP, Mark.LIMIT}
_RANK = {Mark.TARGET: 0, Mark.ENTRY: 1, Mark.LIMIT: 1, Mark.STOP: 2, Mark.LAST: 3, Mark.ASK: 4, Mark.BID: 5}


def place(levels: Sequence[Level], height: int) -> list[Placed]:
    """`levels` on `height` rows, as true as rows allow; each has its own row, the least important are dropped first."""
    kept = sorted(levels, key=lambda level: _RANK[level.mark])[: max(height, 0)]
    kept.sort(key=lambda level: (-level.price, _RANK[level.mark]))
    if not kept:
        return []
    rows = _spread(kept, height)
    placed = [Placed(None)] * height
    for row, level in zip(rows, kept, strict=True):
        placed[row] = Placed(level)
    return [_between(placed, row) for row in range(height)]


def _spread(levels: Sequence[Level], height: int) -> list[int]:
    """A row for each level, strictly downward."""
    top, bottom = levels[0].price, levels[-1].price
    span = top - bottom
    wanted = [
        int((top - level.price) / span * (height - 1) + Decimal("0.5")) if span else at
        for at, level in enumerate(levels)
    ]
    rows: list[int] = []
    for at, row in enumerate(wanted):
        most = height - (len(levels) - at)
        least = rows[-1] + 1 if rows else 0
        rows.append(min(max(row, least), most))
    return rows


def _between(placed: Sequence[Placed], row: int) -> Placed:
    """An empty row knows which of the order's own prices it lies between."""
    own = placed[row].level
    if own is not None and own.mark in _OWN:
        return placed[row]
    above = next((p.level.mark for p in reversed(placed[:row]) if p.level and p.level.mark in _OWN), None)
    below = next((p.level.mark for p in placed[row + 1 :] if p.level and p.level.mark in _OWN), None)
    return Placed(own, above, below)

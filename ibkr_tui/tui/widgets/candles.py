"""Candles drawn in characters at half-cell resolution: pure, from bars to glyphs.

A cell has an upper and a lower half. Each half of a candle's column is empty, wick or body; the glyph says both.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from enum import IntEnum
from typing import Final

import msgspec

from ibkr_tui.model.quotes import Bar


class _Half(IntEnum):
    EMPTY = 0
    WICK = 1
    BODY = 2


_GLYPHS: Final = {
    (0, 0): " ",
    (0, 1): "╷",
    (0, 2): "╻",
    (1, 0): "╵",
    (1, 1): "│",
    (1, 2): "╽",
    (2, 0): "╹",
    (2, 1): "╿",
    (2, 2): "┃",
}
_BLOCKS: Final = " ▁▂▃▄▅▆▇█"


class Scale(msgspec.Struct, frozen=True):
    """Prices to half-cell rows: row 0 is the top half of the top cell."""

    low: Decimal
    high: Decimal
    height: int

    def half(self, price: Decimal) -> int:
        """The half-cell of a price, inside the picture."""
        halves = self.height * 2
        share = (self.high - price) / (self.high - self.low)
        return max(0, min(halves - 1, int(share * halves)))

    def row(self, price: Decimal) -> int:
        """The cell of a price."""
        return self.half(price) // 2


def scale_of(bars: Sequence[Bar], last: Decimal | None, height: int) -> Scale:
    """The scale that holds every bar and the last price."""
    low = min(bar.low for bar in bars)
    high = max(bar.high for bar in bars)
    if last is not None:
        low, high = min(low, last), max(high, last)
    if high == low:
        pad = abs(high) / 1000 or Decimal(1)
        low, high = low - pad, high + pad
    return Scale(low, high, max(1, height))


def column(bar: Bar, scale: Scale) -> list[str]:
    """A candle's glyphs from top to bottom."""
    top, bottom = scale.half(bar.high), scale.half(bar.low)
    body_top, body_bottom = scale.half(max(bar.open, bar.close)), scale.half(min(bar.open, bar.close))
    halves = [_Half.EMPTY] * (scale.height * 2)
    for half in range(top, bottom + 1):
        halves[half] = _Half.WICK
    for half in range(body_top, body_bottom + 1):
        halves[half] = _Half.BODY
    return [_GLYPHS[halves[2 * row], halves[2 * row + 1]] for row in range(scale.height)]


def price_ticks(scale: Scale, decimals: int) -> dict[int, Decimal]:
    """Round prices for the axis by row, about one in three rows."""
    wanted = max(1, scale.height // 3)
    step = _nice((scale.high - scale.low) / wanted, decimals)
    first = (scale.low / step).to_integral_value(ROUND_CEILING)
    last = (scale.high / step).to_integral_value(ROUND_FLOOR)
    ticks: dict[int, Decimal] = {}
    for number in range(int(first), int(last) + 1):
        ticks.setdefault(scale.row(number * step), number * step)
    return ticks


def _nice(step: Decimal, decimals: int) -> Decimal:
    """The next of 1, 2, 5 × a power of ten, never finer than the price is shown."""
    finest = Decimal(1).scaleb(-decimals)
    if step <= finest:
        return finest
    power = Decimal(1).scaleb(step.adjusted())
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= step)


def time_ticks(bars: Sequence[Bar], step: int, zone: tzinfo, every: int = 11) -> dict[int, str]:
    """Labels for the time axis by cell: clock times inside a day, dates across days."""
    ticks: dict[int, str] = {}
    spread = (bars[-1].at - bars[0].at).total_seconds()
    free = 0
    for index, bar in enumerate(bars):
        at = bar.at.astimezone(zone)
        cell = index * step
        if cell < free or not _is_round(bars, index, at, spread, zone):
            continue
        label = f"{at:%H:%M}" if spread < 172_800 else f"{at.day} {at:%b}"
        ticks[cell] = label
        free = cell + every
    return ticks


def _is_round(bars: Sequence[Bar], index: int, at: datetime, spread: float, zone: tzinfo) -> bool:
    if index == 0:
        return True
    if spread >= 172_800:
        return at.date() != bars[index - 1].at.astimezone(zone).date()
    return at.minute % (30 if spread > 14_400 else 10) == 0


def volume_blocks(bars: Sequence[Bar]) -> list[str]:
    """One block a bar, as high as its share of the largest volume."""
    most = max((bar.volume for bar in bars), default=Decimal(0))
    if most <= 0:
        return [" "] * len(bars)
    return [_BLOCKS[min(8, int(bar.volume / most * 8 + Decimal("0.5")))] for bar in bars]

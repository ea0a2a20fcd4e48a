"""The book behind a quote: up to ten price levels a side, moving with bid and ask.

A level keeps its size while the market moves past it and changes it now and then, so a ladder looks alive and two
readers of the same moment see the same book. Nothing is stored: a size follows from instrument, price and beat.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ibkr_tui.sim.text import price_text, size_text
from ibkr_tui.sim.walk import Walk

LEVELS = 10
THIN_LEVELS = 5
# What the control URL can make of a book.
STATES = ("normal", "empty", "one_sided", "crossed")
_BEAT = 8


@dataclass(frozen=True)
class Level:
    """One price of a side: ``price`` in ticks."""

    price: int
    size: int


@dataclass(frozen=True)
class Book:
    """Both sides, best price first."""

    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


def book_of(walk: Walk) -> Book:
    """The book at this moment; its best prices and sizes are those of the quote."""
    if walk.book_state == "empty":
        return Book((), ())
    bids = _side(walk, walk.bid, walk.bid_size, -1)
    asks = _side(walk, walk.ask, walk.ask_size, 1)
    if walk.book_state == "one_sided":
        return Book(bids, ())
    if walk.book_state == "crossed":
        shift = walk.ask - walk.bid + walk.grain
        return Book(tuple(Level(level.price + shift, level.size) for level in bids), asks)
    return Book(bids, asks)


def _side(walk: Walk, best: int, size: int, step: int) -> tuple[Level, ...]:
    count = THIN_LEVELS if walk.instrument.sec_type == "OPT" else LEVELS
    levels = [Level(best, size)]
    for depth in range(1, count):
        price = best + step * depth * walk.grain
        if price <= 0:
            break
        levels.append(Level(price, _size(walk, price, depth)))
    return tuple(levels)


def _size(walk: Walk, price: int, depth: int) -> int:
    """A size that depends on nothing but the instrument, the price and the beat its level is in."""
    beat = (walk.version + price) // _BEAT
    mixed = (walk.instrument.conid * 2_654_435_761 + price * 40_503 + beat * 97) & 0xFFFFFFFF
    mixed = ((mixed ^ (mixed >> 15)) * 2_246_822_519) & 0xFFFFFFFF
    mixed ^= mixed >> 13
    return walk.instrument.lot * (1 + mixed % 9 + depth // 2)


def ladder(walk: Walk) -> list[dict[str, Any]]:
    """The rows of a ``sbd`` frame, the highest price first (reference section 6).

    ``focus`` 1 is the last trade, its price written ``size @ price``; it has a row of its own when it lies between the
    sides, and shares the level's row when there is one.
    """
    book = book_of(walk)
    found: dict[int, dict[str, str]] = {}
    for level in book.asks:
        found.setdefault(level.price, {})["ask"] = size_text(level.size)
    for level in book.bids:
        found.setdefault(level.price, {})["bid"] = size_text(level.size)
    if found and min(found) < walk.last < max(found):
        found.setdefault(walk.last, {"bid": "", "ask": ""})
    decimals = walk.instrument.decimals
    rows: list[dict[str, Any]] = []
    for row, price in enumerate(sorted(found, reverse=True)):
        text = price_text(walk.price(price), decimals)
        focus = price == walk.last
        rows.append(
            {
                "row": row,
                "focus": int(focus),
                "price": f"{size_text(walk.last_size)} @ {text}" if focus else text,
                **found[price],
            }
        )
    return rows

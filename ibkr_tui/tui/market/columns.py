"""The columns that a watchlist board can show: what stands in each, how wide it is, how it sorts. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Final

import msgspec

from ibkr_tui.model.quotes import Quote
from ibkr_tui.tui import figures


class Ink(StrEnum):
    """Which role a cell is painted in."""

    PRICE = "price"
    CHANGE = "change"
    QUIET = "quiet"


Value = Decimal | str | None


class Column(msgspec.Struct, frozen=True):
    """One column. `cell` gives the text for a width, `value` what it sorts by; None sorts last.

    `watched` is the field whose change makes the cell bright for a frame.
    """

    id: str
    head: str
    label: str
    width: int
    ink: Ink
    cell: Callable[[Quote, int], str]
    value: Callable[[Quote], Value]
    watched: str = ""


def _price(id: str, head: str, label: str, *, quiet: bool = False) -> Column:
    return Column(
        id, head, label, 10, Ink.QUIET if quiet else Ink.PRICE,
        lambda quote, width: figures.fitted(getattr(quote, id), quote.decimals, width),
        lambda quote: getattr(quote, id),
        "" if quiet else id,
    )  # fmt: skip


def _size(id: str, head: str, label: str) -> Column:
    return Column(
        id, head, label, 6, Ink.QUIET,
        lambda quote, width: figures.compact(getattr(quote, id)),
        lambda quote: getattr(quote, id),
    )  # fmt: skip


def spread(quote: Quote) -> Decimal | None:
    """Ask minus bid; None without both."""
    return None if quote.bid is None or quote.ask is None else quote.ask - quote.bid


def in_range(quote: Quote) -> Decimal | None:
    """Where the last price stands between the day's low (0) and high (100)."""
    if quote.low is None or quote.high is None or quote.last is None or quote.high <= quote.low:
        return None
    return (quote.last - quote.low) / (quote.high - quote.low) * 100


def _place(share: Decimal | None) -> str:
    return figures.UNKNOWN if share is None else f"{share:.0f}%"


SPARK: Final = "spark"
COLUMNS: Final[dict[str, Column]] = {
    column.id: column
    for column in (
        _price("last", "Last", "Last price"),
        Column("change", "Chg", "Change since the close", 8, Ink.CHANGE,
               lambda quote, width: figures.fitted(quote.change, quote.decimals, width, sign=True),
               lambda quote: quote.change),
        Column("change_pct", "Chg%", "Change in per cent", 7, Ink.CHANGE,
               lambda quote, _: figures.percent(quote.change_pct), lambda quote: quote.change_pct),
        Column(SPARK, "Trend", "Sparkline of the day", 10, Ink.CHANGE,
               lambda quote, _: "", lambda quote: quote.change_pct),
        _price("bid", "Bid", "Best bid"),
        _price("ask", "Ask", "Best ask"),
        _size("bid_size", "BidSz", "Size at the bid"),
        _size("ask_size", "AskSz", "Size at the ask"),
        _size("last_size", "LastSz", "Last size"),
        Column("spread", "Spread", "Ask minus bid", 7, Ink.QUIET,
               lambda quote, width: figures.fitted(spread(quote), quote.decimals, width), spread),
        _size("volume", "Vol", "Volume of the day"),
        _price("open", "Open", "Opening price", quiet=True),
        _price("high", "High", "Day's high", quiet=True),
        _price("low", "Low", "Day's low", quiet=True),
        _price("close", "Close", "Previous close", quiet=True),
        Column("in_range", "Range%", "Place between low and high", 6, Ink.QUIET,
               lambda quote, _: _place(in_range(quote)), in_range),
    )
}  # fmt: skip
DEFAULT: Final = (
    "last", "change_pct", SPARK, "bid", "ask", "volume", "change", "bid_size", "ask_size", "high", "low"
)  # fmt: skip
SYMBOL: Final = "symbol"


class Layout(msgspec.Struct, frozen=True):
    """What fits: cells for the symbol and for the mark, and the columns with their widths."""

    symbol: int
    mark: int
    columns: tuple[tuple[Column, int], ...]


def layout(chosen: Sequence[str], width: int) -> Layout:
    """The chosen columns that fit `width` cells, the first ones first; prices narrow before a column goes."""
    mark = 7 if width < 96 else 25
    price = 8 if width < 60 else 9 if width < 90 else 10
    left = width - mark - 1 - 8
    fitting: list[tuple[Column, int]] = []
    for name in chosen:
        column = COLUMNS.get(name)
        if column is None:
            continue
        room = min(column.width, price) if column.width == 10 else column.width
        if column.id == SPARK and width < 60:
            room = 6
        if left < room + 1:
            break
        fitting.append((column, room))
        left -= room + 1
    return Layout(8 + min(left, 18), mark, tuple(fitting))


def arrange(keys: Sequence[str], quote_of: Callable[[str], Quote | None], by: str, *, falling: bool) -> list[str]:
    """`keys` sorted by a column; rows without a value keep their order at the end. No column: the list's own order."""
    column = COLUMNS.get(by)
    if by == SYMBOL:
        return sorted(keys, reverse=falling)
    if column is None:
        return list(keys)
    valued: list[tuple[Decimal, str]] = []
    rest: list[str] = []
    for key in keys:
        quote = quote_of(key)
        value = column.value(quote) if quote is not None else None
        if isinstance(value, Decimal):
            valued.append((value, key))
        else:
            rest.append(key)
    valued.sort(key=lambda pair: pair[0], reverse=falling)
    return [key for _, key in valued] + rest


def matches(words: str, *texts: str) -> bool:
    """Whether a filter lets a row through: every word is in one of its texts; a leading `!` keeps rows without it."""
    lowered = [text.casefold() for text in texts]
    for word in words.casefold().split():
        wanted = word.removeprefix("!")
        found = any(wanted in text for text in lowered)
        if wanted and found == word.startswith("!"):
            return False
    return True

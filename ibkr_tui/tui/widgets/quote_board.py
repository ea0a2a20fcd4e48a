"""The watchlist: one row a symbol, with the age of its price. A price that changed is bright for one frame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from functools import lru_cache

import msgspec
from rich.segment import Segment
from rich.style import Style

from ibkr_tui.model.quotes import Quote, QuoteStatus
from ibkr_tui.model.text import clean
from ibkr_tui.tui import figures
from ibkr_tui.tui.watchlist import WatchRow
from ibkr_tui.tui.widgets.board import Board
from ibkr_tui.tui.widgets.spans import Row

_PRICES = ("last", "bid", "ask")


class _Layout(msgspec.Struct, frozen=True):
    """Column widths for a board of some width; 0 leaves a column out."""

    symbol: int
    price: int
    change: int = 0
    volume: int = 0
    day: int = 0


@lru_cache(maxsize=64)
def _layout(width: int) -> _Layout:
    """The columns that fit: percent and age always, then wider prices, volume, the day's range, the change in money."""
    price = 8 if width < 56 else 9 if width < 90 else 10
    fixed = 3 * (price + 1) + 8 + 8
    volume = 6 if width >= fixed + 9 + 7 else 0
    rest = width - fixed - (volume + 1 if volume else 0)
    change = 8 if rest >= 10 + 9 else 0
    rest -= change + 1 if change else 0
    day = price if rest >= 10 + 2 * (price + 1) else 0
    rest -= 2 * (day + 1) if day else 0
    return _Layout(max(4, min(rest, 26)), price, change, volume, day)


class QuoteBoard(Board):
    """Keys are watchlist keys."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._seen: dict[str, Quote] = {}
        self._hot: set[str] = set()
        self.flashes = True

    def header(self, width: int) -> Row:
        at = _layout(width)
        words = figures.left("Symbol", at.symbol) + " " + figures.right("Last", at.price)
        if at.change:
            words += " " + figures.right("Chg", at.change)
        words += " " + figures.right("Chg%", 7)
        words += " " + figures.right("Bid", at.price) + " " + figures.right("Ask", at.price)
        if at.day:
            words += " " + figures.right("High", at.day) + " " + figures.right("Low", at.day)
        if at.volume:
            words += " " + figures.right("Vol", at.volume)
        return [Segment(" " + words + " " + figures.right("Age", 7), self.palette.muted)]

    def nothing(self) -> Sequence[str]:
        return ("The watchlist is empty.", "Press / and type a symbol.")

    def cells(self, key: str, width: int) -> Row:
        row = self.state.watchlist.rows.get(key)
        if row is None:
            return []
        quote = self.state.quote_of(row)
        at = _layout(width)
        if quote is None or self.state.status(quote) is QuoteStatus.NO_DATA:
            return self._no_data(row, quote, at, width)
        return self._prices(key, row, quote, at)

    def _prices(self, key: str, row: WatchRow, quote: Quote, at: _Layout) -> Row:
        palette = self.palette
        status = self.state.status(quote)
        live = status is QuoteStatus.LIVE
        seen = self._seen.get(key)
        hot = key in self._hot and seen is not None

        def ink(style: Style) -> Style:
            return style if live else palette.stale

        def price(name: str, style: Style) -> Segment:
            value: Decimal | None = getattr(quote, name)
            changed = hot and live and value != getattr(seen, name)
            text = " " + figures.right(figures.fitted(value, quote.decimals, at.price), at.price)
            return Segment(text, palette.bright if changed else ink(style))

        change = ink(palette.change(quote.change_pct))
        cells = [
            Segment(figures.left(quote.description or row.symbol, at.symbol), ink(palette.text)),
            price("last", palette.text),
        ]
        if at.change:
            text = figures.fitted(quote.change, quote.decimals, at.change, sign=True)
            cells.append(Segment(" " + figures.right(text, at.change), change))
        cells.append(Segment(" " + figures.right(figures.percent(quote.change_pct), 7), change))
        cells += [price("bid", palette.text), price("ask", palette.text)]
        if at.day:
            for value in (quote.high, quote.low):
                text = figures.right(figures.fitted(value, quote.decimals, at.day), at.day)
                cells.append(Segment(" " + text, ink(palette.muted)))
        if at.volume:
            text = figures.right(figures.compact(quote.volume), at.volume)
            cells.append(Segment(" " + text, ink(palette.muted)))
        word = self.state.mark_of(row).word or figures.age(self.state.age(quote))
        cells.append(Segment(" " + figures.right(word, 7), palette.status(status)))
        return cells

    def _no_data(self, row: WatchRow, quote: Quote | None, at: _Layout, width: int) -> Row:
        """The reason stands where the prices would."""
        palette = self.palette
        name = figures.left(row.symbol if quote is None else quote.description or row.symbol, at.symbol)
        refused = row.problem or self.state.refused.get(row.conid or 0, "")
        problem = refused or (quote.problem if quote is not None else "")
        if problem:
            room = width - at.symbol - 10
            words = Segment("  " + figures.left(figures.reason(clean(problem), room), room), palette.warn)
            return [Segment(name, palette.stale), words, Segment(" " + figures.right("NO DATA", 7), palette.warn)]
        dashes = " " + figures.right(figures.UNKNOWN, at.price)
        rest = width - at.symbol - len(dashes) - 8
        return [
            Segment(name, palette.stale),
            Segment(dashes, palette.stale),
            Segment(" " * rest, palette.stale),
            Segment(" " + figures.right("waiting" if quote is None else "NO DATA", 7), palette.muted),
        ]

    def frame(self, touched: Iterable[str], *, flashes: bool) -> None:
        """Paint the rows of `touched` bright where a price changed, and let those of the last frame settle."""
        settling, self._hot = self._hot, set()
        touched = set(touched)
        if flashes:
            visible = set(self.visible_keys())
            self._hot = {key for key in touched & visible if self._moved(key)}
        self.paint_keys(settling | touched)
        for key in touched:
            row = self.state.watchlist.rows.get(key)
            quote = self.state.quote_of(row) if row is not None else None
            if quote is not None:
                self._seen[key] = quote

    def _moved(self, key: str) -> bool:
        row = self.state.watchlist.rows.get(key)
        quote = self.state.quote_of(row) if row is not None else None
        seen = self._seen.get(key)
        return quote is not None and seen is not None and any(getattr(quote, p) != getattr(seen, p) for p in _PRICES)

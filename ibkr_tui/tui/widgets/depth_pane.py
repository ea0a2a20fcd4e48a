"""The depth of the selected instrument: asks above, bids below, the spread between; without depth, the best prices."""

from __future__ import annotations

from decimal import Decimal

from rich.segment import Segment
from rich.style import Style
from textual.content import Content

from ibkr_tui.model.depth import DepthBook, DepthLevel
from ibkr_tui.model.quotes import QuoteStatus
from ibkr_tui.model.text import clean
from ibkr_tui.tui import figures
from ibkr_tui.tui.widgets.inside_panel import InsidePanel, bar
from ibkr_tui.tui.widgets.spans import Row


class DepthPane(InsidePanel):
    """As many levels a side as fit. A book that is not live is dim and says why in the border."""

    def rows(self, width: int, height: int) -> list[Row]:
        book = self._book
        if book is None or height < 3:
            return super().rows(width, height)
        live = self._is_live(book)
        sides = max(1, (height - 1) // 2)
        asks, bids = book.asks[:sides], book.bids[:sides]
        most = max((level.size for level in (*asks, *bids)), default=Decimal(0))
        palette = self.palette
        gap: list[Row] = [[]] * (sides - len(asks))
        rows = gap + [self._level(level, most, width, palette.sell, live=live) for level in reversed(asks)]
        rows.append(self._between(book, width, live=live))
        rows += [self._level(level, most, width, palette.buy, live=live) for level in bids]
        return rows

    @property
    def _book(self) -> DepthBook | None:
        book = self.state.depth_of(self.state.chosen.conid)
        return book if book is not None and (book.bids or book.asks) else None

    def _is_live(self, book: DepthBook) -> bool:
        return book.status is QuoteStatus.LIVE and self.state.feed.is_live

    @property
    def _places(self) -> int:
        quote = self.state.quote(self.state.chosen.conid)
        return quote.decimals if quote is not None else 2

    def _level(self, level: DepthLevel, most: Decimal, width: int, ink: Style, *, live: bool) -> Row:
        palette = self.palette
        size_room, price_room = (6, 10) if width < 30 else (8, 12)
        room = max(0, width - size_room - price_room - 3)
        drawn = bar(level.size / most if most > 0 else Decimal(0), room)
        return [
            Segment(figures.right(figures.quantity(level.size), size_room), palette.text if live else palette.stale),
            Segment(figures.right(figures.fitted(level.price, self._places, price_room), price_room),
                    ink if live else palette.stale),
            Segment("  " + figures.left(drawn, room), ink if live else palette.stale),
        ]  # fmt: skip

    def _between(self, book: DepthBook, width: int, *, live: bool) -> Row:
        """The last price and the spread; a crossed book is said to be one."""
        palette = self.palette
        quote = self.state.quote(self.state.chosen.conid)
        size_room, price_room = (6, 10) if width < 30 else (8, 12)
        last = figures.fitted(quote.last if quote is not None else None, self._places, price_room)
        row = [
            Segment(" " + "─" * (size_room - 1), palette.stale),
            Segment(figures.right(last, price_room), palette.bright if live else palette.stale),
        ]
        room = width - size_room - price_room
        if book.bids and book.asks:
            spread = book.asks[0].price - book.bids[0].price
            amount = figures.number(spread, self._places)
            words = f"  spread {amount}" if room >= 9 + len(amount) else f" ±{amount}"
            style = palette.muted
            if spread <= 0:
                words, style = "  crossed" if spread < 0 else "  locked", palette.warn
            row.append(Segment(figures.left(words, room), style))
        return row

    def retitle(self) -> None:
        book = self._book
        if book is None:
            super().retitle()
            return
        parts: list[str | tuple[str, str]] = ["Depth"]
        if not self.state.feed.is_live:
            parts.append((" · STALE", "$warn"))
        elif book.status is not QuoteStatus.LIVE:
            parts.append((f" · {clean(book.problem) or str(book.status).upper()}", "$warn"))
        elif book.changed_mono is not None:
            age = max(0.0, self.state.feed.core_seconds - book.changed_mono)
            parts.append((f" · {figures.age(age)}", "$muted"))
        self.entitle(Content.assemble(*parts))

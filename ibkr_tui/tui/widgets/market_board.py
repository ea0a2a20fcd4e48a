"""The market board: the current watchlist in columns of one's own choice, sorted and filtered, a sparkline a row."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from textual.content import Content

from ibkr_tui.model.alerts import AlertState
from ibkr_tui.model.quotes import Quote, QuoteStatus
from ibkr_tui.model.text import clean
from ibkr_tui.tui import figures
from ibkr_tui.tui.market.columns import COLUMNS, SPARK, SYMBOL, Column, Ink, Layout, arrange, layout, matches
from ibkr_tui.tui.market.marks import Cause, Mark
from ibkr_tui.tui.market.samples import Trends
from ibkr_tui.tui.market.spark import spark
from ibkr_tui.tui.watchlist import WatchRow
from ibkr_tui.tui.widgets.quote_board import QuoteBoard
from ibkr_tui.tui.widgets.spans import Row


class MarketBoard(QuoteBoard):
    """Keys are watchlist keys. `words` is the filter."""

    def __init__(self, trends: Trends, *, id: str) -> None:
        super().__init__(id=id)
        self._trends = trends
        self.words = ""

    def sort_rows(self) -> None:
        """The rows that the filter lets through, in their order."""
        state = self.state
        rows = state.watchlist.rows
        keys = [key for key, row in rows.items() if not self.words or matches(self.words, *self._texts(row))]
        look = state.watchlists.look
        self.show(arrange(keys, lambda key: state.quote_of(rows[key]), look.sort, falling=look.falling))
        self.retitle()

    def _texts(self, row: WatchRow) -> tuple[str, ...]:
        quote = self.state.quote_of(row)
        mark = self.state.mark_of(row)
        named = self.state.instruments.get(row.conid or 0)
        texts = (row.symbol, mark.word, str(mark.cause), "live" if mark.is_live else "")
        return (
            *texts,
            quote.description if quote else "",
            named.name if named else "",
            named.sec_type if named else "",
        )

    def retitle(self) -> None:
        """Which list, how sorted, how filtered."""
        lists = self.state.watchlists
        at, of = lists.place
        parts: list[str | tuple[str, str]] = ["Watchlist · ", (lists.current.name, "bold")]
        if of > 1:
            parts.append((f" {at}/{of}", "$muted"))
        if lists.look.sort:
            head = "Symbol" if lists.look.sort == SYMBOL else COLUMNS[lists.look.sort].head
            parts.append((f" · {head} {'▼' if lists.look.falling else '▲'}", "$muted"))
        if self.words:
            hidden = len(lists.current.rows) - len(self.keys)
            parts.append((f" · “{self.words}” hides {hidden}", "$warn"))
        if armed := sum(alert.state is AlertState.ARMED for alert in self.state.feed.alerts.rows.values()):
            parts.append((f" · {armed} alert{'' if armed == 1 else 's'}", "$muted"))
        self.entitle(Content.assemble(*parts))
        self._say_place()

    def _say_place(self) -> None:
        """Which rows these are, and in full why the price under the cursor is not live."""
        shown = min(self.capacity, len(self.keys))
        words = f"{self.top + 1}–{self.top + shown} of {len(self.keys)}" if len(self.keys) > shown > 0 else ""
        row = self.state.watchlist.rows.get(self.selected or "")
        if row is not None and (why := self.state.mark_of(row).words):
            said = figures.reason(f"{row.symbol}: {clean(why, limit=200)}", max(0, self.size.width - 6))
            words = f"{said} · {words}" if words and len(said) + len(words) + 9 <= self.size.width else said
        if str(self.border_subtitle or "") != words:
            self.border_subtitle = Content(words)

    def nothing(self) -> Sequence[str]:
        if self.words and self.state.watchlist.rows:
            return (f"No row has “{self.words}”.", "f changes it; an empty one shows all.")
        return ("This list is empty.", "/ adds a symbol, or several: {AAPL,MSFT} or SP{Y,XL}.")

    # painting

    def _layout(self, width: int) -> Layout:
        return layout(self.state.watchlists.look.columns, width)

    def header(self, width: int) -> Row:
        at = self._layout(width)
        look = self.state.watchlists.look
        muted, accent = self.palette.muted, self.palette.accent
        row = [Segment(figures.left(" Symbol", at.symbol + 1), accent if look.sort == SYMBOL else muted)]
        for column, room in at.columns:
            ink = accent if column.id == look.sort else muted
            row.append(Segment(" " + figures.right(column.head, room), ink))
        rest = width - self._used(at)
        return [*row, Segment(" " * rest + figures.right("State" if at.mark > 7 else "Age", at.mark), muted)]

    def _used(self, at: Layout) -> int:
        return at.symbol + sum(room + 1 for _, room in at.columns) + at.mark

    def cells(self, key: str, width: int) -> Row:
        row = self.state.watchlist.rows.get(key)
        if row is None:
            return []
        at = self._layout(width)
        quote = self.state.quote_of(row)
        mark = self.state.mark_of(row)
        if quote is None or self.state.status(quote) is QuoteStatus.NO_DATA:
            return self._reason(row, quote, mark, at, width)
        live = mark.is_live or mark.word == "CLOSED"
        name = Segment(
            figures.left(quote.description or row.symbol, at.symbol), self._ink(self.palette.text, live=live)
        )
        cells = [self._cell(key, quote, column, room, live=live) for column, room in at.columns]
        rest = Segment(" " * (width - self._used(at)))
        return [name, *cells, rest, self._mark(quote, mark, at.mark)]

    def _ink(self, style: Style, *, live: bool) -> Style:
        return style if live else self.palette.stale

    def _cell(self, key: str, quote: Quote, column: Column, room: int, *, live: bool) -> Segment:
        palette = self.palette
        if column.id == SPARK:
            drawn = spark(self._trends.points(quote.conid), room)
            return Segment(" " + drawn, self._ink(palette.change(quote.change_pct), live=live))
        style = {
            Ink.PRICE: palette.text,
            Ink.CHANGE: palette.change(quote.change_pct),
            Ink.QUIET: palette.muted,
        }[column.ink]
        seen = self._seen.get(key)
        hot = live and bool(column.watched) and key in self._hot and seen is not None
        if hot and getattr(seen, column.watched) != getattr(quote, column.watched):
            style = palette.bright
        return Segment(" " + figures.right(column.cell(quote, room), room), self._ink(style, live=live))

    def _mark(self, quote: Quote | None, mark: Mark, room: int) -> Segment:
        palette = self.palette
        age = figures.age(self.state.age(quote))
        if mark.is_live:
            return Segment(figures.right(age, room), palette.muted)
        words = mark.word
        if room > 7 and mark.cause not in {Cause.NONE, Cause.WAITING, Cause.OTHER}:
            words = f"{mark.word} · {mark.cause}"
        style = palette.muted if mark.cause in {Cause.WAITING, Cause.MARKET_CLOSED} else palette.warn
        return Segment(figures.right(words, room), palette.danger if mark.cause is Cause.HALTED else style)

    def _reason(self, row: WatchRow, quote: Quote | None, mark: Mark, at: Layout, width: int) -> Row:
        """The reason stands where the prices would."""
        palette = self.palette
        name = figures.left(row.symbol if quote is None else quote.description or row.symbol, at.symbol)
        room = width - at.symbol - at.mark - 3
        waits = mark.cause is Cause.WAITING
        words = "" if waits and not row.problem else clean(mark.words, limit=200)
        told = Segment(
            "  " + figures.left(figures.reason(words, room), room) + " ", palette.muted if waits else palette.warn
        )
        return [Segment(name, palette.stale), told, self._mark(quote, mark, at.mark)]

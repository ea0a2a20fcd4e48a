"""The depth ladder: fixed price rows, sizes and sums, the last trade, own orders; a cursor that names a price."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import msgspec
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.content import Content
from textual.message import Message

from ibkr_tui.model.depth import DepthBook, DepthLevel
from ibkr_tui.model.increments import PENNY, IncrementStep, increment_at, round_price
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.orders import Order, Side
from ibkr_tui.model.quotes import Quote, QuoteStatus
from ibkr_tui.model.text import clean
from ibkr_tui.tui import figures
from ibkr_tui.tui.market.chart_marks import ALERT, alert_prices
from ibkr_tui.tui.market.ladder import Rung, above, below, mark_of, order_price, prices, rungs, top_for
from ibkr_tui.tui.widgets.inside_panel import bar
from ibkr_tui.tui.widgets.painted import Painted
from ibkr_tui.tui.widgets.spans import Row

GROUPS: Final = (1, 2, 5, 10, 25, 50, 100)
_WIDE: Final = 44


class Ladder(Painted, can_focus=True):
    """`price` is under the cursor and `rung` what stands there. While it `follows`, it moves when the market has."""

    class Moved(Message):
        """The cursor stands on another price."""

        def __init__(self, ladder: Ladder) -> None:
            super().__init__()
            self.ladder = ladder

        @property
        def control(self) -> Ladder:
            return self.ladder

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self.group = 1
        self.follows = True
        self.price: Decimal | None = None
        self._top: Decimal | None = None
        self._conid: int | None = None
        self._shown: list[Rung] = []
        self._alerts: set[Decimal | None] = set()
        self._order: tuple[str, Decimal] | None = None

    # what it shows

    @property
    def instrument(self) -> Instrument | None:
        """The chosen instrument with its increments, once the core has told them."""
        return self.state.instruments.get(self.state.chosen.conid or 0)

    @property
    def steps(self) -> tuple[IncrementStep, ...]:
        """The increments in force; before they are known, the finest decimal that prices are shown with."""
        known = self.instrument
        if known is not None:
            return known.increments
        quote = self.state.quote(self.state.chosen.conid)
        if quote is None:
            return PENNY
        return (IncrementStep(Decimal(0), Decimal(1).scaleb(-quote.decimals)),)

    @property
    def book(self) -> DepthBook | None:
        """The depth of the chosen instrument; without levels, the best prices stand in for it."""
        conid = self.state.chosen.conid
        book = self.state.depth_of(conid)
        if book is not None and (book.bids or book.asks):
            return book
        quote = self.state.quote(conid)
        if quote is None or self.state.status(quote) is QuoteStatus.NO_DATA:
            return book
        made = DepthBook(quote.conid, quote.symbol, _best(quote.bid, quote.bid_size), _best(quote.ask, quote.ask_size))
        problem = book.problem if book is not None else ""
        return msgspec.structs.replace(made, status=quote.status, problem=problem)

    @property
    def has_depth(self) -> bool:
        """Whether there is more than the best prices."""
        book = self.state.depth_of(self.state.chosen.conid)
        return book is not None and bool(book.bids or book.asks)

    @property
    def rung(self) -> Rung | None:
        """The row under the cursor."""
        return next((rung for rung in self._shown if rung.price == self.price), None)

    @property
    def count(self) -> int:
        """How many price rows fit."""
        return max(1, self.content_size.height - 1)

    # where it stands

    def follow(self) -> None:
        """Another instrument, or the market has left the middle of the rows."""
        conid = self.state.chosen.conid
        if conid != self._conid:
            self._conid, self.price, self._top, self.follows, self.group = conid, None, None, True, 1
        centre = self._centre()
        if centre is None:
            return
        if self._top is None or (self.follows and self._is_off(centre)):
            self._top = top_for(centre, self.count, self.steps, self.group)
        if self.price is None:
            self._stand(round_price(self.steps, centre))

    def _go_with_order(self, orders: Sequence[Order]) -> None:
        """The own order under the cursor has another price: the cursor goes with it."""
        if self._order is None:
            return
        key, before = self._order
        now = next((order_price(order) for order in orders if order.key == key), None)
        if now is not None and now != before:
            self._bring(now)

    def to_own(self) -> bool:
        """To the next own order down, from the last one to the first; False when there is none."""
        orders = [order for order in self.state.open_orders() if order.conid == self.state.chosen.conid]
        found = sorted({price for order in orders if (price := order_price(order)) is not None}, reverse=True)
        if not found:
            return False
        at = self.price
        self._bring(next((price for price in found if at is not None and price < at), found[0]))
        self._strips.clear()
        self.paint()
        self.refresh()
        return True

    def _bring(self, price: Decimal) -> None:
        """Stand on the row of `price`, in view; the rows then no longer move by themselves."""
        shown = prices(self._top, self.count, self.steps, self.group) if self._top is not None else []
        if not shown or not shown[-1] <= price <= shown[0]:
            self.follows = False
            self._top = top_for(price, self.count, self.steps, self.group)
            shown = prices(self._top, self.count, self.steps, self.group)
        self._stand(min(shown, key=lambda row: abs(row - price)))

    def _centre(self) -> Decimal | None:
        book = self.book
        if book is not None and book.bids and book.asks:
            return (book.bids[0].price + book.asks[0].price) / 2
        quote = self.state.quote(self.state.chosen.conid)
        if quote is None:
            return None
        return quote.last or quote.bid or quote.ask or quote.close

    def _is_off(self, centre: Decimal) -> bool:
        """The market is in the outer quarter: between here and there the rows stand still."""
        shown = prices(self._top or centre, self.count, self.steps, self.group)
        margin = len(shown) // 4
        return not shown[-1 - margin] <= centre <= shown[margin]

    def centre(self) -> None:
        """Back to the market, and with it from now on."""
        self.follows = True
        self._top = None
        centre = self._centre()
        if centre is not None:
            self._stand(round_price(self.steps, centre))
        self.follow()
        self.paint()

    def regroup(self, by: int) -> None:
        """Coarser or finer price rows."""
        at = max(0, min(len(GROUPS) - 1, GROUPS.index(self.group) + by))
        self.group = GROUPS[at]
        self.centre()

    def move(self, rows: int) -> None:
        """Move the cursor down by some rows; past the edge the rows move, and no longer by themselves."""
        if self.price is None or self._top is None:
            return
        step = below if rows > 0 else above
        price = self.price
        for _ in range(abs(rows) * self.group):
            moved = step(price, self.steps)
            if moved <= 0 and price > 0:
                break
            price = moved
        shown = prices(self._top, self.count, self.steps, self.group)
        while price > shown[0] or price < shown[-1]:
            self.follows = False
            for _ in range(self.group):
                self._top = above(self._top, self.steps) if price > shown[0] else below(self._top, self.steps)
            shown = prices(self._top, self.count, self.steps, self.group)
        self._stand(min(shown, key=lambda row: abs(row - price)))
        self._strips.clear()
        self.paint()
        self.refresh()

    def _stand(self, price: Decimal) -> None:
        if price != self.price:
            self._order = None
            self.price = price
            self.post_message(self.Moved(self))

    # painting

    def rows(self, width: int, height: int) -> list[Row]:
        self.follow()
        state, palette = self.state, self.palette
        if self._top is None:
            self._shown = []
            lines = figures.wrapped(self._nothing(), width - 2)
            return [[Segment(" " + figures.left(line, width - 1), palette.muted)] for line in lines[:height]]
        orders = [order for order in state.open_orders() if order.conid == self._conid]
        self._go_with_order(orders)
        shown = prices(self._top, self.count, self.steps, self.group)
        if self.price is not None and self.price not in shown:
            self._stand(min(shown, key=lambda row: abs(row - (self.price or row))))
        self._shown = rungs(shown, self.book, orders, self.steps)
        own = self.rung.orders if self.rung is not None else ()
        price = order_price(own[-1]) if own else None
        self._order = (own[-1].key, price) if price is not None else None
        most = max((rung.cum for rung in self._shown if rung.cum is not None), default=Decimal(0))
        at = _rooms(width, max(len(self._price_text(price)) for price in shown))
        quote = state.quote(self._conid)
        last = self._row_of_last(quote, shown)
        levels = alert_prices(state.feed.alerts.rows.values(), self._conid)
        self._alerts = {self._row_nearest(level, shown) for level in levels}
        return [
            self._head(at),
            *(self._line(rung, at, most, quote, is_last=rung.price == last) for rung in self._shown),
        ]

    def _nothing(self) -> str:
        state = self.state
        quote = state.quote(state.chosen.conid)
        if not state.chosen.symbol:
            return "Choose an instrument in the watchlist."
        if quote is not None and quote.problem:
            book = state.depth_of(quote.conid)
            depth = clean(book.problem) if book is not None and not book.bids and not book.asks else ""
            return f"No price: {clean(quote.problem)}." + (f" No ladder: {depth}." if depth else "")
        return "No price yet." if state.feed.is_live else "The ladder comes back with the core."

    def _price_text(self, price: Decimal) -> str:
        places = max(0, -int(increment_at(self.steps, price).normalize().as_tuple().exponent))
        return figures.number(price, places)

    def _row_of_last(self, quote: Quote | None, shown: list[Decimal]) -> Decimal | None:
        return self._row_nearest(quote.last, shown) if quote is not None and quote.last is not None else None

    @staticmethod
    def _row_nearest(price: Decimal, shown: list[Decimal]) -> Decimal | None:
        if not shown[-1] <= price <= shown[0]:
            return None
        return min(shown, key=lambda row: abs(row - price))

    def _head(self, at: _Rooms) -> Row:
        words = figures.right("my", at.my) + figures.right("bid", at.side) + " " + figures.right("price", at.price + 1)
        words += "   " + figures.left("ask", at.side - 1)
        words += figures.right("my", at.my) + figures.right("cum", at.cum) if at.cum else ""
        return [Segment(" " + words, self.palette.muted)]

    def _line(self, rung: Rung, at: _Rooms, most: Decimal, quote: Quote | None, *, is_last: bool) -> Row:
        palette = self.palette
        live = self._is_live
        mark = "▸" if rung.price == self.price and self.has_focus else " "
        row: Row = [Segment(mark, palette.accent)]
        row += self._own(rung.buying if at.cum else rung.orders, at.my)
        row += self._bid(rung, at.side, most, live=live)
        text = figures.right(self._price_text(rung.price), at.price)
        style = palette.bright if is_last and live else palette.text if live and self._touched(rung) else palette.muted
        row += [
            Segment("│", palette.stale),
            Segment(f" {text}", style if live else palette.stale),
            Segment("◂" if is_last else ALERT if rung.price in self._alerts else " ",
                    palette.accent if live else palette.stale),
            Segment("│", palette.stale),
        ]  # fmt: skip
        row += self._ask(rung, at.side, most, live=live, last=quote if is_last else None)
        if at.cum:
            row += self._own(rung.selling, at.my)
            cum = figures.compact(rung.cum) if rung.cum is not None else ""
            row.append(Segment(figures.right(cum, at.cum), palette.muted))
        return row

    @staticmethod
    def _touched(rung: Rung) -> bool:
        return rung.bid is not None or rung.ask is not None

    def _own(self, orders: tuple[Order, ...], room: int) -> list[Segment]:
        words = figures.right(mark_of(orders), room)
        if not orders:
            return [Segment(words, self.palette.muted)]
        style = self.palette.side(orders[0].side is Side.BUY)
        if words.lstrip().startswith("?"):
            style = self.palette.danger
        return [Segment(words, style if self.state.feed.is_live else self.palette.stale)]

    def _bid(self, rung: Rung, room: int, most: Decimal, *, live: bool) -> list[Segment]:
        if rung.bid is None:
            return [Segment(" " * room)]
        palette = self.palette
        size = figures.right(_amount(rung.bid), min(6, room))
        left = room - len(size)
        drawn = _bar_leftward(rung.cum, most, left - 1)
        return [
            Segment(size, palette.text if live else palette.stale),
            Segment(figures.right(drawn, left), palette.buy if live else palette.stale),
        ]

    def _ask(self, rung: Rung, room: int, most: Decimal, *, live: bool, last: Quote | None) -> list[Segment]:
        palette = self.palette
        if rung.ask is None:
            size = _amount(last.last_size) if last is not None and last.last_size else ""
            words = next((text for text in (f" last {size}", f"last {size}", f" {size}") if len(text) <= room), size)
            return [Segment(figures.left(words if size else "", room), palette.muted if live else palette.stale)]
        size = figures.right(_amount(rung.ask), min(6, room))
        left = room - len(size)
        drawn = " " + _bar(rung.cum, most, left - 1)
        return [
            Segment(size, palette.text if live else palette.stale),
            Segment(figures.left(drawn, left), palette.sell if live else palette.stale),
        ]

    @property
    def _is_live(self) -> bool:
        book = self.book
        return book is not None and book.status is QuoteStatus.LIVE and self.state.feed.is_live

    def retitle(self) -> None:
        """The instrument, the width of a row, whether it follows, and why it is not live."""
        state = self.state
        conid = state.chosen.conid
        quote = state.quote(conid)
        name = clean(quote.description if quote is not None else state.chosen.symbol)
        parts: list[str | tuple[str, str]] = ["Ladder ", (name, "bold")]
        if self._top is not None:
            width = increment_at(self.steps, self._top) * self.group
            held = "" if self.follows else "held · "
            parts.append((f" · {held}tick {figures.quantity(width)}", "$muted"))
        mark = state.mark(quote)
        if not mark.is_live:
            parts.append((f" · {mark.word}", "$warn"))
        self.entitle(Content.assemble(*parts))
        book = state.depth_of(conid)
        why = ""
        if not self.has_depth and self._top is not None:
            why = (
                f"best prices only: {clean(book.problem)}" if book is not None and book.problem else "best prices only"
            )
        elif self._top is not None and book is not None and book.status is not QuoteStatus.LIVE:
            why = clean(book.problem) or str(book.status)
        why = figures.reason(why, self.size.width - 6)
        if str(self.border_subtitle or "") != why:
            self.border_subtitle = Content(why)

    def line_base(self, y: int) -> Style:
        at = y - 1
        if 0 <= at < len(self._shown) and self._shown[at].price == self.price:
            return self.base + (self.palette.cursor if self.has_focus else self.palette.cursor_idle)
        return self.base

    # events

    def watch_has_focus(self, focus: bool) -> None:
        super().watch_has_focus(focus)
        self._strips.clear()
        self.paint()
        self.refresh()

    def on_resize(self) -> None:
        self._top = None if self.follows else self._top
        self.repaint()

    def on_key(self, event: events.Key) -> None:
        steps = {"up": -1, "down": 1, "pageup": -self.count, "pagedown": self.count}
        if event.key in steps:
            self.move(steps[event.key])
        elif event.key == "home":
            self.centre()
        else:
            return
        event.stop()

    def on_click(self, event: events.Click) -> None:
        offset = event.get_content_offset(self)
        if offset is not None and 0 < offset.y <= len(self._shown):
            self._stand(self._shown[offset.y - 1].price)
            self._strips.clear()
            self.paint()
            self.refresh()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.move(1)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.move(-1)


class _Rooms(msgspec.Struct, frozen=True):
    """Cells for own orders, a side, the price and the sum; no sum, and own orders of both sides in one column, where
    there is little room."""

    my: int
    side: int
    price: int
    cum: int


def _rooms(width: int, price: int) -> _Rooms:
    cum = 7 if width >= _WIDE else 0
    my = 6
    rest = width - 1 - my * (2 if cum else 1) - price - 4 - cum
    return _Rooms(my, max(5, rest // 2), price, cum)


def _best(price: Decimal | None, size: Decimal | None) -> tuple[DepthLevel, ...]:
    return () if price is None else (DepthLevel(price, size if size is not None else Decimal(0)),)


def _amount(size: Decimal) -> str:
    """`1,200` where it fits six cells, else `12.3K`."""
    whole = figures.quantity(size)
    return whole if len(whole) <= 5 else figures.compact(size)


def _bar(cum: Decimal | None, most: Decimal, room: int) -> str:
    return bar(cum / most, room).rstrip() if cum is not None and most > 0 and room > 0 else ""


def _bar_leftward(cum: Decimal | None, most: Decimal, room: int) -> str:
    """A bar that grows to the left, to half a cell: characters have no finer right-hand blocks."""
    if cum is None or most <= 0 or room <= 0:
        return ""
    halves = max(1, int(cum / most * room * 2))
    return "▐" * (halves % 2) + "█" * (halves // 2)

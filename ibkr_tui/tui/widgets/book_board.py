"""The book: positions at live prices, under each the orders that close it, with heads of groups where wanted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Final

import msgspec
from rich.segment import Segment
from rich.style import Style
from textual.content import Content

from ibkr_tui.model.orders import Order, OrderState, Side
from ibkr_tui.model.portfolio import Position
from ibkr_tui.model.quotes import QuoteStatus
from ibkr_tui.tui import figures
from ibkr_tui.tui.book.arrangement import GROUP, ORDER, Book, GroupBy, SortBy, View, Worth, arrange, covered
from ibkr_tui.tui.desk_state import WORDS, DeskState
from ibkr_tui.tui.feed import LinkState
from ibkr_tui.tui.widgets.board import Board
from ibkr_tui.tui.widgets.order_board import price_words
from ibkr_tui.tui.widgets.spans import Row

_QTY: Final = 7
_EACH_SECOND: Final = 500
"""So many positions are sorted anew each second; more wait longer, so that a large book stays smooth."""


class _Layout(msgspec.Struct, frozen=True):
    """Column widths; 0 leaves a column out."""

    name: int
    price: int = 9
    change: int = 0
    value: int = 0
    weight: int = 0
    exits: int = 0


@lru_cache(maxsize=32)
def _layout(width: int) -> _Layout:
    """Quantity, prices, P&L and age always; then what the exits cover, the value, its weight, the day's change."""
    price = 8 if width < 90 else 10
    fixed = _QTY + 2 * (price + 1) + 11 + 9 + 8
    rest = width - fixed - 12
    exits = 5 if rest >= 6 else 0
    rest -= exits + 1 if exits else 0
    value = 11 if rest >= 12 else 0
    rest -= value + 1 if value else 0
    weight = 7 if value and rest >= 8 else 0
    rest -= weight + 1 if weight else 0
    change = 7 if weight and rest >= 8 else 0
    rest -= change + 1 if change else 0
    return _Layout(12 + min(max(0, rest), 18), price, change, value, weight, exits)


def worth(state: DeskState, position: Position) -> Worth:
    """A position's value and open P&L, at the live price where there is one."""
    price, live = state.price_of(position)
    if not live:
        return Worth(position.market_value, position.unrealized_pnl)
    return Worth(price * position.qty * position.multiplier, state.open_pnl(position))


class BookBoard(Board):
    """Keys are those of a `Book`. `view` is how a person wants it."""

    def __init__(self, view: View, *, id: str) -> None:
        super().__init__(id=id)
        self.view = view
        self.book = Book()
        self._prices: dict[str, Decimal] = {}
        self._hot: set[str] = set()
        self._sorted_at = 0.0

    # what stands where

    def rearrange(self) -> None:
        """Bring the rows into the order that is wanted now."""
        state = self.state
        self._sorted_at = state.clock.monotonic()
        self.book = arrange(
            state.positions(), state.feed.orders.rows.values(), lambda row: worth(state, row), self.view
        )
        self.show(self.book.keys)

    def wear(self, view: View) -> None:
        """Another order or grouping."""
        self.view = view
        self.rearrange()
        self.repaint()

    def resort(self) -> None:
        """Prices have moved: a live order is made anew, once a second."""
        wait = 1 + len(self.keys) // _EACH_SECOND
        if self.view.sort.is_live and self.state.clock.monotonic() - self._sorted_at >= wait:
            self.rearrange()

    @property
    def selected_position(self) -> Position | None:
        """The position under the cursor, also from a row of one of its orders."""
        conid = self.book.position_of(self.selected)
        return self.state.feed.positions.rows.get(conid) if conid is not None else None

    @property
    def selected_order(self) -> Order | None:
        """The closing order under the cursor."""
        key = self.selected
        return self._order(key) if key is not None and key.startswith(ORDER) else None

    def visible_conids(self) -> set[int]:
        """The instruments whose rows can be seen."""
        found = (self.book.position_of(key) for key in self.visible_keys())
        return {int(conid) for conid in found if conid is not None}

    def _order(self, key: str) -> Order | None:
        return self.state.feed.orders.rows.get(key.removeprefix(ORDER))

    def frame(self, conids: Iterable[str], *, flashes: bool) -> None:
        """Paint what these prices touch; a price that changed is bright for one frame."""
        settling, self._hot = self._hot, set()
        touched = set(conids)
        for key in touched & set(self.visible_keys()):
            position = self.state.feed.positions.rows.get(key)
            price = self.state.price_of(position)[0] if position is not None else None
            if price is not None:
                if flashes and self._prices.get(key, price) != price:
                    self._hot.add(key)
                self._prices[key] = price
        rows = settling | self.book.rows_of(touched)
        if touched and len(self.keys) <= _EACH_SECOND:
            rows |= {GROUP + name for name in self.book.members}
        self.paint_keys(rows)

    # painting

    def header(self, width: int) -> Row:
        at = _layout(width)
        cells = [
            *self._head(SortBy.NAME, at.name, is_text=True),
            *self._head(SortBy.QTY, _QTY),
            Segment(" " + figures.right("Average", at.price), self.palette.muted),
            Segment(" " + figures.right("Price", at.price), self.palette.muted),
        ]
        if at.change:
            cells.append(Segment(" " + figures.right("Chg%", at.change), self.palette.muted))
        if at.value:
            cells += [Segment(" "), *self._head(SortBy.VALUE, at.value)]
        if at.weight:
            cells.append(Segment(" " + figures.right("of net", at.weight), self.palette.muted))
        cells += [Segment(" "), *self._head(SortBy.OPEN, 10), Segment(" "), *self._head(SortBy.SHARE, 8)]
        if at.exits:
            cells.append(Segment(" " + figures.right("Exits", at.exits), self.palette.muted))
        return [Segment(" "), *cells, Segment(" " + figures.right("Age", 7), self.palette.muted)]

    def _head(self, column: SortBy, width: int, *, is_text: bool = False) -> Row:
        mark, ink = "", self.palette.muted
        if column is self.view.sort:
            down = self.view.largest is not (column is SortBy.NAME)
            mark, ink = "▾" if down else "▴", self.palette.accent
        words = column.value + mark
        return [Segment(figures.left(words, width) if is_text else figures.right(words, width), ink)]

    def nothing(self) -> Sequence[str]:
        if self.state.feed.is_replay and not self.state.feed.positions.is_read:
            return ("The recording has no positions: it has orders, fills and the audit.",)
        feed = self.state.feed
        if feed.link is LinkState.STARTING:
            return ("Positions appear when the core is ready.",)
        if not feed.positions.is_read:
            return ("Reading the positions…",) if feed.is_live else ("Positions come back with the core.",)
        return ("No positions: the account holds no instrument.", "1 goes to the desk; b and s open a ticket there.")

    def cells(self, key: str, width: int) -> Row:
        if key.startswith(GROUP):
            return self._group(key.removeprefix(GROUP), width)
        if key.startswith(ORDER):
            return self._closer(key, width)
        return self._position(key, width)

    def _position(self, key: str, width: int) -> Row:
        position = self.state.feed.positions.rows.get(key)
        if position is None:
            return []
        palette, at = self.palette, _layout(width)
        trusted = self.state.feed.is_live
        price, live = self.state.price_of(position)
        quote = self.state.quote(position.conid)
        places = quote.decimals if quote is not None else 2
        now = worth(self.state, position)
        plain = palette.text if trusted else palette.stale
        colour = palette.change(now.open_pnl) if trusted else palette.stale
        bright = palette.bright if key in self._hot and live else plain if live else palette.stale
        cells = [
            Segment(figures.left(_shown_name(position), at.name), plain),
            Segment(figures.right(figures.signed_quantity(position.qty), _QTY), plain),
            Segment(" " + figures.right(figures.fitted(position.avg_price, places, at.price), at.price), palette.muted),
            Segment(" " + figures.right(figures.fitted(price, places, at.price), at.price), bright),
        ]
        if at.change:
            change = quote.change_pct if quote is not None else None
            ink = palette.change(change) if live else palette.stale
            cells.append(Segment(" " + figures.right(figures.percent(change), at.change), ink))
        if at.value:
            cells.append(Segment(" " + figures.right(figures.fitted(now.value, 0, at.value), at.value), palette.muted))
        if at.weight:
            cells.append(Segment(" " + figures.right(self._weight(position, now), at.weight), palette.muted))
        cells.append(Segment(" " + figures.right(figures.fitted(now.open_pnl, 2, 10, sign=True), 10), colour))
        cells.append(Segment(" " + figures.right(figures.percent(now.share), 8), colour))
        if at.exits:
            words, ink = self._exits(key, position)
            cells.append(Segment(" " + figures.right(words, at.exits), ink if trusted else palette.stale))
        word, ink = self._age(position)
        return [*cells, Segment(" " + figures.right(word, 7), ink)]

    def _weight(self, position: Position, now: Worth) -> str:
        """The value in percent of the account, where both are in one currency."""
        account, net = self.state.account, self.state.net
        if account is None or not net or position.currency != account.currency:
            return figures.UNKNOWN
        return figures.number(now.value / net * 100, 1) + "%"

    def _exits(self, key: str, position: Position) -> tuple[str, Style]:
        orders = [order for name in self.book.closers.get(key, ()) if (order := self._order(ORDER + name))]
        if not orders:
            return "none", self.palette.muted
        share = covered(position, orders) / abs(position.qty) * 100
        return figures.number(share, 0) + "%", self.palette.text

    def _age(self, position: Position) -> tuple[str, Style]:
        """How old the price is: of a quote, or `~` and the age of the broker's own valuation."""
        palette = self.palette
        if not self.state.feed.is_live:
            return WORDS[QuoteStatus.STALE], palette.warn
        quote = self.state.quote(position.conid)
        status = self.state.status(quote)
        if quote is not None and status not in {QuoteStatus.NO_DATA, QuoteStatus.LIVE}:
            return WORDS[status], palette.status(status)
        if quote is not None and quote.last is not None and status is QuoteStatus.LIVE:
            return figures.age(self.state.age(quote)), palette.muted
        if position.updated_at is None:
            return "~" + figures.UNKNOWN, palette.stale
        return "~" + figures.age((self.state.clock.now() - position.updated_at).total_seconds()), palette.stale

    def _closer(self, key: str, width: int) -> Row:
        """An order that closes the position above it."""
        order = self._order(key)
        if order is None:
            return []
        palette = self.palette
        trusted = self.state.feed.is_live
        quote = self.state.quote(order.conid)
        away = self.state.distance(order)
        ink = palette.side(order.side is Side.BUY) if trusted else palette.stale
        words = f"{figures.quantity(order.remaining)} {price_words(order, quote.decimals if quote is not None else 2)}"
        state = f"UNKNOWN{_since(self.state, order)}" if order.state is OrderState.UNKNOWN else str(order.state)
        style = palette.danger if order.state is OrderState.UNKNOWN else palette.accent if trusted else palette.stale
        part = f" {figures.quantity(order.filled)}/{figures.quantity(order.qty)}" if order.filled > 0 else ""
        distance = f"  {figures.percent(away)} away" if away is not None else ""
        role = f"  {order.role}" if order.role != "single" else ""
        return [
            Segment("  └ ", palette.muted),
            Segment(str(order.side).upper(), ink),
            Segment(f" {words} {order.tif.upper()}", palette.text if trusted else palette.stale),
            Segment(f"  {state}{part}", style),
            Segment(figures.left(f"{role}{distance}", max(0, width - 4 - 4 - 50)), palette.muted),
        ]

    def _group(self, name: str, width: int) -> Row:
        """A head: how many, and their open P&L where they share a currency."""
        palette = self.palette
        rows = [row for conid in self.book.members.get(name, ()) if (row := self.state.feed.positions.rows.get(conid))]
        count = "1 position" if len(rows) == 1 else f"{len(rows)} positions"
        currencies = {row.currency for row in rows}
        cells = [Segment(name, palette.bright), Segment(f"  {count}", palette.muted)]
        if len(currencies) != 1:
            return [*cells, Segment(f"  in {len(currencies)} currencies", palette.muted)]
        money = [worth(self.state, row) for row in rows]
        profit = sum((one.open_pnl for one in money), Decimal(0))
        value = sum((one.value for one in money), Decimal(0))
        ink = palette.change(profit) if self.state.feed.is_live else palette.stale
        return [
            *cells,
            Segment(f"  value {figures.number(value, 0)} {currencies.pop()}  open ", palette.muted),
            Segment(figures.signed(profit, 2), ink),
        ]

    def retitle(self) -> None:
        """How many, and how they stand."""
        rows = self.state.positions()
        parts: list[str | tuple[str, str]] = ["Positions"]
        if rows:
            shorts = sum(row.qty < 0 for row in rows)
            parts.append(f" · {len(rows)}" + (f", {shorts} short" if shorts else ""))
            if self.view.group is not GroupBy.NOTHING:
                parts.append((f" · by {self.view.group}", "$muted"))
        self.entitle(Content.assemble(*parts))


def _shown_name(position: Position) -> str:
    return " ".join((position.description or position.symbol).split())


def _since(state: DeskState, order: Order) -> str:
    at = order.placed_at or order.since
    return "" if at is None else " " + figures.countdown((state.clock.now() - at).total_seconds())

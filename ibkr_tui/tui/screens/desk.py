"""The Desk: watchlist, positions, orders; chart and best prices of the selected instrument."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content

from ibkr_tui.model.events import Severity
from ibkr_tui.model.instruments import Listing
from ibkr_tui.model.orders import Order, Side
from ibkr_tui.model.text import clean
from ibkr_tui.tui.action import Action, Scope
from ibkr_tui.tui.actions import of_scope
from ibkr_tui.tui.desk_state import Chosen, DeskState
from ibkr_tui.tui.feed import Changed
from ibkr_tui.tui.screens.search import SearchScreen
from ibkr_tui.tui.subscriptions import Subscriptions
from ibkr_tui.tui.trade.page_keys import OrderPage
from ibkr_tui.tui.watchlist import ListError
from ibkr_tui.tui.widgets.board import Board
from ibkr_tui.tui.widgets.chart import Chart
from ibkr_tui.tui.widgets.depth_pane import DepthPane
from ibkr_tui.tui.widgets.order_board import OrderBoard
from ibkr_tui.tui.widgets.painted import Painted
from ibkr_tui.tui.widgets.position_board import PositionBoard
from ibkr_tui.tui.widgets.quote_board import QuoteBoard


class DeskScreen(OrderPage):
    """Painted by `frame` (what changed) and `second` (ages and clocks); nothing else paints it."""

    scope = Scope.DESK
    action = "screen.desk"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(a.key, a.method, a.label, id=a.id, show=False) for a in of_scope(Scope.DESK)
    ]

    def __init__(self, state: DeskState, subscriptions: Subscriptions, keys: Mapping[str, str]) -> None:
        super().__init__(state, keys)
        self._subscriptions = subscriptions
        self.watch_board = QuoteBoard(id="watchlist")
        self.position_board = PositionBoard(id="positions")
        self.order_board = OrderBoard(id="orders")
        self.chart = Chart(id="chart")
        self.inside = DepthPane(id="inside")

    def compose(self) -> ComposeResult:
        yield self.status
        with Horizontal(id="panes"):
            with Vertical(id="left"):
                yield self.watch_board
                yield self.position_board
                yield self.order_board
            with Vertical(id="right"):
                yield self.chart
                yield self.inside
        yield self.message
        yield self.keys_bar

    def on_mount(self) -> None:
        self._show_list()
        self.position_board.retitle()
        self.order_board.retitle()
        self.watch_board.focus()
        self._choose_selected(self.watch_board)

    def _show_list(self) -> None:
        """The current list; its name stands in the border where there are several."""
        lists = self.state.watchlists
        name = f" · {lists.current.name}" if len(lists.lists) > 1 else ""
        self.watch_board.entitle(Content(f"Watchlist{name}"))
        self.watch_board.show(list(lists.current.rows))

    def resume(self) -> None:
        """Another page may have chosen another list, or another instrument."""
        self._show_list()
        known = self.state.watchlist.key_of(self.state.chosen.conid or 0)
        if known is not None and self.board is self.watch_board:
            self.watch_board.select(known)
        super().resume()

    def looks_at(self) -> set[int]:
        """The instruments that can be seen, and the chosen one."""
        rows = self.state.watchlist.rows
        seen = {rows[key].conid for key in self.watch_board.visible_keys() if key in rows}
        seen |= {int(key) for key in self.position_board.visible_keys()}
        orders = self.state.feed.orders.rows
        seen |= {orders[key].conid for key in self.order_board.visible_keys() if key in orders}
        return {conid for conid in (*seen, self.state.chosen.conid) if conid}

    def looks_deep(self) -> set[int]:
        """The instrument whose depth stands here."""
        return {self.state.chosen.conid} if self.state.chosen.conid else set()

    @property
    def board(self) -> Board:
        """The board that has the focus, else the watchlist."""
        return self.focused if isinstance(self.focused, Board) else self.watch_board

    @property
    def help_pane(self) -> str:
        return self.board.id or ""

    # painting

    def frame(self, changed: Changed, *, flashes: bool) -> None:
        """Repaint what changed, and only what can be seen of it."""
        keys = changed.keys
        if changed.link:
            self._link_changed()
        self._frame_quotes(keys.get("quotes", set()), flashes=flashes)
        if "positions" in keys or "quotes" in keys:
            self._frame_positions(keys)
        if "orders" in keys:
            self.order_board.show([order.key for order in self.state.orders()])
            self.order_board.paint_keys(keys["orders"])
            self.order_board.retitle()
            self.keys_bar.paint()
            self.chart.paint()
        if str(self.state.chosen.conid) in keys.get("depth", ()):
            self.inside.paint()
        super().frame(changed, flashes=flashes)

    def _frame_quotes(self, conids: set[str], *, flashes: bool) -> None:
        rows = self.state.watchlist.rows.values()
        touched = {row.key for row in rows if row.conid is not None and str(row.conid) in conids}
        touched |= self._subscriptions.changed
        self._subscriptions.changed.clear()
        self.watch_board.frame(touched, flashes=flashes)
        self._name_chosen()
        self.chart.tick(conids)
        if str(self.state.chosen.conid) in conids:
            self.inside.paint()

    def _frame_positions(self, keys: Mapping[str, set[str]]) -> None:
        touched = keys.get("positions", set()) | keys.get("quotes", set())
        if "positions" in keys:
            self.position_board.show([str(position.conid) for position in self.state.positions()])
            self.inside.paint()
        self.position_board.paint_keys(touched)

    def _link_changed(self) -> None:
        """Everything may be stale, or fresh again."""
        self._subscriptions.wake()
        if self.state.feed.is_live:
            self.chart.charted = None  # there may be a gap
        for painter in self.painters:
            painter.paint()
        self._titles()

    @property
    def painters(self) -> tuple[Painted, ...]:
        """Every widget that paints itself."""
        return (
            self.status, self.watch_board, self.position_board, self.order_board, self.chart, self.inside,
            self.message, self.keys_bar,
        )  # fmt: skip

    def second(self) -> None:
        """Ages, clocks and countdowns have moved on."""
        super().second()
        self.watch_board.paint_keys(self.watch_board.visible_keys())
        self.order_board.paint_keys(self.order_board.visible_keys())
        self.chart.paint()
        self._titles()

    def _titles(self) -> None:
        for board in (self.position_board, self.order_board, self.chart, self.inside):
            board.retitle()

    # the selected instrument

    @on(Board.Moved)
    def moved(self, message: Board.Moved) -> None:
        """Chart and best prices follow the cursor."""
        if message.board.has_focus:
            self._choose_selected(message.board)
        self.keys_bar.paint()

    def on_descendant_focus(self) -> None:
        self._choose_selected(self.board)
        self.keys_bar.paint()

    def _choose_selected(self, board: Board) -> None:
        chosen = self._instrument_of(board)
        if chosen is not None and chosen != self.state.chosen:
            self.state.chosen = chosen
            self._show_chosen()

    def _instrument_of(self, board: Board) -> Chosen | None:
        key = board.selected
        if key is None:
            return None
        if board is self.watch_board:
            row = self.state.watchlist.rows.get(key)
            return Chosen(row.symbol, row.conid) if row is not None else None
        rows: Mapping[str, Any] = self.state.feed.positions.rows
        if board is self.order_board:
            rows = self.state.feed.orders.rows
        found = rows.get(key)
        return Chosen(found.symbol, found.conid) if found is not None else None

    def _name_chosen(self) -> None:
        """The core has named the listing of a symbol that was chosen before it was known."""
        if self.state.chosen.conid is None or self.chart.charted != self.state.chosen:
            self._choose_selected(self.board)
            self._show_chosen()

    def _show_chosen(self) -> None:
        self.chart.choose()
        self.inside.paint()
        self.inside.retitle()

    # actions

    def applies(self, action: Action) -> bool:
        """Whether a key does something now."""
        if action.where and self.board.id != action.where:
            return False
        return super().applies(action)

    @property
    def selected_order(self) -> Order | None:
        key = self.order_board.selected
        return self.state.feed.orders.rows.get(key) if key is not None else None

    def action_open_row(self) -> None:
        """The order under the cursor, or a ticket; a held position opens to be reduced."""
        order = self.selected_order if self.board is self.order_board else None
        if order is not None:
            self.doors.look_at(order)
            return
        position = self.state.position_of(self.state.chosen.conid) if self.board is self.position_board else None
        self.doors.open_ticket(Side.SELL if position is not None and position.qty > 0 else Side.BUY)

    def action_find(self) -> None:
        """Find a symbol."""
        self.app.push_screen(SearchScreen(self.state.feed, verb="add"), self._add)

    def _add(self, listing: Listing | tuple[str, ...] | None) -> None:
        if not isinstance(listing, Listing):
            return
        known = self.state.watchlist.key_of(listing.conid)
        try:
            key = known or self.state.watchlist.add(clean(listing.symbol, limit=20), listing.conid)
        except ListError as error:
            self.say(str(error), Severity.WARNING)
            return
        self.watch_board.show(list(self.state.watchlist.rows))
        self.watch_board.focus()
        self.watch_board.select(key)
        self._choose_selected(self.watch_board)
        self._subscriptions.wake()

    def action_remove_symbol(self) -> None:
        """Take the selected line off the watchlist."""
        key = self.watch_board.selected
        row = self.state.watchlist.remove(key) if key is not None else None
        if row is not None:
            self.watch_board.show(list(self.state.watchlist.rows))
            self._choose_selected(self.watch_board)
            self.say(f"{row.symbol} is off the watchlist.")

    def action_row_up(self) -> None:
        self.board.move(-1)

    def action_row_down(self) -> None:
        self.board.move(1)

    def action_next_pane(self) -> None:
        self.focus_next()

    def action_longer_bars(self) -> None:
        self.chart.resize_bars(1)

    def action_shorter_bars(self) -> None:
        self.chart.resize_bars(-1)

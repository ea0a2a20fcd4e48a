"""Positions: the whole book at live prices, what closes each holding, and the sums."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import msgspec
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from ibkr_tui.model.orders import Order, Side
from ibkr_tui.model.portfolio import Position
from ibkr_tui.tui.action import Action, Scope
from ibkr_tui.tui.actions import of_scope
from ibkr_tui.tui.book.arrangement import GroupBy, View, in_base, totals
from ibkr_tui.tui.book.ledger import Ledger
from ibkr_tui.tui.desk_state import Chosen, DeskState
from ibkr_tui.tui.feed import Changed
from ibkr_tui.tui.remembered import Remembered
from ibkr_tui.tui.trade.page_keys import OrderPage
from ibkr_tui.tui.widgets.board import Board
from ibkr_tui.tui.widgets.book_board import BookBoard, worth
from ibkr_tui.tui.widgets.totals import Totals


class PositionsScreen(OrderPage):
    """The selected position is `selected_position`; the instrument under the cursor is the chosen one everywhere."""

    scope = Scope.POSITIONS
    action = "screen.positions"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(a.key, a.method, a.label, id=a.id, show=False) for a in of_scope(Scope.POSITIONS)
    ]

    def __init__(self, state: DeskState, keys: Mapping[str, str], ledger: Ledger, remembered: Remembered) -> None:
        self._ledger = ledger
        self._remembered = remembered
        self.board = BookBoard(remembered.memory.book, id="book")
        self.totals = Totals(id="totals")
        self._totals_lines = -1
        super().__init__(state, keys)

    def compose(self) -> ComposeResult:
        yield self.status
        yield self.board
        yield self.totals
        yield self.message
        yield self.keys_bar

    def on_mount(self) -> None:
        self.board.focus()
        self._rearrange()

    @property
    def help_pane(self) -> str:
        return "book"

    @property
    def selected_position(self) -> Position | None:
        """The position under the cursor, also from a row of one of its orders."""
        return self.board.selected_position

    @property
    def selected_order(self) -> Order | None:
        """The closing order under the cursor."""
        return self.board.selected_order

    def looks_at(self) -> set[int]:
        """The instruments that can be seen."""
        return self.board.visible_conids()

    # painting

    def frame(self, changed: Changed, *, flashes: bool) -> None:
        super().frame(changed, flashes=flashes)
        keys = changed.keys
        if changed.link or keys.keys() & {"positions", "orders"}:
            self._rearrange()
        self.board.frame(keys.get("quotes", set()) | keys.get("positions", set()), flashes=flashes)
        if "orders" in keys:
            self.board.paint_keys(self.board.visible_keys())

    def second(self) -> None:
        super().second()
        self.board.resort()
        self.board.paint_keys(self.board.visible_keys())
        self._sum_up()
        if self._needs_rates() and self._ledger.is_due(self.state.account_id):
            self.read_ledger()

    def _rearrange(self) -> None:
        self.board.rearrange()
        self.board.retitle()
        self.board.paint()
        self._sum_up()
        self.keys_bar.paint()

    def _needs_rates(self) -> bool:
        account = self.state.account
        return account is not None and any(row.currency != account.currency for row in self.state.positions())

    def _sum_up(self) -> None:
        """The sums by currency, and in the account's currency where there is another one among them."""
        account = self.state.account
        sums = totals(self.state.positions(), lambda row: worth(self.state, row))
        base = None
        if account is not None and any(total.currency != account.currency for total in sums):
            base = in_base(sums, account.currency, self._ledger.rates)
        self.totals.tell(sums, base)
        if self.totals.wanted != self._totals_lines:
            self._totals_lines = self.totals.wanted
            self.totals.display = bool(self._totals_lines)
            self.totals.styles.height = self._totals_lines

    @work(group="ledger", name="ledger", exit_on_error=False)
    async def read_ledger(self) -> None:
        """The exchange rates for the sum of all."""
        await self._ledger.read()
        self._sum_up()

    # actions

    @on(Board.Moved)
    def moved(self, message: Board.Moved) -> None:
        """The selected instrument is the chosen one on every page."""
        position = self.selected_position
        if position is not None and self.is_current:
            self.state.chosen = Chosen(position.symbol, position.conid)
        self.keys_bar.paint()

    def resume(self) -> None:
        super().resume()
        position = self.selected_position
        if position is not None:
            self.state.chosen = Chosen(position.symbol, position.conid)

    def _wear(self, view: View) -> None:
        self.board.wear(view)
        self.board.retitle()
        self._remembered.keep(msgspec.structs.replace(self._remembered.memory, book=view))

    def action_sort_next(self) -> None:
        """Sort by the next column."""
        self._wear(self.board.view.sorted_by(1))

    def action_sort_before(self) -> None:
        """Sort by the column before."""
        self._wear(self.board.view.sorted_by(-1))

    def action_turn_order(self) -> None:
        """The other end first."""
        self._wear(self.board.view.turned())

    def action_group(self) -> None:
        """Gather by class, by currency, or not at all."""
        self._wear(self.board.view.grouped())
        by = self.board.view.group
        self.say("Positions stand in one list." if by is GroupBy.NOTHING else f"Positions by {by}.")

    def applies(self, action: Action) -> bool:
        if action.method in {"open_row", "buy", "sell"}:
            return self.selected_position is not None
        return super().applies(action)

    def action_open_row(self) -> None:
        """The order under the cursor, or a ticket that takes from the position."""
        order, position = self.selected_order, self.selected_position
        if order is not None:
            self.doors.look_at(order)
        elif position is not None:
            self.doors.open_ticket(Side.SELL if position.qty > 0 else Side.BUY)

    def action_row_up(self) -> None:
        self.board.move(-1)

    def action_row_down(self) -> None:
        self.board.move(1)

"""A page on which orders and positions are selected: the keys that cancel, move, close and flatten them."""

from __future__ import annotations

from typing import cast

from ibkr_tui.model.orders import Order, OrderState, Side
from ibkr_tui.model.portfolio import Position
from ibkr_tui.tui.action import Action
from ibkr_tui.tui.screens.page import Page
from ibkr_tui.tui.trade.doors import Doors
from ibkr_tui.tui.trade.writes import moved_field

_OF_ORDER = {"cancel_order", "move_up", "move_down", "move_all_up", "move_all_down"}
_OF_POSITION = {"close_position", "reverse_position"}


class OrderPage(Page):
    """A page says what is selected in `selected_order` and `selected_position`."""

    @property
    def doors(self) -> Doors:
        """The app's way to orders and positions."""
        return cast(Doors, getattr(self.app, "doors"))  # noqa: B009 - the app is known only by what it has

    @property
    def selected_order(self) -> Order | None:
        """The order under the cursor."""
        return None

    @property
    def selected_position(self) -> Position | None:
        """The position under the cursor, else the chosen instrument's."""
        return self.state.position_of(self.state.chosen.conid)

    def applies(self, action: Action) -> bool:
        """Whether a key does something now."""
        if action.method in _OF_ORDER:
            order = self.selected_order
            group = self.doors.group_of(order) if order is not None and self.is_attached else None
            going = order is not None and (not order.state.is_done or (group is not None and not group.is_done))
            return going if action.method == "cancel_order" else going and self._is_movable(order)
        if action.method in _OF_POSITION:
            position = self.selected_position
            return position is not None and position.qty != 0
        if action.method == "flatten":
            return bool(self.state.positions())
        if action.method == "cancel_all":
            return any(True for _ in self.state.open_orders())
        return super().applies(action)

    def _is_movable(self, order: Order | None) -> bool:
        return order is not None and order.state is OrderState.WORKING and bool(moved_field(order))

    def action_buy(self) -> None:
        """A buy ticket."""
        self.doors.open_ticket(Side.BUY)

    def action_sell(self) -> None:
        """A sell ticket."""
        self.doors.open_ticket(Side.SELL)

    def action_cancel_order(self) -> None:
        """Cancel the selected order, after asking."""
        order = self.selected_order
        if order is not None:
            self.doors.cancel(order)

    def action_cancel_all(self) -> None:
        """Cancel every working order, after a typed word."""
        self.doors.cancel_all()

    def action_close_position(self) -> None:
        """Close the selected position, after asking."""
        self.doors.close(self.selected_position)

    def action_reverse_position(self) -> None:
        """Turn the selected position round, after asking."""
        self.doors.close(self.selected_position, reverse=True)

    def action_flatten(self) -> None:
        """Close every position, after a typed word."""
        self.doors.flatten()

    def action_move_up(self) -> None:
        """One leg, a tick up; the question goes on moving it."""
        self._move_order(1)

    def action_move_down(self) -> None:
        """One leg, a tick down."""
        self._move_order(-1)

    def action_move_all_up(self) -> None:
        """The whole bracket, a tick up."""
        self._move_order(1, whole=True)

    def action_move_all_down(self) -> None:
        """The whole bracket, a tick down."""
        self._move_order(-1, whole=True)

    def _move_order(self, steps: int, *, whole: bool = False) -> None:
        order = self.selected_order
        if order is not None:
            self.doors.move(order, steps, whole=whole)

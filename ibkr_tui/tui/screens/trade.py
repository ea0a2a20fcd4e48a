"""Trade: the order ticket above, the day's orders below."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import msgspec
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from ibkr_tui.model.events import Severity
from ibkr_tui.model.instruments import Listing
from ibkr_tui.model.numbers import plain
from ibkr_tui.model.orders import Order, OrderState, OrderType, Side, Tif
from ibkr_tui.model.portfolio import Position
from ibkr_tui.model.text import clean
from ibkr_tui.tui.action import Action, Scope
from ibkr_tui.tui.actions import of_scope
from ibkr_tui.tui.desk_state import Chosen, DeskState
from ibkr_tui.tui.feed import Changed
from ibkr_tui.tui.screens.search import SearchScreen
from ibkr_tui.tui.trade.blotter import Blotter
from ibkr_tui.tui.trade.form import LegForm, TicketForm, fresh_form
from ibkr_tui.tui.trade.groups import GROUP
from ibkr_tui.tui.trade.page_keys import OrderPage
from ibkr_tui.tui.trade.panel import TicketPanel
from ibkr_tui.tui.trade.sheet import Stage
from ibkr_tui.tui.trade.writes import order_name
from ibkr_tui.tui.widgets.board import Board

_ROW = {"open_row", "fold", "amend"}


class TradeScreen(OrderPage):
    """The ticket follows the chosen instrument until something is typed into it."""

    scope = Scope.TRADE
    action = "screen.trade"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(a.key, a.method, a.label, id=a.id, show=False) for a in of_scope(Scope.TRADE)
    ]

    def __init__(self, state: DeskState, keys: Mapping[str, str]) -> None:
        self.ticket = TicketPanel(state, fresh_form("", None, Side.BUY), name_shown="")
        self.blotter = Blotter(id="blotter")
        super().__init__(state, keys)

    def compose(self) -> ComposeResult:
        yield self.status
        yield self.ticket
        yield self.blotter
        yield self.message
        yield self.keys_bar

    def on_mount(self) -> None:
        self.follow()
        self.blotter.rearrange()
        self.blotter.focus()  # not the quantity: whoever goes from page to page by number must not write one

    @property
    def help_pane(self) -> str:
        return "blotter" if self.blotter.has_focus else "ticket"

    @property
    def selected_order(self) -> Order | None:
        return self.blotter.selected_order

    @property
    def selected_position(self) -> Position | None:
        order = self.selected_order if self.blotter.has_focus else None
        return self.state.position_of(order.conid if order is not None else self.state.chosen.conid)

    def looks_at(self) -> set[int]:
        """The ticket's instrument, and those of the orders that still live."""
        seen = {order.conid for order in self.state.open_orders()}
        return seen | self.ticket.conids

    # painting

    def resume(self) -> None:
        """Another page may have chosen another instrument."""
        self.follow()
        super().resume()

    def frame(self, changed: Changed, *, flashes: bool) -> None:
        """Repaint what changed, and only what can be seen of it."""
        keys = changed.keys
        if changed.link or changed.fills or "orders" in keys:
            self.blotter.rearrange()
            self.keys_bar.paint()
        priced = {str(conid) for conid in self.ticket.conids} & keys.get("quotes", set())
        if changed.link or priced or "positions" in keys or "account" in keys:
            if not self.ticket.form.symbol:
                self.follow()
            self.ticket.draw()
        super().frame(changed, flashes=flashes)

    def second(self) -> None:
        """Ages and times in state have moved on."""
        super().second()
        self.ticket.second()
        self.blotter.paint_keys(self.blotter.visible_keys())

    def on_screen_resume(self) -> None:
        self.ticket.shown_again()

    # the ticket and its instrument

    def follow(self) -> None:
        """The chosen instrument stands on the ticket, unless something was typed for another."""
        chosen, form = self.state.chosen, self.ticket.form
        free = self.ticket.stage is Stage.EDITING and not form.is_touched
        if chosen.symbol and free and (chosen.symbol, chosen.conid) != (form.symbol, form.conid):
            self._begin(form.leg.side)

    def _begin(self, side: Side) -> None:
        """An empty ticket for the chosen instrument."""
        chosen = self.state.chosen
        self._put(fresh_form(chosen.symbol, chosen.conid, side))

    def _put(self, form: TicketForm) -> None:
        quote = self.state.quote(form.conid)
        name = clean(quote.description, limit=30) if quote is not None else form.symbol
        self.blotter.amending = form.amends and self.blotter.amending
        self.ticket.begin(form, name_shown=name)

    @on(TicketPanel.Done)
    def sent(self, message: TicketPanel.Done) -> None:
        """The order stands; the ticket is empty again for the same instrument, the cursor on the order."""
        self.blotter.amending = ""
        self._put(self._empty())
        self.blotter.rearrange()
        self.blotter.focus()
        self.blotter.select(self._row(message.row))

    @on(TicketPanel.Lost)
    def lost(self, message: TicketPanel.Lost) -> None:
        """What has no answer stands first, and is seen there."""
        self.blotter.rearrange()
        self.blotter.select(self._row(message.row))

    def _row(self, key: str) -> str:
        """The row of an order: its group's, when that is folded."""
        order = self.state.feed.orders.rows.get(key)
        group = self.doors.group_of(order) if order is not None else None
        return GROUP + group.id if group is not None and GROUP + group.id not in self.blotter.unfolded else key

    def _empty(self) -> TicketForm:
        form = self.ticket.form
        return fresh_form(form.symbol, form.conid, form.legs[0].side).of_kind("FUT" if form.is_future else "")

    @on(TicketPanel.Left)
    def left(self) -> None:
        """To the blotter; an amendment, or what is with IBKR and must not go twice, leaves an empty ticket behind."""
        if self.ticket.form.amends or self.ticket.stage.is_over:
            self.blotter.amending = ""
            self._put(self._empty())
            self.blotter.paint()
        self.blotter.focus()

    @on(Board.Moved)
    def moved(self) -> None:
        """The chosen instrument is that of the order under the cursor."""
        order = self.selected_order
        if self.blotter.has_focus and order is not None:
            self.state.chosen = Chosen(order.symbol, order.conid)
            self.follow()
        self.keys_bar.paint()

    def on_descendant_focus(self) -> None:
        self.keys_bar.paint()

    # actions

    def applies(self, action: Action) -> bool:
        """Whether a key does something now."""
        if action.method in _ROW:
            order = self.selected_order
            if order is None or not self.blotter.has_focus:
                return False
            if action.method == "fold":
                return self.blotter.folds
            return action.method != "amend" or self._amendable(order)
        return super().applies(action)

    def _amendable(self, order: Order) -> bool:
        return order.state is OrderState.WORKING and order.order_type in set(OrderType)

    def action_buy(self) -> None:
        """The ticket, to buy."""
        self._turn(Side.BUY)

    def action_sell(self) -> None:
        """The ticket, to sell."""
        self._turn(Side.SELL)

    def _turn(self, side: Side) -> None:
        if self.ticket.stage is not Stage.EDITING or self.ticket.form.amends:
            return
        if self.ticket.form.leg.side is not side:
            self.ticket.action_other_side()
        self.ticket.focus_first()

    def action_line(self) -> None:
        """To the order in one line."""
        self.ticket.action_line()

    def action_find(self) -> None:
        """Find the instrument for the ticket."""
        if self.ticket.stage is Stage.EDITING:
            self.app.push_screen(SearchScreen(self.state.feed), self._found)

    def _found(self, listing: Listing | tuple[str, ...] | None) -> None:
        if isinstance(listing, Listing):
            self.state.chosen = Chosen(clean(listing.symbol, limit=20), listing.conid)
            self._begin(self.ticket.form.leg.side)
            self.ticket.focus_first()

    def action_open_row(self) -> None:
        """The order in full."""
        order = self.selected_order
        if order is not None and not (self.blotter.line and self.blotter.line.order is None and self.blotter.fold()):
            self.doors.look_at(order)

    def action_fold(self) -> None:
        """Legs and fills, or not."""
        self.blotter.fold()

    def action_amend(self) -> None:
        """The order's values into the ticket; what it sends then restates the whole order."""
        order = self.selected_order
        if order is None or not self._amendable(order):
            return
        if self.ticket.stage is not Stage.EDITING:
            self.say("Finish what is on the ticket first.", Severity.WARNING)
            return
        self.blotter.amending = order.key
        self.state.chosen = Chosen(order.symbol, order.conid)
        self._put(amending(order))
        self.blotter.paint()
        self.ticket.focus_first()

    def action_row_up(self) -> None:
        self.blotter.move(-1)

    def action_row_down(self) -> None:
        self.blotter.move(1)

    def action_next_pane(self) -> None:
        self.focus_next()


def amending(order: Order) -> TicketForm:
    """A working order as a ticket that restates it."""
    prices = {
        name: plain(value)
        for name in ("limit_price", "stop_price", "trail", "limit_offset")
        if (value := getattr(order, name)) is not None
    }
    leg = LegForm(
        order.side, OrderType(order.order_type), Tif(order.tif), qty=plain(order.qty), trail_by=order.trail_by,
        outside_rth=order.outside_rth,
    )  # fmt: skip
    return TicketForm(order.symbol, order.conid, (msgspec.structs.replace(leg, **prices),), amends=order_name(order))

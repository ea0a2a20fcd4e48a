"""What every page can do to orders and positions: cancel, look, move, close, reverse, flatten; each asks first.

A page says what is selected; the doors ask, call the core once, and say in the message line what was refused.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from typing import Any, Protocol

from textual.screen import Screen

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.events import Severity
from ibkr_tui.model.orders import Order, OrderState, Role, Side
from ibkr_tui.model.portfolio import Position
from ibkr_tui.model.text import clean
from ibkr_tui.tui import requests
from ibkr_tui.tui.desk_state import DeskState
from ibkr_tui.tui.screens import closing
from ibkr_tui.tui.screens.confirmations import (
    CANCEL,
    KEEP,
    NOT_SENT,
    ON_SIGHT,
    cancel_screen,
    not_sent_screen,
    order_screen,
    order_words,
)
from ibkr_tui.tui.screens.move_order import MOVE, MoveScreen
from ibkr_tui.tui.screens.ticket import TicketScreen
from ibkr_tui.tui.screens.typed_word import DONE
from ibkr_tui.tui.trade import writes
from ibkr_tui.tui.trade.blotter import group_prices
from ibkr_tui.tui.trade.form import fresh_form
from ibkr_tui.tui.trade.groups import Group, groups_of
from ibkr_tui.tui.trade.writes import moved_field


class Host(Protocol):
    """What the doors need of the app."""

    def push_screen(self, screen: Screen[Any], callback: Callable[[Any], None] | None = None) -> Any: ...

    def run_worker(self, work: Any, *, name: str, group: str, exit_on_error: bool) -> Any: ...

    def tell(self, words: str, severity: Severity = Severity.INFO) -> None:
        """A sentence in the message line of the page that is current."""
        ...


class Doors:
    """One for the app. Every write goes out once, from a task of the app that outlives the page."""

    def __init__(self, app: Host, state: DeskState) -> None:
        self._app = app
        self._state = state

    def places(self, conid: int) -> int:
        """How many decimals an instrument's prices are shown with."""
        quote = self._state.quote(conid)
        return quote.decimals if quote is not None else 2

    def group_of(self, order: Order) -> Group | None:
        """The group an order belongs to."""
        return groups_of(self._state.feed.orders.rows.values()).get(order.group_id) if order.group_id else None

    # looking and placing

    def open_ticket(self, side: Side, *, price: Decimal | None = None) -> None:
        """A ticket for the chosen instrument, at `price` when one is given (a row of the ladder)."""
        chosen = self._state.chosen
        if chosen.conid is None:
            self._app.tell(f"{chosen.symbol or 'Nothing'} has no listing yet; wait for its price.", Severity.WARNING)
            return
        quote = self._state.quote(chosen.conid)
        name = clean(quote.description, limit=30) if quote is not None else chosen.symbol
        limit = f"{price:f}" if price is not None else ""
        form = fresh_form(chosen.symbol, chosen.conid, side, limit_price=limit)
        self._app.push_screen(TicketScreen(self._state, form, name_shown=name))

    def look_at(self, order: Order) -> None:
        """The order in full; an UNKNOWN one with its three choices."""
        screen = order_screen(self._state, order, self.places(order.conid))
        self._app.push_screen(screen, lambda given: self._decided(given, order))

    def _decided(self, given: str | None, order: Order) -> None:
        if given == NOT_SENT:
            screen = not_sent_screen(order, self.places(order.conid))
            self._app.push_screen(screen, lambda typed: self._declared(typed, order))
        elif given == ON_SIGHT or (given == KEEP and order.state is OrderState.UNKNOWN):
            self._write("resolve", requests.resolve(self._state.feed, order, given))
        elif given == CANCEL:
            self.cancel_now(order)

    def _declared(self, typed: str | None, order: Order) -> None:
        if typed == DONE:
            self._write("resolve", requests.resolve(self._state.feed, order, NOT_SENT, confirm=order.symbol))

    # cancelling

    def cancel(self, order: Order, *, whole: bool = False) -> None:
        """Cancel an order after asking; of a group this leg or all of it (`whole` leaves only that choice)."""
        if order.state is OrderState.UNKNOWN:
            self.look_at(order)
            return
        group = self.group_of(order)
        going = [leg for leg in group.orders if not leg.state.is_done] if group is not None else []
        if group is not None and len(going) > 1:
            words = order_words(order, self.places(order.conid))
            leg = not whole and not order.state.is_done
            prices = group_prices(group, self.places(order.conid))
            screen = closing.cancel_group_screen(group, words, prices, leg=leg)
            self._app.push_screen(screen, lambda given: self._cancel_some(given, order, group))
        elif not order.state.is_done:
            self._app.push_screen(
                cancel_screen(order, self.places(order.conid)),
                lambda given: self.cancel_now(order) if given == CANCEL else None,
            )

    def _cancel_some(self, given: str | None, order: Order, group: Group) -> None:
        if given == closing.ONE:
            self.cancel_now(order)
        elif given == closing.CANCEL:
            self.cancel_group_now(group)

    def cancel_group_now(self, group: Group) -> None:
        """Ask the broker to cancel a whole group; a person has been asked already."""
        self._write("cancel", writes.cancel_group(self._state.feed, group.id), refused="Not cancelled")

    def cancel_now(self, order: Order) -> None:
        """Ask the broker to cancel an order; a person has been asked already."""
        self._write("cancel", writes.cancel(self._state.feed, order), refused="Not cancelled")

    def cancel_all(self) -> None:
        """Cancel every working order, after a typed word."""
        if not any(True for _ in self._state.open_orders()):
            self._app.tell("No order works.")
            return
        self._app.push_screen(closing.cancel_all_screen(self._state), self.cancel_all_if)

    def cancel_all_if(self, typed: str | None) -> None:
        """Cancel every working order if that was the answer."""
        if typed in {DONE, closing.CANCEL}:
            self._write("cancel all", self._cancel_everything(), refused="Not cancelled")

    async def _cancel_everything(self) -> None:
        """Ask for it, and say what became of each: a request that failed is no cancel."""
        found = await writes.cancel_all(self._state.feed)
        words = f"Cancel all: {clean(found.text, limit=400)}."
        self._app.tell(words, Severity.INFO if found.is_whole else Severity.ERROR)

    # closing

    def close(self, position: Position | None, *, reverse: bool = False) -> None:
        """Close a position, or turn it round, after asking: at market, or at a limit where that is not allowed."""
        if position is None or position.qty == 0:
            self._app.tell("Nothing is held in the selected instrument.")
            return
        work = self._ask_close(position, reverse=reverse)
        self._app.run_worker(work, name="preview", group="close", exit_on_error=False)

    async def _ask_close(self, position: Position, *, reverse: bool) -> None:
        refused = "Not reversed" if reverse else "Not closed"
        try:
            preview = await writes.preview_close(self._state.feed, position, reverse=reverse)
        except BrokerError as error:
            self._app.tell(f"{refused}: {clean(str(error), limit=400)}", Severity.ERROR)
            return

        def decide(given: str | None) -> None:
            if given == closing.CLOSE:
                call = writes.close(self._state.feed, position, preview, reverse=reverse)
                self._write("close", call, refused=refused)

        self._app.push_screen(closing.close_screen(self._state, position, preview, reverse=reverse), decide)

    def flatten(self) -> None:
        """Close every position, after a typed word."""
        if not self._state.positions():
            self._app.tell("No position is open.")
            return
        self._app.run_worker(self._ask_flatten(), name="flatten", group="flatten", exit_on_error=False)

    async def _ask_flatten(self) -> None:
        at_limit = False
        if self._state.kind == "live":
            try:
                at_limit = await writes.flattens_at_limit(self._state.feed)
            except BrokerError as error:
                self._app.tell(f"Not flattened: {clean(str(error), limit=300)}", Severity.ERROR)
                return

        def decide(typed: str | None) -> None:
            if typed == DONE:
                call = writes.flatten(self._state.feed, at_limit=at_limit)
                self._write("flatten", call, refused="Not flattened")

        self._app.push_screen(closing.flatten_screen(self._state, at_limit=at_limit), decide)

    # moving

    def move(self, order: Order, steps: int, *, whole: bool = False) -> None:
        """Move an order's price by steps of its increment, or its whole bracket; a question shows old and new."""
        group = self.group_of(order)
        legs = list(group.orders) if whole and group is not None else [order]
        legs = [
            leg for leg in legs if leg.conid == order.conid and leg.state is OrderState.WORKING and moved_field(leg)
        ]
        if not legs:
            self._app.tell("Only a working order with a price can be moved.", Severity.WARNING)
            return
        entry = group.leg(Role.ENTRY) if group is not None else None
        self._app.run_worker(self._move(legs, steps, entry), name="move", group="move", exit_on_error=False)

    async def _move(self, legs: Sequence[Order], steps: int, entry: Order | None) -> None:
        """The increments are the core's; without them nothing can be moved by one."""
        try:
            instrument = await requests.contract(self._state.feed, legs[0].symbol, legs[0].conid)
        except BrokerError as error:
            self._app.tell(f"Not moved: {clean(str(error), limit=300)}", Severity.ERROR)
            return
        screen = MoveScreen(self._state, legs, instrument, steps, entry)
        self._app.push_screen(screen, lambda given: self._moved(given, screen))

    def _moved(self, given: str | None, screen: MoveScreen) -> None:
        if given == MOVE and screen.steps:
            self._write("amend", self._amend(screen), refused="Not amended")

    async def _amend(self, screen: MoveScreen) -> None:
        """One amendment a leg; a refusal ends it and is said, what was amended before stays.

        The leg that leads the way goes first: none passes another, which the core would refuse.
        """
        for move in sorted(screen.moves, key=lambda move: move.before, reverse=screen.steps > 0):
            await writes.amend_price(self._state.feed, move.order, move.price)

    # one way out for every write

    def _write(self, name: str, call: Awaitable[Any], *, refused: str = "") -> None:
        self._app.run_worker(self._written(call, refused), name=name, group=name, exit_on_error=False)

    async def _written(self, call: Awaitable[Any], refused: str) -> None:
        try:
            await call
        except BrokerError as error:
            words = clean(str(error), limit=400)
            self._app.tell(f"{refused}: {words}" if refused else words, Severity.ERROR)

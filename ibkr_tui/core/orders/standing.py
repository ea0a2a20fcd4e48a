"""Where a leg stands among its group when it is amended: what it waits for, what it may not cross. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from ibkr_tui.core.orders.exposure import EXITS
from ibkr_tui.core.orders.pricing import QuoteFacts, check_after, fills_at
from ibkr_tui.core.orders.proof import TRAILING
from ibkr_tui.core.orders.risk import Before
from ibkr_tui.core.settings import Limits
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.groups import Leg
from ibkr_tui.model.numbers import plain
from ibkr_tui.model.orders import Order, OrderTicket, OrderType, Role, Side
from ibkr_tui.model.tickets import TicketProblem, bracket_order, refuse

_WAITS: Final = EXITS | {Role.CHILD}
_BRACKET: Final = EXITS | {Role.ENTRY}


def is_waiting(order: Order, parent: Order | None) -> bool:
    """Whether it acts only after `parent`, of which nothing is filled yet; else it meets today's market."""
    return parent is not None and not parent.state.is_done and parent.filled == 0


def acts_as(order: Order, parent: Order | None) -> Role:
    """Its role for the rules on prices: one that no longer waits is an order like any other."""
    return Role.SINGLE if order.role in _WAITS and not is_waiting(order, parent) else order.role


def before(order: Order, parent: Order | None, quote: QuoteFacts | None, limits: Limits) -> Before | None:
    """What it waits for, where that has a price; `quote` is that of its instrument."""
    price = None if parent is None else parent.limit_price or parent.stop_price
    if parent is None or price is None or not is_waiting(order, parent):
        return None
    if parent.limit_price is not None and parent.order_type == OrderType.LIMIT and parent.conid == order.conid:
        ticket = OrderTicket(parent.side, parent.qty, order_type=OrderType.LIMIT, limit_price=price)
        price = fills_at(ticket, price, quote, limits)
    return Before(parent.conid, price)


def check_place(order: Order, ticket: OrderTicket, group: Iterable[Order]) -> None:
    """A bracket's leg as `ticket`, against the legs that live: prices in their sequence, exits no larger than what was
    entered. Raises BrokerError BAD_TICKET with the field."""
    if order.role not in _BRACKET:
        return
    legs = {leg.role: leg for leg in group}
    entry = legs.get(Role.ENTRY)
    if order.role in EXITS and entry is not None and entry.state.is_done and order.qty < ticket.qty > entry.filled:
        words = f"The entry bought {plain(entry.filled)}: its exits can't be for more."
        words = words if entry.side is Side.BUY else words.replace("bought", "sold")
        refuse([TicketProblem("qty", words)])
    field = "stop_price" if order.role is Role.STOP or order.limit_price is None else "limit_price"
    if getattr(ticket, field) == getattr(order, field):
        return
    prices = {leg.role: _price(leg) for leg in legs.values() if not leg.state.is_done and leg.key != order.key}
    prices[order.role] = getattr(ticket, field)
    if entry is None or entry.state.is_done or entry.filled > 0:
        prices.pop(Role.ENTRY, None)
    side = order.side if order.role is Role.ENTRY else Side.SELL if order.side is Side.BUY else Side.BUY
    found = bracket_order(side, prices.get(Role.ENTRY), prices.get(Role.STOP), prices.get(Role.TARGET))
    refuse([TicketProblem(field, problem.message) for problem in found])


def check_followers(
    order: Order, leg: Leg, children: Iterable[OrderTicket], quote: QuoteFacts | None, limits: Limits
) -> None:
    """The orders on its instrument that wait for it, when it is what `leg` says. Raises BrokerError BAD_TICKET with the
    field that moved, RISK_PRICE_COLLAR."""
    ticket = leg.ticket
    price = ticket.limit_price or ticket.stop_price
    field = "limit_price" if ticket.limit_price != order.limit_price else "stop_price"
    if price is None or order.role is not Role.TRIGGER or getattr(ticket, field) == getattr(order, field):
        return
    filled_at = fills_at(ticket, price, quote, limits)
    for child in children:
        try:
            check_after(child, leg.instrument, filled_at, limits)
        except BrokerError as error:
            words = f"Its child: {error.message}"
            raise BrokerError(error.code, words, details={"field": field, "fields": {field: words}}) from None


def _price(leg: Order) -> Decimal | None:
    """The price it stands at; None for one that moves by itself."""
    if leg.order_type in TRAILING:
        return None
    return leg.stop_price if leg.role is Role.STOP else leg.limit_price or leg.stop_price

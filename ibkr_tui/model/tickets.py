"""Checks of a ticket that need no broker: each problem names its field, so that a form can show it there."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.increments import is_on_increment, nearest_prices
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.numbers import plain
from ibkr_tui.model.orders import OrderTicket, OrderType, TrailBy


class TicketProblem(msgspec.Struct, frozen=True):
    """What is wrong with one field."""

    field: str
    message: str


def ticket_problems(ticket: OrderTicket, instrument: Instrument | None = None) -> list[TicketProblem]:
    """Everything wrong with `ticket`; price increments and fractions are checked when the instrument is known."""
    found: list[TicketProblem] = []
    if not ticket.symbol and ticket.conid is None:
        found.append(TicketProblem("symbol", "Name a symbol."))
    if not ticket.qty.is_finite() or ticket.qty <= 0:
        found.append(TicketProblem("qty", "The quantity must be more than zero."))
    elif ticket.qty != ticket.qty.to_integral_value():
        found.append(TicketProblem("qty", "The quantity must be a whole number."))
    found.extend(_price_problems(ticket, instrument))
    return found


_NEEDS: Final = {
    OrderType.MARKET: (),
    OrderType.LIMIT: ("limit_price",),
    OrderType.STOP: ("stop_price",),
    OrderType.STOP_LIMIT: ("stop_price", "limit_price"),
    OrderType.TRAIL: ("trail",),
    OrderType.TRAIL_LIMIT: ("trail", "limit_offset"),
    OrderType.MIDPRICE: (),
}
_MAY_HAVE: Final = {
    OrderType.TRAIL: ("stop_price",),
    OrderType.TRAIL_LIMIT: ("stop_price", "limit_price"),
    OrderType.MIDPRICE: ("limit_price",),
}
_NAMES: Final = {
    "limit_price": "limit price",
    "stop_price": "stop price",
    "trail": "trailing distance",
    "limit_offset": "limit offset",
}
_ON_INCREMENT: Final = {"limit_price", "stop_price", "limit_offset"}


def _price_problems(ticket: OrderTicket, instrument: Instrument | None) -> list[TicketProblem]:
    found = []
    kind = ticket.order_type
    shown = str(kind).replace("_", "-")
    for field, name in _NAMES.items():
        price: Decimal | None = getattr(ticket, field)
        needed = field in _NEEDS[kind]
        if price is None:
            if needed:
                found.append(TicketProblem(field, f"A {shown} order needs a {name}."))
        elif not needed and field not in _MAY_HAVE.get(kind, ()):
            found.append(TicketProblem(field, f"A {shown} order has no {name}."))
        elif not price.is_finite() or price <= 0:
            found.append(TicketProblem(field, f"The {name} must be more than zero."))
        else:
            found.extend(_off_increment(ticket, field, price, instrument))
    return found


def _off_increment(
    ticket: OrderTicket, field: str, price: Decimal, instrument: Instrument | None
) -> list[TicketProblem]:
    """A price stands on the contract's increment; a trailing distance in per cent is below a hundred."""
    if field == "trail" and ticket.trail_by is TrailBy.PERCENT:
        return [TicketProblem(field, "A trailing distance in per cent is below 100.")] if price >= 100 else []
    if field not in _ON_INCREMENT or instrument is None or is_on_increment(instrument.increments, price):
        return []
    below, above = nearest_prices(instrument.increments, price)
    words = f"{plain(price)} is off the increment of {instrument.description}: {plain(below)} or {plain(above)}."
    return [TicketProblem(field, words)]


def check_ticket(ticket: OrderTicket, instrument: Instrument | None = None) -> None:
    """Raise BrokerError BAD_TICKET with the first problem's words and all of them in its details."""
    found = ticket_problems(ticket, instrument)
    if found:
        raise BrokerError(
            "BAD_TICKET",
            found[0].message,
            details={"fields": {p.field: p.message for p in reversed(found)}},
        )


def notional(qty: Decimal, price: Decimal, multiplier: Decimal, rate: Decimal = Decimal(1)) -> Decimal:
    """The order's value in the account's base currency: quantity × price × multiplier × FX rate (requirement A-095)."""
    return abs(qty) * price * multiplier * rate

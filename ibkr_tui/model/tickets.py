"""Checks of a ticket that need no broker: each problem names its field, so that a form can show it there."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.increments import is_on_increment, nearest_prices
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.numbers import plain
from ibkr_tui.model.orders import OrderTicket, OrderType


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


def _price_problems(ticket: OrderTicket, instrument: Instrument | None) -> list[TicketProblem]:
    price = ticket.limit_price
    if ticket.order_type is OrderType.MARKET:
        if price is not None:
            return [TicketProblem("limit_price", "A market order has no limit price.")]
        return []
    if price is None:
        return [TicketProblem("limit_price", "A limit order needs a limit price.")]
    if not price.is_finite() or price <= 0:
        return [TicketProblem("limit_price", "The limit price must be more than zero.")]
    if instrument is not None and not is_on_increment(instrument.increments, price):
        below, above = nearest_prices(instrument.increments, price)
        return [
            TicketProblem(
                "limit_price",
                f"{plain(price)} is off the increment of {instrument.description}: {plain(below)} or {plain(above)}.",
            )
        ]
    return []


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

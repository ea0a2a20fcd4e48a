"""Checks of a ticket that need no broker: each problem names its field, so that a form can show it there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import msgspec

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.groups import BracketPrices
from ibkr_tui.model.increments import is_on_increment, nearest_prices
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.numbers import plain
from ibkr_tui.model.orders import OrderTicket, OrderType, Side, Tif, TrailBy


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
    found.extend(_time_problems(ticket, instrument))
    if not _EXCHANGE.fullmatch(ticket.exchange):
        found.append(TicketProblem("exchange", "The exchange has 1 to 16 letters and digits."))
    if ticket.ext_operator and not _OPERATOR.fullmatch(ticket.ext_operator):
        found.append(TicketProblem("ext_operator", "The operator has 1 to 40 letters and digits."))
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
_AT_ONCE: Final = {OrderType.MARKET, OrderType.LIMIT}
_HAS_HOURS: Final = {"STK", "OPT", "FOP", "WAR", "IND"}
_EXCHANGE: Final = re.compile(r"[A-Za-z0-9.]{1,16}")
_OPERATOR: Final = re.compile(r"[A-Za-z0-9 ._@-]{1,40}")


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
    stop, trail = ticket.stop_price, ticket.trail
    if not found and stop is not None and trail is not None and ticket.trail_by is TrailBy.AMOUNT and trail >= stop:
        found.append(TicketProblem("trail", "The trailing distance must be less than the price."))
    return found


def _off_increment(
    ticket: OrderTicket, field: str, price: Decimal, instrument: Instrument | None
) -> list[TicketProblem]:
    """A price stands on the contract's increment; a trailing distance in per cent is below a hundred."""
    if field == "trail" and ticket.trail_by is TrailBy.PERCENT:
        return [TicketProblem(field, "A trailing distance in per cent is below 100.")] if price >= 100 else []
    if field not in _ON_INCREMENT or instrument is None or is_on_increment(instrument.increments, price):
        return []
    return [TicketProblem(field, _off_words(price, instrument))]


def _price_problem(field: str, price: Decimal, instrument: Instrument | None) -> TicketProblem | None:
    if not price.is_finite() or price <= 0:
        return TicketProblem(field, f"The {field.replace('_', ' ')} must be more than zero.")
    if instrument is None or is_on_increment(instrument.increments, price):
        return None
    return TicketProblem(field, _off_words(price, instrument))


def _off_words(price: Decimal, instrument: Instrument) -> str:
    below, above = nearest_prices(instrument.increments, price)
    return f"{plain(price)} is off the increment of {instrument.description}: {plain(below)} or {plain(above)}."


def bracket_problems(side: Side, prices: BracketPrices, instrument: Instrument | None = None) -> list[TicketProblem]:
    """What is wrong with a bracket's prices: the stop loses, the target wins, the entry lies between them."""
    found: list[TicketProblem] = []
    named = {"entry_price": prices.entry, "stop_loss": prices.stop_loss, "take_profit": prices.take_profit}
    for field, price in named.items():
        if price is not None and (problem := _price_problem(field, price, instrument)):
            found.append(problem)
    return found or bracket_order(side, prices.entry, prices.stop_loss, prices.take_profit)


def bracket_order(
    side: Side, entry: Decimal | None, stop: Decimal | None, target: Decimal | None
) -> list[TicketProblem]:
    """Whether the stop loses, the target wins and the entry lies between them, as far as these prices are given."""
    found: list[TicketProblem] = []
    buys = side is Side.BUY
    below, above = ("below", "above") if buys else ("above", "below")

    def beyond(low: Decimal, high: Decimal) -> bool:
        return low >= high if buys else low <= high

    if entry is not None and stop is not None and beyond(stop, entry):
        words = (
            f"The stop of a {side.value} bracket lies {below} its entry: {plain(stop)} is not {below} {plain(entry)}."
        )
        found.append(TicketProblem("stop_loss", words))
    if entry is not None and target is not None and beyond(entry, target):
        words = (
            f"The target of a {side.value} bracket lies {above} its entry: "
            f"{plain(target)} is not {above} {plain(entry)}."
        )
        found.append(TicketProblem("take_profit", words))
    if not found and stop is not None and target is not None and beyond(stop, target):
        words = (
            f"The stop of a {side.value} bracket lies {below} its target: {plain(stop)} is not {below} {plain(target)}."
        )
        found.append(TicketProblem("stop_loss", words))
    return found


def _time_problems(ticket: OrderTicket, instrument: Instrument | None) -> list[TicketProblem]:
    kind, name = ticket.order_type, f"A {str(ticket.order_type).replace('_', '-')} order"
    found: list[TicketProblem] = []
    sec_type = instrument.sec_type if instrument else ""
    if ticket.tif in {Tif.IOC, Tif.OPG} and kind not in _AT_ONCE and kind is not OrderType.MIDPRICE:
        found.append(TicketProblem("tif", f"{name} is day or gtc: {ticket.tif.value} is for market and limit orders."))
    if kind is OrderType.MIDPRICE:
        if ticket.tif is not Tif.DAY:
            found.append(TicketProblem("tif", "A midprice order is for the day."))
        if sec_type not in {"", "STK"}:
            found.append(TicketProblem("order_type", "A midprice order is for stocks."))
    if ticket.outside_rth and ticket.tif is Tif.OPG:
        found.append(TicketProblem("outside_rth", "An order for the opening is inside regular trading hours."))
    elif ticket.outside_rth and kind in {OrderType.MARKET, OrderType.MIDPRICE} and sec_type in _HAS_HOURS:
        found.append(TicketProblem("outside_rth", f"{name} waits for regular trading hours; outside them use a limit."))
    return found


def check_ticket(ticket: OrderTicket, instrument: Instrument | None = None) -> None:
    """Raise BrokerError BAD_TICKET with the first problem's words and all of them in its details."""
    refuse(ticket_problems(ticket, instrument))


def refuse(found: Sequence[TicketProblem]) -> None:
    """Raise BrokerError BAD_TICKET with the first problem's words and all of them in its details, if there are any."""
    if found:
        fields = {problem.field: problem.message for problem in reversed(found)}
        raise BrokerError("BAD_TICKET", found[0].message, details={"field": found[0].field, "fields": fields})


def notional(qty: Decimal, price: Decimal, multiplier: Decimal, rate: Decimal = Decimal(1)) -> Decimal:
    """The order's value in the account's base currency: quantity × price × multiplier × FX rate (requirement A-095)."""
    return abs(qty) * price * multiplier * rate

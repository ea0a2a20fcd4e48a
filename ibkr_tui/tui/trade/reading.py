"""Reads a ticket's fields into a draft, or into a sentence beside each field that is wrong. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

import msgspec

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.groups import BracketPrices, GroupKind
from ibkr_tui.model.increments import is_on_increment, nearest_prices
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.numbers import parse_entry, plain
from ibkr_tui.model.orders import OrderTicket, OrderType, Side
from ibkr_tui.model.quotes import Quote
from ibkr_tui.model.sizing import SizeBy, quantity_for_money, quantity_for_risk
from ibkr_tui.model.tickets import ticket_problems
from ibkr_tui.tui.trade.draft import Draft
from ibkr_tui.tui.trade.form import PRICES, LegForm, TicketForm

NAMES = {
    "qty": "quantity",
    "limit_price": "limit price",
    "stop_price": "stop price",
    "trail": "trailing distance",
    "limit_offset": "limit offset",
    "stop_loss": "stop",
    "take_profit": "target",
}


class Reading(msgspec.Struct, frozen=True):
    """A draft, or what is wrong by leg and field. `qty` is the first leg's size when it could be worked out."""

    draft: Draft | None
    problems: dict[tuple[int, str], str]
    qty: Decimal | None = None
    bracket: BracketPrices | None = None

    def of(self, leg: int) -> dict[str, str]:
        """What is wrong with the fields of one leg."""
        return {field: words for (at, field), words in self.problems.items() if at == leg}


class Listed(msgspec.Struct, frozen=True):
    """What is known of a leg's own instrument."""

    instrument: Instrument | None
    quote: Quote | None


def read_form(
    form: TicketForm,
    instrument: Instrument | None,
    quote: Quote | None = None,
    others: Mapping[int, Listed] = MappingProxyType({}),
) -> Reading:
    """What the form asks for. `others` are the instruments, by conid, of legs that have their own."""
    problems: dict[tuple[int, str], str] = {}
    bracket = _bracket(form, instrument, quote, problems) if form.mode is GroupKind.BRACKET else None
    tickets: list[OrderTicket] = []
    for at, leg in enumerate(form.legs):
        own = others.get(leg.conid or 0, Listed(None, None)) if leg.symbol else Listed(instrument, quote)
        ticket = _ticket(form, at, leg, (own.instrument, own.quote, bracket), problems)
        if ticket is not None:
            tickets.append(ticket)
    qty = tickets[0].qty if tickets else None
    if problems:
        return Reading(None, problems, qty, bracket)
    return Reading(Draft(form.mode, tuple(tickets), bracket, form.amends), {}, qty, bracket)


def reference_price(leg: LegForm, quote: Quote | None) -> Decimal | None:
    """The price that a leg is valued at before the core is asked: its own, else the side of the market it takes."""
    for field in ("limit_price", "stop_price"):
        if field in PRICES[leg.order_type]:
            price = _quiet(getattr(leg, field))
            if price is not None and price > 0:
                return price
    if quote is None:
        return None
    return (quote.ask if leg.side is Side.BUY else quote.bid) or quote.last


def _ticket(
    form: TicketForm,
    at: int,
    leg: LegForm,
    known: tuple[Instrument | None, Quote | None, BracketPrices | None],
    problems: dict[tuple[int, str], str],
) -> OrderTicket | None:
    found: dict[str, str] = {}
    qty = _qty(form, leg, known, found)
    optional = {"limit_price"} if leg.order_type is OrderType.MIDPRICE else set()
    if form.amends:
        optional.add("limit_offset")  # what is not said stays; a row does not tell the offset
    prices = {
        field: _number(getattr(leg, field), field, found)
        for field in PRICES[leg.order_type]
        if getattr(leg, field) or field not in optional
    }
    symbol, conid = form.listing(at)
    future = form.is_future and not leg.symbol  # of a leg's own future the core says who entered it
    base = OrderTicket(
        side=leg.side, qty=qty if qty is not None else Decimal(1), symbol=symbol, conid=conid,
        order_type=leg.order_type, tif=leg.tif, outside_rth=leg.outside_rth, trail_by=leg.trail_by,
        manual_indicator=True if future else None, ext_operator=form.ext_operator.strip() if future else "",
    )  # fmt: skip
    ticket = msgspec.structs.replace(base, **prices)
    for problem in ticket_problems(ticket, known[0]):
        if problem.field in optional and not getattr(leg, problem.field):
            continue
        found.setdefault(problem.field, problem.message)
    problems |= {(at, field): words for field, words in found.items()}
    return ticket if qty is not None else None


def _qty(
    form: TicketForm,
    leg: LegForm,
    known: tuple[Instrument | None, Quote | None, BracketPrices | None],
    found: dict[str, str],
) -> Decimal | None:
    """The quantity that was typed, or the one that fits the money or the risk that was typed."""
    instrument, quote, bracket = known
    amount = _number(leg.qty, "qty", found)
    if amount is None or form.size_by is SizeBy.QTY:
        return amount
    if amount <= 0:
        found["qty"] = "The amount must be more than zero."
        return None
    price = reference_price(leg, quote)
    multiplier = instrument.multiplier if instrument is not None else Decimal(1)
    if price is None:
        found["qty"] = "There is no price to size it by; write a limit price."
        return None
    if form.size_by is SizeBy.MONEY:
        qty = quantity_for_money(amount, price, multiplier)
        each = f"one costs {plain(price * multiplier)}"
    elif bracket is None:
        found["qty"] = "Fill in stop and target first: the risk is counted to the stop."
        return None
    else:
        qty = quantity_for_risk(amount, price, bracket.stop_loss, multiplier)
        each = f"one loses {plain(abs(price - bracket.stop_loss) * multiplier)} at the stop"
    if qty <= 0:
        found["qty"] = f"{plain(amount)} is not enough for one: {each}."
        return None
    return qty


def _bracket(
    form: TicketForm, instrument: Instrument | None, quote: Quote | None, problems: dict[tuple[int, str], str]
) -> BracketPrices | None:
    found: dict[str, str] = {}
    leg = form.legs[0]
    stop = _number(form.stop_loss, "stop_loss", found)
    target = _number(form.take_profit, "take_profit", found)
    entry = _quiet(leg.limit_price) if PRICES[leg.order_type] else None
    for field, price in (("stop_loss", stop), ("take_profit", target)):
        words = _off_increment(price, instrument)
        if words:
            found[field] = words
    near = entry if entry is not None else reference_price(leg, quote)
    buys = leg.side is Side.BUY
    if near is not None and stop is not None and (stop >= near) is buys and "stop_loss" not in found:
        found["stop_loss"] = f"To {leg.side}, the stop stands {'below' if buys else 'above'} the entry {plain(near)}."
    if near is not None and target is not None and (target <= near) is buys and "take_profit" not in found:
        where = "above" if buys else "below"
        found["take_profit"] = f"To {leg.side}, the target stands {where} the entry {plain(near)}."
    problems |= {(0, field): words for field, words in found.items()}
    if stop is None or target is None or found:
        return None
    return BracketPrices(entry, stop, target)


def _off_increment(price: Decimal | None, instrument: Instrument | None) -> str:
    if price is None:
        return ""
    if price <= 0:
        return "The price must be more than zero."
    if instrument is None or is_on_increment(instrument.increments, price):
        return ""
    below, above = nearest_prices(instrument.increments, price)
    return f"{plain(price)} is off the increment: {plain(below)} or {plain(above)}."


def _number(text: str, field: str, found: dict[str, str]) -> Decimal | None:
    name = NAMES[field]
    try:
        return parse_entry(text, what=name)
    except BrokerError as error:
        said = error.message.removeprefix(f"{name}: ")
        found[field] = "Fill this in." if said == "is empty" else f"{said[:1].upper()}{said[1:]}."
        return None


def _quiet(text: str) -> Decimal | None:
    try:
        return parse_entry(text)
    except BrokerError:
        return None

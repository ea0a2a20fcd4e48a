"""Between the one-line order language and the ticket's fields. Pure."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from ibkr_tui.model.groups import GroupKind
from ibkr_tui.model.numbers import plain
from ibkr_tui.model.order_language import Sentence, SpokenOrder
from ibkr_tui.model.orders import OrderTicket, OrderType
from ibkr_tui.model.sizing import SizeBy
from ibkr_tui.tui import figures
from ibkr_tui.tui.trade.draft import Draft, price_line
from ibkr_tui.tui.trade.form import LegForm, TicketForm


def to_form(sentence: Sentence, form: TicketForm) -> TicketForm:
    """The form with what was said in its fields; its instrument stays. A leg on another one has its symbol, and no
    conid yet."""
    first = sentence.orders[0]
    symbol = form.symbol.upper()
    bracket = first.bracket
    return msgspec.structs.replace(
        form,
        legs=tuple(_leg(order, "" if order.symbol == symbol else order.symbol) for order in sentence.orders),
        mode=sentence.kind,
        at=0,
        size_by=first.size_by,
        stop_loss=plain(bracket.stop_loss) if bracket is not None else "",
        take_profit=plain(bracket.take_profit) if bracket is not None else "",
        amends="",
    )


def _leg(order: SpokenOrder, symbol: str) -> LegForm:
    return LegForm(
        side=order.side, order_type=order.order_type, tif=order.tif, qty=plain(order.amount),
        limit_price=_text(order.limit_price), stop_price=_text(order.stop_price), trail=_text(order.trail),
        trail_by=order.trail_by, limit_offset=_text(order.limit_offset), outside_rth=order.outside_rth, symbol=symbol,
    )  # fmt: skip


def _text(value: Decimal | None) -> str:
    return plain(value) if value is not None else ""


def from_draft(draft: Draft) -> Sentence:
    """What a person could have said to get this draft."""
    orders = tuple(
        SpokenOrder(
            side=ticket.side, amount=ticket.qty, symbol=ticket.symbol.upper(), order_type=ticket.order_type,
            limit_price=ticket.limit_price, stop_price=ticket.stop_price, trail=ticket.trail,
            trail_by=ticket.trail_by, limit_offset=ticket.limit_offset, tif=ticket.tif,
            outside_rth=ticket.outside_rth, bracket=draft.bracket,
        )
        for ticket in draft.tickets
    )  # fmt: skip
    return Sentence(draft.kind, orders)


def meaning(sentence: Sentence) -> str:
    """What a sentence will do, in words: `Bracket: buy 100 AAPL LMT 188 day, stop at 185, target at 195`."""
    told = [_told(order) for order in sentence.orders]
    if sentence.kind is GroupKind.OCO:
        return "One cancels the other: " + ", or ".join(told)
    if sentence.kind is GroupKind.OTO:
        return f"First {told[0]}; when it has filled, {told[1]}"
    return ("Bracket: " if sentence.kind is GroupKind.BRACKET else "") + told[0]


def _told(order: SpokenOrder) -> str:
    size = {
        SizeBy.QTY: figures.quantity(order.amount),
        SizeBy.MONEY: f"for {figures.number(order.amount, 0)} of",
        SizeBy.RISK: f"as much that the stop loses {figures.number(order.amount, 0)} of",
    }[order.size_by]
    ticket = OrderTicket(
        side=order.side, qty=order.amount, order_type=order.order_type, limit_price=order.limit_price,
        stop_price=order.stop_price, trail=order.trail, trail_by=order.trail_by, limit_offset=order.limit_offset,
    )  # fmt: skip
    price = "at market" if order.order_type is OrderType.MARKET else price_line(ticket)
    words = f"{order.side} {size} {order.symbol} {price} {order.tif}"
    if order.bracket is not None:
        words += f", stop at {order.bracket.stop_loss:,f}, target at {order.bracket.take_profit:,f}"
    return words + (" outside regular hours" if order.outside_rth else "")

"""What a ticket asks for once it can be read: the operation that sends it, with its arguments. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from ibkr_tui.model.groups import BracketPrices, GroupKind
from ibkr_tui.model.numbers import plain
from ibkr_tui.model.orders import OrderTicket, OrderType, TrailBy
from ibkr_tui.model.text import clean
from ibkr_tui.tui import figures

SHORT: Final = {
    OrderType.MARKET: "MKT",
    OrderType.LIMIT: "LMT",
    OrderType.STOP: "STP",
    OrderType.STOP_LIMIT: "STP LMT",
    OrderType.TRAIL: "TRAIL",
    OrderType.TRAIL_LIMIT: "TRAIL LMT",
    OrderType.MIDPRICE: "MIDPRICE",
}
_SENT_BY: Final = {
    GroupKind.SIMPLE: "place_order",
    GroupKind.BRACKET: "place_bracket_order",
    GroupKind.OCO: "place_oco_order",
    GroupKind.OTO: "place_oto_order",
}


class Draft(msgspec.Struct, frozen=True):
    """One order or group, ready to be previewed and sent. `amends` is the id of the order that it restates."""

    kind: GroupKind
    tickets: tuple[OrderTicket, ...]
    bracket: BracketPrices | None = None
    amends: str = ""

    @property
    def operation(self) -> str:
        """The operation that sends it."""
        return "amend_order" if self.amends else _SENT_BY[self.kind]

    @property
    def arguments(self) -> dict[str, object]:
        """Its arguments (requirements A-087…A-089, A-096); money as plain decimal text."""
        first = ticket_arguments(self.tickets[0])
        if self.amends:
            return first | {"order_id": self.amends, "outside_rth": self.tickets[0].outside_rth}
        if self.kind is GroupKind.BRACKET and self.bracket is not None:
            return _bracket_arguments(first, self.bracket)
        if self.kind is GroupKind.OCO:
            return {"legs": [ticket_arguments(ticket) for ticket in self.tickets]}
        if self.kind is GroupKind.OTO:
            return {"trigger": first, "child": ticket_arguments(self.tickets[1])}
        return first


def _bracket_arguments(entry: dict[str, object], prices: BracketPrices) -> dict[str, object]:
    kept = {name: value for name, value in entry.items() if name not in {"order_type", "limit_price"}}
    if prices.entry is not None:
        kept["entry_price"] = plain(prices.entry)
    return kept | {"stop_loss": plain(prices.stop_loss), "take_profit": plain(prices.take_profit)}


def ticket_arguments(ticket: OrderTicket) -> dict[str, object]:
    """A ticket in the shape of place_order's arguments."""
    arguments: dict[str, object] = {
        "side": str(ticket.side),
        "qty": plain(ticket.qty),
        "order_type": str(ticket.order_type),
        "tif": str(ticket.tif),
        "symbol": ticket.symbol,
    }
    if ticket.conid is not None:
        arguments["conid"] = ticket.conid
    for name in ("limit_price", "stop_price", "trail", "limit_offset"):
        value: Decimal | None = getattr(ticket, name)
        if value is not None:
            arguments[name] = plain(value)
    if ticket.trail is not None:
        arguments["trail_by"] = str(ticket.trail_by)
    if ticket.outside_rth:
        arguments["outside_rth"] = True
    if ticket.manual_indicator is not None:
        arguments["manual_indicator"] = ticket.manual_indicator
    if ticket.ext_operator:
        arguments["ext_operator"] = ticket.ext_operator
    return arguments


def price_line(ticket: OrderTicket) -> str:
    """`LMT 189.42`, `STP 185 LMT 184.50`, `TRAIL 1.5%`, `MKT`."""
    kind = ticket.order_type
    limit = f"{ticket.limit_price:,f}" if ticket.limit_price is not None else ""
    if kind is OrderType.STOP_LIMIT and ticket.stop_price is not None:
        return f"STP {ticket.stop_price:,f} LMT {limit}"
    if kind is OrderType.STOP and ticket.stop_price is not None:
        return f"STP {ticket.stop_price:,f}"
    if ticket.trail is not None:
        distance = f"{ticket.trail:,f}" + ("%" if ticket.trail_by is TrailBy.PERCENT else "")
        offset = f" ±{ticket.limit_offset:,f}" if ticket.limit_offset is not None else ""
        return f"{SHORT[kind]} {distance}{offset}"
    return f"{SHORT[kind]} {limit}".rstrip()


def order_line(ticket: OrderTicket, name: str) -> str:
    """`BUY 100 AAPL LMT 189.42 DAY`."""
    line = f"{ticket.side.upper()} {figures.quantity(ticket.qty)} {name} {price_line(ticket)} {ticket.tif.upper()}"
    return line + (" outside RTH" if ticket.outside_rth else "")


def draft_line(draft: Draft, name: str) -> str:
    """The whole draft in one line, as it is read before it is sent."""
    first = order_line(draft.tickets[0], name)
    if draft.amends:
        return f"amend to {first}"
    if draft.bracket is not None:
        return f"{first} · stop {draft.bracket.stop_loss:,f} · target {draft.bracket.take_profit:,f}"
    join = {GroupKind.OCO: " or ", GroupKind.OTO: " then "}.get(draft.kind, " ")
    conid = draft.tickets[0].conid
    rest = (order_line(leg, name if leg.conid == conid else clean(leg.symbol, limit=30)) for leg in draft.tickets[1:])
    return join.join([first, *rest])

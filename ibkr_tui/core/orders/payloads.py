"""The bodies of order requests (reference 4.4). Pure: same ticket and cOID, same bytes."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.groups import GroupKind, Leg, Proposal
from ibkr_tui.model.numbers import plain
from ibkr_tui.model.orders import OrderTicket, OrderType, Role, TrailBy

ORDER_TYPES: Final[Mapping[OrderType, str]] = {
    OrderType.MARKET: "MKT",
    OrderType.LIMIT: "LMT",
    OrderType.STOP: "STP",
    OrderType.STOP_LIMIT: "STOP_LIMIT",
    OrderType.TRAIL: "TRAIL",
    OrderType.TRAIL_LIMIT: "TRAILLMT",
    OrderType.MIDPRICE: "MIDPRICE",
}
_SAYS: Final[Mapping[OrderType, frozenset[str]]] = {
    OrderType.MARKET: frozenset(),
    OrderType.LIMIT: frozenset({"limit_price"}),
    OrderType.STOP: frozenset({"stop_price"}),
    OrderType.STOP_LIMIT: frozenset({"limit_price", "stop_price"}),
    OrderType.TRAIL: frozenset({"stop_price", "trail"}),
    OrderType.TRAIL_LIMIT: frozenset({"limit_price", "stop_price", "trail", "limit_offset"}),
    OrderType.MIDPRICE: frozenset({"limit_price"}),
}
_TRAILING: Final = {TrailBy.AMOUNT: "amt", TrailBy.PERCENT: "%"}
_CHILDREN: Final = {Role.STOP, Role.TARGET, Role.CHILD}
_COID: Final = re.compile(r"[A-Za-z0-9]{1,32}")
_BROKER_ID: Final = re.compile(r"[1-9][0-9]{0,18}")
_EXCHANGE: Final = re.compile(r"[A-Z0-9.]{1,16}")
_json: Final = msgspec.json.Encoder()


def order_payload(ticket: OrderTicket, conid: int, account: str, coid: str) -> dict[str, Any]:
    """The request `{"orders": [...]}` of one simple order. Raises BrokerError BAD_TICKET for what cannot be said."""
    return {"orders": [order_body(ticket, conid, account, coid=_own(coid))]}


def proposal_payload(proposal: Proposal, coids: Sequence[str]) -> dict[str, Any]:
    """The one request of a proposal; `coids` are its legs' own ids.

    A parent has its cOID and is named by its children, which send none of their own; the legs of a stand-alone group
    each have one and say that the array is one group (reference 4.5).
    """
    oco = proposal.kind is GroupKind.OCO
    orders = []
    for leg, coid in zip(proposal.legs, coids, strict=True):
        child = leg.role in _CHILDREN
        orders.append(
            order_body(
                leg.ticket,
                leg.instrument.conid,
                proposal.account,
                coid="" if child else _own(coid),
                parent=_own(coids[0]) if child else "",
                single_group=oco,
            )
        )
    return {"orders": orders}


def child_payload(leg: Leg, account: str, parent_id: str) -> dict[str, Any]:
    """A child that is sent after its parent, which it names by the broker's id (W-06)."""
    return {"orders": [order_body(leg.ticket, leg.instrument.conid, account, parent=broker_id(parent_id))]}


def amend_payload(
    ticket: OrderTicket, conid: int, account: str, *, parent: str = "", single_group: bool = False
) -> dict[str, Any]:
    """A changed order, whole and bare (reference 4.6); a cOID said again would be one used twice."""
    return order_body(ticket, conid, account, parent=parent, single_group=single_group)


def order_body(
    ticket: OrderTicket, conid: int, account: str, *, coid: str = "", parent: str = "", single_group: bool = False
) -> dict[str, Any]:
    """One element of the array. A conid alone means SMART; another exchange is named by conidex."""
    if conid <= 0:
        raise BrokerError("BAD_TICKET", "an order names a conid above zero")
    order: dict[str, Any] = {"acctId": account}
    exchange = ticket.exchange.upper()
    if exchange == "SMART":
        order["conid"] = conid
    elif _EXCHANGE.fullmatch(exchange):
        order["conidex"] = f"{conid}@{exchange}"
    else:
        raise BrokerError("BAD_TICKET", "the exchange has 1 to 16 letters and digits", details={"field": "exchange"})
    if coid:
        order["cOID"] = coid
    if parent:
        order["parentId"] = parent
    order |= {
        "orderType": ORDER_TYPES[ticket.order_type],
        "side": ticket.side.value.upper(),
        "tif": ticket.tif.value.upper(),
        "quantity": _exact(ticket.qty, "qty"),
    }
    order |= _prices(ticket)
    if ticket.outside_rth:
        order["outsideRTH"] = True
    if single_group:
        order["isSingleGroup"] = True
    if ticket.manual_indicator is not None:
        order["manualIndicator"] = ticket.manual_indicator
    if ticket.ext_operator:
        order["extOperator"] = ticket.ext_operator
    return order


def _prices(ticket: OrderTicket) -> dict[str, Any]:
    """`price` is the limit, but of a stop order its stop; `auxPrice` the stop beside a limit (reference 4.4)."""
    kind, limit, stop = ticket.order_type, ticket.limit_price, ticket.stop_price
    found: dict[str, Any] = {}
    _check_said(ticket)
    if kind is OrderType.LIMIT or (kind is OrderType.MIDPRICE and limit is not None):
        found["price"] = _exact(limit, "limit_price")
    elif kind is OrderType.STOP or (kind is OrderType.TRAIL and stop is not None):
        found["price"] = _exact(stop, "stop_price")
    elif kind is OrderType.STOP_LIMIT:
        found |= {"price": _exact(limit, "limit_price"), "auxPrice": _exact(stop, "stop_price")}
    elif kind is OrderType.TRAIL_LIMIT:
        found |= {"price": _exact(trailing_limit(ticket), "limit_price"), "auxPrice": _exact(stop, "stop_price")}
    if kind in {OrderType.TRAIL, OrderType.TRAIL_LIMIT}:
        found |= {"trailingAmt": _exact(ticket.trail, "trail"), "trailingType": _TRAILING[ticket.trail_by]}
    return found


def _check_said(ticket: OrderTicket) -> None:
    """A price that the order's type has no place for would be dropped silently: such a ticket is refused."""
    for field in ("limit_price", "stop_price", "trail", "limit_offset"):
        if getattr(ticket, field) is not None and field not in _SAYS[ticket.order_type]:
            words = f"a {ticket.order_type.value} order has no {field}"
            raise BrokerError("BAD_TICKET", words, details={"field": field})


def trailing_limit(ticket: OrderTicket) -> Decimal | None:
    """The limit that a trailing stop-limit order begins with: its own, or its stop and the offset beyond it."""
    if ticket.limit_price is not None or ticket.stop_price is None or ticket.limit_offset is None:
        return ticket.limit_price
    return ticket.stop_price + ticket.side.sign * ticket.limit_offset


def encode(payload: Mapping[str, Any]) -> bytes:
    """The payload's bytes."""
    return _json.encode(payload)


def broker_id(order_id: str) -> str:
    """The id a cancel may name. Raises BrokerError ORDER_NOT_FOUND: empty or −1 would cancel every order."""
    if not _BROKER_ID.fullmatch(order_id):
        raise BrokerError("ORDER_NOT_FOUND", "the broker has not given this order an id yet")
    return order_id


def _own(coid: str) -> str:
    if not _COID.fullmatch(coid):
        raise BrokerError("BAD_TICKET", "an order's own id has 1 to 32 letters and digits")
    return coid


def _exact(number: Decimal | None, field: str) -> msgspec.Raw:
    """The number as JSON with all its digits: neither a float's drift nor a Decimal's exponent."""
    if number is None:
        raise BrokerError("BAD_TICKET", f"{field} is missing", details={"field": field})
    if not number.is_finite() or number <= 0:
        raise BrokerError("BAD_TICKET", f"{field} must be more than zero", details={"field": field})
    return msgspec.Raw(plain(number).encode())

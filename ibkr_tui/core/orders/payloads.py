"""The bodies of order requests (reference 4.4). Pure: same ticket and cOID, same bytes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.numbers import plain
from ibkr_tui.model.orders import OrderTicket, OrderType

ORDER_TYPES: Final[Mapping[OrderType, str]] = {OrderType.MARKET: "MKT", OrderType.LIMIT: "LMT"}
_COID: Final = re.compile(r"[A-Za-z0-9]{1,32}")
_BROKER_ID: Final = re.compile(r"[1-9][0-9]{0,18}")
_EXCHANGE: Final = re.compile(r"[A-Z0-9.]{1,16}")
_json: Final = msgspec.json.Encoder()


def order_payload(ticket: OrderTicket, conid: int, account: str, coid: str) -> dict[str, Any]:
    """The request `{"orders": [...]}` of one simple order. Raises BrokerError BAD_TICKET for what cannot be said.

    A conid alone means SMART; another exchange is named by conidex.
    """
    if not _COID.fullmatch(coid):
        raise BrokerError("BAD_TICKET", "an order's own id has 1 to 32 letters and digits")
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
    order |= {
        "cOID": coid,
        "orderType": ORDER_TYPES[ticket.order_type],
        "side": ticket.side.value.upper(),
        "tif": ticket.tif.value.upper(),
        "quantity": _exact(ticket.qty, "qty"),
    }
    if ticket.order_type is OrderType.LIMIT:
        if ticket.limit_price is None:
            raise BrokerError("BAD_TICKET", "A limit order needs a limit price.", details={"field": "limit_price"})
        order["price"] = _exact(ticket.limit_price, "limit_price")
    elif ticket.limit_price is not None:
        raise BrokerError("BAD_TICKET", "A market order has no limit price.", details={"field": "limit_price"})
    if ticket.outside_rth:
        order["outsideRTH"] = True
    return {"orders": [order]}


def encode(payload: Mapping[str, Any]) -> bytes:
    """The payload's bytes."""
    return _json.encode(payload)


def broker_id(order_id: str) -> str:
    """The id a cancel may name. Raises BrokerError ORDER_NOT_FOUND: empty or −1 would cancel every order."""
    if not _BROKER_ID.fullmatch(order_id):
        raise BrokerError("ORDER_NOT_FOUND", "the broker has not given this order an id yet")
    return order_id


def _exact(number: Decimal, field: str) -> msgspec.Raw:
    """The number as JSON with all its digits: neither a float's drift nor a Decimal's exponent."""
    if not number.is_finite() or number <= 0:
        raise BrokerError("BAD_TICKET", f"{field} must be more than zero", details={"field": field})
    return msgspec.Raw(plain(number).encode())

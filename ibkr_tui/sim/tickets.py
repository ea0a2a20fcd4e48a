"""An order ticket from the wire, read strictly (reference section 4.4)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from ibkr_tui.sim.instruments import Instrument

SIDES = {"BUY": 1, "SELL": -1}
TIFS = frozenset({"DAY", "GTC", "IOC"})


class TicketError(Exception):
    """A ticket the broker does not accept; ``status`` is the HTTP status of the answer."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.text = text
        self.status = status


@dataclass(frozen=True)
class Draft:
    """A ticket that makes sense, not yet an order. ``replaces`` is the order it would modify."""

    account: str
    instrument: Instrument
    side: str
    quantity: Decimal
    order_type: str
    price: Decimal | None
    tif: str
    outside_rth: bool
    coid: str
    replaces: int | None = None

    @property
    def sign(self) -> int:
        return SIDES[self.side]


def read_ticket(
    ticket: object, account: str, instruments: Mapping[int, Instrument], replaces: int | None = None
) -> Draft:
    """Turn one ticket into a draft or raise :class:`TicketError`."""
    if not isinstance(ticket, dict):
        raise TicketError("Bad Request: an order must be a JSON object")
    if ticket.get("acctId") not in (None, account):
        raise TicketError("Bad Request: acctId does not match the account of the path")
    _refuse_groups(ticket)
    instrument = _instrument(ticket, instruments)
    side = str(ticket.get("side", "")).upper()
    if side not in SIDES:
        raise TicketError(f"Bad Request: invalid side {ticket.get('side')!r}")
    order_type = str(ticket.get("orderType", "")).upper()
    if order_type not in ("LMT", "MKT"):
        raise TicketError(
            f"Order couldn't be submitted: order type {order_type or 'none'} is not supported for this contract.", 200
        )
    tif = str(ticket.get("tif", "DAY")).upper()
    if tif not in TIFS:
        raise TicketError(f"Order couldn't be submitted: invalid time in force: {tif}.", 200)
    if ticket.get("cashQty") is not None or ticket.get("fxQty") is not None:
        raise TicketError("Order couldn't be submitted: cash quantity is not supported for this contract.", 200)
    quantity = _positive(ticket, "quantity")
    if quantity != quantity.to_integral_value():
        raise TicketError("Order couldn't be submitted: this contract does not support fractional quantities.", 200)
    if instrument.sec_type == "FUT" and not (ticket.get("manualIndicator") is not None and ticket.get("extOperator")):
        raise TicketError(
            "Order couldn't be submitted: manualIndicator and extOperator are required for US futures.", 200
        )
    price = _limit(ticket, instrument) if order_type == "LMT" else None
    return Draft(
        account,
        instrument,
        side,
        quantity,
        order_type,
        price,
        tif,
        bool(ticket.get("outsideRTH", False)),
        str(ticket.get("cOID") or ""),
        replaces,
    )


def _refuse_groups(ticket: dict[str, Any]) -> None:
    if ticket.get("parentId") or ticket.get("isSingleGroup"):
        raise TicketError("Order couldn't be submitted: attached and grouped orders are not supported.", 200)


def _instrument(ticket: dict[str, Any], instruments: Mapping[int, Instrument]) -> Instrument:
    given = ticket.get("conid")
    if given is None and isinstance(ticket.get("conidex"), str):
        given = ticket["conidex"].split("@")[0]
    try:
        return instruments[int(str(given))]
    except (ValueError, KeyError):
        raise TicketError(f"Bad Request: contract not found: {given}") from None


def _limit(ticket: dict[str, Any], instrument: Instrument) -> Decimal:
    price = _positive(ticket, "price")
    if price % instrument.tick:
        raise TicketError("The price does not conform to the minimum price variation for this contract.", 200)
    return price


def _positive(ticket: dict[str, Any], name: str) -> Decimal:
    value = ticket.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TicketError(f"Bad Request: {name} is missing or not a number")
    if isinstance(value, float) and not math.isfinite(value):
        raise TicketError(f"Bad Request: {name} is not a finite number")
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise TicketError(f"Bad Request: {name} is not a number") from None
    if not number.is_finite() or number <= 0:
        raise TicketError(f"Bad Request: {name} must be greater than zero")
    return number

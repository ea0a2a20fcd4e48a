"""An order ticket from the wire, read strictly (reference section 4.4)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from ibkr_tui.sim.instruments import Instrument

SIDES = {"BUY": 1, "SELL": -1}
TIFS = frozenset({"DAY", "GTC", "IOC", "OPG"})
LIMITED = frozenset({"LMT", "STOP_LIMIT", "TRAILLMT", "MIDPRICE"})
STOPPED = frozenset({"STP", "STOP_LIMIT", "TRAIL", "TRAILLMT"})
TRAILING = frozenset({"TRAIL", "TRAILLMT"})
ORDER_TYPES = LIMITED | STOPPED | {"MKT"}
_REFUSED = "Order couldn't be submitted: "


class TicketError(Exception):
    """A ticket the broker does not accept; ``status`` is the HTTP status of the answer."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.text = text
        self.status = status


@dataclass(frozen=True)
class Draft:
    """A ticket that makes sense, not yet an order. ``replaces`` is the order it would modify.

    ``price`` is the limit (of a MIDPRICE order the cap), ``stop`` what triggers it, ``trail`` how far that follows.
    ``parent`` is the ticket's ``parentId`` as it was sent, ``single`` its ``isSingleGroup``.
    """

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
    stop: Decimal | None = None
    trail: Decimal | None = None
    trail_percent: bool = False
    parent: str = ""
    single: bool = False

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
    instrument = _instrument(ticket, instruments)
    side = str(ticket.get("side", "")).upper()
    if side not in SIDES:
        raise TicketError(f"Bad Request: invalid side {ticket.get('side')!r}")
    order_type = str(ticket.get("orderType", "")).upper()
    tif = str(ticket.get("tif", "DAY")).upper()
    outside = _flag(ticket, "outsideRTH")
    _check_kind(order_type, tif, instrument, outside)
    if ticket.get("cashQty") is not None or ticket.get("fxQty") is not None:
        raise TicketError(_REFUSED + "cash quantity is not supported for this contract.", 200)
    quantity = _positive(ticket, "quantity")
    if quantity != quantity.to_integral_value():
        raise TicketError(_REFUSED + "this contract does not support fractional quantities.", 200)
    if instrument.sec_type == "FUT":
        _check_future(ticket)
    price, stop = _prices(ticket, order_type, instrument)
    trail, percent = _trail(ticket, instrument) if order_type in TRAILING else (None, False)
    parent = ticket.get("parentId")
    return Draft(
        account,
        instrument,
        side,
        quantity,
        order_type,
        price,
        tif,
        outside,
        str(ticket.get("cOID") or ""),
        replaces,
        stop,
        trail,
        percent,
        "" if parent is None else str(parent),
        _flag(ticket, "isSingleGroup"),
    )


def _check_kind(order_type: str, tif: str, instrument: Instrument, outside: bool) -> None:
    """Whether the contract takes such an order at all."""
    if order_type not in ORDER_TYPES:
        raise TicketError(f"{_REFUSED}order type {order_type or 'none'} is not supported for this contract.", 200)
    if tif not in TIFS:
        raise TicketError(f"{_REFUSED}invalid time in force: {tif}.", 200)
    if order_type == "MIDPRICE" and not (instrument.is_us and instrument.sec_type == "STK"):
        raise TicketError(f"{_REFUSED}order type MIDPRICE is only supported for US stocks.", 200)
    if tif == "OPG" and (order_type not in ("MKT", "LMT") or instrument.sec_type != "STK"):
        raise TicketError(f"{_REFUSED}time in force OPG is only supported for market and limit orders in stocks.", 200)
    if tif == "OPG" and outside:
        raise TicketError(f"{_REFUSED}time in force OPG can't be combined with outsideRTH.", 200)
    if tif == "IOC" and order_type in TRAILING | {"MIDPRICE"}:
        raise TicketError(f"{_REFUSED}time in force IOC is not supported for order type {order_type}.", 200)


def _check_future(ticket: dict[str, Any]) -> None:
    """CME rule 576: who entered the order, by hand or by a program."""
    operator = ticket.get("extOperator")
    if ticket.get("manualIndicator") is None or not operator:
        raise TicketError(_REFUSED + "manualIndicator and extOperator are required for US futures.", 200)
    if not isinstance(ticket["manualIndicator"], bool) or not isinstance(operator, str):
        raise TicketError("Bad Request: manualIndicator must be true or false and extOperator a string")


def _prices(ticket: dict[str, Any], order_type: str, instrument: Instrument) -> tuple[Decimal | None, Decimal | None]:
    """Limit and stop. The stop is ``price`` for STP and TRAIL, ``auxPrice`` for the two with a limit of their own."""
    if order_type == "MKT":
        return None, None
    if order_type == "STP":
        return None, _on_tick(ticket, "price", instrument)
    if order_type in ("TRAIL", "MIDPRICE"):
        given = _on_tick(ticket, "price", instrument) if ticket.get("price") is not None else None
        return (None, given) if order_type == "TRAIL" else (given, None)
    limit = _on_tick(ticket, "price", instrument)
    return limit, _on_tick(ticket, "auxPrice", instrument) if order_type != "LMT" else None


def _trail(ticket: dict[str, Any], instrument: Instrument) -> tuple[Decimal, bool]:
    """How far a trailing stop keeps away: an amount on the contract's increments, or a share of the price."""
    kind = ticket.get("trailingType")
    if kind not in ("amt", "%"):
        raise TicketError(f"Bad Request: trailingType must be amt or %, not {kind!r}")
    if kind == "amt":
        return _on_tick(ticket, "trailingAmt", instrument), False
    amount = _positive(ticket, "trailingAmt")
    if amount >= 100:
        raise TicketError("Bad Request: trailingAmt in percent must be below 100")
    return amount, True


def _flag(ticket: dict[str, Any], name: str) -> bool:
    value = ticket.get(name, False)
    if not isinstance(value, bool | None):
        raise TicketError(f"Bad Request: {name} must be true or false")
    return bool(value)


def _instrument(ticket: dict[str, Any], instruments: Mapping[int, Instrument]) -> Instrument:
    given = ticket.get("conid")
    if given is None and isinstance(ticket.get("conidex"), str):
        given = ticket["conidex"].split("@")[0]
    try:
        return instruments[int(str(given))]
    except (ValueError, KeyError):
        raise TicketError(f"Bad Request: contract not found: {given}") from None


def _on_tick(ticket: dict[str, Any], name: str, instrument: Instrument) -> Decimal:
    price = _positive(ticket, name)
    if price % instrument.increment(price):
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

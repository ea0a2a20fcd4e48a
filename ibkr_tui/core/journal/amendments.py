"""Changes of orders that were asked for and of which no later row says what became of them: the core stopped beside
them, or their answer was lost. What the order is now, only the broker's rows tell."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from ibkr_tui.core.journal.intents import Intent
from ibkr_tui.model.orders import OrderTicket, Tif, TrailBy

log = logging.getLogger(__name__)

_ENDS: Final = ("amended", "amend_refused")
_NUMBERS: Final = ("qty", "limit_price", "stop_price", "trail", "limit_offset")
_TICKETS: Final[Mapping[str, type]] = {"tif": Tif, "trail_by": TrailBy, "outside_rth": bool, "exchange": str}


def open_amendments(connection: sqlite3.Connection, intents: Iterable[Intent]) -> dict[str, OrderTicket]:
    """By cOID the ticket that an order was to become; of an order whose ticket is not known none."""
    found = {}
    for intent in intents:
        row = connection.execute(
            "SELECT payload FROM audit WHERE coid = ? AND kind = 'amend' AND seq > (SELECT COALESCE(MAX(seq), 0) "
            "FROM audit WHERE coid = ? AND kind IN (?, ?)) ORDER BY seq DESC LIMIT 1",
            (intent.coid, intent.coid, *_ENDS),
        ).fetchone()
        if row is None or intent.ticket is None:
            continue
        try:
            found[intent.coid] = _amended(intent.ticket, msgspec.json.decode(row[0], type=dict[str, Any]))
        except (msgspec.MsgspecError, ValueError, ArithmeticError):  # somebody broke the row: the audit's check says so
            log.warning("journal: the change of %s can't be read", intent.coid)
    return found


def _amended(ticket: OrderTicket, facts: Mapping[str, Any]) -> OrderTicket:
    numbers = {name: None if facts.get(name) is None else Decimal(str(facts[name])) for name in _NUMBERS}
    said = {name: kind(facts[name]) for name, kind in _TICKETS.items() if facts.get(name) is not None}
    return msgspec.structs.replace(ticket, **(numbers | said))

"""Intents: each order this core meant to send, written before its first byte (design 6.1)."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

import msgspec

from ibkr_tui.model.numbers import plain
from ibkr_tui.model.orders import OrderTicket, Role, Side


class IntentState(StrEnum):
    """SENDING and UNKNOWN: its fate is not proven. QUESTION: the broker waits for an answer. The rest is known.

    CANCEL_ON_SIGHT is UNKNOWN with a person's wish.
    """

    SENDING = "sending"
    QUESTION = "question"
    UNKNOWN = "unknown"
    CANCEL_ON_SIGHT = "cancel_on_sight"
    WORKING = "working"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    NOT_SENT = "not_sent"


UNPROVEN: Final = (IntentState.SENDING, IntentState.QUESTION, IntentState.UNKNOWN, IntentState.CANCEL_ON_SIGHT)
NOT_DONE: Final = (*UNPROVEN, IntentState.WORKING)


class Intent(msgspec.Struct, frozen=True):
    """One order as it was meant. `request_hash` is the SHA-256 of the body, `instance` names the core that sent it.

    `ticket` is the whole of it, as it was last accepted; orders of schema 1 have none. `parent` is the cOID of the
    order that this one waits for.
    """

    coid: str
    account: str
    conid: int
    symbol: str
    description: str
    side: Side
    qty: Decimal
    order_type: str
    limit_price: Decimal | None
    tif: str
    request_hash: str
    instance: str
    state: IntentState
    created_at: datetime
    order_id: str = ""
    ticket: OrderTicket | None = None
    group_id: str = ""
    role: Role = Role.SINGLE
    parent: str = ""


_COLUMNS: Final = (
    "coid, account, conid, symbol, description, side, qty, order_type, limit_price, tif, request_hash, instance, "
    "state, created_at, order_id, ticket, group_id, role, parent"
)
_ticket: Final = msgspec.json.Decoder(OrderTicket)


def insert(connection: sqlite3.Connection, intent: Intent) -> None:
    """Add `intent`; a cOID that was used before is refused by its primary key."""
    price = None if intent.limit_price is None else plain(intent.limit_price)
    at = intent.created_at.isoformat()
    connection.execute(
        f"INSERT INTO intents ({_COLUMNS}, updated_at) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",  # noqa: S608
        (
            intent.coid, intent.account, intent.conid, intent.symbol, intent.description, str(intent.side),
            plain(intent.qty), intent.order_type, price, intent.tif, intent.request_hash, intent.instance,
            str(intent.state), at, intent.order_id, None if intent.ticket is None else _text(intent.ticket),
            intent.group_id, str(intent.role), intent.parent, at,
        ),
    )  # fmt: skip


def move(connection: sqlite3.Connection, coid: str, state: IntentState, at: datetime, order_id: str = "") -> None:
    """The intent's new state; an empty `order_id` keeps the one that is known."""
    connection.execute(
        "UPDATE intents SET state = ?, updated_at = ?, order_id = CASE WHEN ? = '' THEN order_id ELSE ? END "
        "WHERE coid = ?",
        (str(state), at.isoformat(), order_id, order_id, coid),
    )


def restate(connection: sqlite3.Connection, coid: str, ticket: OrderTicket) -> None:
    """The order was amended: what it is from now on."""
    price = None if ticket.limit_price is None else plain(ticket.limit_price)
    connection.execute(
        "UPDATE intents SET ticket = ?, qty = ?, limit_price = ?, tif = ? WHERE coid = ?",
        (_text(ticket), plain(ticket.qty), price, str(ticket.tif), coid),
    )


def alive(connection: sqlite3.Connection) -> list[Intent]:
    """Intents whose orders may still live, and every other leg of their groups, oldest first."""
    marks = ",".join("?" * len(NOT_DONE))
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM intents WHERE state IN ({marks}) OR (group_id != '' AND group_id IN "  # noqa: S608
        f"(SELECT group_id FROM intents WHERE state IN ({marks}))) ORDER BY created_at, coid",
        [str(state) for state in (*NOT_DONE, *NOT_DONE)],
    )
    return [_intent(row) for row in rows]


def since(connection: sqlite3.Connection, at: datetime) -> list[Intent]:
    """Intents made after `at`, oldest first: the orders whose late fills are ours."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM intents WHERE created_at > ? ORDER BY created_at",  # noqa: S608
        (at.isoformat(),),
    )
    return [_intent(row) for row in rows]


def _intent(row: tuple[Any, ...]) -> Intent:
    (
        coid, account, conid, symbol, description, side, qty, kind, price, tif, digest, instance, state, at, order_id,
        ticket, group_id, role, parent,
    ) = row  # fmt: skip
    return Intent(
        coid=coid,
        account=account,
        conid=conid,
        symbol=symbol,
        description=description,
        side=Side(side),
        qty=Decimal(qty),
        order_type=kind,
        limit_price=None if price is None else Decimal(price),
        tif=tif,
        request_hash=digest,
        instance=instance,
        state=IntentState(state),
        created_at=datetime.fromisoformat(at),
        order_id=order_id,
        ticket=None if ticket is None else _ticket.decode(ticket),
        group_id=group_id,
        role=Role(role),
        parent=parent,
    )


def _text(ticket: OrderTicket) -> str:
    return msgspec.json.encode(ticket).decode()

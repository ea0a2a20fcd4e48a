"""Intents: each order this core meant to send, written before its first byte (design 6.1)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

import msgspec

from ibkr_tui.model.numbers import plain
from ibkr_tui.model.orders import Side


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
    """One order as it was meant. `request_hash` is the SHA-256 of the body, `instance` names the core that sent it."""

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


_COLUMNS: Final = (
    "coid, account, conid, symbol, description, side, qty, order_type, limit_price, tif, request_hash, instance, "
    "state, created_at, order_id"
)


def insert(connection: sqlite3.Connection, intent: Intent) -> None:
    """Add `intent`; a cOID that was used before is refused by its primary key."""
    price = None if intent.limit_price is None else plain(intent.limit_price)
    at = intent.created_at.isoformat()
    connection.execute(
        f"INSERT INTO intents ({_COLUMNS}, updated_at) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",  # noqa: S608
        (
            intent.coid, intent.account, intent.conid, intent.symbol, intent.description, str(intent.side),
            plain(intent.qty), intent.order_type, price, intent.tif, intent.request_hash, intent.instance,
            str(intent.state), at, intent.order_id, at,
        ),
    )  # fmt: skip


def move(connection: sqlite3.Connection, coid: str, state: IntentState, at: datetime, order_id: str = "") -> None:
    """The intent's new state; an empty `order_id` keeps the one that is known."""
    connection.execute(
        "UPDATE intents SET state = ?, updated_at = ?, order_id = CASE WHEN ? = '' THEN order_id ELSE ? END "
        "WHERE coid = ?",
        (str(state), at.isoformat(), order_id, order_id, coid),
    )


def in_states(connection: sqlite3.Connection, states: Iterable[IntentState]) -> list[Intent]:
    """Intents in one of `states`, oldest first."""
    wanted = [str(state) for state in states]
    marks = ",".join("?" * len(wanted))
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM intents WHERE state IN ({marks}) ORDER BY created_at",  # noqa: S608
        wanted,
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
    coid, account, conid, symbol, description, side, qty, kind, price, tif, digest, instance, state, at, order_id = row
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
    )

"""What was sent lately, counted from the audit, so that a core that was killed goes on counting where it was.

Each order's `intent` row has its value. What the broker refused, or never got, does not count to a day's value; to the
rate it does: a loop that is refused a hundred times a minute is a loop.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Final

import msgspec

from ibkr_tui.core.journal.intents import IntentState
from ibkr_tui.model.groups import GroupKind
from ibkr_tui.model.orders import Role, Side

SENDS: Final = ("intent", "amend")
"""The kinds of audit rows that stand for a request to place or change an order."""
_NEVER_WORKED: Final = (IntentState.REJECTED, IntentState.NOT_SENT)


class SentOrder(msgspec.Struct, frozen=True):
    """One order that was sent, or one change of it; `value` in the base currency, zero where none was noted."""

    coid: str
    at: datetime
    kind: str
    value: Decimal = Decimal(0)
    side: Side = Side.BUY
    group_id: str = ""
    role: Role = Role.SINGLE
    worked: bool = True


class _Noted(msgspec.Struct):
    """The fields of an audit row that count."""

    value: str = "0"
    side: Side = Side.BUY
    group_id: str = ""
    role: Role = Role.SINGLE


def sent_since(connection: sqlite3.Connection, at: datetime) -> list[SentOrder]:
    """What was sent after `at`, newest first. A row of the future counts too: the clock was set back."""
    dead = {
        coid
        for (coid,) in connection.execute(
            "SELECT coid FROM intents WHERE state IN (?, ?) AND created_at > ?",
            (*map(str, _NEVER_WORKED), at.isoformat()),
        )
    }
    found = []
    rows = connection.execute(
        "SELECT ts, kind, coid, payload FROM audit ORDER BY seq DESC"  # the newest rows are read, and no others
    )
    for ts, kind, coid, payload in rows:
        when = datetime.fromisoformat(ts)
        if when <= at:
            break
        if kind not in SENDS:
            continue
        noted = msgspec.json.decode(payload, type=_Noted)
        found.append(
            SentOrder(coid, when, kind, _money(noted.value), noted.side, noted.group_id, noted.role, coid not in dead)
        )
    return found


def usual_qty(connection: sqlite3.Connection, conid: int, most: int = 20) -> Decimal | None:
    """The median quantity of the last orders in an instrument; None with fewer than three."""
    rows = connection.execute(
        "SELECT qty FROM intents WHERE conid = ? ORDER BY created_at DESC LIMIT ?", (conid, most)
    ).fetchall()
    sizes = sorted(Decimal(qty) for (qty,) in rows)
    return sizes[len(sizes) // 2] if len(sizes) >= 3 else None


def value_of(orders: Iterable[SentOrder]) -> Decimal:
    """The notional of what was sent: groups counted as requirement A-091 has it, amends not at all."""
    total = Decimal(0)
    groups: dict[str, list[SentOrder]] = {}
    for order in orders:
        if order.kind != "intent" or not order.worked:
            continue
        if order.group_id:
            groups.setdefault(order.group_id, []).append(order)
        else:
            total += order.value
    return total + sum((_group_value(members) for members in groups.values()), Decimal(0))


def kind_of(roles: Iterable[Role]) -> GroupKind:
    """What kind of group has these roles."""
    known = set(roles)
    if known & {Role.ENTRY, Role.STOP, Role.TARGET}:
        return GroupKind.BRACKET
    return GroupKind.OTO if known & {Role.TRIGGER, Role.CHILD} else GroupKind.OCO


def _group_value(members: list[SentOrder]) -> Decimal:
    kind = kind_of(order.role for order in members)
    if kind is GroupKind.BRACKET:
        return sum((order.value for order in members if order.role is Role.ENTRY), Decimal(0))
    if kind is GroupKind.OTO and all(order.side is Side.BUY for order in members):
        return sum((order.value for order in members), Decimal(0))
    return max(order.value for order in members)


def _money(text: str) -> Decimal:
    try:
        found = Decimal(text)
    except InvalidOperation:
        return Decimal(0)
    return found if found.is_finite() else Decimal(0)

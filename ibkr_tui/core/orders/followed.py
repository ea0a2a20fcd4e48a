"""One order as the book follows it, and the orders that intents and rows of the broker's amount to."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import msgspec

from ibkr_tui.core.journal.intents import Intent, IntentState
from ibkr_tui.core.orders.wire import OrderRow
from ibkr_tui.model.orders import Fill, Order, OrderState, OrderTicket, OrderType, Side, Tif, TrailBy

FOREIGN: Final = "ib:"
_STATES: Final = {
    IntentState.FILLED: OrderState.FILLED,
    IntentState.CANCELLED: OrderState.CANCELLED,
    IntentState.REJECTED: OrderState.REJECTED,
    IntentState.NOT_SENT: OrderState.REJECTED,
}
_VERDICTS: Final = {
    IntentState.REJECTED: "reported as rejected before the core stopped",
    IntentState.NOT_SENT: "reported as not sent before the core stopped",
}


class Amendment(msgspec.Struct, frozen=True):
    """A change that was asked for at a monotonic second. `is_lost`: nobody knows what became of it.

    `before` is a lost one that no row can show, and that this one was said over.
    """

    ticket: OrderTicket
    at: float
    is_lost: bool = False
    before: Amendment | None = None


class Followed:
    """One order and what is needed to judge what is said of it next. `parent` is the key of the order it waits for."""

    __slots__ = (
        "acknowledged", "amended_at", "amending", "cancel_asked", "cancel_on_sight", "declared", "ended", "executions",
        "order", "ours", "parent", "raw", "sighted", "ticket", "unknown_since",
    )  # fmt: skip

    def __init__(self, order: Order, *, ours: bool, ticket: OrderTicket | None = None, parent: str = "") -> None:
        self.order = order
        self.ours = ours
        self.ticket = ticket
        self.parent = parent
        self.raw: dict[str, Any] = {}
        self.sighted = False
        self.acknowledged = False
        self.cancel_asked: float | None = None
        self.cancel_on_sight = False
        self.declared = False
        self.unknown_since = 0.0
        self.ended: float | None = None
        self.amending: Amendment | None = None
        self.amended_at = float("-inf")
        self.executions: dict[str, Fill] = {}

    @property
    def largest(self) -> Decimal:
        """The quantity it has, or may have: a change that is on its way counts."""
        return max(self.order.qty, self.amending.ticket.qty) if self.amending else self.order.qty

    @property
    def is_legless(self) -> bool:
        """A leg of a group of ours that no id of the broker's names yet."""
        return self.ours and bool(self.order.group_id) and not self.order.order_id


def followed_intent(intent: Intent, now: datetime) -> Followed:
    """An order of an earlier run: its fate is unknown until it is sighted, unless its end is on record."""
    worked = "it worked before the core stopped" if intent.order_id else "sent before the core stopped"
    state = _STATES.get(intent.state, OrderState.UNKNOWN)
    ticket = intent.ticket
    order = Order(
        key=intent.coid,
        account=intent.account,
        conid=intent.conid,
        symbol=intent.symbol,
        description=intent.description,
        side=intent.side,
        order_type=intent.order_type,
        qty=intent.qty,
        state=state,
        coid=intent.coid,
        order_id=intent.order_id,
        limit_price=intent.limit_price,
        tif=intent.tif,
        filled=intent.qty if state is OrderState.FILLED else Decimal(0),
        text=_VERDICTS.get(intent.state, "") if state.is_done else f"{worked}; looking for it",
        placed_at=intent.created_at,
        since=now,
        stop_price=ticket.stop_price if ticket else None,
        trail=ticket.trail if ticket else None,
        trail_by=ticket.trail_by if ticket else TrailBy.AMOUNT,
        group_id=intent.group_id,
        role=intent.role,
        outside_rth=ticket.outside_rth if ticket else False,
        limit_offset=ticket.limit_offset if ticket else None,
    )
    followed = Followed(order, ours=True, ticket=ticket, parent=intent.parent)
    followed.acknowledged = bool(intent.order_id)
    followed.declared = intent.state is IntentState.NOT_SENT
    followed.cancel_on_sight = intent.state is IntentState.CANCEL_ON_SIGHT
    return followed


def proves_life(fill: Fill, past: Intent) -> bool:
    """Whether it proves that an order lived which was held for over; a part of one that was rejected after it may be
    known long since."""
    same = (fill.conid, fill.side) == (past.conid, past.side)
    return same and (past.state is IntentState.NOT_SENT or fill.qty >= past.qty)


def foreign_order(row: OrderRow, side: Side, qty: Decimal, *, account: str, state: OrderState, now: datetime) -> Order:
    """An order that was not placed here, as its row tells it."""
    return Order(
        key=FOREIGN + row.order_id,
        account=account,
        conid=row.conid,
        symbol=row.symbol,
        description=row.description or row.symbol,
        side=side,
        order_type=row.order_type,
        qty=qty,
        state=state,
        coid=row.order_ref,
        order_id=row.order_id,
        limit_price=row.limit_price,
        tif=row.tif or "day",
        filled=row.filled or Decimal(0),
        avg_price=row.avg_price,
        broker_status=row.status,
        text=row.text,
        placed_at=row.at,
        since=now,
        stop_price=row.stop_price,
        parent_id=row.parent_id,
        outside_rth=bool(row.outside_rth),
    )


def ticket_of(followed: Followed) -> OrderTicket | None:
    """The whole order, to be said again when it is amended; None where a part of it is not known.

    Of an order that was not placed here only its rows are known: one with a trailing distance can't be said again.
    """
    order = followed.order
    if followed.ticket is not None:
        return followed.ticket
    try:
        kind, tif = OrderType(order.order_type), Tif(order.tif)
    except ValueError:
        return None
    if kind in {OrderType.TRAIL, OrderType.TRAIL_LIMIT}:
        return None
    _, _, exchange = str(followed.raw.get("conidex") or "").partition("@")
    return OrderTicket(
        order.side,
        order.qty,
        order.symbol,
        order.conid,
        kind,
        order.limit_price,
        tif,
        exchange or "SMART",
        order.outside_rth,
        order.stop_price,
    )


def restated(order: Order, ticket: OrderTicket) -> dict[str, Any]:
    """The fields of an order that its ticket decides."""
    return {
        "qty": ticket.qty,
        "limit_price": ticket.limit_price,
        "stop_price": ticket.stop_price,
        "trail": ticket.trail,
        "trail_by": ticket.trail_by,
        "tif": ticket.tif.value,
        "order_type": ticket.order_type.value,
        "outside_rth": ticket.outside_rth,
        "limit_offset": ticket.limit_offset,
    }

"""A proposal as it is about to be sent: its orders, its intents, its audit facts, its bytes. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from ibkr_tui.core.dispatch import Caller
from ibkr_tui.core.journal.intents import Intent, IntentState
from ibkr_tui.core.orders.approvals import digest_of
from ibkr_tui.core.orders.coid import new_coid
from ibkr_tui.core.orders.gate import Judgement
from ibkr_tui.core.orders.payloads import encode, proposal_payload
from ibkr_tui.model.groups import GroupedOrder, GroupKind, GroupResult, Leg, Proposal
from ibkr_tui.model.orders import Order, OrderState, Role

_CHILDREN = {Role.STOP, Role.TARGET, Role.CHILD}


class Submission(msgspec.Struct, frozen=True):
    """The orders of one proposal, in the sequence of its legs; `group_id` is ours, and empty for a single order."""

    proposal: Proposal
    orders: tuple[Order, ...]
    group_id: str
    body: bytes
    digest: str

    @property
    def lead(self) -> Order:
        """The order that people are told of."""
        return self.orders[0]

    def parent(self, order: Order) -> str:
        """The key of the order that this one follows; empty when it follows none."""
        return self.orders[0].key if order.role in _CHILDREN else ""


def prepare(proposal: Proposal, now: datetime) -> Submission:
    """Give each leg an id of its own, and write the request. Raises BrokerError BAD_TICKET."""
    coids = [new_coid(now) for _ in proposal.legs]
    group_id = "" if proposal.kind is GroupKind.SIMPLE else "g" + coids[0][1:]
    body = encode(proposal_payload(proposal, coids))
    orders = tuple(
        _order(leg, proposal.account, coid, group_id, now) for leg, coid in zip(proposal.legs, coids, strict=True)
    )
    return Submission(proposal, orders, group_id, body, hashlib.sha256(body).hexdigest())


def intents(submission: Submission, judgement: Judgement, caller: Caller, instance: str) -> list[tuple[Intent, Any]]:
    """What the journal commits before the first byte: an intent and its facts for each leg."""
    found = []
    for index, (order, leg) in enumerate(zip(submission.orders, submission.proposal.legs, strict=True)):
        facts = _facts(submission, order, leg, caller)
        if index < len(judgement.legs):
            facts["value"] = round(judgement.legs[index].value, 2)
        if judgement.leverage_after is not None:
            facts["leverage_after"] = round(judgement.leverage_after, 3)
        found.append((_intent(submission, order, leg, instance), facts))
    return found


def group_result(group_id: str, kind: GroupKind, orders: list[Order]) -> GroupResult:
    """A group as it stands."""
    legs = tuple(GroupedOrder(o.order_id, o.role, o.state, o.coid, o.text) for o in orders)
    return GroupResult(group_id, kind, legs)


def group_details(group_id: str, orders: list[Order]) -> dict[str, Any]:
    """A group in the details of an error: the same words as in its result."""
    rows: list[Mapping[str, str]] = [
        {"order_id": o.order_id, "role": o.role.value, "status": o.state.value, "coid": o.coid, "text": o.text}
        for o in orders
    ]
    return {"group_id": group_id, "orders": rows}


def _order(leg: Leg, account: str, coid: str, group_id: str, now: datetime) -> Order:
    ticket, instrument = leg.ticket, leg.instrument
    return Order(
        key=coid,
        account=account,
        conid=instrument.conid,
        symbol=instrument.symbol,
        description=instrument.description,
        side=ticket.side,
        order_type=ticket.order_type.value,
        qty=ticket.qty,
        state=OrderState.SENDING,
        coid=coid,
        limit_price=ticket.limit_price,
        tif=ticket.tif.value,
        placed_at=now,
        since=now,
        stop_price=ticket.stop_price,
        trail=ticket.trail,
        trail_by=ticket.trail_by,
        group_id=group_id,
        role=leg.role,
        outside_rth=ticket.outside_rth,
        limit_offset=ticket.limit_offset,
    )


def _intent(submission: Submission, order: Order, leg: Leg, instance: str) -> Intent:
    assert order.placed_at is not None  # noqa: S101 - set by the only caller
    return Intent(
        coid=order.coid,
        account=order.account,
        conid=order.conid,
        symbol=order.symbol,
        description=order.description,
        side=order.side,
        qty=order.qty,
        order_type=order.order_type,
        limit_price=order.limit_price,
        tif=order.tif,
        request_hash=submission.digest,
        instance=instance,
        state=IntentState.SENDING,
        created_at=order.placed_at,
        ticket=leg.ticket,
        group_id=order.group_id,
        role=order.role,
        parent=submission.parent(order),
    )


def _facts(submission: Submission, order: Order, leg: Leg, caller: Caller) -> dict[str, Any]:
    facts = ticket_facts(leg) | {
        "request_hash": submission.digest,
        "proposal_hash": digest_of(submission.proposal),  # by it the row of its approval is found
        "face": caller.face,
    }
    if order.group_id:
        facts |= {
            "group_id": order.group_id,
            "role": order.role,
            "kind": submission.proposal.kind,
            "legs_count": len(submission.orders),
        }
    return facts


def ticket_facts(leg: Leg) -> dict[str, Any]:
    """What the audit keeps of a ticket."""
    ticket = leg.ticket
    facts: dict[str, Any] = {
        "conid": leg.instrument.conid, "symbol": leg.instrument.symbol, "side": ticket.side, "qty": ticket.qty,
        "order_type": ticket.order_type, "limit_price": ticket.limit_price, "tif": ticket.tif,
        "stop_price": ticket.stop_price, "trail": ticket.trail, "limit_offset": ticket.limit_offset,
        "outside_rth": ticket.outside_rth, "exchange": ticket.exchange,
    }  # fmt: skip
    return facts | ({"trail_by": ticket.trail_by} if ticket.trail is not None else {})

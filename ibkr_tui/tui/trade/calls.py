"""What a ticket asks of the core: previews, approvals, sends. Each write is one call, never repeated from here."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from ibkr_tui.model.groups import GroupKind, GroupResult
from ibkr_tui.model.orders import Order, OrderPreview, OrderState, Role
from ibkr_tui.model.text import clean
from ibkr_tui.tui.feed import Feed
from ibkr_tui.tui.trade.draft import Draft
from ibkr_tui.tui.trade.groups import GROUP

_PEOPLE_DEADLINE_S: Final = 600.0
"""An order may wait for ten questions of 45 seconds each, and ten answers of the broker."""


class _Approved(msgspec.Struct, frozen=True):
    approval: str


class Sent(msgspec.Struct, frozen=True):
    """What became of a draft: the state that matters most, the words for it, the blotter's row that shows it.

    A rejected one with a row is a group of which the rest works; of a lost one the row is an order's key.
    """

    state: OrderState
    words: str = ""
    row: str = ""


async def preview(feed: Feed, draft: Draft) -> OrderPreview:
    """What the draft would do; nothing is sent."""
    return await feed.call("preview_order", preview_arguments(draft), result=OrderPreview, deadline=20)


def preview_arguments(draft: Draft) -> dict[str, object]:
    """A simple order's own arguments; a group's with its kind."""
    if draft.amends:
        return draft.arguments | {"kind": "amend"}
    if draft.kind is GroupKind.SIMPLE:
        return draft.arguments
    return draft.arguments | {"kind": str(draft.kind)}


async def send(feed: Feed, draft: Draft, preview: OrderPreview) -> Sent:
    """Send it once. Waits for the broker's answer, a person's answers to its questions included."""
    arguments = draft.arguments | await approval(feed, preview)
    answer = await feed.call(draft.operation, arguments, deadline=_PEOPLE_DEADLINE_S)
    return sent(draft, answer)


async def approval(feed: Feed, preview: OrderPreview) -> dict[str, object]:
    """The approval of that preview as an argument, where orders need one; it is good for this order and used once."""
    if not preview.needs_approval:
        return {}
    given = await feed.call("approve_order", {"preview_id": preview.preview_id}, result=_Approved, deadline=20)
    return {"approval": given.approval}


def sent(draft: Draft, answer: Any) -> Sent:
    """The answer in one word: of a group the worst that happened to a leg."""
    if draft.kind is GroupKind.SIMPLE:
        order = msgspec.convert(answer, Order, strict=False)
        return Sent(order.state, clean(order.text, limit=400), order.key)
    group = msgspec.convert(answer, GroupResult, strict=False)
    for state in (OrderState.UNKNOWN, OrderState.REJECTED):
        legs = [leg for leg in group.orders if leg.status is state]
        if legs:
            names = ", ".join(_leg(leg.role) for leg in legs)
            text = next((clean(leg.text, limit=400) for leg in legs if leg.text), "")
            row = GROUP + group.group_id if len(legs) < len(group.orders) else ""
            if state is OrderState.UNKNOWN:
                row = legs[0].coid
            return Sent(state, f"{names}: {text}" if text else f"{names} {state}", row)
    return Sent(OrderState.WORKING, row=GROUP + group.group_id)


def _leg(role: Role) -> str:
    return {Role.SINGLE: "the order", Role.LEG: "a leg"}.get(role, f"the {role}")

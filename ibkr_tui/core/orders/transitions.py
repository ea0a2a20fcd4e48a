"""How an order's state moves when the broker tells of it. Pure, and errs towards life: no live order is called dead.

FILLED and CANCELLED in the broker's own words are final, except that a cancelled order may turn out filled. REJECTED
is not: it can be a verdict of ours, or the broker's "Inactive", and a later sighting beats it.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from ibkr_tui.model.orders import OrderState

CANCEL_GRACE: Final = 10.0
"""Seconds after our cancel request in which "working" is taken for a frame that was on its way."""

_STATES: Final[Mapping[str, OrderState]] = {
    "pendingsubmit": OrderState.WORKING,
    "presubmitted": OrderState.WORKING,
    "submitted": OrderState.WORKING,
    "warnstate": OrderState.WORKING,
    "pendingcancel": OrderState.CANCELLING,
    "precancelled": OrderState.CANCELLING,
    "cancelled": OrderState.CANCELLED,
    "apicancelled": OrderState.CANCELLED,
    "filled": OrderState.FILLED,
    "inactive": OrderState.REJECTED,
    "rejected": OrderState.REJECTED,
    "failed": OrderState.REJECTED,
}
_BEFORE_ANSWER: Final = {OrderState.SENDING, OrderState.QUESTION}


def state_of(status: str) -> OrderState | None:
    """The state that a status word stands for (reference 4.3); None for a word we do not know."""
    return _STATES.get(status.replace("_", "").replace(" ", "").lower())


def next_state(
    current: OrderState,
    status: str,
    *,
    filled: Decimal,
    qty: Decimal,
    cancel_age: float | None = None,
) -> OrderState:
    """The state after a sighting with this status word. `cancel_age` is seconds since we asked to cancel."""
    told = state_of(status)
    if current is OrderState.FILLED or told is OrderState.FILLED or (qty > 0 and filled >= qty):
        return OrderState.FILLED
    if current is OrderState.CANCELLED:
        return current
    if current in _BEFORE_ANSWER and told is OrderState.REJECTED:
        return current  # an order that waits for its answer is listed as inactive; the answer decides
    if current is OrderState.CANCELLING and told in {OrderState.WORKING, None}:
        waiting = told is None or (cancel_age is not None and cancel_age < CANCEL_GRACE)
        return current if waiting else OrderState.WORKING
    if told is None:
        return current if current in {OrderState.WORKING, OrderState.REJECTED} else OrderState.WORKING
    return told

"""What an answer proves of the orders that were sent, taken into the book and the journal (design 6.2, 6.3).

The rows of a group's answer need not come in the sequence of its legs: a row is a leg's when it names that leg's cOID,
or when no other leg is left. The rest is claimed for the group, and seen which is which.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ibkr_tui.core.journal.intents import IntentState
from ibkr_tui.core.journal.journal import Turn
from ibkr_tui.core.orders.answers import Accepted, AcceptedRow, Outcome, Partly, Refused, Registered, Unclear
from ibkr_tui.core.orders.conversation import Unsent
from ibkr_tui.core.orders.lifecycle import OrderBook
from ibkr_tui.core.orders.recorder import Recorder
from ibkr_tui.core.orders.transitions import state_of
from ibkr_tui.model.orders import Order, OrderState, Role

_CHILDREN = {Role.STOP, Role.TARGET, Role.CHILD}


class Settlement:
    """Settles answers into the book and the recorder."""

    def __init__(self, book: OrderBook, recorder: Recorder) -> None:
        self._book = book
        self._recorder = recorder

    def settle(self, orders: Sequence[Order], outcome: Outcome | Unsent) -> None:
        """Book and journal what the answer to the request of these orders proved; the parent stands first."""
        if isinstance(outcome, Accepted | Partly):
            failed = outcome.failed if isinstance(outcome, Partly) else ()
            self._taken(orders, outcome.rows, failed)
            return
        for order in orders:
            if isinstance(outcome, Refused) and outcome.order_id and order is orders[0]:
                self._ending(order, outcome)
            elif isinstance(outcome, Unsent):
                self.not_sent(order, f"not sent: {outcome.error.message}")
            elif isinstance(outcome, Refused):
                self._refused(order, outcome)
            else:
                text = outcome.text if isinstance(outcome, Registered | Unclear) else "its questions were not answered"
                facts = {"text": text}
                if isinstance(outcome, Unclear):
                    facts |= {"body_hash": outcome.body_hash, "body_start": outcome.body_start}
                self._unknown(order, text, facts)

    def not_sent(self, order: Order, text: str) -> None:
        """No byte of it left this machine."""
        self._recorder.note(order.key, Turn("not_sent", {"text": text}, IntentState.NOT_SENT))
        self._book.answered(order.key, OrderState.REJECTED, text=text)

    def _taken(self, orders: Sequence[Order], rows: Sequence[AcceptedRow], failed: Sequence[str]) -> None:
        seen = {row.order_id: order.key for row in rows if (order := self._book.find(row.order_id)) is not None}
        named, loose = assign(orders, rows, seen)
        for order in orders:
            if order.key in named:
                self._accepted(order, named[order.key])
        left = [order for order in orders if order.key not in named]
        all_taken = len(rows) == len(orders) and not failed
        for order in left:
            working = all_taken and all(state_of(row.status) is not OrderState.REJECTED for row in loose)
            if working:
                self._recorder.note(order.key, Turn("accepted", {}, IntentState.WORKING))
                self._book.answered(order.key, OrderState.WORKING)
            else:
                text = " · ".join(dict.fromkeys(failed)) or "IBKR's answer does not say what became of it"
                self._unknown(order, text, {"text": text})
        if orders[0].group_id:
            counted = failed if len(rows) + len(failed) == len(orders) else ()
            self._book.claim(orders[0].group_id, [row.order_id for row in loose], counted, whole=all_taken)

    def _accepted(self, order: Order, row: AcceptedRow) -> None:
        facts = {"order_id": row.order_id, "status": row.status}
        self._recorder.note(order.key, Turn("accepted", facts, IntentState.WORKING, row.order_id))
        booked = self._book.answered(order.key, OrderState.WORKING, order_id=row.order_id, status=row.status)
        if booked.state is OrderState.REJECTED:
            self._recorder.note(order.key, Turn("rejected", facts, IntentState.REJECTED))

    def _ending(self, order: Order, outcome: Refused) -> None:
        """Its prompt was declined: the broker has an order of that id, and says how it ends."""
        self._recorder.note(order.key, Turn(state=self._open(order), order_id=outcome.order_id))
        self._book.cancel_asked(order.key)
        self._book.answered(order.key, OrderState.CANCELLING, order_id=outcome.order_id, text=outcome.text)

    def _refused(self, order: Order, outcome: Refused) -> None:
        if self._book.answered(order.key, OrderState.REJECTED, text=outcome.text).state is OrderState.REJECTED:
            self._recorder.note(order.key, Turn("rejected", {"text": outcome.text}, IntentState.REJECTED))

    def _unknown(self, order: Order, text: str, facts: dict[str, str]) -> None:
        if self._book.answered(order.key, OrderState.UNKNOWN, text=text).state is OrderState.UNKNOWN:
            self._recorder.note(order.key, Turn("unknown", facts, self._open(order)))

    def _open(self, order: Order) -> IntentState:
        """Of unknown fate, with the wish of who cancelled it meanwhile: it outlives this core."""
        return IntentState.CANCEL_ON_SIGHT if self._book.is_unwanted(order.key) else IntentState.UNKNOWN


def assign(
    orders: Sequence[Order], rows: Sequence[AcceptedRow], seen: Mapping[str, str]
) -> tuple[dict[str, AcceptedRow], list[AcceptedRow]]:
    """The rows whose order is certain, by the order's key, and the others. `seen`: keys by the ids that are known."""
    named: dict[str, AcceptedRow] = {}
    loose = []
    keys = {order.key for order in orders}
    for row in rows:
        key = seen.get(row.order_id, "")
        key = key if key in keys else row.local_order_id
        if key in keys and key not in named:
            named[key] = row
        else:
            loose.append(row)
    if len(rows) > len(orders):
        return named, loose
    children = [order for order in orders if order.role in _CHILDREN and order.key not in named]
    told = [row for row in loose if row.parent_id not in {"", "0"}]
    if len(children) == len(told) == 1:
        named[children[0].key] = told[0]
        loose.remove(told[0])
    left = [order for order in orders if order.key not in named]
    if len(left) == len(loose) == 1:
        named[left[0].key] = loose.pop()
    return named, loose

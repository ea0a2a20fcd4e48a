"""How orders depend on each other: children wait for their parent, members of a group end together.

Reference section 4.5. Arrays come in two shapes, which may be combined: one parent with children, and legs that all
say ``isSingleGroup``. The parent never belongs to the group: its fill brings the others to life.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from ibkr_tui.sim.orders import Order
from ibkr_tui.sim.tickets import Draft, TicketError

if TYPE_CHECKING:
    from ibkr_tui.sim.broker import Broker

_REFUSED = "Order couldn't be submitted: "
_ENDED = "Order cancelled: another order of its group was {}"


def check_array(drafts: Sequence[Draft], broker: Broker) -> None:
    """Refuse an array of orders that are neither a family nor a group."""
    first = drafts[0]
    if len(drafts) > 1 and any(draft.account != first.account for draft in drafts):
        raise TicketError("Bad Request: orders of one request must be for one account")
    _check_children(drafts, broker)
    parents = [draft for draft in drafts if not draft.parent]
    children = [draft for draft in drafts if draft.parent]
    if len(drafts) == 1:
        if first.single and not first.parent:
            raise TicketError(f"{_REFUSED}a single group needs at least two orders.", 200)
    elif not children:
        if not all(draft.single for draft in drafts):
            raise TicketError(f"{_REFUSED}several unrelated orders in one request are not supported.", 200)
    elif len(parents) > 1:
        raise TicketError(f"{_REFUSED}attached orders can have one parent only.", 200)
    coids = [draft.coid for draft in drafts if draft.coid]
    if len(set(coids)) < len(coids):
        raise TicketError(f"{_REFUSED}Local order ID={coids[0]} is already registered.", 200)


def _check_children(drafts: Sequence[Draft], broker: Broker) -> None:
    own = {draft.coid for draft in drafts if draft.coid and not draft.parent}
    for draft in drafts:
        if draft.parent and draft.coid:
            raise TicketError(f"{_REFUSED}cOID must not be set on an attached order.", 200)
        if draft.parent and draft.parent not in own:
            parent = find_parent(draft, broker)
            if parent is None:
                raise TicketError(f"{_REFUSED}parent order {draft.parent} was not found.", 200)
            if parent.finished:
                raise TicketError(f"{_REFUSED}parent order {draft.parent} is no longer active.", 200)


def find_parent(draft: Draft, broker: Broker) -> Order | None:
    """The order a child sent later belongs to: by the parent's cOID, or by the broker's own id."""
    for order in reversed(broker.orders.values()):
        named = order.coid == draft.parent or str(order.order_id) == draft.parent
        if order.account == draft.account and named and order.parent_id is None:
            return order
    return None


class Families:
    """Who waits for whom. Asks the broker to do what follows from a fill or an end."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def relate(self, made: Sequence[tuple[Draft, Order]]) -> None:
        """Give new orders their parent and their group."""
        by_coid = {order.coid: order for draft, order in made if order.coid and not draft.parent}
        attached = any(draft.parent for draft, _ in made)
        for draft, order in made:
            if draft.parent:
                parent = by_coid.get(draft.parent) or find_parent(draft, self._broker)
                if parent is not None:
                    order.parent_id = parent.order_id
                    order.group = str(parent.order_id)
                    order.held = parent.status != "Filled"
                    order.single = draft.single
            elif draft.single and not attached:
                order.group = f"oco-{made[0][1].order_id}"
                order.single = True

    def children(self, order: Order) -> list[Order]:
        """Attached orders that are not over."""
        return [child for child in self._all(order) if child.parent_id == order.order_id and not child.finished]

    def others(self, order: Order) -> list[Order]:
        """The rest of an order's group."""
        if not order.group:
            return []
        members = [other for other in self._all(order) if other.group == order.group and other is not order]
        return [other for other in members if not other.finished]

    def _all(self, order: Order) -> list[Order]:
        return [other for other in self._broker.orders.values() if other.account == order.account]

    def filled(self, order: Order, quantity: Decimal) -> None:
        """A part or all of ``order`` was executed."""
        whole = order.remaining == 0
        policy = self._broker.desk.partial_fills["bracket" if order.parent_id is not None else "group"]
        for other in self.others(order):
            if whole or policy == "cancel":
                self._broker.end(other, "Cancelled", _ENDED.format("filled"), by_group=True)
            elif policy == "reduce":
                self._broker.reduce(other, quantity)
        if whole:
            for child in self.children(order):
                if child.held:
                    self._broker.release(child)

    def ended(self, order: Order, by_group: bool) -> None:
        """``order`` is over without (all of) its fill."""
        for child in self.children(order):
            if child.held and order.filled and _protects(child, order):
                child.quantity = min(child.quantity, order.filled)
                self._broker.release(child)
            elif child.held:
                self._broker.end(child, "Cancelled", "Order cancelled: its parent order is no longer active")
        if order.single and order.status == "Cancelled" and not by_group:
            for other in self.others(order):
                self._broker.end(other, "Cancelled", _ENDED.format("cancelled"), by_group=True)


def _protects(child: Order, parent: Order) -> bool:
    """Whether the child closes what its parent has opened; other children need the whole parent."""
    return child.instrument is parent.instrument and child.side != parent.side

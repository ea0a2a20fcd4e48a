"""What works and may still fill, as money on each side of each instrument. Pure.

Orders of one group do not all fill: the exits of a bracket wait for its entry and only one of them acts, of a
one-cancels-other group one leg fills, the child of a trigger only after it (requirement A-091).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final

import msgspec

from ibkr_tui.model.orders import Order, Role, Side

EXITS: Final = frozenset({Role.STOP, Role.TARGET})
_NOTHING: Final = Decimal(0)


class Open(msgspec.Struct, frozen=True):
    """An order that may still fill, and the value of what is left of it in the base currency."""

    order: Order
    value: Decimal


class Sides(msgspec.Struct, frozen=True):
    """What may still be bought and sold, in the base currency."""

    buying: Decimal = _NOTHING
    selling: Decimal = _NOTHING

    def worst(self, held: Decimal) -> Decimal:
        """The largest gross value that a position of the signed value `held` can come to."""
        return max(abs(held + self.buying), abs(held - self.selling))


def exposure(orders: Iterable[Open]) -> Mapping[int, Sides]:
    """By conid what may be bought and sold."""
    singles: list[Open] = []
    groups: dict[str, list[Open]] = defaultdict(list)
    for item in orders:
        if item.order.group_id:
            groups[item.order.group_id].append(item)
        else:
            singles.append(item)
    counted = _without_children(singles)
    for members in groups.values():
        counted += _of_group(members)
    found: dict[int, list[Decimal]] = defaultdict(lambda: [_NOTHING, _NOTHING])
    for item in counted:
        found[item.order.conid][0 if item.order.side is Side.BUY else 1] += item.value
    return {conid: Sides(*values) for conid, values in found.items()}


def reducing(orders: Iterable[Order], conid: int, side: Side) -> Decimal:
    """The quantity that may still be traded on one side of an instrument beside an order on that side: all that works
    or may work, of alternatives the largest, without exits that wait for an entry of which nothing is filled."""
    living = [order for order in orders if order.conid == conid and not order.state.is_done and order.remaining > 0]
    waiting = {order.group_id for order in living if order.role is Role.ENTRY and order.filled == 0}
    singles = _NOTHING
    largest: dict[str, Decimal] = {}
    for order in living:
        if order.side is not side or (order.role in EXITS and order.group_id in waiting):
            continue
        if order.role in EXITS or order.role is Role.LEG:
            largest[order.group_id] = max(largest.get(order.group_id, _NOTHING), order.remaining)
        else:
            singles += order.remaining
    return singles + sum(largest.values(), _NOTHING)


def _without_children(orders: list[Open]) -> list[Open]:
    """Without those that wait for another one which works: exits that were placed elsewhere."""
    parents = {item.order.order_id: item.order for item in orders if item.order.order_id}
    return [
        item
        for item in orders
        if (parent := parents.get(item.order.parent_id)) is None or parent.side is item.order.side
    ]


def _of_group(members: list[Open]) -> list[Open]:
    roles = {item.order.role for item in members}
    if Role.ENTRY in roles:
        return [item for item in members if item.order.role not in EXITS]
    if {Role.TRIGGER, Role.CHILD} <= roles:
        if all(item.order.side is Side.BUY for item in members):
            return members
        return [max(members, key=lambda item: item.value)]
    # One of these fills and cancels the rest: the largest of each side of each instrument.
    largest: dict[tuple[int, Side], Open] = {}
    for item in members:
        key = (item.order.conid, item.order.side)
        if key not in largest or item.value > largest[key].value:
            largest[key] = item
    return list(largest.values())

"""Orders as a blotter shows them: groups folded to one line or with their legs, orders with their fills. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from ibkr_tui.model.orders import Fill, Order, OrderState, Role
from ibkr_tui.model.sizing import reward_ratio

GROUP: Final = "group:"
FILL: Final = "fill:"
_ROLE_RANK: Final = {Role.ENTRY: 0, Role.TRIGGER: 0, Role.TARGET: 1, Role.STOP: 2, Role.CHILD: 3, Role.LEG: 4}


class Group(msgspec.Struct, frozen=True):
    """Orders that live together, the leading one first."""

    id: str
    orders: tuple[Order, ...]

    @property
    def lead(self) -> Order:
        """The entry of a bracket, the trigger of an OTO, the first alternative."""
        return self.orders[0]

    @property
    def kind(self) -> str:
        """`bracket`, `OTO` or `OCO`."""
        roles = {order.role for order in self.orders}
        if roles & {Role.ENTRY, Role.STOP, Role.TARGET}:
            return "bracket"
        return "OTO" if roles & {Role.TRIGGER, Role.CHILD} else "OCO"

    @property
    def is_done(self) -> bool:
        return all(order.state.is_done for order in self.orders)

    def leg(self, role: Role) -> Order | None:
        """The leg with that part, where there is one."""
        return next((order for order in self.orders if order.role is role), None)

    @property
    def state(self) -> tuple[OrderState, str]:
        """The state that matters most, and the word for the whole."""
        states = [order.state for order in self.orders]
        for state in (OrderState.UNKNOWN, OrderState.QUESTION, OrderState.SENDING):
            if state in states:
                return state, str(state)
        rejected = next((order for order in self.orders if order.state is OrderState.REJECTED), None)
        if rejected is not None and not self.is_done:
            return OrderState.REJECTED, f"{rejected.role} REJECTED"
        if self.is_done:
            return self._end()
        if self.lead.state is OrderState.FILLED and self.kind != "OCO":
            return OrderState.WORKING, "in position" if self.kind == "bracket" else "child works"
        if OrderState.CANCELLING in states:
            return OrderState.CANCELLING, "cancelling"
        return OrderState.WORKING, "working"

    def _end(self) -> tuple[OrderState, str]:
        """How a group that is over has ended: by which fill, or without one."""
        filled = [order for order in self.orders if order.state is OrderState.FILLED]
        if filled:
            last = filled[-1]
            plain = last.role in {Role.LEG, Role.SINGLE}
            return OrderState.FILLED, "filled" if plain else f"{last.role} filled"
        rejected = [order for order in self.orders if order.state is OrderState.REJECTED]
        if len(rejected) == len(self.orders) or (rejected and rejected[0] is self.lead and self.kind != "OCO"):
            return OrderState.REJECTED, "rejected"
        return OrderState.CANCELLED, "cancelled"

    @property
    def ratio(self) -> Decimal | None:
        """R of a bracket."""
        stop, target = self.leg(Role.STOP), self.leg(Role.TARGET)
        entry = self.lead.avg_price or self.lead.limit_price
        if stop is None or target is None or entry is None or stop.stop_price is None or target.limit_price is None:
            return None
        return reward_ratio(entry, stop.stop_price, target.limit_price)


class Line(msgspec.Struct, frozen=True):
    """One row of the blotter: a group, an order (`last` and `depth` draw its branch), or a fill."""

    key: str
    order: Order | None = None
    group: Group | None = None
    fill: Fill | None = None
    depth: int = 0
    is_last: bool = False


def arrange(
    orders: Sequence[Order], everything: Iterable[Order], fills: Iterable[Fill], unfolded: Collection[str]
) -> list[Line]:
    """`orders` in their order, groups at their first member; `everything` completes a group's legs."""
    groups = groups_of(everything)
    of_order: dict[str, list[Fill]] = {}
    for fill in fills:
        of_order.setdefault(fill.coid or fill.order_id, []).append(fill)
    lines: list[Line] = []
    shown: set[str] = set()
    for order in orders:
        group = groups.get(order.group_id)
        if group is None:
            lines.extend(_order_lines(Line(order.key, order), of_order, unfolded))
        elif group.id not in shown:
            shown.add(group.id)
            lines.append(Line(GROUP + group.id, group=group))
            if GROUP + group.id in unfolded:
                for leg in group.orders:
                    line = Line(leg.key, leg, group, depth=1, is_last=leg is group.orders[-1])
                    lines.extend(_order_lines(line, of_order, unfolded))
    return lines


def groups_of(orders: Iterable[Order]) -> dict[str, Group]:
    """Groups of two or more by their id; a leg whose partners are not known is an order of its own."""
    members: dict[str, list[Order]] = {}
    for order in orders:
        if order.group_id:
            members.setdefault(order.group_id, []).append(order)
    return {name: Group(name, tuple(sorted(legs, key=_rank))) for name, legs in members.items() if len(legs) > 1}


def _rank(leg: Order) -> tuple[int, Decimal, str]:
    """By its part; alternatives from the highest price down."""
    price = leg.stop_price if leg.stop_price is not None else leg.limit_price
    return _ROLE_RANK.get(leg.role, 9), -price if price is not None else Decimal(0), leg.key


def _order_lines(line: Line, of_order: dict[str, list[Fill]], unfolded: Collection[str]) -> list[Line]:
    order = line.order
    if order is None or line.key not in unfolded:
        return [line]
    fills = of_order.get(order.coid, []) if order.coid else []
    fills = fills or (of_order.get(order.order_id, []) if order.order_id else [])
    return [line, *(Line(FILL + fill.execution_id, order, line.group, fill, line.depth + 1) for fill in fills)]

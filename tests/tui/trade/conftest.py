"""A bracket, alternatives and guards for the Trade page."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from ibkr_tui.model.groups import GroupedOrder, GroupKind, GroupResult
from ibkr_tui.model.guards import Guards
from ibkr_tui.model.orders import Fill, Order, OrderState, Role, Side
from tests.tui.conftest import NOW, Scene

D = Decimal


def bracket_rows(scene: Scene, **changes: Any) -> dict[str, Order]:
    """A working bracket: entry b1, target b2, stop b3."""
    child = {"side": Side.SELL, "group_id": "g1", "parent_id": "2001", "broker_status": "PreSubmitted"} | changes
    return {
        "b1": scene.order("b1", role=Role.ENTRY, group_id="g1", order_id="2001", **changes),
        "b2": scene.order("b2", role=Role.TARGET, order_id="2002", limit_price=D("195.00"), **child),
        "b3": scene.order(
            "b3", role=Role.STOP, order_id="2003", order_type="stop", limit_price=None, stop_price=D("185.00"), **child
        ),
    }


def group_result(kind: GroupKind, *states: OrderState) -> GroupResult:
    """What the core answers for a group."""
    roles = {
        GroupKind.BRACKET: (Role.ENTRY, Role.TARGET, Role.STOP),
        GroupKind.OCO: (Role.LEG, Role.LEG, Role.LEG),
        GroupKind.OTO: (Role.TRIGGER, Role.CHILD),
    }[kind]
    orders = tuple(
        GroupedOrder(str(3001 + at), role, states[at] if at < len(states) else OrderState.WORKING)
        for at, role in enumerate(roles)
    )
    return GroupResult("g9", kind, orders)


@pytest.fixture
def core(scene: Scene) -> Any:
    """Answers of a core that does everything it is asked."""

    def ready(desk: Any) -> None:
        desk.feed.answers |= {
            "place_bracket_order": lambda _: group_result(GroupKind.BRACKET),
            "place_oco_order": lambda _: group_result(GroupKind.OCO),
            "place_oto_order": lambda _: group_result(GroupKind.OTO),
            "amend_order": lambda _: scene.order("t1"),
            "approve_order": lambda a: {"approval": "a1", "preview_id": a["preview_id"], "expires_at": NOW},
            "cancel_all_orders": {"text": "cancel requested for 4 orders"},
            "close_position": {},
            "reverse_position": {},
            "close_all_positions": {},
            "set_kill_switch": {},
            "resolve_order": {},
        }
        desk.feed.rows("guards", {"paper": Guards("paper", False)})
        desk.feed.rows("orders", bracket_rows(scene))
        desk.feed.fills.append(
            Fill(
                "e1", "DU1234567", 4815747, "NVDA", Side.SELL, D(8), D("1150.00"), NOW - timedelta(minutes=2),
                coid="t4", commission=D("0.40"),
            )
        )  # fmt: skip

    return ready

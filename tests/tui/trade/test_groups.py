"""The blotter's rows: groups at their first member, legs and fills on demand, the state of a whole in one word."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from ibkr_tui.model.orders import Fill, Order, OrderState, Role, Side
from ibkr_tui.tui.trade.groups import arrange, groups_of

D = Decimal


def legs(scene: Any, **states: OrderState) -> dict[str, Order]:
    """A bracket: entry b1, target b2, stop b3."""
    made = {
        "b1": scene.order("b1", role=Role.ENTRY, group_id="g1"),
        "b2": scene.order("b2", role=Role.TARGET, group_id="g1", side=Side.SELL, limit_price=D(195), parent_id="1001"),
        "b3": scene.order(
            "b3", role=Role.STOP, group_id="g1", side=Side.SELL, order_type="stop", limit_price=None,
            stop_price=D(185), parent_id="1001",
        ),
    }  # fmt: skip
    for key, state in states.items():
        made[key] = scene.order(**{f: getattr(made[key], f) for f in made[key].__struct_fields__} | {"state": state})
    return made


def keys(orders: dict[str, Order], fills: list[Fill], unfolded: set[str]) -> list[str]:
    return [line.key for line in arrange(list(orders.values()), orders.values(), fills, unfolded)]


def test_a_group_is_one_line_until_it_is_unfolded(scene: Any) -> None:
    orders = {"x": scene.order("x")} | legs(scene) | {"y": scene.order("y")}
    assert keys(orders, [], set()) == ["x", "group:g1", "y"]
    assert keys(orders, [], {"group:g1"}) == ["x", "group:g1", "b1", "b2", "b3", "y"]


def test_a_leg_that_is_not_shown_still_belongs_to_its_group(scene: Any) -> None:
    orders = legs(scene)
    lines = arrange([orders["b3"]], orders.values(), [], {"group:g1"})
    assert [line.key for line in lines] == ["group:g1", "b1", "b2", "b3"]
    assert [line.is_last for line in lines] == [False, False, False, True]


def test_a_leg_without_partners_is_an_order(scene: Any) -> None:
    orders = {"b1": legs(scene)["b1"]}
    assert keys(orders, [], set()) == ["b1"]


def test_fills_hang_on_their_order(scene: Any) -> None:
    order = scene.order("x", filled=D(30))
    fills = [
        Fill("e1", "DU1", 265598, "AAPL", Side.BUY, D(30), D(188), order.placed_at, coid="x"),
        Fill("e2", "DU1", 265598, "AAPL", Side.BUY, D(5), D(188), order.placed_at, coid="other"),
    ]
    assert keys({"x": order}, fills, {"x"}) == ["x", "fill:e1"]
    by_broker = [Fill("e3", "DU1", 265598, "AAPL", Side.BUY, D(30), D(188), order.placed_at, order_id="1001")]
    assert keys({"x": order}, by_broker, {"x"}) == ["x", "fill:e3"]


@pytest.mark.parametrize(
    ("states", "word"),
    [
        ({}, "working"),
        ({"b1": OrderState.UNKNOWN}, "unknown"),
        ({"b2": OrderState.QUESTION}, "question"),
        ({"b1": OrderState.FILLED}, "in position"),
        ({"b3": OrderState.REJECTED}, "stop REJECTED"),
        ({"b1": OrderState.CANCELLING}, "cancelling"),
        ({"b1": OrderState.FILLED, "b2": OrderState.FILLED, "b3": OrderState.CANCELLED}, "target filled"),
        ({"b1": OrderState.CANCELLED, "b2": OrderState.CANCELLED, "b3": OrderState.CANCELLED}, "cancelled"),
        ({"b1": OrderState.REJECTED, "b2": OrderState.CANCELLED, "b3": OrderState.CANCELLED}, "rejected"),
        ({"b1": OrderState.CANCELLED, "b2": OrderState.CANCELLED, "b3": OrderState.REJECTED}, "cancelled"),
    ],
)
def test_the_state_of_the_whole(scene: Any, states: dict[str, OrderState], word: str) -> None:
    group = groups_of(legs(scene, **states).values())["g1"]
    assert group.kind == "bracket"
    assert group.state[1] == word


def test_kinds_and_ratio(scene: Any) -> None:
    ratio = groups_of(legs(scene).values())["g1"].ratio
    assert ratio is not None
    assert round(ratio, 2) == D("2.33")
    oco = [scene.order(key, role=Role.LEG, group_id="g2") for key in ("a", "b")]
    oto = [scene.order("t", role=Role.TRIGGER, group_id="g3"), scene.order("c", role=Role.CHILD, group_id="g3")]
    assert groups_of(oco)["g2"].kind == "OCO"
    assert groups_of(oto)["g3"].kind == "OTO"
    assert groups_of(oco)["g2"].ratio is None

"""What works counts once, however it is grouped."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import msgspec
import pytest

from ibkr_tui.core.orders.exposure import Open, Sides, exposure, reducing
from ibkr_tui.model.orders import Order, OrderState, Role, Side


def working(side: Side, value: int, conid: int = 1, **fields: Any) -> Open:
    key = f"{side}{value}{conid}{fields}"
    order = Order(key, "DU1", conid, "X", "X", side, "limit", D(1), OrderState.WORKING, **fields)
    return Open(order, D(value))


def test_single_orders_add_up_by_instrument_and_side() -> None:
    found = exposure([working(Side.BUY, 10), working(Side.BUY, 5), working(Side.SELL, 3), working(Side.SELL, 7, 2)])
    assert found == {1: Sides(D(15), D(3)), 2: Sides(D(0), D(7))}


def test_a_bracket_counts_its_entry_then_the_larger_exit() -> None:
    exits = [
        working(Side.SELL, 90, group_id="g", role=Role.STOP), working(Side.SELL, 120, group_id="g", role=Role.TARGET)
    ]  # fmt: skip
    entry = working(Side.BUY, 100, group_id="g", role=Role.ENTRY)
    assert exposure([entry, *exits]) == {1: Sides(D(100), D(0))}
    assert exposure(exits) == {1: Sides(D(0), D(120))}


def test_one_cancels_other_counts_its_largest_leg() -> None:
    legs = [working(Side.BUY, value, group_id="g", role=Role.LEG) for value in (10, 30, 20)]
    assert exposure(legs) == {1: Sides(D(30), D(0))}
    assert exposure([*legs, working(Side.BUY, 5)]) == {1: Sides(D(35), D(0))}


@pytest.mark.parametrize(("side", "expected"), [(Side.BUY, Sides(D(50), D(0))), (Side.SELL, Sides(D(30), D(0)))])
def test_a_trigger_and_its_child_add_up_if_both_buy(side: Side, expected: Sides) -> None:
    pair = [working(Side.BUY, 30, group_id="g", role=Role.TRIGGER), working(side, 20, group_id="g", role=Role.CHILD)]
    assert exposure(pair) == {1: expected}


def test_exits_placed_elsewhere_wait_for_their_parent() -> None:
    parent = working(Side.BUY, 100, order_id="7")
    child = working(Side.SELL, 110, order_id="8", parent_id="7")
    assert exposure([parent, child]) == {1: Sides(D(100), D(0))}
    assert exposure([child]) == {1: Sides(D(0), D(110))}


@pytest.mark.parametrize(("held", "worst"), [(0, 100), (50, 150), (-50, 80), (-500, 530), (-90, 120)])
def test_the_worst_that_can_come_of_it(held: int, worst: int) -> None:
    assert Sides(D(100), D(30)).worst(D(held)) == D(worst)


def order(side: Side, qty: int, **fields: Any) -> Order:
    return msgspec.structs.replace(working(side, qty, **fields).order, qty=D(qty))


def test_what_takes_from_a_position_counts_alternatives_once_and_what_waits_not_at_all() -> None:
    exits = [order(Side.SELL, qty, group_id="g", role=role) for qty, role in ((60, Role.STOP), (40, Role.TARGET))]
    plain = order(Side.SELL, 7)
    entry = order(Side.BUY, 60, group_id="g", role=Role.ENTRY)
    assert reducing([*exits, plain, order(Side.BUY, 9), order(Side.SELL, 5, conid=2)], 1, Side.SELL) == D(67)
    assert reducing([entry, *exits, plain], 1, Side.SELL) == D(7)
    half = msgspec.structs.replace(entry, filled=D(30))
    assert reducing([half, *exits, plain], 1, Side.SELL) == D(67)
    over = msgspec.structs.replace(plain, state=OrderState.CANCELLED)
    assert reducing([over, msgspec.structs.replace(plain, state=OrderState.UNKNOWN)], 1, Side.SELL) == D(7)

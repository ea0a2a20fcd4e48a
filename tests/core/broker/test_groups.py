"""Brackets, OCO, OTO and amends through a running broker, against a real simulator."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ibkr_tui.core.dispatch import Caller
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.orders import OrderState, Role

pytestmark = pytest.mark.asyncio(loop_scope="module")
SCRIPT = Caller("call", "face-2", False)
BRACKET = {
    "symbol": "AAPL", "side": "buy", "qty": "3", "entry_price": "187.5", "stop_loss": "185", "take_profit": "195",
}  # fmt: skip
EXITS = [
    {"symbol": "AAPL", "side": "sell", "qty": "3", "order_type": "stop", "stop_price": "170"},
    {"symbol": "AAPL", "side": "sell", "qty": "3", "order_type": "limit", "limit_price": "192"},
]
Until = Callable[..., Awaitable[None]]


async def settle(desk: Any, until: Until, group_id: str) -> None:
    await desk.call("cancel_order", group_id=group_id)
    await until(lambda: all(order.state.is_done for order in desk.broker.orders.book.group(group_id)), 15.0)


async def answered(desk: Any, operation: str, **arguments: Any) -> Any:
    """Place, saying yes to whatever the broker asks."""

    placing = asyncio.create_task(desk.call(operation, **arguments))
    questions = desk.broker.tables["questions"]
    while not placing.done():
        for question in list(questions.rows().values()):
            await desk.call("answer_question", question_id=question.id, confirmed=True)
        await asyncio.sleep(0.01)
    return await placing


async def test_a_bracket_is_three_orders_that_hang_together(desk: Any, until: Until, simulator: Any) -> None:
    result = await answered(desk, "place_bracket_order", **BRACKET)
    assert [leg.role for leg in result.orders] == [Role.ENTRY, Role.STOP, Role.TARGET]
    assert all(leg.order_id for leg in result.orders)
    legs = desk.broker.orders.book.group(result.group_id)
    assert {leg.parent_id for leg in legs[1:]} == {legs[0].order_id}
    moved = await answered(desk, "amend_order", order_id=legs[1].order_id, stop_price="185.5")
    assert str(moved.stop_price) == "185.5"
    rows = {str(row["orderId"]): row for row in (await simulator.state())["orders"]}
    assert float(rows[legs[1].order_id].get("auxPrice") or rows[legs[1].order_id]["price"]) == 185.5
    smaller = await answered(desk, "amend_order", order_id=legs[0].order_id, qty="2")
    assert {str(leg.qty) for leg in desk.broker.orders.book.group(result.group_id)} == {"2"} == {str(smaller.qty)}
    await settle(desk, until, result.group_id)


async def test_an_oco_and_an_oto(desk: Any, until: Until) -> None:
    target = EXITS[1]
    oco = await answered(desk, "place_oco_order", legs=EXITS)
    assert [leg.role for leg in oco.orders] == [Role.LEG, Role.LEG]
    await settle(desk, until, oco.group_id)
    entry = {"symbol": "AAPL", "side": "buy", "qty": "3", "order_type": "limit", "limit_price": "187.5"}
    for sequential in (False, True):
        oto = await answered(desk, "place_oto_order", trigger=entry, child=target, sequential=sequential)
        assert [leg.role for leg in oto.orders] == [Role.TRIGGER, Role.CHILD]
        assert desk.broker.orders.book.group(oto.group_id)[1].parent_id == oto.orders[0].order_id
        await settle(desk, until, oto.group_id)


async def test_what_a_penalty_holds_back_of_a_groups_cancel_goes_on_by_itself_or_is_kept(
    desk: Any, until: Until
) -> None:
    oco = await answered(desk, "place_oco_order", legs=EXITS)
    pacing, pursuit, now = desk.broker.transport.pacing, desk.broker.orders.pursuit, desk.broker.clock.monotonic()
    for verdict in ("keep", ""):
        pacing._blocked_until, pacing._cancel_not_before = now + 900, now + 900
        problem = await desk.refused("cancel_order", group_id=oco.group_id)
        assert problem.code == "IBKR_RATE_LIMITED" and "asked for again" in problem.user_action
        assert len(pursuit) == 2
        if verdict:
            await desk.call("resolve_order", group_id=oco.group_id, verdict=verdict)
            assert len(pursuit) == 0
    pacing._blocked_until = pacing._cancel_not_before = 0.0
    for leg in oco.orders:
        await until(lambda leg=leg: desk.state(leg.coid) is OrderState.CANCELLED, 15)


@pytest.mark.parametrize(
    ("kind", "prices"),
    [
        ("stop", {"stop_price": "195"}),
        ("stop_limit", {"stop_price": "195", "limit_price": "195.50"}),
        ("trail", {"trail": "2"}),
        ("trail", {"trail": "1.5", "trail_by": "percent"}),
        ("trail_limit", {"trail": "2", "limit_offset": "0.10"}),
        ("midprice", {"limit_price": "180"}),
    ],
)
async def test_every_type_of_order_is_taken_and_cancelled(
    desk: Any, until: Until, kind: str, prices: dict[str, str]
) -> None:
    order = await answered(
        desk, "place_order", symbol="AAPL", side="buy", qty="1", order_type=kind, **prices
    )  # fmt: skip
    assert order.state in {OrderState.WORKING, OrderState.FILLED}
    if not order.state.is_done:
        await desk.call("cancel_order", coid=order.coid)
        await until(lambda: desk.state(order.coid).is_done, 15.0)


@pytest.mark.parametrize(
    ("operation", "arguments", "field"),
    [
        ("place_bracket_order", BRACKET | {"stop_loss": "196"}, "stop_loss"),
        ("place_bracket_order", BRACKET | {"take_profit": "187"}, "take_profit"),
        ("place_bracket_order", BRACKET | {"entry_price": "187.505"}, "entry_price"),
        ("place_bracket_order", BRACKET | {"qty": "1e3"}, "qty"),
        ("place_bracket_order", BRACKET | {"qty": "-1"}, "qty"),
        ("place_bracket_order", BRACKET | {"qty": "１０"}, "qty"),
        ("place_bracket_order", BRACKET | {"stop_loss": "NaN"}, "stop_loss"),
        ("place_bracket_order", BRACKET | {"tif": "ioc"}, "tif"),
        ("place_oco_order", {"legs": [{"symbol": "AAPL", "side": "buy", "qty": "1"}]}, "legs"),
        ("place_oco_order", {"legs": [{"symbol": "AAPL", "side": "buy", "qty": "1"}] * 2}, "legs.0.order_type"),
        (
            "place_oto_order",
            {
                "trigger": {"symbol": "AAPL", "side": "buy", "qty": "1", "order_type": "stop"},
                "child": {"symbol": "AAPL", "side": "sell", "qty": "1"},
            },
            "trigger.stop_price",
        ),
    ],
)
async def test_bad_input_is_named_by_its_field_and_nothing_is_sent(
    desk: Any, simulator: Any, operation: str, arguments: dict[str, Any], field: str
) -> None:
    received = len((await simulator.state())["orders_received"])
    problem = await desk.refused(operation, SCRIPT, **arguments)
    assert problem.details["field"] == field, problem
    assert problem.code in {"BAD_TICKET", "BAD_NUMBER"}
    assert len((await simulator.state())["orders_received"]) == received


async def test_a_group_of_unknown_fate_is_found_leg_by_leg(desk: Any, until: Until, simulator: Any) -> None:
    received = len((await simulator.state())["orders_received"])
    await simulator.control("ws", {"do": "silence"})
    await simulator.control("faults", {"method": "POST", "path": "/orders$", "do": "drop", "after": True})
    with pytest.raises(BrokerError) as caught:
        await desk.call("place_bracket_order", **BRACKET)
    assert caught.value.code == "IBKR_ORDER_UNKNOWN"
    group_id = caught.value.details["group_id"]
    desk.broker.orders.reconciler.look()
    await until(lambda: all(leg.state is OrderState.WORKING for leg in desk.broker.orders.book.group(group_id)), 25.0)
    await simulator.control("ws", {"do": "resume"})
    assert len((await simulator.state())["orders_received"]) == received + 1, "sent once"
    await settle(desk, until, group_id)


async def test_previews_of_groups_and_changes_are_those_of_what_is_sent(desk: Any, until: Until) -> None:
    preview = await desk.call("preview_order", kind="bracket", **BRACKET)
    given = await desk.call("approve_order", preview_id=preview.preview_id)
    result = await answered(desk, "place_bracket_order", **BRACKET, approval=given.approval)
    entry = result.orders[0]
    change = {"order_id": entry.order_id, "limit_price": "187.4"}
    preview = await desk.call("preview_order", kind="amend", **change)
    given = await desk.call("approve_order", preview_id=preview.preview_id)
    amended = await answered(desk, "amend_order", **change, approval=given.approval)
    assert str(amended.limit_price) == "187.4"
    await settle(desk, until, result.group_id)

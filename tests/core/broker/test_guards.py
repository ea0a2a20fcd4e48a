"""What guards orders, through a running broker on a real simulator."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal as D
from typing import Any

import pytest

from ibkr_tui.core.orders.sweep import SweepResult
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.orders import OrderState

pytestmark = pytest.mark.asyncio(loop_scope="module")
Until = Callable[..., Awaitable[None]]


def limit(qty: str, price: str, side: str = "buy", symbol: str = "AAPL") -> dict[str, Any]:
    return {"symbol": symbol, "side": side, "qty": qty, "order_type": "limit", "limit_price": price}


@asynccontextmanager
async def saying_yes(desk: Any) -> AsyncIterator[None]:
    """A person who says yes to whatever the broker asks."""
    questions = desk.broker.tables["questions"]

    async def answer() -> None:
        while True:
            for name in list(questions.rows()):
                with contextlib.suppress(BrokerError):
                    await desk.call("answer_question", question_id=name, confirmed=True)
            await asyncio.sleep(0.02)

    answering = asyncio.create_task(answer())
    try:
        yield
    finally:
        answering.cancel()


async def received(desk: Any) -> int:
    return len((await desk.simulator.state())["orders_received"])


async def test_a_preview_creates_nothing_and_can_be_approved_once(own_desk: Any) -> None:
    before = await received(own_desk)
    preview = await own_desk.call("preview_order", **limit("10", "187.5"))
    assert await received(own_desk) == before
    assert preview.value == D("1875.00")
    assert preview.leverage_after > preview.leverage_before
    assert preview.commission
    assert preview.margin_before and preview.margin_after
    assert preview.refused_by == ()
    assert preview.expires_at is not None
    given = await own_desk.call("approve_order", preview_id=preview.preview_id)
    assert given.preview_id == preview.preview_id
    assert (await own_desk.refused("approve_order", preview_id=preview.preview_id)).code == "PREVIEW_NOT_FOUND"


async def test_the_audit_ties_an_order_to_its_approval(own_desk: Any) -> None:
    preview = await own_desk.call("preview_order", **limit("10", "187.5"))
    given = await own_desk.call("approve_order", preview_id=preview.preview_id)
    order = await own_desk.call("place_order", **limit("10", "187.5"), approval=given.approval)
    page = await own_desk.call("get_audit", count=200)
    (intent,) = [row for row in page.rows if row.kind == "intent" and row.coid == order.coid]
    mine = preview.preview_id
    (approved,) = [row for row in page.rows if row.kind == "approved" and row.facts["preview_id"] == mine]
    assert approved.facts["request_hash"] == intent.facts["proposal_hash"]


async def test_a_preview_names_every_rule_that_would_refuse(own_desk: Any) -> None:
    preview = await own_desk.call("preview_order", **limit("9999999", "400"))
    assert set(preview.refused_by) & {"RISK_LEVERAGE", "RISK_PRICE_COLLAR"}
    assert any("RISK_" in words for words in preview.warnings)
    problem = await own_desk.refused("preview_order", **limit("0", "187"))
    assert problem.code == "BAD_TICKET"


async def test_groups_and_amendments_are_previewed_as_they_would_be_sent(own_desk: Any, until: Until) -> None:
    before = await received(own_desk)
    quote = await own_desk.call("get_ticker", symbol="MSFT")
    near = (quote.bid * D("0.99")).quantize(D("0.01"))
    prices = {"stop_loss": str(near - 10), "take_profit": str(near + 20)}
    bracket = await own_desk.call(
        "preview_order", kind="bracket", symbol="MSFT", side="buy", qty="3", entry_price=str(near), **prices
    )
    assert [leg.role.value for leg in bracket.legs] == ["entry", "stop", "target"]
    assert (bracket.value, bracket.money_at_risk, bracket.reward) == (near * 3, D(30), D(60))
    legs = [limit("1", str(near), symbol="MSFT"), limit("2", str(near - 1), symbol="MSFT")]
    oco = await own_desk.call("preview_order", kind="oco", legs=legs)
    assert oco.value == (near - 1) * 2
    oto = await own_desk.call("preview_order", kind="oto", trigger=legs[0], child=legs[1])
    assert oto.value == near + (near - 1) * 2
    assert await received(own_desk) == before
    order = await own_desk.call("place_order", **limit("6", str(near), symbol="MSFT"))
    await until(lambda: own_desk.state(order.coid) is OrderState.WORKING)
    amend = await own_desk.call("preview_order", kind="amend", coid=order.coid, qty="7")
    assert (amend.qty, amend.limit_price) == (D(7), near)
    problem = await own_desk.refused(
        "preview_order", kind="bracket", symbol="MSFT", side="buy", qty="3", **prices, legs=legs
    )
    assert problem.code == "BAD_ARGUMENT"
    await own_desk.call("cancel_order", coid=order.coid)
    await until(lambda: own_desk.state(order.coid) is OrderState.CANCELLED)


async def test_the_kill_switch_lets_cancels_pass_and_nothing_else(own_desk: Any, until: Until) -> None:
    order = await own_desk.call("place_order", **limit("4", "187"))
    await until(lambda: own_desk.state(order.coid) is OrderState.WORKING)
    row = await own_desk.call("set_kill_switch", on=True, reason="test")
    assert (row.kill_switch, row.kill_reason) == (True, "test")
    before = await received(own_desk)
    assert (await own_desk.refused("place_order", **limit("5", "187"))).code == "KILL_SWITCH_ON"
    preview = await own_desk.call("preview_order", **limit("5", "187"))
    assert "KILL_SWITCH_ON" in preview.refused_by
    assert await received(own_desk) == before
    await own_desk.call("cancel_order", coid=order.coid)
    await until(lambda: own_desk.state(order.coid) is OrderState.CANCELLED)
    assert (await own_desk.call("set_kill_switch", on=False)).kill_switch is False


async def test_cancel_all_tells_each_and_leaves_what_it_was_not_asked_for(own_desk: Any, until: Until) -> None:
    buy = await own_desk.call("place_order", **limit("2", "186"))
    async with saying_yes(own_desk):
        sell = await own_desk.call("place_order", **limit("2", "500", "sell", "MSFT"))
    found: SweepResult = await own_desk.call("cancel_all_orders", symbol="AAPL")
    assert (found.failed, sell.coid in [one.coid for one in found.orders]) == (0, False)
    assert buy.coid in [one.coid for one in found.orders]
    await until(lambda: own_desk.state(buy.coid) is OrderState.CANCELLED)
    assert own_desk.state(sell.coid) is OrderState.WORKING
    everything = await own_desk.call("cancel_all_orders")
    assert sell.coid in [one.coid for one in everything.orders]
    await until(lambda: own_desk.state(sell.coid) is OrderState.CANCELLED)


async def qty_of(desk: Any, symbol: str) -> D:
    rows = await desk.call("get_positions")
    return next((row.qty for row in rows if row.description == symbol), D(0))


async def filled(desk: Any, until: Until, coid: str, symbol: str, expected: D) -> None:
    await until(lambda: desk.state(coid) is OrderState.FILLED, 15)
    async with asyncio.timeout(15):
        while await qty_of(desk, symbol) != expected:
            await asyncio.sleep(0.1)


async def test_a_position_is_closed_and_its_working_exit_goes_first(own_desk: Any, until: Until) -> None:
    held = await qty_of(own_desk, "AAPL")
    assert held != 0, "the simulator's account holds Apple"
    exit_side = "sell" if held > 0 else "buy"
    far = "400" if held > 0 else "50"
    async with saying_yes(own_desk):
        working = await own_desk.call("place_order", **limit("1", far, exit_side))
    preview = await own_desk.call("preview_order", kind="close", symbol="AAPL")
    assert (preview.qty, preview.side.value) == (abs(held), exit_side)
    async with saying_yes(own_desk):
        order = await own_desk.call("close_position", symbol="AAPL")
    assert own_desk.state(working.coid) is OrderState.CANCELLED
    await filled(own_desk, until, order.coid, "AAPL", D(0))
    assert (await own_desk.refused("close_position", symbol="AAPL")).code == "NO_POSITION"
    assert (await own_desk.refused("close_position")).code == "BAD_ARGUMENT"


async def test_a_position_is_turned_round(own_desk: Any, until: Until) -> None:
    rows = [row for row in await own_desk.call("get_positions") if row.sec_type == "STK" and row.symbol != "AAPL"]
    position = min(rows, key=lambda row: abs(row.market_value))
    async with saying_yes(own_desk):
        order = await own_desk.call("reverse_position", conid=position.conid)
    assert order.qty == abs(position.qty) * 2
    await filled(own_desk, until, order.coid, position.symbol, -position.qty)


async def test_limits_are_tightened_and_judge_the_next_order(own_desk: Any) -> None:
    row = await own_desk.call("tighten_limits", max_order_qty="3", price_collar_bps=400)
    assert (row.limits["max_order_qty"], row.tightened) == ("3", ("max_order_qty", "price_collar_bps"))
    assert (await own_desk.refused("place_order", **limit("4", "187.2"))).code == "RISK_ORDER_QTY"
    assert (await own_desk.refused("tighten_limits", max_order_qty="4")).code == "LIMIT_LOOSENED"
    assert (await own_desk.refused("tighten_limits")).code == "BAD_ARGUMENT"
    assert (await own_desk.refused("tighten_limits", max_orders_per_minute="1.5")).code == "BAD_NUMBER"


async def test_a_closing_that_is_refused_keeps_its_stop(own_desk: Any, until: Until) -> None:
    """The limits judge nothing of a closing; a quote that is not there does."""
    rows = [row for row in await own_desk.call("get_positions") if row.sec_type == "STK"]
    kept, closed = rows[0], rows[1]
    exits = []
    async with saying_yes(own_desk):
        for row in (kept, closed):
            side, far = ("sell", row.market_price * 3) if row.qty > 0 else ("buy", row.market_price / 3)
            exits.append(
                await own_desk.call(
                    "place_order",
                    conid=row.conid,
                    side=side,
                    qty="1",
                    order_type="limit",
                    limit_price=str(round(far, 0)),
                )
            )
    check = own_desk.broker.orders.closer.check

    async def picky(proposal: Any, approval: str) -> None:
        if proposal.legs[0].instrument.conid == kept.conid:
            raise BrokerError("RISK_NO_QUOTE", "there is no fresh quote")
        await check(proposal, approval)

    own_desk.broker.orders.closer.check = picky
    try:
        async with saying_yes(own_desk):
            found = await own_desk.call("close_all_positions", at_limit=True)
    finally:
        own_desk.broker.orders.closer.check = check
    told = {one.conid: one for one in found.positions}
    assert told[kept.conid].error == "RISK_NO_QUOTE"
    assert told[closed.conid].order.order_type == "limit"
    assert own_desk.state(exits[0].coid) is OrderState.WORKING
    await until(lambda: own_desk.state(exits[1].coid) is OrderState.CANCELLED)
    for one in found.positions:
        if one.order is not None:
            coid = one.order.coid
            await until(lambda coid=coid: own_desk.state(coid) in {OrderState.FILLED, OrderState.WORKING}, 15)
    await own_desk.call("cancel_order", coid=exits[0].coid)
    await until(lambda: own_desk.state(exits[0].coid) is OrderState.CANCELLED)


async def test_every_position_is_closed(own_desk: Any, until: Until) -> None:
    """The limits of the test before are tight: no size keeps anybody from closing."""
    async with saying_yes(own_desk):
        found = await own_desk.call("close_all_positions")
    assert found.sent > 0
    for one in found.positions:
        assert one.order is not None or one.error == "RISK_NO_QUOTE", one
        if one.order is not None:
            coid = one.order.coid
            await until(lambda coid=coid: own_desk.state(coid) in {OrderState.FILLED, OrderState.WORKING}, 15)

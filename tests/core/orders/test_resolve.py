"""A person's verdict on an order of unknown fate; what is seen later beats it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ibkr_tui.core.journal.intents import IntentState
from ibkr_tui.core.orders.lifecycle import VISIBLE_AFTER_END
from ibkr_tui.core.web.answer import AnswerLost, NotSent
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.orders import Order, OrderState, Verdict

TAKEN = {"msg": "Request was submitted", "order_id": 77}


def row(coid: str, **changes: Any) -> dict[str, Any]:
    return {
        "acct": "DU1234567", "orderId": 77, "conid": 265598, "side": "BUY", "totalSize": 10.0, "status": "Submitted",
        "ticker": "AAPL", "order_ref": coid,
    } | changes  # fmt: skip


@pytest.fixture
async def lost(order_desk: Any) -> AsyncIterator[Order]:
    """An order whose answer was lost, with the parts that work on it."""
    order_desk.script.fails(AnswerLost("no answer"))
    with pytest.raises(BrokerError) as caught:
        await order_desk.buy()
    running = asyncio.create_task(order_desk.pursuit.run())
    yield order_desk.book.find(caught.value.details["coid"])
    running.cancel()


async def look(desk: Any, seconds: float = 0) -> None:
    await desk.clock.advance(seconds)
    await desk.reconciler.read_orders()
    trades = asyncio.create_task(desk.reconciler.read_trades())
    await desk.clock.advance(6)  # the empty first list is read again
    await trades


async def declare(desk: Any, order: Order, confirm: str = "AAPL") -> Order:
    found: Order = await desk.resolver.resolve(order.coid, Verdict.NOT_SENT, confirm, desk.person)
    return found


async def refusal(desk: Any, order: Order, confirm: str = "AAPL") -> BrokerError:
    with pytest.raises(BrokerError) as caught:
        await declare(desk, order, confirm)
    return caught.value


async def states(desk: Any) -> list[str]:
    await desk.recorder.settled()
    return [intent.state for intent in await desk.journal.recent()]


async def test_not_sent_takes_two_minutes_of_looking_and_the_symbol(order_desk: Any, lost: Order) -> None:
    await look(order_desk, 94)
    early = await refusal(order_desk, lost)
    assert (early.code, early.details["retry_after_s"], early.retryable) == ("IBKR_ORDER_UNKNOWN", 20.0, True)
    await order_desk.clock.advance(20)
    wrong = await refusal(order_desk, lost, "AAP")
    assert wrong.code == "CONFIRMATION_REQUIRED"
    assert (await declare(order_desk, lost, "aapl ")).state is OrderState.REJECTED
    assert order_desk.book.find(lost.coid).text == "declared not sent by app"
    assert order_desk.said[-1].endswith("declared not sent by app")
    assert (await order_desk.audit())[-2:] == ["resolved", "rejected"]
    assert await states(order_desk) == [IntentState.NOT_SENT]
    assert await order_desk.journal.unfinished() == []
    assert order_desk.book.blocking(265598, lost.side) == ""
    assert (await refusal(order_desk, lost)).code == "ORDER_DONE"


async def test_nobody_has_looked_while_nothing_could_be_read(order_desk: Any, lost: Order) -> None:
    await order_desk.clock.advance(500)
    assert "nobody has looked" in (await refusal(order_desk, lost)).message
    await order_desk.reconciler.read_orders()
    assert "nobody has looked" in (await refusal(order_desk, lost)).message
    await look(order_desk)
    assert (await declare(order_desk, lost)).state is OrderState.REJECTED


async def test_a_list_that_was_cut_is_no_look(order_desk: Any, lost: Order) -> None:
    """Fault R32: IBKR lists a thousand orders at most; ours may be the one that is left out."""
    order_desk.script.reads["orders"] = [[row("", orderId=number, order_ref="") for number in range(1, 1001)]]
    await look(order_desk, 121)
    refused = await refusal(order_desk, lost)
    assert (refused.code, "nobody has looked" in refused.message) == ("IBKR_ORDER_UNKNOWN", True)
    order_desk.script.reads["orders"] = [[row("", orderId=1, order_ref="")]]
    await look(order_desk)
    assert (await declare(order_desk, lost)).state is OrderState.REJECTED


@pytest.mark.parametrize("after", [1.0, VISIBLE_AFTER_END * 10])
@pytest.mark.parametrize("status", ["Submitted", "Filled"])
async def test_a_later_sighting_beats_the_verdict(order_desk: Any, lost: Order, after: float, status: str) -> None:
    await look(order_desk, 121)
    await declare(order_desk, lost)
    await order_desk.clock.advance(after)
    order_desk.book.sweep()
    order_desk.book.sight(row(lost.coid, status=status, filledQuantity=10.0 if status == "Filled" else 0.0))
    assert not order_desk.book.find(lost.coid).text.startswith("declared")
    assert any(f"declared not sent by app, but IBKR has it: {status}" in text for text in order_desk.said)


async def test_cancel_on_sight_cancels_what_is_seen_working(order_desk: Any, lost: Order) -> None:
    await order_desk.resolver.resolve(lost.coid, Verdict.CANCEL_ON_SIGHT, "", order_desk.person)
    assert await states(order_desk) == [IntentState.CANCEL_ON_SIGHT]
    order_desk.script.fails(NotSent("no connection", "IBKR_UNAVAILABLE"))
    order_desk.script.will(TAKEN)
    order_desk.book.sight(row(lost.coid))
    await order_desk.clock.advance(6)
    assert [name for name, _ in order_desk.script.asked] == ["place", "cancel 77", "cancel 77"]
    assert order_desk.book.find(lost.coid).state is OrderState.CANCELLING


async def test_cancel_on_sight_goes_on_until_the_order_is_seen_ended(order_desk: Any, lost: Order) -> None:
    """Neither a lost answer nor a refusal ends it; while IBKR itself calls the order cancelling, it is not asked."""
    await order_desk.resolver.resolve(lost.coid, Verdict.CANCEL_ON_SIGHT, "", order_desk.person)
    order_desk.script.fails(AnswerLost("no answer"))
    order_desk.script.will({"error": "OrderID 77 doesn't exist"}, 400)
    order_desk.script.will(TAKEN)
    order_desk.book.sight(row(lost.coid))
    order_desk.book.sight(row(lost.coid, status="Submitted"))
    await order_desk.clock.settle()
    (chase,) = [task for task in asyncio.all_tasks() if task.get_name() == f"cancel {lost.coid}"]
    await order_desk.clock.advance(16)
    assert [name for name, _ in order_desk.script.asked] == ["place", *["cancel 77"] * 3]
    assert await states(order_desk) == [IntentState.CANCEL_ON_SIGHT]
    order_desk.book.sight(row(lost.coid, status="PendingCancel"))
    await order_desk.clock.advance(300)
    assert len(order_desk.script.asked) == 4
    order_desk.script.will(TAKEN)
    order_desk.book.sight(row(lost.coid, status="Submitted"))
    await order_desk.clock.advance(61)
    assert len(order_desk.script.asked) == 5
    order_desk.book.sight(row(lost.coid, status="Cancelled"))
    await order_desk.clock.advance(61)
    assert chase.done()
    assert await states(order_desk) == [IntentState.CANCELLED]


async def test_keep_ends_the_cancels_of_an_order_that_was_seen(order_desk: Any, lost: Order) -> None:
    await order_desk.resolver.resolve(lost.coid, Verdict.CANCEL_ON_SIGHT, "", order_desk.person)
    order_desk.script.will({"error": "not now"}, 400)
    order_desk.book.sight(row(lost.coid))
    await order_desk.clock.settle()
    kept = await order_desk.resolver.resolve(lost.coid, Verdict.KEEP, "", order_desk.person)
    await order_desk.clock.advance(300)
    assert (kept.state, len(order_desk.script.asked)) == (OrderState.WORKING, 2)
    assert await states(order_desk) == [IntentState.WORKING]


async def test_keep_takes_the_wish_back(order_desk: Any, lost: Order) -> None:
    for verdict in (Verdict.CANCEL_ON_SIGHT, Verdict.KEEP):
        await order_desk.resolver.resolve(lost.coid, verdict, "", order_desk.person)
    order_desk.book.sight(row(lost.coid))
    await order_desk.clock.advance(6)
    assert order_desk.book.find(lost.coid).state is OrderState.WORKING
    assert (await order_desk.audit()).count("resolved") == 2


async def test_the_wish_outlives_the_core(order_desk: Any, lost: Order) -> None:
    await order_desk.resolver.resolve(lost.coid, Verdict.CANCEL_ON_SIGHT, "", order_desk.person)
    await order_desk.recorder.settled()
    (intent,) = await order_desk.journal.unfinished()
    order_desk.book._followed.clear()
    order_desk.book.remember(intent)
    assert order_desk.book.find(lost.coid).placed_at == lost.placed_at
    order_desk.script.will(TAKEN)
    order_desk.book.sight(row(lost.coid))
    await order_desk.clock.settle()
    assert order_desk.script.asked[-1][0] == "cancel 77"


async def test_only_an_unknown_order_is_resolved(order_desk: Any) -> None:
    order_desk.script.will([{"order_id": "77", "order_status": "Submitted"}])
    order = await order_desk.buy()
    assert (await refusal(order_desk, order)).code == "ORDER_DONE"
    with pytest.raises(BrokerError, match="no order"):
        await order_desk.resolver.resolve("none", Verdict.KEEP, "", order_desk.person)

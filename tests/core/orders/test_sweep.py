"""Cancelling many: what can't be asked for at once is asked for again, and nothing is given up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ibkr_tui.core.orders.sweep import ASK_WITHIN, SweepResult
from ibkr_tui.core.web.answer import AnswerLost, NotSent
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.orders import OrderState, Verdict

TAKEN = {"msg": "Request was submitted"}


@pytest.fixture
async def desk(order_desk: Any) -> AsyncIterator[Any]:
    running = asyncio.create_task(order_desk.pursuit.run())
    yield order_desk
    running.cancel()


async def working(desk: Any, *numbers: int) -> None:
    for number in numbers:
        desk.script.will([{"order_id": str(number), "order_status": "Submitted"}])
        await desk.buy(f"{number}.00")


async def sweep(desk: Any, seconds: float, **how: Any) -> SweepResult:
    """The result of a sweep that ends within so many seconds."""
    sweeping = asyncio.create_task(desk.sweeper.cancel_all(desk.person, **how))
    await desk.clock.advance(seconds)
    assert sweeping.done()
    return await sweeping


def too_many() -> NotSent:
    return NotSent("IBKR refused requests for their number", "IBKR_RATE_LIMITED")


def end(desk: Any, *numbers: int) -> None:
    for number in numbers:
        desk.book.sight({"acct": "DU1234567", "orderId": number, "status": "Cancelled"})


def cancels(desk: Any) -> list[str]:
    return [name for name, _ in desk.script.asked if name.startswith("cancel")]


async def test_what_a_penalty_holds_back_is_asked_for_in_the_next_round(desk: Any) -> None:
    await working(desk, 71, 72, 73)
    desk.script.will(TAKEN)
    desk.script.fails(too_many())
    desk.script.will({"error": "Too many requests"}, 429)
    desk.script.will(TAKEN)
    desk.script.will(TAKEN)
    sweeping = asyncio.create_task(desk.sweeper.cancel_all(desk.person))
    await desk.clock.settle()
    end(desk, 71)
    await desk.clock.advance(6)
    found = await sweeping
    assert (found.requested, found.failed, found.waiting) == (3, 0, 0)
    assert cancels(desk) == ["cancel 71", "cancel 72", "cancel 73", "cancel 72", "cancel 73"]
    assert found.text == "cancel requested for 3 orders"
    end(desk, 72, 73)


async def test_after_its_time_the_rest_goes_on_in_the_background_and_is_told(desk: Any) -> None:
    await working(desk, 71, 72)
    desk.script.will({"error": "Order cannot be touched"}, 400)
    told = len(desk.said)
    for _ in range(9):
        desk.script.fails(too_many())
    desk.script.will(TAKEN)
    found = await sweep(desk, ASK_WITHIN + 1)
    assert [(one.error, one.order_id) for one in found.orders] == [
        ("IBKR_REQUEST_REFUSED", "71"), ("IBKR_RATE_LIMITED", "72"),
    ]  # fmt: skip
    assert (found.requested, found.failed) == (0, 2)
    assert "Order cannot be touched" in found.text and "asked for again until it is over" in found.text
    await desk.clock.advance(5)
    assert cancels(desk)[-1] == "cancel 72" and desk.book.find("72").state is OrderState.CANCELLING
    requested = [text for text in desk.said[told:] if text.startswith("cancel requested") and " 72 " in text]
    assert len(requested) == 2, "told when it was asked for first, and when the request was taken"
    end(desk, 72)


async def test_an_order_without_an_id_is_cancelled_when_it_is_seen(desk: Any) -> None:
    desk.script.fails(AnswerLost("no answer"))
    with pytest.raises(BrokerError) as caught:
        await desk.buy()
    found = await sweep(desk, 0)
    assert (found.requested, found.failed, found.waiting) == (0, 0, 1)
    assert found.orders[0].waits and "cancelled when seen" in found.text
    desk.script.will(TAKEN)
    desk.book.sight(
        {"acct": "DU1234567", "orderId": 77, "conid": 265598, "side": "BUY", "totalSize": 10.0, "status": "Submitted",
         "order_ref": caught.value.details["coid"]}
    )  # fmt: skip
    await desk.clock.settle()
    assert cancels(desk) == ["cancel 77"]
    end(desk, 77)


async def test_a_cancel_whose_answer_was_lost_is_asked_for_again(desk: Any) -> None:
    await working(desk, 71)
    desk.script.fails(AnswerLost("no answer"))
    assert (await sweep(desk, 0)).requested == 1
    desk.script.will(TAKEN)
    await desk.clock.advance(5)
    assert cancels(desk) == ["cancel 71", "cancel 71"]
    end(desk, 71)
    await desk.clock.advance(60)
    assert len(cancels(desk)) == 2


async def test_without_insisting_nothing_goes_on_after_the_result(desk: Any) -> None:
    """A closing that was given up leaves the stop that could not be cancelled, and one that is not seen yet."""
    await working(desk, 71)
    desk.script.fails(AnswerLost("no answer"))
    with pytest.raises(BrokerError) as caught:
        await desk.buy("72.00")
    for _ in range(9):
        desk.script.fails(too_many())
    found = await sweep(desk, ASK_WITHIN + 1, insist=False)
    assert [one.error for one in found.orders] == ["IBKR_RATE_LIMITED", "ORDER_NOT_FOUND"]
    desk.book.sight(
        {"acct": "DU1234567", "orderId": 72, "conid": 265598, "side": "BUY", "totalSize": 10.0, "status": "Submitted",
         "order_ref": caught.value.details["coid"]}
    )  # fmt: skip
    await desk.clock.advance(300)
    assert cancels(desk) == ["cancel 71"] * 9


def row(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "acct": "DU1234567", "orderId": number, "conid": 265598, "side": "BUY", "totalSize": 10.0,
        "status": "Submitted", "ticker": "AAPL",
    } | changes  # fmt: skip


@pytest.mark.parametrize("is_kept", [False, True])
async def test_a_cancel_goes_on_when_its_order_turns_out_to_be_ours(desk: Any, is_kept: bool) -> None:
    """A row without our reference was cancelled; then IBKR says which order of ours it is."""
    desk.script.fails(AnswerLost("no answer"))
    with pytest.raises(BrokerError) as caught:
        await desk.buy()
    desk.book.sight(row(77))
    desk.pursuit.begin("ib:77", desk.person, asked=True)
    desk.book.sight(row(77, order_ref=caught.value.details["coid"]))
    if is_kept:
        await desk.resolver.resolve("77", Verdict.KEEP, "", desk.person)
    desk.script.will(TAKEN)
    await desk.clock.advance(11)
    assert cancels(desk) == ([] if is_kept else ["cancel 77"])
    end(desk, 77)


@pytest.mark.parametrize("symbol", ["", "MSFT"])
async def test_an_order_that_is_inactive_in_a_sweep_is_cancelled_when_it_comes_back(desk: Any, symbol: str) -> None:
    await working(desk, 71)
    desk.book.sight(row(71, status="Inactive"))
    assert (await sweep(desk, 0, symbol=symbol)).orders == ()
    desk.script.will(TAKEN)
    desk.book.sight(row(71))
    await desk.clock.advance(1)
    assert cancels(desk) == ([] if symbol else ["cancel 71"])
    end(desk, 71)


@pytest.mark.parametrize("is_answered", [True, False])
async def test_a_kept_up_cancel_takes_no_question_away(desk: Any, is_answered: bool) -> None:
    """The first request of a cancel does; its repetitions give a person the time to answer."""
    await working(desk, 71)
    desk.script.will([{"id": "q1", "message": ["sure?"], "messageIds": ["o163"]}])
    placing = asyncio.create_task(desk.buy("187.00", desk.person))
    while not len(desk.questions):
        await asyncio.sleep(0)
    desk.pursuit.begin(desk.book.find("71").key, desk.person, asked=True)
    await desk.clock.advance(30)
    assert cancels(desk) == [] and len(desk.questions) == 1
    desk.script.will(
        [{"order_id": "78", "order_status": "Submitted"}] if is_answered else {"error": "Order not confirmed"}
    )
    desk.script.will(TAKEN)
    if is_answered:
        desk.desk.answer("q1", True, desk.person)
    await desk.clock.advance(5 if is_answered else 17)
    assert cancels(desk) == ["cancel 71"]
    assert placing.done() and (placing.exception() is None) is is_answered
    end(desk, 71)


async def test_an_inactive_order_that_comes_back_is_cancelled_yet(desk: Any) -> None:
    await working(desk, 71)
    desk.script.fails(AnswerLost("no answer"))
    await sweep(desk, 0)
    desk.book.sight(row(71, status="Inactive"))
    await desk.clock.advance(30)
    assert len(desk.pursuit) == 0 and desk.book.find("71").state is OrderState.REJECTED
    desk.script.will(TAKEN)
    desk.book.sight(row(71))
    await desk.clock.settle()
    assert cancels(desk) == ["cancel 71", "cancel 71"]
    end(desk, 71)

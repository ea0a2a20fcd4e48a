"""Cancels: a request with the broker's own id, always allowed, never twice in our name (faults R18–R20)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from ibkr_tui.core.journal.intents import IntentState
from ibkr_tui.core.web.answer import Answer, AnswerLost, NotSent
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.orders import OrderState

TAKEN = {"msg": "Request was submitted", "order_id": 77, "conid": -1, "account": None}


@pytest.fixture
async def working(order_desk: Any) -> Any:
    order_desk.script.will([{"order_id": "77", "order_status": "Submitted"}])
    return await order_desk.buy()


async def cancel(desk: Any, name: str) -> Any:
    return await desk.canceller.cancel(name, desk.person)


async def refusal(desk: Any, name: str) -> BrokerError:
    with pytest.raises(BrokerError) as caught:
        await cancel(desk, name)
    return caught.value


@pytest.mark.parametrize("by", ["coid", "order_id"])
async def test_a_cancel_by_either_id(order_desk: Any, working: Any, by: str) -> None:
    order_desk.script.will(TAKEN)
    order = await cancel(order_desk, getattr(working, by))
    assert order.state is OrderState.CANCELLING
    assert order_desk.script.asked[-1] == ("cancel 77", "DU1234567")
    order_desk.book.sight({"acct": "DU1234567", "orderId": 77, "status": "Cancelled"})
    assert (await order_desk.audit())[-2:] == ["cancel_requested", "cancelled"]
    assert (await refusal(order_desk, "77")).code == "ORDER_DONE"


@pytest.mark.parametrize("name", ["", "  ", "-1", "none", "99"])
async def test_a_name_that_is_no_order(order_desk: Any, working: Any, name: str) -> None:
    assert (await refusal(order_desk, name)).code == "ORDER_NOT_FOUND"
    assert len(order_desk.script.asked) == 1


async def test_an_unknown_order_without_a_number_cannot_be_cancelled_yet(order_desk: Any) -> None:
    order_desk.script.fails(AnswerLost("lost"))
    with pytest.raises(BrokerError) as caught:
        await order_desk.buy()
    refused = await refusal(order_desk, caught.value.details["coid"])
    assert refused.code == "ORDER_NOT_FOUND" and "verdict=cancel_on_sight" in refused.user_action
    assert len(order_desk.script.asked) == 1


async def test_a_cancel_goes_out_when_the_journal_is_broken(order_desk: Any, working: Any, tmp_path: Path) -> None:
    await order_desk.recorder.settled()
    (tmp_path / "journal.db").rename(tmp_path / "gone.db")
    order_desk.script.will(TAKEN)
    assert (await cancel(order_desk, "77")).state is OrderState.CANCELLING
    await order_desk.recorder.settled()
    assert any("no new orders are sent" in text for text in order_desk.said)


async def test_a_lost_answer_keeps_cancelling_and_may_be_repeated(order_desk: Any, working: Any) -> None:
    order_desk.script.fails(AnswerLost("lost"))
    assert (await cancel(order_desk, "77")).state is OrderState.CANCELLING
    assert "was lost" in order_desk.said[-1]
    order_desk.script.will(TAKEN)
    assert (await cancel(order_desk, "77")).state is OrderState.CANCELLING
    order_desk.book.sight({"acct": "DU1234567", "orderId": 77, "status": "Filled", "filledQuantity": 10})
    assert order_desk.book.find("77").state is OrderState.FILLED


async def test_a_cancel_that_did_not_leave_changes_nothing(order_desk: Any, working: Any) -> None:
    order_desk.script.fails(NotSent("no connection to IBKR"))
    assert (await refusal(order_desk, "77")).code == "IBKR_UNAVAILABLE"
    assert order_desk.book.find("77").state is OrderState.WORKING


async def test_a_cancel_that_did_not_leave_takes_no_earlier_one_back(order_desk: Any, working: Any) -> None:
    order_desk.script.will(TAKEN)
    await cancel(order_desk, "77")
    order_desk.book.sight({"acct": "DU1234567", "orderId": 77, "status": "PendingCancel"})
    order_desk.script.fails(NotSent("no connection to IBKR"))
    await refusal(order_desk, "77")
    assert order_desk.book.find("77").state is OrderState.CANCELLING


@pytest.mark.parametrize("answer", [NotSent("no connection to IBKR"), {"error": "OrderID 77 doesn't exist"}])
async def test_an_order_of_unknown_fate_stays_unknown_when_its_cancel_is_refused(
    order_desk: Any, working: Any, answer: Any
) -> None:
    await order_desk.recorder.settled()
    (intent,) = await order_desk.journal.unfinished()
    order_desk.book._followed.clear()
    order_desk.book.remember(intent)
    if isinstance(answer, Exception):
        order_desk.script.fails(answer)
    else:
        order_desk.script.will(answer, 400)
    await refusal(order_desk, "77")
    assert order_desk.book.find("77").state is OrderState.UNKNOWN
    assert order_desk.book.unresolved()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("OrderID 77 doesn't exist", "ORDER_NOT_FOUND"),
        ("Order is inactive", "ORDER_DONE"),
        ("another reason", "IBKR_REQUEST_REFUSED"),
    ],
)
async def test_a_refused_cancel_carries_the_brokers_words(order_desk: Any, working: Any, words: str, code: str) -> None:
    order_desk.script.will({"error": words}, 400)
    problem = await refusal(order_desk, "77")
    assert problem.code == code
    assert words in problem.message
    assert order_desk.book.find("77").state is OrderState.WORKING


@pytest.mark.parametrize(
    ("status", "body"), [(503, b"<html>"), (500, b'{"error":"x"}'), (400, b"?"), (400, b'{"error":"\x80"}')]
)
async def test_an_answer_that_proves_nothing_keeps_cancelling(
    order_desk: Any, working: Any, status: int, body: bytes
) -> None:
    order_desk.script.will(body, status)
    assert (await cancel(order_desk, "77")).state is OrderState.CANCELLING
    assert str(status) in order_desk.said[-1]


async def asked(desk: Any) -> asyncio.Task[Any]:
    desk.script.will([{"id": "q1", "message": ["sure?"], "messageIds": ["o163"]}])
    placing = asyncio.create_task(desk.buy("187.00", desk.person))
    while not len(desk.questions):
        await asyncio.sleep(0)
    return placing


async def test_cancelling_an_order_in_question_declines_it(order_desk: Any) -> None:
    placing = await asked(order_desk)
    (order,) = list(order_desk.book)
    order_desk.script.will({"error": "Order not confirmed "})
    assert (await cancel(order_desk, order.coid)).coid == order.coid
    with pytest.raises(BrokerError) as caught:
        await placing
    assert caught.value.code == "QUESTION_DECLINED"
    assert [name for name, _ in order_desk.script.asked] == ["place", "reply q1"]


async def test_another_cancel_ends_a_question(order_desk: Any, working: Any) -> None:
    placing = await asked(order_desk)
    order_desk.script.will(TAKEN)
    order_desk.script.will({"error": "reply id not found: 'q1'"}, 400)
    assert (await cancel(order_desk, "77")).state is OrderState.CANCELLING
    with pytest.raises(BrokerError) as caught:
        await placing
    assert caught.value.code == "IBKR_ORDER_UNKNOWN"
    assert [name for name, _ in order_desk.script.asked] == ["place", "place", "cancel 77", "reply q1"]


async def test_an_order_that_is_being_sent_does_not_leave_once_it_is_cancelled(order_desk: Any) -> None:
    leaving = asyncio.get_running_loop().create_future()

    async def read() -> None:
        with order_desk.quiet.reading():
            await leaving

    reading = asyncio.create_task(read())
    await asyncio.sleep(0)
    placing = asyncio.create_task(order_desk.buy())
    while not list(order_desk.book):
        await asyncio.sleep(0.001)
    (order,) = list(order_desk.book)
    assert (await cancel(order_desk, order.coid)).state is OrderState.SENDING
    leaving.set_result(None)
    with pytest.raises(BrokerError, match="while it was being sent") as caught:
        await placing
    await reading
    assert (caught.value.code, order_desk.script.asked) == ("ORDER_CANCELLED", [])
    assert order_desk.book.find(order.coid).state is OrderState.REJECTED
    assert (await order_desk.audit())[-1] == "not_sent"


@pytest.mark.parametrize("is_taken", [True, False])
async def test_a_question_about_an_order_that_was_cancelled_meanwhile_is_answered_no(
    order_desk: Any, is_taken: bool
) -> None:
    """Even where the allow-list says yes; and where the answer to the no is lost, the wish outlives the core."""

    async def asks() -> Answer:
        (order,) = list(order_desk.book)
        await cancel(order_desk, order.coid)
        return Answer(200, b'[{"id":"q1","message":["sure?"],"messageIds":["o354"]}]')

    order_desk.script.fails(asks)
    if is_taken:
        order_desk.script.will({"error": "Order not confirmed "})
    else:
        order_desk.script.fails(AnswerLost("lost"))
    with pytest.raises(BrokerError) as caught:
        await order_desk.buy()
    assert order_desk.script.asked[1:] == [("reply q1", False)]
    await order_desk.recorder.settled()
    (intent,) = await order_desk.journal.recent()
    assert (caught.value.code, intent.state) == (
        ("QUESTION_DECLINED", IntentState.REJECTED) if is_taken
        else ("IBKR_ORDER_UNKNOWN", IntentState.CANCEL_ON_SIGHT)
    )  # fmt: skip

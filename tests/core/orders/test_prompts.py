"""Prompts of the broker's: answered once, with an option of its own, by a person unless it is on the allow-list."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ibkr_tui.core.orders.answers import prompt_of
from ibkr_tui.core.web.answer import AnswerLost
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.orders import OrderState
from ibkr_tui.model.prompts import choice

NAME = "prompt-77-5"


def prompt(**changes: Any) -> dict[str, Any]:
    return {
        "orderId": 77, "reqId": "5", "dismissable": [], "text": "Price is far from the market. Submit anyway?",
        "options": ["Submit", "Cancel"], "type": "warning", "messageId": "p12", "prompt": True,
    } | changes  # fmt: skip


@pytest.fixture
async def desk(order_desk: Any) -> AsyncIterator[Any]:
    running = asyncio.create_task(order_desk.prompts.run())
    yield order_desk
    running.cancel()


async def working(desk: Any) -> Any:
    desk.script.will([{"order_id": "77", "order_status": "Submitted"}])
    return await desk.buy()


async def hear(desk: Any, **changes: Any) -> None:
    assert desk.prompts.heard(prompt(**changes))
    await desk.clock.settle()


@pytest.mark.parametrize(
    ("options", "yes", "no"),
    [
        (["Submit", "Cancel"], "Submit", "Cancel"),
        (["No", "Yes"], "Yes", "No"),
        (["Keep the order", "Cancel"], "Keep the order", "Cancel"),
        (["Transmit", "Modify", "Discard"], "Transmit", "Discard"),
        (["Left", "Right"], "", ""),
        (["Yes", "OK", "No"], "", "No"),
    ],
)
def test_which_option_says_yes_and_which_no(options: list[str], yes: str, no: str) -> None:
    assert (choice(options, True), choice(options, False)) == (yes, no)


@pytest.mark.parametrize(
    "changes", [{"options": []}, {"options": None}, {"prompt": False}, {"orderId": "x"}, {"reqId": None}, {"text": 5}]
)
def test_what_has_nothing_to_choose_is_no_prompt(changes: dict[str, Any]) -> None:
    assert prompt_of(prompt(**changes)) is None


async def test_a_prompt_of_the_stream_is_answered_by_whichever_person_is_there_once(desk: Any) -> None:
    order = await working(desk)
    await hear(desk)
    await hear(desk)
    (question,) = desk.questions.rows().values()
    assert (question.id, question.order_key, question.asked_face) == (NAME, order.key, "")
    assert question.options == ("Submit", "Cancel") and "far from the market" in question.messages[0]
    with pytest.raises(BrokerError) as caught:
        desk.desk.answer(NAME, None, desk.nobody, "Perhaps")
    assert (caught.value.code, "Submit, Cancel" in caught.value.message) == ("BAD_ARGUMENT", True)
    desk.script.will(b"Success")
    desk.desk.answer(NAME, None, desk.nobody, "submit")
    await desk.clock.settle()
    assert desk.script.asked[1:] == [("notify 77 5", "Submit")]
    assert (await desk.audit())[-2:] == ["question", "answered"]
    await hear(desk)
    assert not desk.questions.rows()


async def test_without_an_answer_the_option_that_says_no_is_sent(desk: Any) -> None:
    await working(desk)
    await hear(desk)
    desk.desk.interrupt("a cancel was more urgent")  # no order waits for it
    desk.script.will(b"Request was submitted")
    await desk.clock.advance(46)
    assert desk.script.asked[-1] == ("notify 77 5", "Cancel")
    assert "no answer within 45 s" in desk.said[-1]


@pytest.mark.parametrize(
    ("text", "automatic"), [("No market data. Submit?", True), ("Margin is too low. Submit?", False)]
)
async def test_only_the_allow_list_is_agreed_to_and_never_margin(desk: Any, text: str, automatic: bool) -> None:
    await working(desk)
    desk.script.will(b"Success")
    await hear(desk, text=text, messageId="o354")
    assert (desk.script.asked[-1] == ("notify 77 5", "Submit")) is automatic
    assert len(desk.questions.rows()) == (not automatic)


async def test_the_kill_switch_turns_the_yes_into_a_no(desk: Any) -> None:
    await working(desk)
    desk.switch.path.touch()
    desk.script.will(b"Success")
    await hear(desk, messageId="o354")
    assert desk.script.asked[-1] == ("notify 77 5", "Cancel")


async def test_an_answer_that_got_lost_or_means_nothing_is_told(desk: Any) -> None:
    await working(desk)
    desk.script.fails(AnswerLost("no answer from IBKR"))
    await hear(desk, messageId="o354")
    assert "may be open still" in desk.said[-1] and "no answer from IBKR" in desk.said[-1]
    await hear(desk, reqId="6", options=["Left", "Right"])
    await desk.clock.advance(46)
    assert len(desk.script.asked) == 2
    assert "none of its options is a plain no" in desk.said[-1]


async def test_a_prompt_in_the_place_of_an_orders_answer_is_put_to_who_placed_it(desk: Any) -> None:
    """The same prompt on the stream is not answered a second time."""
    desk.script.will(prompt())
    desk.script.will(b"Success")
    placing = asyncio.create_task(desk.buy("187.00", desk.person))
    while not len(desk.questions):
        await asyncio.sleep(0)
    await hear(desk)
    assert desk.questions.rows()[NAME].asked_face == desk.person.face_id
    desk.desk.answer(NAME, True, desk.person)
    order = await placing
    await desk.clock.settle()
    assert (order.state, order.order_id) == (OrderState.WORKING, "77")
    assert [name for name, _ in desk.script.asked] == ["place", "notify 77 5"]


async def test_nobody_there_says_no_to_a_prompt(desk: Any) -> None:
    desk.script.will(prompt(text="Margin is too low. Submit?", messageId="o354"))
    desk.script.will(b"Success")
    with pytest.raises(BrokerError) as caught:
        await desk.buy()
    assert caught.value.code == "QUESTION_DECLINED"
    assert desk.script.asked[-1] == ("notify 77 5", "Cancel")
    (order,) = desk.book
    assert (order.order_id, order.state) == ("77", OrderState.CANCELLING)
    for status, state in (("PendingSubmit", OrderState.CANCELLING), ("Inactive", OrderState.REJECTED)):
        desk.book.sight({"acct": "DU1234567", "orderId": 77, "conid": 265598, "side": "BUY", "status": status})
        assert desk.book.find("77").state is state
    assert not [text for text in desk.said if "IBKR has it" in text]

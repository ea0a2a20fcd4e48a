"""Sending: one commit, one POST, and an honest name for what came back (design 6; faults R1–R17, F1, F12)."""

from __future__ import annotations

import asyncio
import sqlite3
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ibkr_tui.core.journal.intents import IntentState
from ibkr_tui.core.orders.coid import new_coid
from ibkr_tui.core.settings import SafetySettings
from ibkr_tui.core.web.answer import Answer, AnswerLost, NotSent
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.orders import OrderState

ACCEPTED = [{"order_id": "77", "order_status": "PreSubmitted", "encrypt_message": "1"}]
REGISTERED = {"error": "Order couldn't be submitted: Local order ID=t is already registered."}


def question(name: str = "q1", *ids: str, text: str = "the price exceeds 3%. Are you sure?") -> list[dict[str, Any]]:
    return [{"id": name, "message": [text] * len(ids or ("o163",)), "messageIds": list(ids or ("o163",))}]


async def refused(desk: Any, **how: Any) -> BrokerError:
    with pytest.raises(BrokerError) as caught:
        await desk.buy(**how)
    return caught.value


async def intent_states(desk: Any) -> list[str]:
    await desk.recorder.settled()
    rows = await desk.journal._database.run(lambda c: c.execute("SELECT state FROM intents").fetchall())
    return [state for (state,) in rows]


async def test_an_accepted_order(order_desk: Any) -> None:
    order_desk.script.will(ACCEPTED)
    order = await order_desk.buy()
    assert (order.state, order.order_id, order.broker_status) == (OrderState.WORKING, "77", "PreSubmitted")
    (call,) = order_desk.script.asked
    sent = call[1]["orders"][0]
    assert (sent["cOID"], sent["conid"], sent["price"], sent["acctId"]) == (order.coid, 265598, 188, "DU1234567")
    assert await order_desk.audit() == ["intent", "sent", "accepted", "working"]
    assert await intent_states(order_desk) == ["working"]


async def test_the_intent_is_on_the_disk_before_the_first_byte(order_desk: Any) -> None:
    seen: list[Any] = []

    async def look() -> Answer:
        with sqlite3.connect(order_desk.state / "journal.db") as other:
            seen.extend(other.execute("SELECT state FROM intents").fetchall())
            seen.extend(other.execute("SELECT kind FROM audit WHERE kind = 'intent'").fetchall())
        return Answer(200, msgspec.json.encode(ACCEPTED))

    order_desk.script.fails(look)
    await order_desk.buy()
    assert seen == [("sending",), ("intent",)]


async def test_without_a_journal_nothing_is_sent(order_desk: Any, tmp_path: Path) -> None:
    (tmp_path / "journal.db").rename(tmp_path / "gone.db")
    assert (await refused(order_desk)).code == "JOURNAL_UNAVAILABLE"
    assert (await refused(order_desk)).code == "JOURNAL_UNAVAILABLE"
    assert order_desk.script.asked == []
    assert len(order_desk.orders) == 0


@pytest.mark.parametrize(
    ("error", "status", "body"),
    [
        (AnswerLost("no answer from IBKR within 10 s"), 0, b""),
        (None, 500, b"{}"),
        (None, 503, b"<html>"),
        (None, 401, b""),
        (None, 429, b""),
        (None, 200, b'[{"order_id":"1'),
        (None, 400, b'{"error":"some words nobody knows"}'),
        (None, 200, msgspec.json.encode(REGISTERED)),
    ],
)
async def test_what_proves_nothing_leaves_the_order_unknown(
    order_desk: Any, error: Exception | None, status: int, body: bytes
) -> None:
    if error:
        order_desk.script.fails(error)
    else:
        order_desk.script.will(body, status)
    problem = await refused(order_desk)
    assert problem.code == "IBKR_ORDER_UNKNOWN"
    order = order_desk.book.find(problem.details["coid"])
    assert order.state is OrderState.UNKNOWN
    assert len(order_desk.script.asked) == 1, "never sent again"
    assert await order_desk.audit() == ["intent", "sent", "unknown"]
    assert await intent_states(order_desk) == ["unknown"]
    assert order_desk.said[0].startswith("UNKNOWN BUY 10 AAPL LMT 188 DAY")


async def test_an_unknown_order_blocks_its_side_until_it_is_seen(order_desk: Any) -> None:
    order_desk.script.fails(AnswerLost("lost"))
    coid = (await refused(order_desk)).details["coid"]
    assert (await refused(order_desk)).code == "ORDER_BLOCKED_UNKNOWN"
    row = {"acct": "DU1234567", "orderId": 5, "conid": 265598, "side": "BUY", "status": "Submitted"}
    order_desk.book.sight(row | {"order_ref": coid, "totalSize": 10.0})
    assert await order_desk.audit() == ["intent", "sent", "unknown", "working"]
    order_desk.script.will(ACCEPTED)
    await order_desk.buy()
    assert any(text.startswith("found BUY 10 AAPL") for text in order_desk.said)


async def test_an_order_sighted_before_its_answer_was_lost_is_no_unknown(order_desk: Any) -> None:
    async def sighted_then_lost() -> Answer:
        coid = order_desk.script.asked[0][1]["orders"][0]["cOID"]
        row = {"acct": "DU1234567", "orderId": 5, "conid": 265598, "side": "BUY", "totalSize": 10.0}
        order_desk.book.sight(row | {"status": "Submitted", "order_ref": coid})
        raise AnswerLost("lost")

    order_desk.script.fails(sighted_then_lost)
    order = await order_desk.buy()
    assert (order.state, order.order_id) == (OrderState.WORKING, "5")
    assert "unknown" not in await order_desk.audit()


async def test_not_sent_is_proven_and_said(order_desk: Any) -> None:
    order_desk.script.fails(NotSent("no connection to IBKR"))
    problem = await refused(order_desk)
    assert problem.code == "IBKR_UNAVAILABLE"
    assert "not sent" in problem.message
    assert await order_desk.audit() == ["intent", "sent", "not_sent"]
    assert await intent_states(order_desk) == ["not_sent"]
    order_desk.script.will(ACCEPTED)
    await order_desk.buy()


@pytest.mark.parametrize(
    ("words", "code", "about", "remedy"),
    [
        ("We cannot accept your order", "IBKR_ORDER_REJECTED", None, "change the order"),
        ("Insufficient margin", "IBKR_ORDER_REJECTED_WARNING", "margin", "free margin"),
        ("No trading permission for options", "IBKR_ORDER_REJECTED_WARNING", "permission", "trading permission"),
        ("The product is not suitable for you", "IBKR_ORDER_REJECTED_WARNING", "suitability", "unsuitable"),
    ],
)
async def test_a_refusal_carries_the_brokers_words(
    order_desk: Any, words: str, code: str, about: str | None, remedy: str
) -> None:
    order_desk.script.will({"error": words})
    problem = await refused(order_desk)
    assert (problem.code, problem.message, problem.details.get("about")) == (code, words, about)
    assert remedy in problem.user_action
    assert await order_desk.audit() == ["intent", "sent", "rejected"]
    assert await intent_states(order_desk) == ["rejected"]


async def test_an_order_listed_as_inactive_is_refused_with_its_reason(order_desk: Any) -> None:
    order_desk.script.will([{"order_id": "77", "order_status": "Inactive"}])
    assert (await refused(order_desk)).code == "IBKR_ORDER_REJECTED"


async def test_a_question_on_the_list_is_answered_yes(order_desk: Any) -> None:
    order_desk.script.will(question("q1", "o354"))
    order_desk.script.will(question("q2", "o354"))
    order_desk.script.will(ACCEPTED)
    assert (await order_desk.buy()).state is OrderState.WORKING
    assert order_desk.script.asked[1:] == [("reply q1", True), ("reply q2", True)]
    assert await order_desk.audit() == [
        "intent", "sent", "question", "answered", "question", "answered", "accepted", "working",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "asked",
    [
        question("q1", "o163"),
        question("q1", "o354", "o163"),
        question("q1", "o354", text="You do not meet the margin requirement"),
        [{"id": "q1", "message": ["no id at all"], "messageIds": []}],
        [{"id": "q1", "message": ["two", "messages"], "messageIds": ["o354"]}],
    ],
)
async def test_nobody_there_means_no(order_desk: Any, asked: Any) -> None:
    order_desk.script.will(asked)
    order_desk.script.will({"error": "Order not confirmed "})
    problem = await refused(order_desk)
    assert problem.code == "QUESTION_DECLINED"
    assert asked[0]["message"][0][:12] in problem.message
    assert order_desk.script.asked[1] == ("reply q1", False)
    assert await order_desk.audit() == ["intent", "sent", "question", "answered", "rejected"]


async def test_automatic_answers_are_few(order_desk: Any) -> None:
    rounds = SafetySettings().max_reply_rounds
    for number in range(rounds + 1):
        order_desk.script.will(question(f"q{number}", "o354"))
    order_desk.script.will({"error": "Order not confirmed "})
    assert (await refused(order_desk)).code == "QUESTION_DECLINED"
    assert [confirmed for _, confirmed in order_desk.script.asked[1:]] == [True] * rounds + [False]


async def test_a_person_is_asked_ten_times_and_then_it_is_no(order_desk: Any) -> None:
    """Fault R10."""
    for number in range(11):
        order_desk.script.will(question(f"q{number}"))
    order_desk.script.will({"error": "Order not confirmed "})
    placing = asyncio.create_task(refused(order_desk, caller=order_desk.person))
    for number in range(10):
        while f"q{number}" not in order_desk.questions:
            assert not placing.done()
            await asyncio.sleep(0)
        order_desk.desk.answer(f"q{number}", True, order_desk.person)
    assert (await placing).code == "QUESTION_DECLINED"
    assert order_desk.script.asked[-2:] == [("reply q9", True), ("reply q10", False)]


async def test_two_questions_in_one_answer_are_both_answered(order_desk: Any) -> None:
    order_desk.script.will(question("q1", "o354") + question("q2", "o354"))
    order_desk.script.will(ACCEPTED)
    order_desk.script.will(ACCEPTED)
    await order_desk.buy()
    assert order_desk.script.asked[1:] == [("reply q1", True), ("reply q2", True)]


async def ask_a_person(desk: Any) -> asyncio.Task[Any]:
    desk.script.will(question())
    placing = asyncio.create_task(desk.buy(caller=desk.person))
    while not len(desk.questions):
        await asyncio.sleep(0)
    return placing


async def test_a_person_says_yes(order_desk: Any) -> None:
    placing = await ask_a_person(order_desk)
    (row,) = order_desk.questions.rows().values()
    assert (row.asked_face, row.message_ids, row.summary) == ("face-1", ("o163",), "BUY 10 AAPL LMT 188 DAY")
    assert (row.expires_at - row.asked_at).total_seconds() == 45
    assert [order.state for order in order_desk.book] == [OrderState.QUESTION]
    order_desk.script.will(ACCEPTED)
    order_desk.desk.answer("q1", True, order_desk.person)
    assert (await placing).state is OrderState.WORKING
    assert len(order_desk.questions) == 0
    with pytest.raises(BrokerError) as caught:
        order_desk.desk.answer("q1", True, order_desk.person)
    assert caught.value.code == "QUESTION_NOT_FOUND"


async def test_an_order_that_was_taken_is_not_dead_because_its_other_question_was_declined(order_desk: Any) -> None:
    asks = [{"id": name, "message": [name], "messageIds": [of]} for name, of in (("q1", "o354"), ("q2", "o163"))]
    order_desk.script.will(asks)
    order_desk.script.will([{"order_id": "77", "order_status": "Submitted"}])
    order_desk.script.will({"error": "Order not confirmed "})
    with pytest.raises(BrokerError) as caught:
        await order_desk.buy()
    assert (caught.value.code, "order 77" in caught.value.message) == ("IBKR_ORDER_UNKNOWN", True)
    (order,) = list(order_desk.book)
    assert order.state is OrderState.UNKNOWN
    assert order_desk.script.asked[1:] == [("reply q1", True), ("reply q2", False)]


async def test_reads_wait_while_a_question_is_open(order_desk: Any) -> None:
    placing = await ask_a_person(order_desk)
    reading = asyncio.create_task(order_desk.quiet.calm())
    await order_desk.clock.settle()
    assert not reading.done()
    order_desk.script.will(ACCEPTED)
    order_desk.desk.answer("q1", True, order_desk.person)
    await placing
    await reading


async def test_a_second_order_waits_for_the_first_ones_question(order_desk: Any) -> None:
    placing = await ask_a_person(order_desk)
    second = asyncio.create_task(order_desk.buy())
    await order_desk.clock.settle()
    assert len(order_desk.script.asked) == 1
    order_desk.script.will(ACCEPTED)
    order_desk.script.will([{"order_id": "78", "order_status": "PreSubmitted"}])
    order_desk.desk.answer("q1", True, order_desk.person)
    await placing
    assert (await second).order_id == "78"


async def test_only_the_asked_face_may_answer(order_desk: Any) -> None:
    placing = await ask_a_person(order_desk)
    with pytest.raises(BrokerError, match="another face"):
        order_desk.desk.answer("q1", True, order_desk.nobody)
    order_desk.script.will({"error": "Order not confirmed "})
    order_desk.desk.answer("q1", False, order_desk.person)
    with pytest.raises(BrokerError) as caught:
        await placing
    assert caught.value.code == "QUESTION_DECLINED"
    assert "person" in caught.value.message


@pytest.mark.parametrize("how", ["leaves", "waits", "left before"])
async def test_without_an_answer_the_answer_is_no(order_desk: Any, how: str) -> None:
    order_desk.script.will(question())
    if how == "left before":
        order_desk.desk.face_left("face-1")
    order_desk.script.will({"error": "Order not confirmed "})
    placing = asyncio.create_task(order_desk.buy(caller=order_desk.person))
    while not len(order_desk.questions) and how != "left before":
        await asyncio.sleep(0)
    if how == "leaves":
        order_desk.desk.face_left("another")
        order_desk.desk.face_left("face-1")
    elif how == "waits":
        await order_desk.clock.advance(44)
        assert not placing.done()
        await order_desk.clock.advance(1)
    with pytest.raises(BrokerError) as caught:
        await placing
    assert caught.value.code == "QUESTION_DECLINED"
    assert order_desk.script.asked[1] == ("reply q1", False)


@pytest.mark.parametrize("answer", ["lost", "gone", "unavailable", "unsent"])
async def test_a_reply_that_gets_lost_leaves_the_order_unknown(order_desk: Any, answer: str) -> None:
    order_desk.script.will(question("q1", "o354"))
    if answer == "lost":
        order_desk.script.fails(AnswerLost("lost"))
    elif answer == "unsent":
        order_desk.script.fails(NotSent("no connection"))
    elif answer == "gone":
        order_desk.script.will({"error": "reply id not found: 'q1'"}, 400)
    else:
        order_desk.script.will({"error": "Service Unavailable", "statusCode": 503}, 503)
    assert (await refused(order_desk)).code == "IBKR_ORDER_UNKNOWN"
    assert len(order_desk.script.asked) == 2


async def test_a_no_that_gets_lost_leaves_the_order_unknown(order_desk: Any) -> None:
    order_desk.script.will(question())
    order_desk.script.fails(AnswerLost("lost"))
    assert (await refused(order_desk)).code == "IBKR_ORDER_UNKNOWN"


async def test_a_repeated_question_is_not_answered_twice(order_desk: Any) -> None:
    order_desk.script.will(question("q1", "o354"))
    order_desk.script.will(question("q1", "o354"))
    assert (await refused(order_desk)).code == "IBKR_ORDER_UNKNOWN"
    assert order_desk.script.asked[1:] == [("reply q1", True)]


async def test_a_kill_switch_that_comes_on_at_the_last_moment_stops_the_order_and_its_yes(order_desk: Any) -> None:
    """While the connection was made: no order leaves, no yes either, and the no that takes its place does."""
    order_desk.script.on_wire = lambda name: order_desk.switch.path.touch()
    with pytest.raises(BrokerError) as caught:
        await order_desk.buy()
    assert (caught.value.code, order_desk.script.asked) == ("KILL_SWITCH_ON", [])
    order_desk.switch.path.unlink()
    order_desk.script.on_wire = lambda name: order_desk.switch.path.touch() if name == "reply q1" else None
    order_desk.script.will([{"id": "q1", "message": ["No market data"], "messageIds": ["o354"]}])
    order_desk.script.will({"error": "Order not confirmed "})
    with pytest.raises(BrokerError) as caught:
        await order_desk.buy("187.00")
    assert caught.value.code == "QUESTION_DECLINED"
    assert [what for what in order_desk.script.asked if what[0] != "place"] == [("reply q1", False)]
    assert (await order_desk.audit())[-4:] == ["question", "answered", "answered", "rejected"]


async def test_a_cancelled_task_leaves_the_order_unknown(order_desk: Any) -> None:
    begun = asyncio.Event()

    async def never() -> Answer:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    order_desk.script.fails(never)
    placing = asyncio.create_task(order_desk.buy())
    await begun.wait()
    placing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await placing
    assert [order.state for order in order_desk.book] == [OrderState.UNKNOWN]
    assert await intent_states(order_desk) == ["unknown"]


async def test_a_fault_of_ours_leaves_the_order_unknown(order_desk: Any) -> None:
    order_desk.script.fails(ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        await order_desk.buy()
    assert [order.state for order in order_desk.book] == [OrderState.UNKNOWN]


@pytest.mark.parametrize("mode", ["refuse", "dry_run"])
async def test_refused_modes_send_nothing(order_desk: Any, mode: str) -> None:
    order_desk.facts = msgspec.structs.replace(order_desk.facts, orders_mode=mode)
    assert (await refused(order_desk)).code == "ORDERS_REFUSED"
    assert order_desk.script.asked == []
    assert await order_desk.audit() == []


async def test_the_gate_and_the_ticket_are_checked_first(order_desk: Any) -> None:
    assert (await refused(order_desk, price="188.001")).code == "BAD_TICKET"
    assert (await refused(order_desk, qty="1.5")).code == "BAD_TICKET"
    assert (await refused(order_desk, qty="1000000")).code == "RISK_LEVERAGE"
    order_desk.facts = msgspec.structs.replace(order_desk.facts, quote=None)
    assert (await refused(order_desk, price=None)).code == "RISK_NO_QUOTE"
    assert order_desk.script.asked == []


async def test_after_a_restart_an_open_intent_is_unknown_and_still_blocks(order_desk: Any, fake_clock: Any) -> None:
    order_desk.script.fails(AnswerLost("lost"))
    coid = (await refused(order_desk)).details["coid"]
    await order_desk.recorder.settled()
    (intent,) = await order_desk.journal.unfinished()
    assert (intent.coid, intent.state, intent.qty) == (coid, IntentState.UNKNOWN, D(10))
    again = type(order_desk)(order_desk.state, fake_clock)
    again.book.remember(intent)
    await order_desk.journal.close()
    await again.journal.open()
    assert (await refused(again)).code == "ORDER_BLOCKED_UNKNOWN"
    await again.journal.close()


def test_coids_are_short_unique_and_in_the_sequence_of_time(fake_clock: Any) -> None:
    made = [new_coid(fake_clock.now()) for _ in range(1000)]
    assert len(set(made)) == 1000
    assert all(len(coid) == 27 and coid.isalnum() and coid.isascii() and coid[0] == "t" for coid in made)
    fake_clock.jump_wall(1)
    assert new_coid(fake_clock.now()) > max(made)

"""Orders and the stream through a running broker, against a real simulator that asks, loses answers, drops streams."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal as D
from typing import Any

import pytest

from ibkr_tui.core.dispatch import Caller
from ibkr_tui.core.feed import Feed
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.health import StreamState
from ibkr_tui.model.orders import OrderState
from ibkr_tui.model.quotes import QuoteStatus

pytestmark = pytest.mark.asyncio(loop_scope="module")
SCRIPT = Caller("call", "face-2", False)
APPLE = {"symbol": "AAPL", "side": "buy", "qty": "3", "order_type": "limit", "limit_price": "187.5"}
ASKED = APPLE | {"limit_price": "150"}
LOST = {"method": "POST", "path": "/orders$", "do": "drop", "after": True}
Until = Callable[..., Awaitable[None]]


async def test_a_question_is_asked_and_a_person_says_yes(desk: Any, until: Until) -> None:
    placing = asyncio.create_task(desk.call("place_order", **ASKED))
    questions = desk.broker.tables["questions"]
    await until(lambda: len(questions))
    (question,) = questions.rows().values()
    assert question.message_ids == ("o163",)
    assert "Percentage constraint of 3%" in question.messages[0]
    assert desk.state(question.order_key) is OrderState.QUESTION
    assert desk.broker.open_intents == 1
    answered = await desk.call("answer_question", question_id=question.id, confirmed=True)
    assert answered["order_key"] == question.order_key
    order = await placing
    await until(lambda: desk.state(order.coid) is OrderState.WORKING)
    assert len(questions) == 0
    kinds = await desk.kinds(order.coid)
    assert kinds[:4] == ["intent", "sent", "question", "answered"]
    assert "accepted" in kinds
    await desk.settle(until)


async def test_a_read_that_waits_its_turn_voids_no_question(desk: Any, until: Until) -> None:
    pacing, clock = desk.broker.transport.pacing, desk.broker.clock
    gate = pacing._gates["/iserver/account/orders"]
    gate._not_before = clock.monotonic() + 1.0
    reading = asyncio.create_task(desk.broker.orders.reconciler.read_orders())
    placing = asyncio.create_task(desk.call("place_order", **ASKED))
    questions = desk.broker.tables["questions"]
    await until(lambda: len(questions))
    await until(lambda: clock.monotonic() > gate._not_before + 1.0)
    assert (await asyncio.wait_for(desk.call("get_account"), 0.5)).account, "what is known, without a read"
    assert not reading.done()
    await desk.call("answer_question", question_id=next(iter(questions)), confirmed=True)
    order = await placing
    assert order.state is OrderState.WORKING, order.text
    await reading
    await desk.settle(until)


async def test_a_question_nobody_can_answer_is_declined(desk: Any, simulator: Any) -> None:
    problem = await desk.refused("place_order", SCRIPT, **ASKED)
    assert problem.code == "QUESTION_DECLINED"
    assert "Percentage constraint" in problem.message
    assert (await desk.kinds(problem.details["coid"]))[-1] == "rejected"
    assert "\n" not in desk.said[-1]
    listed = [row for row in (await simulator.state())["orders"] if row.get("order_ref") == problem.details["coid"]]
    assert listed == []


async def test_a_question_whose_face_left_is_declined(desk: Any, until: Until) -> None:
    placing = asyncio.create_task(desk.refused("place_order", **ASKED))
    await until(lambda: len(desk.broker.tables["questions"]))
    desk.broker.face_left("face-1")
    assert (await placing).code == "QUESTION_DECLINED"


async def test_an_order_outlives_its_caller(desk: Any, until: Until, simulator: Any) -> None:
    await simulator.control("faults", {"method": "POST", "path": "/orders$", "do": "delay", "seconds": 0.3})
    known = {order.key for order in desk.broker.orders.book}
    placing = asyncio.create_task(desk.call("place_order", **APPLE))
    await until(lambda: {order.key for order in desk.broker.orders.book} - known)
    (coid,) = {order.key for order in desk.broker.orders.book} - known
    assert desk.broker.open_intents == 1
    placing.cancel()
    await until(lambda: not desk.broker.open_intents)
    assert desk.state(coid) is OrderState.WORKING
    assert "accepted" in await desk.kinds(coid)
    await desk.settle(until)


async def test_a_lost_answer_with_a_live_stream_is_no_loss(desk: Any, until: Until, simulator: Any) -> None:
    await simulator.control("faults", LOST)
    try:
        coid = (await desk.call("place_order", **APPLE)).coid
    except BrokerError as error:
        assert error.code == "IBKR_ORDER_UNKNOWN"
        coid = error.details["coid"]
    await until(lambda: desk.state(coid) is OrderState.WORKING)
    await desk.settle(until)


async def test_a_lost_answer_is_unknown_until_an_order_read_shows_it(desk: Any, until: Until, simulator: Any) -> None:
    received = len((await simulator.state())["orders_received"])
    await simulator.control("ws", {"do": "silence"})
    await simulator.control("faults", LOST)
    problem = await desk.refused("place_order", **APPLE)
    assert problem.code == "IBKR_ORDER_UNKNOWN"
    coid = problem.details["coid"]
    assert desk.state(coid) is OrderState.UNKNOWN
    assert desk.broker.open_intents == 1
    assert (await desk.refused("place_order", **APPLE)).code == "ORDER_BLOCKED_UNKNOWN"
    assert (await desk.refused("cancel_order", coid=coid)).code == "ORDER_NOT_FOUND"
    desk.broker.orders.reconciler.look()
    await until(lambda: desk.state(coid) is OrderState.WORKING, 20.0)
    assert any(text.startswith("found BUY 3 AAPL LMT 187.5 DAY") for text in desk.said)
    assert len((await simulator.state())["orders_received"]) == received + 1, "sent once"
    await simulator.control("ws", {"do": "resume"})
    assert {"intent", "sent", "unknown", "working"} <= set(await desk.kinds(coid))
    await desk.settle(until)


async def test_a_dropped_stream_comes_back_with_everything_subscribed(desk: Any, until: Until, simulator: Any) -> None:
    quotes, health = desk.broker.tables["quotes"], desk.broker.tables["health"]
    await desk.call("subscribe_tick", symbol="AAPL")
    await desk.call("get_tick", symbol="SPY")
    await simulator.control("ws", {"do": "close", "code": 1011})
    await until(lambda: desk.broker.stream.state is StreamState.LOST)
    await until(lambda: desk.broker.stream.state is StreamState.LIVE, 10.0)
    await until(lambda: all(row.status is QuoteStatus.LIVE for row in quotes.rows().values()), 10.0)
    assert len(quotes) == 2
    await until(lambda: health.rows()["paper"].stream is StreamState.LIVE)


async def test_bulletins_are_told(desk: Any, until: Until, simulator: Any) -> None:
    await until(lambda: desk.broker.stream.state is StreamState.LIVE)
    frame = {"topic": "blt", "args": {"id": "1", "message": "IB\x1b[31m closes early"}}
    await simulator.control("ws", {"do": "send", "frame": frame})
    await until(lambda: any("closes early" in text for text in desk.said))
    assert "\x1b" not in "".join(desk.said)


async def test_a_fault_in_placing_is_told_and_kept_from_the_loop(desk: Any, caplog: pytest.LogCaptureFixture) -> None:
    async def explode() -> Any:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await desk.broker.outlives(explode)
    assert "ZeroDivisionError" in desk.said[-1]
    assert "placing an order failed" in caplog.text


@pytest.mark.parametrize(
    ("topic", "message"),
    [
        ("", {}),
        ("sor", {"args": None}),
        ("sor", {"args": [None, 5, "x"]}),
        ("str", {"args": {"a": 1}}),
        ("str", {"args": [{"execution_id": "e"}]}),
        ("spl", {"args": []}),
        ("smd+x", {"conid": "x"}),
        ("smd+999@NASDAQ", {"31": "5"}),
        ("ntf", {"args": None}),
        ("blt", {"args": [{"message": ""}, 3]}),
        ("unheard-of", {"args": [1]}),
    ],
)
async def test_odd_frames_harm_nobody(desk: Any, topic: str, message: dict[str, Any]) -> None:
    feed: Feed = desk.broker.feed
    before = (len(desk.broker.tables["orders"]), len(desk.said))
    feed.frame(topic, message)
    assert (len(desk.broker.tables["orders"]), len(desk.said)) == before


async def test_a_sparse_row_of_an_order_we_never_met_makes_it_look(desk: Any) -> None:
    asked: list[bool] = []
    desk.broker.orders.reconciler.look = lambda: asked.append(True)  # type: ignore[method-assign]
    desk.broker.feed.frame("sor", {"args": [{"acct": desk.broker.profile.account_id, "orderId": 5, "conid": 1}]})
    assert asked == [True]


async def test_what_works_and_adds_counts_in_the_gate(desk: Any, until: Until) -> None:
    order = await desk.call("place_order", **APPLE)
    await until(lambda: desk.state(order.coid) is OrderState.WORKING)
    here, _, unvalued = await desk.broker.orders.facts._working(order.conid, "")
    assert unvalued == ()
    assert here.buying >= D("562.5")
    replaced, _, _ = await desk.broker.orders.facts._working(order.conid, order.key)
    assert here.buying - replaced.buying == D("562.5")
    _, elsewhere, _ = await desk.broker.orders.facts._working(1, "")
    assert elsewhere > 0
    await desk.settle(until)


async def test_a_price_that_does_not_come_is_said_and_so_is_a_missing_subscription(desk: Any, simulator: Any) -> None:
    conid = (await desk.call("get_contract", symbol="NVDA")).conid
    await simulator.control("ws", {"do": "silence"})
    assert (await desk.refused("get_tick", symbol="NVDA")).code == "IBKR_TICK_TIMEOUT"
    await simulator.control("ws", {"do": "resume"})
    await desk.call("unsubscribe", symbol="NVDA")
    await simulator.control("market", {"conid": conid, "feed": "N"})
    try:
        for operation in ("get_tick", "get_snapshot"):
            assert (await desk.refused(operation, symbol="NVDA")).code == "IBKR_NO_MARKET_DATA_SUBSCRIPTION"
        order = {"symbol": "NVDA", "side": "buy", "qty": "1"}
        assert (await desk.refused("place_order", **order)).code == "IBKR_NO_MARKET_DATA_SUBSCRIPTION"
    finally:
        await simulator.control("market", {"conid": conid, "feed": "RpB"})


async def test_a_cancel_by_number_waits_for_no_list_while_a_question_is_open(
    desk: Any, until: Until, simulator: Any
) -> None:
    order = await desk.call("place_order", **APPLE)
    await until(lambda: desk.state(order.coid) is OrderState.WORKING)
    book = desk.broker.orders.book
    number = book.find(order.coid).order_id
    placing = asyncio.create_task(desk.refused("place_order", **ASKED | {"symbol": "MSFT"}))
    await until(lambda: len(desk.broker.tables["questions"]))
    del book._followed[order.coid], book._keys[number]
    async with asyncio.timeout(5):
        found = await desk.call("cancel_order", order_id=number)
    assert found.order_id == number
    assert (await placing).code in {"QUESTION_DECLINED", "IBKR_ORDER_UNKNOWN"}
    (listed,) = [row for row in (await simulator.state())["orders"] if str(row["orderId"]) == number]
    assert listed["status"] in {"PendingCancel", "Cancelled"}
    assert (await desk.refused("cancel_order", order_id="999999999")).code == "ORDER_NOT_FOUND"


async def test_a_prompt_is_answered_with_an_option_of_its_own_and_the_order_works(
    desk: Any, until: Until, simulator: Any
) -> None:
    await simulator.control("orders", {"do": "prompt"})
    placing = asyncio.create_task(desk.call("place_order", **APPLE))
    questions = desk.broker.tables["questions"]
    await until(lambda: len(questions))
    (question,) = questions.rows().values()
    assert question.message_ids == ("p12",) and "Submit" in question.options
    answered = await desk.call("answer_question", question_id=question.id, option="submit")
    assert (answered["confirmed"], answered["option"]) == (True, "Submit")
    order = await placing
    await until(lambda: desk.state(order.coid) is OrderState.WORKING and len(questions) == 0)
    (listed,) = [row for row in (await simulator.state())["orders"] if row.get("order_ref") == order.coid]
    assert listed["status"] in {"PreSubmitted", "Submitted"}
    await desk.settle(until)


async def test_a_cancel_that_a_penalty_holds_back_goes_on_by_itself(desk: Any, until: Until) -> None:
    order = await desk.call("place_order", **APPLE)
    await until(lambda: desk.state(order.coid) is OrderState.WORKING)
    pacing, now = desk.broker.transport.pacing, desk.broker.clock.monotonic()
    pacing._blocked_until, pacing._cancel_not_before = now + 900, now + 900
    problem = await desk.refused("cancel_order", coid=order.coid)
    assert problem.code == "IBKR_RATE_LIMITED" and "asked for again" in problem.user_action
    assert desk.state(order.coid) is OrderState.WORKING
    pacing._blocked_until = pacing._cancel_not_before = 0.0
    await until(lambda: desk.state(order.coid) is OrderState.CANCELLED, 15)

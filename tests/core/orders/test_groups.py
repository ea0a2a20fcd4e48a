"""Groups: every leg journalled before one POST, each row of the answer read, legs told apart by sight (R22)."""

from __future__ import annotations

import asyncio
import sqlite3
from decimal import Decimal as D
from typing import Any

import msgspec
import pytest

from ibkr_tui.core.journal.intents import IntentState
from ibkr_tui.core.orders.lately import Lately
from ibkr_tui.core.web.answer import Answer, AnswerLost, NotSent
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.groups import GroupKind, GroupResult, Leg, Proposal
from ibkr_tui.model.orders import Fill, OrderState, OrderTicket, OrderType, Role, Side, Tif, Verdict
from tests.core.orders.conftest import AAPL, ACCOUNT

ENTRY = OrderTicket(Side.BUY, D(10), "AAPL", order_type=OrderType.LIMIT, limit_price=D(188), tif=Tif.GTC)
STOP = OrderTicket(Side.SELL, D(10), "AAPL", order_type=OrderType.STOP, stop_price=D(185), tif=Tif.GTC)
TARGET = OrderTicket(Side.SELL, D(10), "AAPL", order_type=OrderType.LIMIT, limit_price=D(195), tif=Tif.GTC)
BRACKET = (Role.ENTRY, ENTRY), (Role.STOP, STOP), (Role.TARGET, TARGET)
OCO = (Role.LEG, STOP), (Role.LEG, TARGET)
OTO = (Role.TRIGGER, ENTRY), (Role.CHILD, TARGET)
KINDS = {BRACKET: GroupKind.BRACKET, OCO: GroupKind.OCO, OTO: GroupKind.OTO}
UNKNOWN, WORKING, REJECTED = OrderState.UNKNOWN, OrderState.WORKING, OrderState.REJECTED


def proposal(legs: tuple[Any, ...]) -> Proposal:
    return Proposal(KINDS[legs], ACCOUNT, tuple(Leg(role, ticket, AAPL) for role, ticket in legs))


async def send(desk: Any, legs: tuple[Any, ...] = BRACKET, **how: Any) -> GroupResult:
    sent: GroupResult = await desk.submitter.send_group(proposal(legs), how.pop("caller", desk.nobody), **how)
    return sent


async def refused(desk: Any, legs: tuple[Any, ...] = BRACKET, **how: Any) -> BrokerError:
    with pytest.raises(BrokerError) as caught:
        await send(desk, legs, **how)
    return caught.value


def taken(order_id: int, **more: Any) -> dict[str, Any]:
    return {"order_id": str(order_id), "order_status": "PreSubmitted", "encrypt_message": "1"} | more


def failed(text: str = "the stop price is too far away") -> dict[str, Any]:
    return {"order_id": "-1", "order_status": "Failed", "text": text, "warning_message": text}


def coid_of(desk: Any, index: int = 0) -> str:
    coid: str = desk.script.asked[0][1]["orders"][index]["cOID"]
    return coid


def row(order_id: int, kind: str, price: str, parent: int | None = 77, **more: Any) -> dict[str, Any]:
    found = {
        "acct": ACCOUNT, "orderId": order_id, "conid": 265598, "conidex": "265598", "ticker": "AAPL", "side": "SELL",
        "totalSize": 10.0, "filledQuantity": 0.0, "orderType": kind, "price": price, "status": "PreSubmitted",
        "timeInForce": "GTC",
    }  # fmt: skip
    return found | ({"parentId": parent} if parent else {}) | more


def status_of(order_id: int, kind: str, price: str, **more: Any) -> dict[str, Any]:
    found = {"order_id": order_id, "account": ACCOUNT, "conid": 265598, "side": "S", "order_type": kind,
             "order_status": "PreSubmitted", "total_size": "10", "size": "10", "cum_fill": "0.0"}  # fmt: skip
    name = "stop_price" if kind == "STP" else "limit_price"
    return found | {name: price} | more


def states(desk: Any) -> dict[Role, OrderState]:
    return {order.role: order.state for order in desk.book if order.group_id}


async def test_every_leg_is_on_the_disk_before_the_one_post(order_desk: Any) -> None:
    seen: list[Any] = []

    async def look() -> Answer:
        with sqlite3.connect(order_desk.state / "journal.db") as other:
            seen.extend(other.execute("SELECT role, state FROM intents").fetchall())
            seen.extend(other.execute("SELECT payload FROM audit WHERE kind = 'intent'").fetchall())
        raise AnswerLost("lost")

    order_desk.script.fails(look)
    problem = await refused(order_desk)
    assert problem.code == "IBKR_ORDER_UNKNOWN"
    assert sorted(seen[:3]) == [("entry", "sending"), ("stop", "sending"), ("target", "sending")]
    facts = [msgspec.json.decode(payload) for (payload,) in seen[3:]]
    assert {(f["symbol"], f["legs_count"], f["group_id"], f["kind"]) for f in facts} == {
        ("AAPL", 3, problem.details["group_id"], "bracket")
    }
    assert set(states(order_desk).values()) == {UNKNOWN}
    assert len(order_desk.script.asked) == 1


async def test_a_bracket_whose_rows_say_which_leg_they_are(order_desk: Any) -> None:
    async def answer() -> Answer:
        rows = [taken(78, parent_order_id="77"), taken(77, local_order_id=coid_of(order_desk)), taken(79)]
        return Answer(200, msgspec.json.encode(rows))

    order_desk.script.fails(answer)
    order_desk.script.reads["status"] = [status_of(78, "STP", "185.00")]
    result = await send(order_desk)
    assert result.kind is GroupKind.BRACKET
    assert result.group_id.startswith("g")
    # 79 was told by elimination, after 78 was seen to be the stop
    assert [(leg.role, leg.order_id) for leg in result.orders] == [
        (Role.ENTRY, "77"), (Role.STOP, "78"), (Role.TARGET, "79"),
    ]  # fmt: skip
    assert set(states(order_desk).values()) == {WORKING}


async def test_rows_without_any_hint_are_told_apart_by_a_look_at_each(order_desk: Any) -> None:
    order_desk.script.will([taken(79), taken(77), taken(78)])
    order_desk.script.reads["status"] = [
        status_of(79, "LIMIT", "195.00"), status_of(77, "LIMIT", "188.00", side="B"), status_of(78, "STP", "185.00"),
    ]  # fmt: skip
    result = await send(order_desk)
    assert {leg.role: leg.order_id for leg in result.orders} == {
        Role.ENTRY: "77", Role.STOP: "78", Role.TARGET: "79",
    }  # fmt: skip
    assert order_desk.script.read_calls == ["status 79", "status 77", "status 78"]


async def test_pushed_rows_tell_the_legs_apart_without_a_read(order_desk: Any) -> None:
    async def pushed_first() -> Answer:
        order_desk.book.sight(row(79, "Limit", "195.00"))
        order_desk.book.sight(row(78, "Stop", "185.00"))
        order_desk.book.sight(row(77, "Limit", "188.00", None, side="BUY", order_ref=coid_of(order_desk)))
        return Answer(200, msgspec.json.encode([taken(77), taken(78), taken(79)]))

    order_desk.script.fails(pushed_first)
    result = await send(order_desk)
    assert [leg.order_id for leg in result.orders] == ["77", "78", "79"]
    assert order_desk.script.read_calls == []
    assert set(order_desk.orders) == {leg.coid for leg in result.orders}, "no stray rows"
    assert [order.parent_id for order in order_desk.book] == ["", "77", "77"]


async def test_a_lost_answer_is_resolved_leg_by_leg(order_desk: Any) -> None:
    order_desk.script.fails(AnswerLost("lost"))
    problem = await refused(order_desk)
    assert len(problem.details["orders"]) == 3
    order_desk.book.sight(row(79, "Limit", "195.00"))
    assert states(order_desk)[Role.TARGET] is UNKNOWN, "whose child it is is not known yet"
    order_desk.book.sight(row(77, "Limit", "188.00", None, side="BUY", order_ref=coid_of(order_desk)))
    assert states(order_desk) == {Role.ENTRY: WORKING, Role.STOP: UNKNOWN, Role.TARGET: WORKING}
    order_desk.book.sight(row(90, "Stop", "150.00"))
    assert states(order_desk)[Role.STOP] is UNKNOWN, "somebody else's stop, at another price"
    order_desk.book.sight(row(78, "Stop", "185.00"))
    assert set(states(order_desk).values()) == {WORKING}
    kinds = await order_desk.audit()
    assert kinds.count("unknown") == kinds.count("working") == 3


@pytest.mark.parametrize("hint", [True, False])
async def test_a_refused_leg_beside_a_live_parent_raises_an_alarm(order_desk: Any, hint: bool) -> None:
    async def answer() -> Answer:
        more = {"local_order_id": coid_of(order_desk)} if hint else {}
        return Answer(200, msgspec.json.encode([failed(), taken(79), taken(77, **more)]))

    order_desk.script.fails(answer)
    order_desk.script.reads["status"] = [
        status_of(79, "LIMIT", "195.00"), status_of(77, "LIMIT", "188.00", side="B"),
    ]  # fmt: skip
    problem = await refused(order_desk)
    assert problem.code == "IBKR_GROUP_PARTIAL"
    assert "too far away" in problem.message
    assert states(order_desk) == {Role.ENTRY: WORKING, Role.STOP: REJECTED, Role.TARGET: WORKING}
    alarm = next(event for event in order_desk.events.entries() if event.code == "IBKR_GROUP_PARTIAL")
    entry = next(order for order in order_desk.book if order.role is Role.ENTRY)
    assert alarm.order_key == entry.key
    assert f"cancel_order coid={entry.coid}" in alarm.text
    order_desk.script.will({"msg": "Request was submitted"})
    assert (await order_desk.canceller.cancel(alarm.order_key, order_desk.person)).state is OrderState.CANCELLING


async def test_a_leg_that_is_rejected_later_raises_the_alarm_too(order_desk: Any) -> None:
    await test_pushed_rows_tell_the_legs_apart_without_a_read(order_desk)
    order_desk.book.sight(row(78, "Stop", "185.00", status="Inactive"))
    assert any("works on without its stop" in text for text in order_desk.said)
    order_desk.book.sight(row(77, "Limit", "188.00", None, side="BUY", status="Filled", filledQuantity=10.0))
    order_desk.book.sight(row(79, "Limit", "195.00", status="Inactive"))
    assert any("is filled without its target" in text for text in order_desk.said)


async def test_a_group_that_is_refused_as_a_whole_raises_no_alarm(order_desk: Any) -> None:
    order_desk.script.will({"error": "No trading  permission\nfor AAPL"})
    problem = await refused(order_desk)
    assert problem.code == "IBKR_ORDER_REJECTED_WARNING"
    assert problem.message == "No trading permission for AAPL"
    assert set(states(order_desk).values()) == {REJECTED}
    assert not any("without its" in text for text in order_desk.said)


async def test_a_part_of_an_answer_leaves_the_rest_open(order_desk: Any) -> None:
    async def answer() -> Answer:
        return Answer(200, msgspec.json.encode([taken(77, local_order_id=coid_of(order_desk))]))

    order_desk.script.fails(answer)
    assert (await refused(order_desk)).code == "IBKR_ORDER_UNKNOWN"
    assert states(order_desk) == {Role.ENTRY: WORKING, Role.STOP: UNKNOWN, Role.TARGET: UNKNOWN}


async def test_nothing_left_means_nothing_was_sent(order_desk: Any) -> None:
    order_desk.script.fails(NotSent("no connection"))
    problem = await refused(order_desk)
    assert problem.code == "IBKR_UNAVAILABLE"
    assert "was not sent" in problem.message
    await order_desk.recorder.settled()
    assert await order_desk.journal.unfinished() == []


async def test_the_kill_switch_stops_what_is_about_to_leave_and_a_yes(order_desk: Any) -> None:
    original = order_desk.journal.begin_all

    async def commit_and_trip(legs: Any) -> None:
        await original(legs)
        order_desk.switch.path.touch()

    order_desk.journal.begin_all = commit_and_trip
    problem = await refused(order_desk)
    assert (problem.code, order_desk.script.asked) == ("KILL_SWITCH_ON", [])
    assert set(states(order_desk).values()) == {REJECTED}
    order_desk.switch.path.unlink()
    order_desk.journal.begin_all = original
    order_desk.script.will([{"id": "q1", "message": ["sure?"], "messageIds": ["o163"]}])
    order_desk.script.will({"error": "Order not confirmed "})
    sending = asyncio.create_task(refused(order_desk, OCO, caller=order_desk.person))
    while not len(order_desk.questions):
        assert not sending.done()
        await asyncio.sleep(0)
    order_desk.switch.path.touch()
    order_desk.desk.answer("q1", True, order_desk.person)
    assert (await sending).code == "QUESTION_DECLINED"
    assert order_desk.script.asked[-1] == ("reply q1", False)


async def test_the_legs_of_an_oco_are_known_by_their_own_ids(order_desk: Any) -> None:
    async def answer() -> Answer:
        rows = [taken(11, local_order_id=coid_of(order_desk, 1)), taken(10, local_order_id=coid_of(order_desk, 0))]
        return Answer(200, msgspec.json.encode(rows))

    order_desk.script.fails(answer)
    result = await send(order_desk, OCO)
    assert [leg.order_id for leg in result.orders] == ["10", "11"]
    order_desk.book.sight(row(11, "Limit", "195", None, ocaGroupId="oco-10", status="Filled", filledQuantity=10.0))
    order_desk.book.sight(row(10, "Stop", "185", None, ocaGroupId="oco-10", status="Cancelled"))
    assert [order.state for order in order_desk.book] == [OrderState.CANCELLED, OrderState.FILLED]


async def test_questions_about_several_orders_are_all_answered(order_desk: Any) -> None:
    ask = [{"id": f"q{n}", "message": ["No market data"], "messageIds": ["o354"]} for n in (1, 2)]
    order_desk.script.will(ask)

    async def yes(number: int) -> Answer:
        rows = [taken(10 + number, local_order_id=coid_of(order_desk, number))]
        return Answer(200, msgspec.json.encode(rows))

    order_desk.script.fails(lambda: yes(0))
    order_desk.script.fails(lambda: yes(1))
    result = await send(order_desk, OCO)
    assert [leg.order_id for leg in result.orders] == ["10", "11"]
    assert [what for what, _ in order_desk.script.asked[1:]] == ["reply q1", "reply q2"]


async def test_a_no_to_one_question_is_a_no_to_all(order_desk: Any) -> None:
    ask = [{"id": f"q{n}", "message": ["Price  is\nfar off"], "messageIds": ["o163"]} for n in (1, 2)]
    order_desk.script.will(ask)
    order_desk.script.will({"error": "Order not confirmed "})
    order_desk.script.will({"error": "Order not confirmed "})
    problem = await refused(order_desk, OCO)
    assert problem.code == "QUESTION_DECLINED"
    assert problem.message == "declined (nobody there to ask): Price is far off"
    assert "from the app" in problem.user_action
    assert order_desk.script.asked[1:] == [("reply q1", False), ("reply q2", False)]
    assert order_desk.said[-1].startswith("declined (nobody there to ask) SELL 10 AAPL LMT 195 GTC: Price is far off")


async def test_an_oto_whose_child_is_refused_cancels_its_trigger(order_desk: Any) -> None:
    order_desk.script.will([failed("no such child"), taken(77)])
    order_desk.script.reads["status"] = [status_of(77, "LIMIT", "188.00", side="B")]

    async def cancelled() -> Answer:
        order_desk.book.sight(row(77, "Limit", "188.00", None, side="BUY", status="Cancelled"))
        return Answer(200, b'{"msg":"Request was submitted"}')

    order_desk.script.fails(cancelled)
    problem = await refused(order_desk, OTO)
    assert problem.code == "IBKR_OTO_PARTIAL_FAILURE"
    details = problem.details
    assert (details["trigger_order_id"], details["trigger_status"], details["cancel"]) == (
        "77",
        "cancelled",
        "cancelled",
    )
    assert [leg["status"] for leg in details["orders"]] == ["cancelled", "rejected"]


async def test_an_oto_in_sequence_names_its_trigger_by_the_brokers_id(order_desk: Any) -> None:
    order_desk.script.will([taken(77)])
    order_desk.script.will([taken(78)])
    result = await send(order_desk, OTO, sequential=True)
    first, second = (body["orders"] for _, body in order_desk.script.asked)
    assert (len(first), len(second), second[0]["parentId"]) == (1, 1, "77")
    assert "cOID" not in second[0]
    assert [leg.order_id for leg in result.orders] == ["77", "78"]


@pytest.mark.parametrize(
    ("cancel", "outcome", "status"),
    [
        ({"error": "Order is inactive"}, "failed: Order is inactive", "working"),
        (None, "filled", "filled"),
        ({"msg": "Request was submitted"}, "requested", "cancelling"),
    ],
)
async def test_a_sequence_that_breaks_says_what_became_of_its_trigger(
    order_desk: Any, cancel: Any, outcome: str, status: str
) -> None:
    order_desk.script.will([taken(77)])

    async def no() -> Answer:
        if cancel is None:
            order_desk.book.sight(row(77, "Limit", "188", None, side="BUY", status="Filled", filledQuantity=10.0))
        return Answer(200, b'{"error":"Parent order is not found"}')

    order_desk.script.fails(no)
    if cancel:
        order_desk.script.will(cancel)
    sending = asyncio.create_task(refused(order_desk, OTO, sequential=True))
    await order_desk.clock.advance(6.0)
    for _ in range(200):
        if sending.done():
            break
        await asyncio.sleep(0.005)
        await order_desk.clock.advance(6.0)
    problem = await sending
    assert problem.code == "IBKR_OTO_PARTIAL_FAILURE"
    assert (problem.details["cancel"], problem.details["trigger_status"]) == (outcome, status)


@pytest.mark.parametrize("first", [AnswerLost("lost"), NotSent("no connection")])
async def test_a_child_is_never_sent_after_a_trigger_that_is_not_at_work(order_desk: Any, first: Exception) -> None:
    order_desk.script.fails(first)
    problem = await refused(order_desk, OTO, sequential=True)
    assert problem.code in {"IBKR_ORDER_UNKNOWN", "IBKR_UNAVAILABLE"}
    assert len(order_desk.script.asked) == 1
    assert states(order_desk)[Role.CHILD] is REJECTED


async def test_only_an_oto_goes_in_sequence(order_desk: Any) -> None:
    assert (await refused(order_desk, OCO, sequential=True)).code == "BAD_ARGUMENT"
    assert order_desk.script.asked == []


async def test_a_group_survives_a_restart(order_desk: Any, fake_clock: Any) -> None:
    await test_pushed_rows_tell_the_legs_apart_without_a_read(order_desk)
    order_desk.book.sight(row(77, "Limit", "188.00", None, side="BUY", status="Filled", filledQuantity=10.0))
    await order_desk.recorder.settled()
    again = type(order_desk)(order_desk.state, fake_clock)
    for intent in await order_desk.journal.unfinished():
        again.book.remember(intent)
    assert states(again) == {Role.ENTRY: OrderState.FILLED, Role.STOP: UNKNOWN, Role.TARGET: UNKNOWN}
    (group_id,) = {order.group_id for order in again.book}
    again.book.sight(row(78, "Stop", "185.00"))
    again.book.sight(row(79, "Limit", "195.00"))
    assert [order.state for order in again.book.group(group_id)].count(WORKING) == 2
    assert again.book.ticket(again.book.find("78").key) == msgspec.structs.replace(STOP)


async def test_a_group_killed_before_its_answer_is_found_by_parent_and_price(order_desk: Any, fake_clock: Any) -> None:
    order_desk.script.fails(AnswerLost("lost"))
    await refused(order_desk)
    coid = coid_of(order_desk)
    await order_desk.recorder.settled()
    again = type(order_desk)(order_desk.state, fake_clock)
    for intent in await order_desk.journal.unfinished():
        again.book.remember(intent)
    again.book.sight(row(78, "Stop", "185.00"))
    again.book.sight(row(77, "Limit", "188.00", None, side="BUY", order_ref=coid))
    again.book.sight(row(79, "Limit", "195.00"))
    assert set(states(again).values()) == {WORKING}
    assert len(again.orders) == 3


async def test_cancelling_a_group_asks_for_each_leg_and_forgives_those_that_went_with_it(order_desk: Any) -> None:
    await test_pushed_rows_tell_the_legs_apart_without_a_read(order_desk)
    (group_id,) = {order.group_id for order in order_desk.book}
    order_desk.script.will({"msg": "Request was submitted"})
    order_desk.script.will({"error": "OrderID 78 doesn't exist"}, 400)
    order_desk.script.will({"msg": "Request was submitted"})
    legs = await order_desk.canceller.cancel_group(group_id, order_desk.person)
    assert [what for what, _ in order_desk.script.asked[1:]] == ["cancel 77", "cancel 78", "cancel 79"]
    assert [leg.state for leg in legs] == [OrderState.CANCELLING, WORKING, OrderState.CANCELLING]
    for number in (77, 78, 79):
        order_desk.book.sight({"acct": ACCOUNT, "orderId": number, "conid": 265598, "status": "Cancelled"})
    with pytest.raises(BrokerError) as caught:
        await order_desk.canceller.cancel_group(group_id, order_desk.person)
    assert caught.value.code == "ORDER_DONE"
    with pytest.raises(BrokerError) as caught:
        await order_desk.canceller.cancel_group("", order_desk.person)
    assert caught.value.code == "ORDER_NOT_FOUND"


async def test_cancelling_a_group_goes_on_past_a_refusal_and_tells_the_first(order_desk: Any) -> None:
    await test_pushed_rows_tell_the_legs_apart_without_a_read(order_desk)
    (group_id,) = {order.group_id for order in order_desk.book}
    order_desk.script.will({"error": "not at this hour"}, 400)
    order_desk.script.fails(NotSent("no connection"))
    order_desk.script.will({"msg": "Request was submitted"})
    with pytest.raises(BrokerError, match="not at this hour") as caught:
        await order_desk.canceller.cancel_group(group_id, order_desk.person)
    assert caught.value.code == "IBKR_REQUEST_REFUSED"
    assert [what for what, _ in order_desk.script.asked[1:]] == ["cancel 77", "cancel 78", "cancel 79"]
    assert [leg.state for leg in order_desk.book] == [WORKING, WORKING, OrderState.CANCELLING]


async def test_cancelling_a_group_of_unknown_fate_cancels_each_leg_on_sight(order_desk: Any) -> None:
    order_desk.script.fails(AnswerLost("lost"))
    group_id = (await refused(order_desk)).details["group_id"]
    await order_desk.canceller.cancel_group(group_id, order_desk.person)
    await order_desk.recorder.settled()
    assert {i.state for i in await order_desk.journal.unfinished()} == {IntentState.CANCEL_ON_SIGHT}
    seen: list[str] = []
    order_desk.book.on_sight = lambda order: seen.append(order.role)
    order_desk.book.sight(row(78, "Stop", "185.00"))
    order_desk.book.sight(row(77, "Limit", "188.00", None, side="BUY", order_ref=coid_of(order_desk)))
    assert sorted(seen) == [Role.ENTRY, Role.STOP]


async def test_a_refused_order_that_is_seen_after_a_restart_is_adopted_with_an_alarm(
    order_desk: Any, fake_clock: Any
) -> None:
    order_desk.script.will({"error": "Order rejected"})
    await refused(order_desk)
    coid = coid_of(order_desk)
    await order_desk.recorder.settled()
    again = type(order_desk)(order_desk.state, fake_clock)
    again.book.recall(await order_desk.journal.recent())
    assert len(again.orders) == 0
    again.book.sight(row(77, "Limit", "188.00", None, side="BUY", order_ref=coid))
    again.book.sight(row(78, "Stop", "185.00"))
    assert states(again) == {Role.ENTRY: WORKING, Role.STOP: WORKING, Role.TARGET: REJECTED}
    assert any("reported as rejected, but IBKR has it" in text for text in again.said)


def test_what_was_met_lately_is_bounded_by_age_and_number(fake_clock: Any) -> None:
    lately = Lately(fake_clock, seconds=10, most=3, is_kept=lambda name: name == "a")
    for name in "abcd":
        lately.add(name)
    assert len(lately) == 3
    assert "a" in lately, "still needed"
    assert "b" not in lately
    fake_clock._elapsed += 11
    lately.add("e")
    assert [name in lately for name in "acde"] == [True, False, False, True]
    lately.discard("e")
    assert "e" not in lately


async def test_a_declared_order_that_is_seen_after_a_restart_raises_an_alarm(order_desk: Any, fake_clock: Any) -> None:
    order_desk.script.fails(AnswerLost("lost"))
    with pytest.raises(BrokerError) as caught:
        await order_desk.buy()
    coid = caught.value.details["coid"]
    await fake_clock.advance(130)
    order_desk.script.reads["trades"] = [[{"execution_id": ""}]]
    await order_desk.reconciler.read_orders()
    await order_desk.reconciler.read_trades()
    await order_desk.resolver.resolve(coid, Verdict.NOT_SENT, "AAPL", order_desk.person)
    await order_desk.recorder.settled()
    assert await order_desk.journal.unfinished() == []
    again = type(order_desk)(order_desk.state, fake_clock)
    again.book.recall(await order_desk.journal.recent())
    again.book.sight(row(77, "Limit", "188.00", None, side="BUY", order_ref=coid))
    assert again.book.find(coid).state is WORKING
    assert any("reported as not sent before the core stopped, but IBKR has it" in text for text in again.said)


async def test_a_fill_told_before_its_leg_was_known_is_audited_once_it_is(order_desk: Any) -> None:
    order_desk.script.fails(AnswerLost("lost"))
    await refused(order_desk)
    fill = Fill("e1", ACCOUNT, 265598, "AAPL", Side.SELL, D(10), D(185), order_desk.clock.now(), "78", "")
    for _ in range(2):
        order_desk.recorder.filled(order_desk.book.fill(fill), late=False)
    assert "filled" not in await order_desk.audit()
    order_desk.book.sight(row(78, "Stop", "185.00"))
    order_desk.book.sight(row(77, "Limit", "188.00", None, side="BUY", order_ref=coid_of(order_desk)))
    for _ in range(2):
        if known := order_desk.book.fill(fill):
            order_desk.recorder.filled(known, late=True)
    assert (await order_desk.audit()).count("filled") == 1
    assert len(order_desk.fills.entries()) == 1

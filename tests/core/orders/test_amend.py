"""Changing orders: said again whole, once, and an answer that was lost is settled by what the broker shows (R21)."""

from __future__ import annotations

import asyncio
from decimal import Decimal as D
from typing import Any

import msgspec
import pytest

from ibkr_tui.core.orders.amend import Amender
from ibkr_tui.core.orders.recall import open_journal
from ibkr_tui.core.web.answer import AnswerLost, NotSent
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.groups import GroupKind, Leg, Proposal
from ibkr_tui.model.orders import Order, OrderState, OrderTicket, OrderType, Role, Side, Tif
from tests.core.orders.conftest import AAPL, ACCOUNT, OrderDesk
from tests.core.orders.test_groups import test_pushed_rows_tell_the_legs_apart_without_a_read as placed_bracket

TAKEN = [{"order_id": "77", "order_status": "Submitted", "encrypt_message": "1"}]


def row(**changes: Any) -> dict[str, Any]:
    return {
        "acct": ACCOUNT, "orderId": 77, "conid": 265598, "side": "BUY", "totalSize": 10.0, "filledQuantity": 0.0,
        "orderType": "Limit", "price": "188.00", "status": "Submitted",
    } | changes  # fmt: skip


async def placed(desk: Any) -> Order:
    desk.script.will(TAKEN)
    order: Order = await desk.buy()
    desk.script.asked.clear()
    return order


async def amend(desk: Any, name: str = "77", **changes: Any) -> Order:
    amended: Order = await desk.amender.amend(name, changes, AAPL, desk.person)
    return amended


async def refused(desk: Any, name: str = "77", **changes: Any) -> BrokerError:
    with pytest.raises(BrokerError) as caught:
        await amend(desk, name, **changes)
    return caught.value


async def test_the_whole_ticket_is_said_again_and_remembered(order_desk: Any) -> None:
    order = await placed(order_desk)
    order_desk.script.will(TAKEN)
    amended = await amend(order_desk, limit_price=D("187.50"), qty=D(8))
    assert (amended.limit_price, amended.qty, amended.state) == (D("187.50"), D(8), OrderState.WORKING)
    ((what, body),) = order_desk.script.asked
    assert what == "modify 77"
    assert body == {
        "acctId": ACCOUNT, "conid": 265598, "orderType": "LMT", "side": "BUY", "tif": "DAY", "quantity": 8,
        "price": 187.5,
    }  # fmt: skip
    assert {"amend", "amended"} < set(await order_desk.audit())
    (intent,) = await order_desk.journal.unfinished()
    assert (intent.ticket.qty, intent.ticket.limit_price) == (D(8), D("187.50"))
    assert order.coid == intent.coid


async def test_a_refused_change_leaves_the_order_as_it_was(order_desk: Any) -> None:
    await placed(order_desk)
    order_desk.script.will({"error": "The price is  too far\naway"})
    problem = await refused(order_desk, limit_price=D(180))
    assert (problem.code, problem.message) == ("IBKR_ORDER_REJECTED", "The price is too far away")
    order = order_desk.book.find("77")
    assert (order.state, order.limit_price) == (OrderState.WORKING, D("188.00"))
    order_desk.script.will({"error": "OrderID 77 doesn't exist"}, 400)
    assert (await refused(order_desk, limit_price=D(180))).code == "ORDER_DONE"
    order_desk.script.fails(NotSent("no connection"))
    assert (await refused(order_desk, limit_price=D(180))).code == "IBKR_UNAVAILABLE"
    assert (await order_desk.audit())[-2:] == ["amend", "amend_refused"]


async def test_a_lost_answer_blocks_the_next_change_until_the_order_is_seen(order_desk: Any) -> None:
    await placed(order_desk)
    order_desk.script.fails(AnswerLost("lost"))
    problem = await refused(order_desk, limit_price=D(187))
    assert (problem.code, problem.details["order_id"]) == ("IBKR_ORDER_UNKNOWN", "77")
    assert order_desk.book.find("77").limit_price == D("188.00"), "not known yet"
    assert order_desk.book.changing
    assert (await refused(order_desk, limit_price=D(186))).code == "AMEND_PENDING"
    assert len(order_desk.script.asked) == 1
    order_desk.book.sight(row())
    assert order_desk.book.changing, "a row that was on its way proves nothing"
    order_desk.book.sight(row(price="187.00"))
    assert (order_desk.book.find("77").limit_price, order_desk.book.changing) == (D(187), False)
    assert (await order_desk.audit())[-1] == "amended"


async def test_a_change_that_was_not_taken_is_said_so_when_the_order_is_seen_as_it_was(order_desk: Any) -> None:
    await placed(order_desk)
    order_desk.script.will(b"<html>", 503)
    await refused(order_desk, qty=D(20))
    order_desk.book.sight(row(status="Submitted", filledQuantity=10.0))
    assert order_desk.book.find("77").state is OrderState.WORKING, "it may be for 20 now"
    await order_desk.clock.advance(11.0)
    order_desk.book.sight(row(filledQuantity=9.0))
    order = order_desk.book.find("77")
    assert (order.text, order.qty) == ("the change was not taken", D(10))
    assert not order_desk.book.changing


async def test_what_may_not_be_changed(order_desk: Any) -> None:
    assert (await refused(order_desk)).code == "ORDER_NOT_FOUND"
    assert (await refused(order_desk, "")).code == "ORDER_NOT_FOUND"
    order = await placed(order_desk)
    assert (await refused(order_desk, limit_price=D("188.00"))).code == "BAD_TICKET"
    assert (await refused(order_desk, limit_price=D("188.005"))).details["field"] == "limit_price"
    assert (await refused(order_desk, stop_price=D(180))).details["field"] == "stop_price"
    order_desk.book.sight(row(filledQuantity=4.0))
    assert (await refused(order_desk, qty=D(4))).details["field"] == "qty"
    order_desk.book.cancel_asked(order.key)
    assert (await refused(order_desk, qty=D(8))).code == "ORDER_DONE"
    order_desk.script.fails(AnswerLost("lost"))
    with pytest.raises(BrokerError) as caught:
        await order_desk.buy("187.00")
    assert (await refused(order_desk, caught.value.details["coid"], qty=D(8))).code == "ORDER_BLOCKED_UNKNOWN"
    assert all(what != "modify 77" for what, _ in order_desk.script.asked)


async def test_without_a_journal_nothing_is_changed(order_desk: Any) -> None:
    await placed(order_desk)
    (order_desk.state / "journal.db").rename(order_desk.state / "gone.db")
    assert (await refused(order_desk, qty=D(8))).code == "JOURNAL_UNAVAILABLE"
    assert order_desk.script.asked == []


def takes(desk: Any, *numbers: int) -> None:
    """The broker takes the changes of these orders, in this sequence."""
    desk.script.asked.clear()
    for number in numbers:
        desk.script.will([{"order_id": str(number), "order_status": "PreSubmitted"}])


async def test_a_bracket_has_one_quantity_and_its_exits_are_never_the_larger_ones(order_desk: Any) -> None:
    await placed_bracket(order_desk)
    takes(order_desk, 77, 78, 79)
    await amend(order_desk, qty=D(20))
    assert [what for what, _ in order_desk.script.asked] == ["modify 77", "modify 78", "modify 79"]
    takes(order_desk, 78, 79, 77)
    await amend(order_desk, qty=D(5))
    assert [order.qty for order in order_desk.book] == [D(5)] * 3
    stop, target, entry = (body for _, body in order_desk.script.asked)
    coid = next(order.coid for order in order_desk.book if order.role is Role.ENTRY)
    assert ("parentId" in entry, stop["parentId"], target["parentId"]) == (False, coid, coid)
    order_desk.script.will([{"order_id": "78", "order_status": "PreSubmitted"}])
    await amend(order_desk, "78", stop_price=D(186))
    assert order_desk.script.asked[-1][1]["price"] == 186
    assert len(order_desk.script.asked) == 4


async def test_an_order_placed_elsewhere_is_changed_as_its_rows_tell_it(order_desk: Any) -> None:
    order_desk.book.sight(row(conidex="265598@NASDAQ", timeInForce="GTC", outsideRTH=True, ticker="AAPL"))
    order_desk.script.will(TAKEN)
    amended = await amend(order_desk, limit_price=D(187))
    assert amended.limit_price == D(187)
    body = order_desk.script.asked[0][1]
    assert (body["conidex"], body["tif"], body["outsideRTH"]) == ("265598@NASDAQ", "GTC", True)
    exit = row(orderId=79, side="SELL", price="195", parentId=77, ocaGroupId="77", timeInForce="GTC")
    order_desk.book.sight(exit)
    order_desk.script.will([{"order_id": "79", "order_status": "PreSubmitted"}])
    await amend(order_desk, "79", limit_price=D(196))
    assert order_desk.script.asked[1][1]["parentId"] == "77", "it goes on waiting for its entry"
    order_desk.book.sight(row(orderId=80, orderType="TRAIL", price="", auxPrice="180"))
    assert (await refused(order_desk, "80", qty=D(5))).code == "BAD_TICKET"


async def test_a_change_made_elsewhere_is_taken_over(order_desk: Any) -> None:
    await placed(order_desk)
    order_desk.book.sight(row(price="186.00", totalSize=12.0))
    order = order_desk.book.find("77")
    assert (order.limit_price, order.qty) == (D("186.00"), D(12))
    assert msgspec.structs.asdict(order_desk.book.ticket(order.key))["limit_price"] == D("186.00")


async def test_a_leg_that_would_be_refused_keeps_the_others_from_being_sent(order_desk: Any) -> None:
    await placed_bracket(order_desk)
    order_desk.script.asked.clear()
    order_desk.book.cancel_asked(order_desk.book.find("79").key)
    assert (await refused(order_desk, qty=D(5))).code == "ORDER_DONE"
    order_desk.book.cancel_refused(order_desk.book.find("79").key, "")
    order_desk.book.sight(row(orderId=78, orderType="Stop", price="185", side="SELL", parentId=77, filledQuantity=6.0))
    assert (await refused(order_desk, qty=D(5))).details["field"] == "qty"
    assert order_desk.script.asked == []
    assert [order.qty for order in order_desk.book] == [D(10)] * 3


@pytest.mark.parametrize(("qty", "outcomes"), [
    (D(5), {"stop": "changed", "target": "not changed", "entry": "not sent"}),
    (D(20), {"entry": "changed", "stop": "not changed", "target": "changed"}),
])  # fmt: skip
async def test_what_breaks_on_the_way_is_told_leg_by_leg(order_desk: Any, qty: D, outcomes: dict[str, str]) -> None:
    await placed_bracket(order_desk)
    numbers = {"entry": 77, "stop": 78, "target": 79}
    order_desk.script.asked.clear()
    for role, outcome in outcomes.items():
        if outcome == "changed":
            order_desk.script.will([{"order_id": str(numbers[role]), "order_status": "PreSubmitted"}])
        elif outcome == "not changed":
            order_desk.script.will({"error": "no"})
    problem = await refused(order_desk, qty=qty)
    assert (problem.code, problem.details["cause"]) == ("IBKR_GROUP_PARTIAL", "IBKR_ORDER_REJECTED")
    assert {leg["role"]: leg["outcome"] for leg in problem.details["orders"]} == outcomes
    sizes = {order.role.value: order.qty for order in order_desk.book}
    assert max(sizes["stop"], sizes["target"]) <= max(sizes["entry"], D(10))


async def test_an_amended_leg_keeps_its_place_in_the_bracket(order_desk: Any) -> None:
    """The market is at 189.43; the entry is to buy at 188, its stop 185, its target 195."""
    await placed_bracket(order_desk)
    order_desk.script.asked.clear()
    for name, changes, field in (
        ("77", {"limit_price": D(184)}, "limit_price"),
        ("77", {"limit_price": D(196)}, "limit_price"),
        ("78", {"stop_price": D(188)}, "stop_price"),
        ("78", {"stop_price": D(196)}, "stop_price"),
        ("79", {"limit_price": D(187)}, "limit_price"),
    ):
        problem = await refused(order_desk, name, **changes)
        assert (problem.code, problem.details["field"]) == ("BAD_TICKET", field), (name, changes)
    entry = row(filledQuantity=10.0, status="Filled")
    order_desk.book.sight(entry)
    assert "above AAPL" in (await refused(order_desk, "78", stop_price=D(190))).message, "through the market"
    assert (await refused(order_desk, "79", limit_price=D(150))).code == "BAD_TICKET", "below its stop"
    assert (await refused(order_desk, "78", qty=D(11))).details["field"] == "qty", "more than was entered"
    order_desk.book.sight(row(orderId=78, orderType="Stop", price="185", side="SELL", parentId=77, status="Cancelled"))
    assert (await refused(order_desk, "79", limit_price=D(150))).code == "RISK_PRICE_COLLAR", "it is live now"
    assert order_desk.script.asked == []


async def test_a_child_and_its_trigger_are_amended_as_they_will_meet(order_desk: Any) -> None:
    """A stop that waits meets the price at which its trigger fills; once that has filled, the market at 189.43."""
    trigger = OrderTicket(Side.BUY, D(10), "AAPL", AAPL.conid, OrderType.LIMIT, D(188))
    child = OrderTicket(Side.SELL, D(10), "AAPL", AAPL.conid, OrderType.STOP, stop_price=D(185))
    legs = (Leg(Role.TRIGGER, trigger, AAPL), Leg(Role.CHILD, child, AAPL))
    order_desk.script.will([{"order_id": "77", "order_status": "Submitted"},
                            {"order_id": "78", "order_status": "PreSubmitted", "parent_order_id": "77"}])  # fmt: skip
    await order_desk.submitter.send_group(Proposal(GroupKind.OTO, ACCOUNT, legs), order_desk.nobody)
    order_desk.script.asked.clear()
    for name, changes in (("77", {"limit_price": D(184)}), ("78", {"stop_price": D("188.50")})):
        problem = await refused(order_desk, name, **changes)
        assert (problem.code, problem.details["field"]) == ("BAD_TICKET", next(iter(changes)))
        assert "where the order before it fills" in problem.message
    takes(order_desk, 78)
    await amend(order_desk, "78", stop_price=D("187.50"))
    order_desk.book.sight(row(filledQuantity=10.0, status="Filled"))
    takes(order_desk, 78)
    assert (await amend(order_desk, "78", stop_price=D("188.50"))).stop_price == D("188.50")
    assert (await refused(order_desk, "78", stop_price=D(190))).code == "BAD_TICKET"


async def test_a_stop_may_pass_an_entry_that_is_filled(order_desk: Any) -> None:
    await placed_bracket(order_desk)
    order_desk.book.sight(row(filledQuantity=10.0, status="Filled"))
    takes(order_desk, 78)
    assert (await amend(order_desk, "78", stop_price=D(189))).stop_price == D(189)


async def test_a_lost_change_that_no_row_shows_stays_open(order_desk: Any) -> None:
    """The distance of a trailing order is in no row of the broker's (reference 4.3)."""
    trail = OrderTicket(
        Side.SELL, D(10), "AAPL", order_type=OrderType.TRAIL, stop_price=D(185), trail=D(2), conid=AAPL.conid
    )
    order_desk.script.will(TAKEN)
    await order_desk.submitter.place(trail, AAPL, order_desk.nobody)
    order_desk.script.fails(AnswerLost("lost"))
    assert (await refused(order_desk, trail=D(3))).code == "IBKR_ORDER_UNKNOWN"
    shown = row(orderType="TRAIL", side="SELL", price="185.40", timeInForce="DAY")
    await order_desk.clock.advance(60.0)
    order_desk.book.sight(shown)
    order = order_desk.book.find("77")
    assert (order.trail, "not known" in order.text, order_desk.book.changing) == (D(2), True, True)
    problem = await refused(order_desk, trail=D(3))
    assert problem.code == "AMEND_PENDING"
    assert "120 s" in problem.user_action
    await order_desk.clock.advance(61.0)
    order_desk.book.sight(shown)
    assert "not known" in order_desk.book.find("77").text
    order_desk.script.will({"error": "no"})
    assert (await refused(order_desk, trail=D(2))).code == "IBKR_ORDER_REJECTED", "said anew, as it was"
    assert order_desk.book.is_amending(order.key), "and the lost one is as open as before"
    takes(order_desk, 77)
    assert (await amend(order_desk, trail=D(2))).trail == D(2)
    assert not order_desk.book.is_amending(order.key)


async def test_rows_prove_a_changed_time_in_force_and_hours(order_desk: Any) -> None:
    order = await placed(order_desk)
    order_desk.script.fails(AnswerLost("lost"))
    await refused(order_desk, tif=Tif.GTC, outside_rth=True)
    await order_desk.clock.advance(30.0)
    order_desk.book.sight(row())
    assert order_desk.book.is_amending(order.key), "the row says neither"
    order_desk.book.sight(row(timeInForce="GTC", outsideRTH=True))
    order = order_desk.book.find("77")
    assert (order.tif, order.outside_rth, order_desk.book.is_amending(order.key)) == ("gtc", True, False)
    order_desk.script.fails(AnswerLost("lost"))
    await refused(order_desk, tif=Tif.DAY)
    await order_desk.clock.advance(11.0)
    order_desk.book.sight(row(timeInForce="GTC", outsideRTH=True))
    assert order_desk.book.find("77").text == "the change was not taken"


async def test_an_adopted_order_is_restated_whole(order_desk: Any) -> None:
    """After a restart: what the ticket said, with what was changed elsewhere meanwhile."""
    ticket = OrderTicket(Side.BUY, D(10), "AAPL", AAPL.conid, OrderType.LIMIT, D(188), Tif.GTC, outside_rth=True)
    order_desk.script.will(TAKEN)
    placed_now = await order_desk.submitter.place(ticket, AAPL, order_desk.nobody)
    assert placed_now.outside_rth
    await order_desk.recorder.settled()
    (intent,) = await order_desk.journal.unfinished()
    restarted = OrderDesk(order_desk.state, order_desk.clock)
    restarted.journal = order_desk.journal
    restarted.book.remember(intent)
    restarted.book.sight(row(timeInForce="GTC", outsideRTH=True, order_ref=intent.coid))
    assert restarted.book.find("77").outside_rth
    amender = Amender(
        account=ACCOUNT, calls=restarted.script, journal=order_desk.journal, book=restarted.book,
        recorder=restarted.recorder, conversation=order_desk.amender._conversation, gate=order_desk.gate,
        lock=asyncio.Lock(), look=lambda: None,
    )  # fmt: skip
    order_desk.gate._book = restarted.book
    restarted.script.will(TAKEN)
    await amender.amend("77", {"limit_price": D(187)}, AAPL, order_desk.person)
    body = restarted.script.asked[0][1]
    assert (body["tif"], body["outsideRTH"], body["price"]) == ("GTC", True, 187)
    await restarted.clock.advance(11.0)
    restarted.book.sight(row(price="187.00", timeInForce="DAY", outsideRTH=False))
    assert (restarted.book.find("77").tif, restarted.book.ticket(intent.coid).outside_rth) == ("day", False)


async def restarted(desk: Any) -> OrderDesk:
    """A core that starts on what the journal holds."""
    await desk.recorder.settled()
    await desk.journal.close()
    made = OrderDesk(desk.state, desk.clock)
    desk.journal = made.journal  # which the test's end closes
    await open_journal(made.journal, made.recorder, made.book, ACCOUNT)
    return made


@pytest.mark.parametrize(("price", "text"), [("187.50", ""), ("188.00", "the change was not taken")])
async def test_a_change_of_unknown_fate_is_as_open_after_a_restart(order_desk: Any, price: str, text: str) -> None:
    """The core stopped beside the change, or had lost its answer: only a row says what the order is now."""
    await placed(order_desk)
    order_desk.script.fails(AnswerLost("lost"))
    await refused(order_desk, limit_price=D("187.50"), outside_rth=True)
    desk = await restarted(order_desk)
    (order,) = desk.book
    assert desk.book.is_amending(order.key)
    await desk.clock.advance(11.0)
    desk.book.sight(row(order_ref=order.coid, price=price))
    (order,) = desk.book
    assert (order.limit_price, order.text, desk.book.is_amending(order.key)) == (D(price), text, False)
    assert order.outside_rth is (price == "187.50"), "all of a change is taken, or nothing"


async def test_a_change_that_was_answered_is_over_after_a_restart(order_desk: Any) -> None:
    await placed(order_desk)
    takes(order_desk, 77)
    await amend(order_desk, qty=D(8))
    order_desk.script.will({"error": "no"})
    await refused(order_desk, qty=D(9))
    desk = await restarted(order_desk)
    (order,) = desk.book
    assert (order.qty, desk.book.is_amending(order.key)) == (D(8), False)

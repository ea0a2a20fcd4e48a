"""Changing orders: said again whole, once, and an answer that was lost is settled by what the broker shows (R21)."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import msgspec
import pytest

from ibkr_tui.core.web.answer import AnswerLost, NotSent
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.orders import Order, OrderState, Role
from tests.core.orders.conftest import AAPL, ACCOUNT
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


async def test_a_bracket_has_one_quantity(order_desk: Any) -> None:
    await placed_bracket(order_desk)
    order_desk.script.asked.clear()
    for number in (77, 78, 79):
        order_desk.script.will([{"order_id": str(number), "order_status": "PreSubmitted"}])
    await amend(order_desk, qty=D(5))
    assert [order.qty for order in order_desk.book] == [D(5)] * 3
    entry, stop, target = (body for _, body in order_desk.script.asked)
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
    order_desk.book.sight(row(orderId=80, orderType="TRAIL", price="", auxPrice="180"))
    assert (await refused(order_desk, "80", qty=D(5))).code == "BAD_TICKET"


async def test_a_change_made_elsewhere_is_taken_over(order_desk: Any) -> None:
    await placed(order_desk)
    order_desk.book.sight(row(price="186.00", totalSize=12.0))
    order = order_desk.book.find("77")
    assert (order.limit_price, order.qty) == (D("186.00"), D(12))
    assert msgspec.structs.asdict(order_desk.book.ticket(order.key))["limit_price"] == D("186.00")

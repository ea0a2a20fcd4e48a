"""Orders over HTTP: questions, matching, cancels, and the account that follows."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

AAPL = 265598


async def order_row(client, order_id):
    """The row of an order in the list, whose first call of a session is empty."""
    await client.get("/iserver/account/orders")
    rows = (await client.get("/iserver/account/orders"))["orders"]
    return next(row for row in rows if row["orderId"] == int(order_id))


def by_id(state, order_id):
    return next(row for row in state["orders"] if row["orderId"] == int(order_id))


async def test_one_share_at_market_fills_at_once(client):
    answer = await client.place(cOID="one-share")
    assert answer == [
        {
            "order_id": answer[0]["order_id"],
            "order_status": "PreSubmitted",
            "encrypt_message": "1",
            "local_order_id": "one-share",
        }
    ]
    order_id = answer[0]["order_id"]
    state = await client.wait_state(lambda state: by_id(state, order_id)["status"] == "Filled", 1.0)
    row = await order_row(client, order_id)
    assert row["sizeAndFills"] == "1" and row["order_ref"] == "one-share" and row["price"] == ""
    assert row["orderType"] == "Market" and row["origOrderType"] == "MARKET" and row["remainingQuantity"] == 0.0
    execution = state["executions"][0]
    assert execution["side"] == "B" and execution["size"] == 1.0 and execution["commission"] == "1.00"
    assert execution["price"] == row["avgPrice"].ljust(len(execution["price"]), "0")
    assert state["accounts"]["DU1234567"]["positions"][str(AAPL)] == "401"
    status = await client.get(f"/iserver/account/order/status/{order_id}")
    assert status["order_status"] == "Filled" and status["total_size"] == "1.0" and status["side"] == "B"


async def test_the_money_follows_an_execution_to_the_cent(client):
    before = (await client.state())["accounts"]["DU1234567"]
    answer = await client.place(quantity=7)
    state = await client.wait_state(lambda state: by_id(state, answer[0]["order_id"])["status"] == "Filled")
    after = state["accounts"]["DU1234567"]
    paid = sum(Decimal(e["price"]) * Decimal(str(e["size"])) for e in state["executions"])
    assert Decimal(before["cash"]["USD"]) - Decimal(after["cash"]["USD"]) == paid + 1
    assert Decimal(after["commissions"]) == 1


async def test_a_large_market_order_prints_in_parts(client):
    answer = await client.place(conid=8894, quantity=400, side="SELL")
    order_id = answer[0]["order_id"]
    await client.control("market", {"conid": 8894, "price": "59.56"})
    answer = await client.place(conid=8894, quantity=500, side="SELL")
    state = await client.wait_state(lambda state: by_id(state, order_id)["status"] == "Filled")
    state = await client.wait_state(lambda state: by_id(state, answer[0]["order_id"])["status"] == "Filled", 10)
    sizes = [e["size"] for e in state["executions"]]
    assert sum(sizes) == 900.0
    assert state["accounts"]["DU1234567"]["positions"]["8894"] == "-900"
    commissions = sum(Decimal(e["commission"]) for e in state["executions"])
    assert commissions == Decimal("2.00") + Decimal("2.50")


async def test_a_limit_waits_and_fills_in_parts_when_the_market_comes(client):
    await client.post("/iserver/questions/suppress", {"messageIds": ["o383", "o451"]})
    await client.control("market", {"conid": 8894, "price": "59.00", "frozen": True})
    answer = await client.place(conid=8894, orderType="LMT", price=58.50, quantity=2000)
    order_id = answer[0]["order_id"]
    await client.wait_state(lambda state: by_id(state, order_id)["status"] == "Submitted")
    assert by_id(await client.state(), order_id)["filledQuantity"] == 0.0
    filled = [0.0]
    async with asyncio.timeout(5):
        while filled[-1] < 2000:
            await client.control("market", {"conid": 8894, "price": "58.40"})
            row = by_id(await client.state(), order_id)
            filled.append(row["filledQuantity"])
            assert row["sizeAndFills"] == (f"{filled[-1]:.0f}/{2000 - filled[-1]:.0f}" if filled[-1] < 2000 else "2000")
    assert len(set(filled)) >= 4 and row["status"] == "Filled"
    assert all(Decimal(e["price"]) <= Decimal("58.50") for e in (await client.state())["executions"])
    assert Decimal(row["avgPrice"]) < Decimal("58.5")


async def test_ioc_leaves_nothing_behind(client):
    answer = await client.place(orderType="LMT", price=185.00, tif="IOC")
    await client.wait_state(lambda state: by_id(state, answer[0]["order_id"])["status"] == "Cancelled")


async def test_a_chain_of_questions(client):
    answer = await client.place(orderType="LMT", price=150.00, quantity=2000, cOID="chain")
    assert answer[0]["messageIds"] == ["o163"] and "order_id" not in answer[0]
    assert "Percentage constraint of 3%" in answer[0]["message"][0]
    second = await client.post(f"/iserver/reply/{answer[0]['id']}", {"confirmed": True})
    assert second[0]["messageIds"] == ["o383", "o451"] and len(second[0]["message"]) == 2
    done = await client.post(f"/iserver/reply/{second[0]['id']}", {"confirmed": True})
    assert done[0]["local_order_id"] == "chain"
    assert (await order_row(client, done[0]["order_id"]))["price"] == "150"


async def test_a_declined_question_leaves_no_order(client):
    count = len((await client.state())["orders"])
    question = await client.place(orderType="LMT", price=150.00, cOID="declined")
    assert await client.post(f"/iserver/reply/{question[0]['id']}", {"confirmed": False}) == {
        "error": "Order not confirmed "
    }
    assert len((await client.state())["orders"]) == count
    again = await client.place(orderType="LMT", price=188.00, cOID="declined")
    assert again[0]["local_order_id"] == "declined"


@pytest.mark.parametrize("path", ["/iserver/account/orders", "/iserver/account/trades"])
async def test_another_order_request_voids_the_question(client, path):
    question = await client.place(orderType="LMT", price=150.00)
    await client.get("/iserver/contract/265598/info")
    await client.get(path)
    reply = await client.call("POST", f"/iserver/reply/{question[0]['id']}", {"confirmed": True})
    assert reply.status_code == 400
    assert reply.json()["error"] == f"reply id not found: '{question[0]['id']}'"


async def test_no_market_data_is_asked_about(client):
    await client.control("market", {"conid": AAPL, "feed": "N"})
    assert (await client.place())[0]["messageIds"] == ["o354"]
    await client.post("/iserver/questions/suppress", {"messageIds": ["o354"]})
    assert "order_id" in (await client.place())[0]
    await client.post("/iserver/questions/suppress/reset")
    assert (await client.place())[0]["messageIds"] == ["o354"]


async def test_a_coid_is_unique_for_a_day(client):
    await client.place(orderType="LMT", price=187.00, cOID="twice")
    assert await client.place(orderType="LMT", price=187.00, cOID="twice") == {
        "error": "Order couldn't be submitted: Local order ID=twice is already registered."
    }
    assert sum(row.get("order_ref") == "twice" for row in (await client.state())["orders"]) == 1


async def test_cancel_is_a_request_that_ends_the_order(client):
    answer = await client.place(orderType="LMT", price=187.00)
    order_id = answer[0]["order_id"]
    path = f"/iserver/account/{client.account}/order/{order_id}"
    cancelled = await client.call("DELETE", path)
    assert cancelled.json() == {"msg": "Request was submitted", "order_id": int(order_id), "conid": -1, "account": None}
    await client.wait_state(lambda state: by_id(state, order_id)["status"] == "Cancelled")
    again = await client.call("DELETE", path)
    assert again.status_code == 400 and "is inactive" in again.json()["error"]
    unknown = await client.call("DELETE", f"/iserver/account/{client.account}/order/77")
    assert unknown.status_code == 400 and unknown.json()["error"] == "OrderID 77 doesn't exist"


async def test_minus_one_cancels_every_open_order(client):
    working = [row for row in (await client.state())["orders"] if row["status"] != "Filled"]
    assert len(working) == 3
    await client.call("DELETE", f"/iserver/account/{client.account}/order/-1")
    await client.wait_state(lambda state: all(row["status"] == "Cancelled" for row in state["orders"]))


async def test_modify_takes_a_bare_ticket(client):
    answer = await client.place(orderType="LMT", price=187.00, quantity=5, cOID="m")
    order_id = answer[0]["order_id"]
    path = f"/iserver/account/{client.account}/order/{order_id}"
    ticket = {
        "conid": AAPL,
        "side": "BUY",
        "orderType": "LMT",
        "tif": "GTC",
        "quantity": 9,
        "price": 186.5,
        "cOID": "m",
    }
    changed = await client.post(path, ticket)
    assert changed[0]["order_id"] == order_id
    row = await order_row(client, order_id)
    assert (row["totalSize"], row["price"], row["timeInForce"]) == (9.0, "186.5", "GTC")
    other = await client.call("POST", path, {**ticket, "side": "SELL"})
    assert other.status_code == 400
    asked = await client.post(path, {**ticket, "price": 150.0})
    assert asked[0]["messageIds"] == ["o163"]


@pytest.mark.parametrize(
    ("ticket", "status", "text"),
    [
        ({"conid": 1}, 400, "contract not found"),
        ({"side": "HOLD"}, 400, "side"),
        ({"quantity": 0}, 400, "greater than zero"),
        ({"quantity": -5}, 400, "greater than zero"),
        ({"quantity": 1.5}, 200, "fractional"),
        ({"quantity": "many"}, 400, "not a number"),
        ({"orderType": "MOC"}, 200, "not supported"),
        ({"orderType": "STP"}, 400, "price is missing"),
        ({"orderType": "STOP_LIMIT", "price": 180}, 400, "auxPrice is missing"),
        ({"orderType": "STP", "price": 180.005}, 200, "minimum price variation"),
        ({"orderType": "TRAIL", "trailingAmt": 1}, 400, "trailingType"),
        ({"orderType": "TRAIL", "trailingType": "%", "trailingAmt": 100}, 400, "below 100"),
        ({"orderType": "TRAIL", "trailingType": "amt"}, 400, "trailingAmt is missing"),
        ({"orderType": "TRAILLMT", "price": 180, "trailingType": "amt", "trailingAmt": 1}, 400, "auxPrice"),
        ({"orderType": "MIDPRICE", "conid": 12087792}, 200, "only supported for US stocks"),
        ({"orderType": "STP", "price": 180, "tif": "OPG"}, 200, "OPG is only supported"),
        ({"orderType": "TRAIL", "trailingType": "amt", "trailingAmt": 1, "tif": "IOC"}, 200, "IOC is not supported"),
        ({"outsideRTH": "yes"}, 400, "outsideRTH must be true or false"),
        ({"cashQty": 100}, 200, "cash quantity"),
        ({"orderType": "LMT", "price": 187.001}, 200, "minimum price variation"),
        ({"orderType": "LMT"}, 400, "price is missing"),
        ({"tif": "XYZ"}, 200, "time in force"),
        ({"parentId": "p"}, 200, "parent order p was not found"),
        ({"parentId": "p", "cOID": "own"}, 200, "cOID must not be set on an attached order"),
        ({"isSingleGroup": True}, 200, "at least two orders"),
        ({"acctId": "U7654321"}, 400, "acctId"),
        ({"conid": 495512572}, 200, "manualIndicator"),
        ({"conid": 495512572, "manualIndicator": "no", "extOperator": "me"}, 400, "true or false"),
        ({"quantity": 60000}, 200, "MUST EXCEED THE INITIAL MARGIN"),
    ],
)
async def test_what_the_broker_refuses(client, ticket, status, text):
    order = {"conid": AAPL, "side": "BUY", "quantity": 1, "orderType": "MKT", "tif": "DAY", **ticket}
    answer = await client.call("POST", f"/iserver/account/{client.account}/orders", {"orders": [order]})
    assert answer.status_code == status
    assert text in answer.json()["error"]
    assert len((await client.state())["orders"]) == 3


async def test_the_raw_bodies_are_kept_for_tests(client):
    await client.place(cOID="seen", quantity=3)
    assert (await client.state())["orders_received"][-1]["orders"][0]["cOID"] == "seen"


async def test_whatif_needs_a_snapshot_and_writes_strings(client):
    ticket = {"conid": 8894, "side": "BUY", "quantity": 100, "orderType": "LMT", "price": 59.5, "tif": "DAY"}
    body = {"orders": [ticket]}
    path = f"/iserver/account/{client.account}/orders/whatif"
    assert (await client.call("POST", path, body)).status_code == 400
    await client.get("/iserver/marketdata/snapshot", conids="8894", fields="31")
    answer = await client.post(path, body)
    assert answer["amount"] == {
        "amount": "5,950.00 USD (100 Shares)",
        "commission": "1.00 USD",
        "total": "5,951.00 USD",
    }
    assert answer["position"] == {"current": "0", "change": "100", "after": "100"}
    assert "," in answer["equity"]["current"] and answer["error"] is None
    assert len((await client.state())["orders"]) == 3


async def test_orders_and_trades_need_a_first_call(client):
    await client.place()
    assert await client.get("/iserver/account/orders") == {"orders": [], "snapshot": False}
    listed = await client.get("/iserver/account/orders")
    assert listed["snapshot"] is True and len(listed["orders"]) == 4
    assert await client.get("/iserver/account/orders", force="true") == {"orders": [], "snapshot": False}
    assert len((await client.get("/iserver/account/orders"))["orders"]) == 4
    await client.wait_state(lambda state: state["executions"])
    assert await client.get("/iserver/account/trades") == []
    assert (await client.get("/iserver/account/trades", days="2"))[0]["price"]
    working = await client.get("/iserver/account/orders", filters="submitted")
    assert {row["status"] for row in working["orders"]} == {"Submitted"}


async def test_a_day_order_ends_with_the_session(client):
    await client.control("market", {"conid": AAPL, "frozen": True})
    day = (await client.place(orderType="LMT", price=185.00))[0]["order_id"]
    lasting = (await client.place(orderType="LMT", price=185.00, tif="GTC"))[0]["order_id"]
    await client.wait_state(lambda state: by_id(state, day)["status"] == "Submitted")
    await client.control("clock", {"exchange_seconds": 7 * 3600})
    state = await client.wait_state(lambda state: by_id(state, day)["status"] == "Cancelled")
    assert "end of the session" in by_id(state, day)["order_cancellation_by_system_reason"]
    assert by_id(state, lasting)["status"] == "Submitted"


async def test_an_order_outside_hours_waits(client):
    await client.control("clock", {"exchange_seconds": 7 * 3600})
    order_id = (await client.place())[0]["order_id"]
    waiting = await client.place(orderType="MKT", outsideRTH=True, quantity=1)
    await client.wait_state(lambda state: by_id(state, waiting[0]["order_id"])["status"] == "Filled")
    assert by_id(await client.state(), order_id)["status"] == "PreSubmitted"

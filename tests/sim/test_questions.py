"""Order questions of every kind, in rounds, one for each leg; server prompts; previews and changes."""

from __future__ import annotations

import json

import httpx
import pytest

from ibkr_tui.sim.questions import TEXTS

AAPL = 265598
BASE = {"conid": AAPL, "quantity": 10, "tif": "GTC"}
ENTRY = {**BASE, "side": "BUY", "orderType": "LMT", "price": 188.0, "cOID": "entry"}
TARGET = {**BASE, "side": "SELL", "orderType": "LMT", "price": 195.0, "parentId": "entry"}
STOP = {**BASE, "side": "SELL", "orderType": "STP", "price": 185.0, "parentId": "entry"}


@pytest.fixture
async def still(client):
    await client.control("market", {"conid": AAPL, "price": "190.00", "frozen": True})
    return client


async def send(client, *tickets, kind="orders"):
    return await client.post(f"/iserver/account/{client.account}/{kind}", {"orders": list(tickets)})


async def reply(client, question, confirmed=True):
    return await client.call("POST", f"/iserver/reply/{question['id']}", {"confirmed": confirmed})


async def test_every_message_of_the_reference_can_be_asked(still):
    for code in TEXTS:
        await still.control("orders", {"do": "ask", "rounds": [[code]]})
        question = (await still.place(orderType="LMT", price=188.0))[0]
        assert question["messageIds"] == [code] and "{" not in question["message"][0], code
        assert (await reply(still, question, confirmed=False)).json() == {"error": "Order not confirmed "}
    assert len((await still.state())["orders"]) == 3


async def test_six_rounds_and_then_the_order(still):
    rounds = [["o354"], ["o163"], ["o383", "o451"], ["o10331"], ["o403"], ["p6"]]
    await still.control("orders", {"do": "ask", "rounds": rounds})
    answer = await still.place(orderType="LMT", price=188.0, cOID="many")
    seen = []
    while "order_id" not in answer[0]:
        seen.append(answer[0]["messageIds"])
        answer = (await reply(still, answer[0])).json()
    assert seen == rounds and answer[0]["local_order_id"] == "many"


async def test_questions_are_forced_as_often_as_asked_for(still):
    await still.control("orders", {"do": "ask", "rounds": [["o10151"]], "times": 2})
    for expected in (True, True, False):
        answer = await still.place(orderType="LMT", price=188.0)
        assert ("messageIds" in answer[0]) is expected


@pytest.mark.parametrize(
    ("ticket", "code"),
    [
        ({"orderType": "MKT"}, "o10151"),
        ({"orderType": "MKT"}, "o10153"),
        ({"orderType": "STP", "price": 185, "side": "SELL"}, "o10331"),
        ({"orderType": "TRAIL", "trailingAmt": 2, "trailingType": "amt", "side": "SELL"}, "o10152"),
        ({"orderType": "LMT", "price": 160}, "o382"),
    ],
)
async def test_a_precaution_that_is_switched_on_asks_by_itself(still, ticket, code):
    await still.control("orders", {"do": "precautions", "on": [code], "off": ["o163"]})
    assert (await still.place(**ticket))[0]["messageIds"] == [code]
    await still.post("/iserver/questions/suppress", {"messageIds": [code]})
    assert "order_id" in (await still.place(**ticket))[0]


async def test_a_stop_on_the_wrong_side_would_fire_at_once(still):
    answer = await still.place(orderType="STP", price=195, side="SELL")
    assert answer[0]["messageIds"] == ["o403"]


async def test_a_bracket_asks_one_question_a_leg_and_takes_the_answers_in_any_order(still):
    await still.control("orders", {"do": "precautions", "on": ["o10331"]})
    low, high = {**STOP, "parentId": None, "isSingleGroup": True}, {**STOP, "price": 186.0, "parentId": None}
    high["isSingleGroup"] = True
    first, second = await send(still, low, high)
    assert first["id"] != second["id"] and first["messageIds"] == second["messageIds"] == ["o10331"]
    left = (await reply(still, second)).json()
    assert left == [first]
    again = await reply(still, first)
    assert [row["order_status"] for row in again.json()] == ["PreSubmitted", "PreSubmitted"]


async def test_an_answer_counts_once_and_a_second_one_harms_nothing(still):
    await still.control("orders", {"do": "ask", "rounds": [["o354"], ["o163"]]})
    question = (await still.place(orderType="LMT", price=188.0))[0]
    following = (await reply(still, question)).json()[0]
    twice = await reply(still, question)
    assert twice.status_code == 400 and "reply id not found" in twice.json()["error"]
    assert "order_id" in (await reply(still, following)).json()[0]


async def test_a_declined_leg_declines_the_array(still):
    await still.control("orders", {"do": "precautions", "on": ["o10331"]})
    question = (await send(still, ENTRY, TARGET, STOP))[0]
    assert (await reply(still, question, confirmed=False)).json() == {"error": "Order not confirmed "}
    assert len((await still.state())["orders"]) == 3


async def test_a_prompt_takes_the_place_of_the_answer_and_is_told_on_the_stream(still, frame_of):
    async with still.connect() as socket:
        await frame_of(socket, lambda frame: frame["topic"] == "sts")
        await still.control("orders", {"do": "prompt"})
        prompt = await send(still, ENTRY, TARGET)
        frame = await frame_of(socket, lambda frame: frame["topic"] == "ntf")
    assert frame["args"] == prompt and prompt["messageId"] == "p12" and prompt["prompt"] is True
    answer = {"orderId": prompt["orderId"], "reqId": prompt["reqId"]}
    for bad in ({**answer, "text": "Maybe"}, {**answer, "reqId": "0", "text": "Submit"}):
        assert (await still.call("POST", "/iserver/notification", bad)).status_code == 400
    done = await still.call("POST", "/iserver/notification", {**answer, "text": "Submit"})
    assert (done.status_code, done.text) == (200, "Success")
    rows = {row["orderId"]: row for row in (await still.state())["orders"]}
    assert rows[prompt["orderId"]]["order_ref"] == "entry"
    assert [row["parentId"] for row in rows.values() if "parentId" in row] == [prompt["orderId"]]


async def test_a_prompt_that_is_declined_leaves_a_rejected_order(still):
    await still.control("orders", {"do": "prompt", "options": ["No", "Yes"], "accepts": "Yes"})
    prompt = await still.place(orderType="LMT", price=188.0)
    await still.call(
        "POST", "/iserver/notification", {"orderId": prompt["orderId"], "reqId": prompt["reqId"], "text": "No"}
    )
    row = next(row for row in (await still.state())["orders"] if row["orderId"] == prompt["orderId"])
    assert row["status"] == "Inactive" and row["order_cancellation_by_system_reason"]


async def test_a_bracket_can_be_previewed(still):
    await still.get("/iserver/marketdata/snapshot", conids=str(AAPL), fields="31")
    answer = await send(still, ENTRY, TARGET, STOP, kind="orders/whatif")
    assert answer["amount"]["amount"] == "1,880.00 USD (10 Shares)" and answer["position"]["change"] == "10"
    group = [{**ENTRY, "isSingleGroup": True, "quantity": size, "cOID": f"g{size}"} for size in (5, 20)]
    assert "20 Shares" in (await send(still, *group, kind="orders/whatif"))["amount"]["amount"]
    assert len((await still.state())["orders"]) == 3


async def test_a_preview_warns_and_charges_an_option_by_the_contract(still):
    await still.control("market", {"conid": 684233891, "price": "8.00", "frozen": True})
    await still.get("/iserver/marketdata/snapshot", conids="684233891", fields="31")
    ticket = {"conid": 684233891, "side": "BUY", "quantity": 10, "orderType": "LMT", "price": 9.0, "tif": "DAY"}
    answer = await send(still, ticket, kind="orders/whatif")
    assert answer["amount"] == {
        "amount": "9,000.00 USD (10 Contracts)",
        "commission": "6.50 USD",
        "total": "9,006.50 USD",
    }
    assert "Percentage constraint" in answer["warn"] and answer["error"] is None


@pytest.mark.parametrize(
    "ticket",
    [
        {"conid": 8894, "quantity": 100},
        {"conid": 684233891, "quantity": 2},
        {"conid": 495512572, "quantity": 1, "manualIndicator": False, "extOperator": "desk"},
    ],
)
async def test_the_account_after_the_fill_is_what_the_preview_said(client, ticket):
    await client.control("orders", {"do": "precautions", "off": ["o451"]})
    for walk in client.running.sim.market.walks.values():
        walk.frozen = True
    await client.get("/iserver/marketdata/snapshot", conids=str(ticket["conid"]), fields="31")
    order = {"side": "BUY", "orderType": "MKT", "tif": "DAY", **ticket}
    told = await send(client, order, kind="orders/whatif")
    before = await client.get(f"/iserver/account/{client.account}/summary")
    executed = len((await client.state())["executions"])
    await client.place(**order)
    state = await client.wait_state(lambda state: len(state["executions"]) > executed)
    assert f"{state['executions'][-1]['commission']} USD" == told["amount"]["commission"]
    after = await client.get(f"/iserver/account/{client.account}/summary")
    for name, key in (("initial", "initialMargin"), ("maintenance", "maintenanceMargin")):
        change = float(told[name]["change"].replace(",", ""))
        assert after[key] - before[key] == pytest.approx(change, abs=1.5), name
    equity = float(told["equity"]["change"].replace(",", ""))
    assert after["netLiquidationValue"] - before["netLiquidationValue"] == pytest.approx(equity, abs=1.5)


async def test_a_change_restates_the_whole_ticket(still):
    order_id = (await still.place(**{**ENTRY, "outsideRTH": True}))[0]["order_id"]
    path = f"/iserver/account/{still.account}/order/{order_id}"
    for missing in ("price", "quantity", "side", "orderType", "conid"):
        ticket = {key: value for key, value in ENTRY.items() if key != missing}
        response = await still.call("POST", path, ticket)
        assert "error" in response.json(), missing
    assert "cOID" in (await still.call("POST", path, {**ENTRY, "cOID": "other"})).json()["error"]
    changed = await still.post(path, {**ENTRY, "price": 187.0})
    assert changed[0]["order_id"] == order_id
    row = next(row for row in (await still.state())["orders"] if row["orderId"] == int(order_id))
    assert row["price"] == "187" and "outsideRTH" not in row, "what is not restated is given up"
    asked = await still.post(path, {**ENTRY, "quantity": 60})
    assert asked[0]["messageIds"] == ["o10138"]


async def test_a_child_can_be_changed_while_it_waits(still):
    stop = (await send(still, ENTRY, TARGET, STOP))[2]["order_id"]
    await still.post(f"/iserver/account/{still.account}/order/{stop}", {**STOP, "price": 184.0})
    row = next(row for row in (await still.state())["orders"] if row["orderId"] == int(stop))
    assert (row["stop_price"], row["status"]) == ("184", "PreSubmitted") and row["parentId"]


async def test_changing_and_cancelling_need_the_accounts_read(still):
    order_id = (await still.place(**ENTRY))[0]["order_id"]
    await still.post("/iserver/auth/ssodh/init", {"publish": True, "compete": True})
    path = f"/iserver/account/{still.account}/order/{order_id}"
    for method, body in (("POST", ENTRY), ("DELETE", None)):
        response = await still.call(method, path, body)
        assert response.status_code == 400 and "/iserver/accounts" in response.json()["error"]


@pytest.mark.parametrize(
    "fault",
    [
        {"do": "html", "status": 502, "after": True},
        {"do": "status", "status": 500, "body": "", "after": True},
        {"do": "drop", "after": True},
        {"do": "truncate", "length": 12},
    ],
)
@pytest.mark.parametrize("at", ["place", "reply"])
async def test_the_order_lives_though_its_answer_was_lost(still, fault, at):
    if at == "reply":
        await still.control("orders", {"do": "ask", "rounds": [["o354"]]})
        question = (await still.place(**ENTRY))[0]
        await still.control("faults", {"method": "POST", "path": "/reply/", **fault})
        path, body = f"/iserver/reply/{question['id']}", {"confirmed": True}
    else:
        await still.control("faults", {"method": "POST", "path": "/orders$", **fault})
        path, body = f"/iserver/account/{still.account}/orders", {"orders": [ENTRY]}
    try:
        answer = await still.call("POST", path, body)
    except (httpx.RemoteProtocolError, httpx.ReadError):
        assert fault["do"] in ("drop", "truncate")
    else:
        assert answer.status_code >= 500
        with pytest.raises(json.JSONDecodeError):
            answer.json()
    assert sum(row.get("order_ref") == "entry" for row in (await still.state())["orders"]) == 1

"""Brackets, groups and attached orders: who waits for whom, who ends whom, and legs that are refused."""

from __future__ import annotations

from decimal import Decimal

import pytest

AAPL = 265598
BASE = {"conid": AAPL, "quantity": 10, "tif": "GTC"}
ENTRY = {**BASE, "side": "BUY", "orderType": "LMT", "price": 189.0, "cOID": "entry"}
TARGET = {**BASE, "side": "SELL", "orderType": "LMT", "price": 195.0, "parentId": "entry"}
STOP = {**BASE, "side": "SELL", "orderType": "STP", "price": 185.0, "parentId": "entry"}
BRACKET = [ENTRY, TARGET, STOP]
LOW = {**BASE, "side": "BUY", "orderType": "LMT", "price": 185.0, "isSingleGroup": True}
HIGH = {**BASE, "side": "BUY", "orderType": "STP", "price": 195.0, "isSingleGroup": True}
THIRD = {**BASE, "side": "BUY", "orderType": "LMT", "price": 184.0, "isSingleGroup": True}


@pytest.fixture
async def still(client):
    """AAPL stands at 190 until a test moves it; nothing is asked."""
    await client.control("market", {"conid": AAPL, "price": "190.00", "frozen": True})
    await client.control("orders", {"do": "precautions", "off": ["o403", "o163", "o383", "o451"]})
    return client


async def send(client, *tickets):
    return await client.post(f"/iserver/account/{client.account}/orders", {"orders": list(tickets)})


async def ids_of(client, *tickets):
    """Send an array; the orders' ids once all that may have reached the exchange."""
    ids = [int(row["order_id"]) for row in await send(client, *tickets)]
    await reached(client)
    return ids


async def reached(client):
    """Everything that was on its way has arrived: a later order of another contract has filled."""
    marker = (await client.place(conid=8894))[0]["order_id"]
    await client.wait_state(lambda state: rows_of(state, int(marker))[0]["status"] == "Filled")


def rows_of(state, *ids):
    by_id = {row["orderId"]: row for row in state["orders"]}
    return [by_id[number] for number in ids]


def statuses(state, ids):
    return [row["status"] for row in rows_of(state, *ids)]


async def fill(client, order_id, **how):
    await client.control("orders", {"do": "fill", "order": order_id, **how})
    await reached(client)
    return await client.state()


async def cancel(client, order_id):
    response = await client.call("DELETE", f"/iserver/account/{client.account}/order/{order_id}")
    assert response.status_code == 200
    await reached(client)
    return await client.state()


async def test_a_bracket_is_one_family(still):
    answer = await send(still, *BRACKET)
    parent = answer[0]["order_id"]
    assert answer[0]["local_order_id"] == "entry" and "oca_group_id" not in answer[0]
    for child in answer[1:]:
        assert child["parent_order_id"] == child["oca_group_id"] == parent and child["order_status"] == "PreSubmitted"
    await reached(still)
    entry, target, stop = rows_of(await still.state(), *(int(row["order_id"]) for row in answer))
    assert entry["status"] == "Submitted" and "parentId" not in entry and "ocaGroupId" not in entry
    for row in (target, stop):
        assert (row["parentId"], row["ocaGroupId"], row["status"]) == (int(parent), parent, "PreSubmitted")
        assert "order_ref" not in row


async def test_children_wait_for_the_entry_whatever_the_market_does(still):
    ids = await ids_of(still, *BRACKET)
    await still.control("market", {"conid": AAPL, "price": "196.00"})
    assert statuses(await still.state(), ids) == ["Submitted", "PreSubmitted", "PreSubmitted"]


async def test_the_entrys_fill_brings_both_to_life_and_the_target_ends_the_stop(still):
    ids = await ids_of(still, *BRACKET)
    state = await fill(still, ids[0])
    assert statuses(state, ids) == ["Filled", "Submitted", "PreSubmitted"]
    await still.control("market", {"conid": AAPL, "price": "195.50"})
    state = await still.state()
    assert statuses(state, ids) == ["Filled", "Filled", "Cancelled"]
    assert "group was filled" in rows_of(state, ids[2])[0]["order_cancellation_by_system_reason"]
    assert state["accounts"][still.account]["positions"][str(AAPL)] == "400"


async def test_the_stop_ends_the_target(still):
    ids = await ids_of(still, *BRACKET)
    await fill(still, ids[0])
    await still.control("market", {"conid": AAPL, "price": "184.50"})
    assert statuses(await still.state(), ids) == ["Filled", "Cancelled", "Filled"]


async def test_a_child_may_come_first_in_the_array(still):
    answer = await send(still, TARGET, ENTRY, STOP)
    assert answer[1]["local_order_id"] == "entry"
    assert answer[0]["parent_order_id"] == answer[2]["parent_order_id"] == answer[1]["order_id"]


async def test_a_part_of_the_target_makes_the_stop_smaller(still):
    ids = await ids_of(still, *BRACKET)
    await fill(still, ids[0])
    stop = rows_of(await fill(still, ids[1], quantity=4), ids[2])[0]
    assert (stop["status"], stop["totalSize"]) == ("PreSubmitted", 6.0)
    assert statuses(await fill(still, ids[1]), ids) == ["Filled", "Filled", "Cancelled"]


async def test_cancelling_the_entry_cancels_its_children(still):
    ids = await ids_of(still, *BRACKET)
    assert statuses(await cancel(still, ids[0]), ids) == ["Cancelled"] * 3


async def test_a_part_of_the_entry_stays_protected_when_the_rest_is_cancelled(still):
    ids = await ids_of(still, *BRACKET)
    await fill(still, ids[0], quantity=4)
    state = await cancel(still, ids[0])
    assert statuses(state, ids) == ["Cancelled", "Submitted", "PreSubmitted"]
    assert [row["totalSize"] for row in rows_of(state, *ids[1:])] == [4.0, 4.0]


async def test_cancelling_one_child_leaves_the_other(still):
    ids = await ids_of(still, *BRACKET)
    await fill(still, ids[0])
    assert statuses(await cancel(still, ids[1]), ids) == ["Filled", "Cancelled", "PreSubmitted"]


@pytest.mark.parametrize("legs", [(LOW, HIGH), (LOW, HIGH, THIRD)])
async def test_a_fill_cancels_the_rest_of_a_group(still, legs):
    answer = await send(still, *legs)
    group = f"oco-{answer[0]['order_id']}"
    assert all(row["oca_group_id"] == group and "parent_order_id" not in row for row in answer)
    await reached(still)
    ids = [int(row["order_id"]) for row in answer]
    assert all(row["ocaGroupId"] == group for row in rows_of(await still.state(), *ids))
    status = await still.get(f"/iserver/account/order/status/{ids[1]}")
    assert status["oca_group_id"] == group
    await still.control("market", {"conid": AAPL, "price": "195.50"})
    state = await still.state()
    assert statuses(state, ids) == ["Cancelled", "Filled", *["Cancelled"] * (len(legs) - 2)]


@pytest.mark.parametrize(
    ("policy", "status", "size"), [("cancel", "Cancelled", 10.0), ("reduce", "PreSubmitted", 6.0), ("wait", "", 10.0)]
)
async def test_a_part_of_a_leg_does_what_the_policy_says(still, policy, status, size):
    await still.control("orders", {"do": "partials", "group": policy})
    low, high = await ids_of(still, LOW, HIGH)
    row = rows_of(await fill(still, low, quantity=4), high)[0]
    assert (row["status"], row["totalSize"]) == (status or "PreSubmitted", size)
    assert statuses(await fill(still, low), [low, high]) == ["Filled", "Cancelled"]


async def test_cancelling_one_leg_cancels_the_group(still):
    ids = await ids_of(still, LOW, HIGH)
    assert statuses(await cancel(still, ids[0]), ids) == ["Cancelled", "Cancelled"]


async def test_one_triggers_the_other(still):
    trigger = {**ENTRY, "cOID": "trigger"}
    child = {**BASE, "conid": 8894, "side": "BUY", "orderType": "MKT", "quantity": 3, "parentId": "trigger"}
    ids = await ids_of(still, trigger, child)
    assert statuses(await still.state(), ids) == ["Submitted", "PreSubmitted"]
    assert statuses(await fill(still, ids[0], quantity=4), ids) == ["Submitted", "PreSubmitted"]
    assert statuses(await fill(still, ids[0]), ids) == ["Filled", "Filled"]


@pytest.mark.parametrize("by", ["coid", "order_id"])
async def test_a_child_can_follow_its_parent_while_it_works(still, by):
    parent = (await ids_of(still, ENTRY))[0]
    stop = {**STOP, "parentId": "entry" if by == "coid" else str(parent)}
    child = (await ids_of(still, stop))[0]
    assert statuses(await still.state(), [parent, child]) == ["Submitted", "PreSubmitted"]
    await fill(still, parent)
    refused = await send(still, {**TARGET, "parentId": "entry"})
    assert "no longer active" in refused["error"]


@pytest.mark.parametrize(
    ("tickets", "text"),
    [
        ([ENTRY, {**ENTRY, "cOID": "other"}], "several unrelated orders"),
        ([ENTRY, {**ENTRY, "cOID": "other"}, TARGET], "one parent only"),
        ([LOW], "at least two orders"),
        ([LOW, {**HIGH, "isSingleGroup": False}], "several unrelated orders"),
        ([ENTRY, {**TARGET, "cOID": "mine"}], "cOID must not be set"),
        ([ENTRY, {**TARGET, "parentId": "nobody"}], "was not found"),
        ([{**LOW, "cOID": "a"}, {**HIGH, "cOID": "a"}], "already registered"),
        ([ENTRY, {**TARGET, "price": 195.001}], "minimum price variation"),
        ([ENTRY, {**TARGET, "quantity": 0}], "greater than zero"),
    ],
)
async def test_arrays_that_make_no_sense(still, tickets, text):
    path = f"/iserver/account/{still.account}/orders"
    answer = (await still.call("POST", path, {"orders": tickets})).json()
    assert text in answer["error"] and len((await still.state())["orders"]) == 3


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [("failed", ["Inactive", "Inactive"]), ("live", ["Submitted", "PreSubmitted"])],
)
async def test_a_refused_child_in_each_of_its_outcomes(still, outcome, expected):
    await still.control("orders", {"do": "bad_leg", "outcome": outcome})
    answer = await send(still, ENTRY, {**TARGET, "price": 195.001}, STOP)
    assert answer[1] == {
        "order_id": "-1",
        "order_status": "Failed",
        "text": "The price does not conform to the minimum price variation for this contract.",
        "warning_message": "The price does not conform to the minimum price variation for this contract.",
    }
    await reached(still)
    assert statuses(await still.state(), [int(answer[0]["order_id"]), int(answer[2]["order_id"])]) == expected


async def test_a_good_leg_can_be_refused_by_order(still):
    await still.control("orders", {"do": "refuse", "leg": 2, "outcome": "live", "text": "Rejected: no."})
    answer = await send(still, *BRACKET)
    assert [row["order_status"] for row in answer] == ["PreSubmitted", "PreSubmitted", "Failed"]
    assert answer[2]["text"] == "Rejected: no."
    await still.control("orders", {"do": "refuse", "leg": 0, "outcome": "live", "text": "No entry."})
    assert await send(still, {**ENTRY, "cOID": "e2"}, {**STOP, "parentId": "e2"}) == {"error": "No entry."}


async def test_a_child_can_be_rejected_after_all_were_accepted(still):
    await still.control("orders", {"do": "refuse", "leg": 2, "outcome": "late", "text": "Rejected late."})
    ids = await ids_of(still, *BRACKET)
    state = await still.state()
    assert statuses(state, ids) == ["Submitted", "PreSubmitted", "Inactive"]
    assert rows_of(state, ids[2])[0]["order_cancellation_by_system_reason"] == "Rejected late."


async def test_a_child_can_be_rejected_while_its_parent_lives(still, frame_of):
    async with still.connect() as socket:
        await socket.send("sor+{}")
        ids = await ids_of(still, *BRACKET)
        await still.control("orders", {"do": "reject", "order": ids[1], "text": "Not today."})
        frame = await frame_of(
            socket, lambda frame: frame["topic"] == "sor" and frame["args"][0].get("status") == "Inactive"
        )
    assert frame["args"][0]["orderId"] == ids[1]
    assert statuses(await still.state(), ids) == ["Submitted", "Inactive", "PreSubmitted"]


async def test_a_brackets_money_adds_up(still):
    before = (await still.state())["accounts"][still.account]
    ids = await ids_of(still, *BRACKET)
    await fill(still, ids[0], price="189.00")
    state = await fill(still, ids[1], price="195.00")
    after = state["accounts"][still.account]
    fees = sum(Decimal(row["commission"]) for row in state["executions"])
    bought = [row for row in state["executions"] if row["conid"] == 8894]
    coke = sum(Decimal(row["price"]) for row in bought)
    assert Decimal(after["cash"]["USD"]) - Decimal(before["cash"]["USD"]) == 60 - fees - coke
    assert Decimal(after["commissions"]) == fees


@pytest.mark.parametrize(
    "body",
    [
        {"do": "dance"},
        {"do": "fill", "order": "nobody"},
        {"do": "refuse", "leg": 1, "outcome": "maybe"},
        {"do": "refuse", "leg": 1, "reason": "x"},
        {"do": "partials", "group": "half"},
        {"do": "precautions", "on": ["o1"]},
        {"do": "ask", "rounds": ["o163"]},
        {"do": "prompt", "options": ["A"], "accepts": "B"},
    ],
)
async def test_a_mistaken_command_is_refused(client, body):
    response = await client.http.post(f"{client.running.ready['control_url']}/orders", json=body)
    assert response.status_code == 400 and response.json()["error"]

"""Scripted misbehaviour: each fault does what it says, to the request it names, as often as it says."""

from __future__ import annotations

import time

import httpx
import pytest

from ibkr_tui.sim.faults import FaultError, FaultScript


async def test_a_status_strikes_the_nth_request_only(client):
    await client.control(
        "faults",
        {
            "method": "GET",
            "path": "^/iserver/accounts$",
            "nth": 2,
            "do": "status",
            "status": 503,
            "body": {"error": "Service Unavailable", "statusCode": 503},
        },
    )
    statuses = [(await client.call("GET", "/iserver/accounts")).status_code for _ in range(4)]
    assert statuses == [200, 503, 200, 200]
    assert (await client.state())["faults"][0]["struck"] == 1


async def test_an_order_can_be_accepted_and_its_answer_lost(client):
    order = {"orders": [{"conid": 265598, "side": "BUY", "quantity": 1, "orderType": "MKT", "cOID": "lost"}]}
    path = f"/iserver/account/{client.account}/orders"
    await client.control("faults", {"method": "POST", "path": "/orders$", "do": "status", "after": True, "status": 500})
    assert (await client.call("POST", path, order)).status_code == 500
    await client.wait_state(lambda state: any(row.get("order_ref") == "lost" for row in state["orders"]))
    order["orders"][0]["cOID"] = "never"
    await client.control("faults", {"method": "POST", "path": "/orders$", "do": "status", "status": 500})
    assert (await client.call("POST", path, order)).status_code == 500
    assert not any(row.get("order_ref") == "never" for row in (await client.state())["orders"])


async def test_an_order_can_be_accepted_and_never_answered(client):
    order = {"orders": [{"conid": 265598, "side": "BUY", "quantity": 1, "orderType": "MKT", "cOID": "silent"}]}
    await client.control("faults", {"method": "POST", "path": "/orders$", "do": "hang", "after": True})
    client.http.timeout = httpx.Timeout(0.3)
    with pytest.raises(httpx.ReadTimeout):
        await client.call("POST", f"/iserver/account/{client.account}/orders", order)
    client.http.timeout = httpx.Timeout(5)
    await client.wait_state(lambda state: any(row.get("order_ref") == "silent" for row in state["orders"]))


@pytest.mark.parametrize("fault", [{"do": "drop"}, {"do": "drop", "after": True}, {"do": "truncate", "length": 7}])
async def test_connections_can_be_cut(client, fault):
    await client.control("faults", {"path": "/tickle", **fault})
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await client.call("POST", "/tickle")
    assert (await client.call("POST", "/tickle")).status_code == 200


async def test_a_proxys_page(client):
    await client.control("faults", {"path": "/tickle", "do": "html", "times": 0})
    for _ in range(2):
        response = await client.call("POST", "/tickle")
        assert response.status_code == 503 and response.headers["content-type"].startswith("text/html")
    await client.http.delete(f"{client.running.ready['control_url']}/faults")
    assert (await client.call("POST", "/tickle")).status_code == 200


async def test_slow_answers(client):
    await client.control(
        "faults",
        [{"path": "/tickle", "do": "delay", "seconds": 0.3}, {"path": "/tickle", "do": "drip", "seconds": 0.001}],
    )
    start = time.monotonic()
    assert (await client.call("POST", "/tickle")).status_code == 200
    assert time.monotonic() - start >= 0.3
    start = time.monotonic()
    response = await client.call("POST", "/tickle")
    assert response.json()["session"] and time.monotonic() - start >= 0.001 * len(response.content)


@pytest.mark.parametrize(
    "entry",
    [
        {"do": "explode"},
        {"do": "status", "pth": "/x"},
        {"do": "status", "path": "("},
        "status",
        {},
    ],
)
def test_a_script_with_a_mistake_is_refused(entry):
    with pytest.raises(FaultError):
        FaultScript([entry])


async def test_the_control_url_refuses_nonsense_and_hides_behind_its_token(client):
    control = client.running.ready["control_url"]
    for action, body in (
        ("faults", {"do": "explode"}),
        ("nonsense", {}),
        ("ws", {"do": "dance"}),
        ("market", {}),
        ("session", {"do": "x"}),
        ("oauth", {"wanted_secret": "x"}),
        ("clock", {"seconds": "soon"}),
    ):
        assert (await client.http.post(f"{control}/{action}", json=body)).status_code == 400, action
    guessed = control.rsplit("/", 1)[0] + "/guess/state"
    assert (await client.http.get(guessed)).status_code == 404


async def test_a_session_can_be_taken_or_ended(client):
    await client.control("session", {"do": "compete"})
    status = await client.post("/iserver/auth/status")
    assert status["authenticated"] is False and status["competing"] is True
    await client.control("session", {"do": "expire"})
    assert (await client.call("POST", "/tickle")).status_code == 401

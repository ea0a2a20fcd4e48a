"""The TCP front door: what happens below HTTP, to which connections, and how often."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest
import websockets

from ibkr_tui.sim.front_door import read_rule

ORDER = {"conid": 265598, "side": "BUY", "quantity": 1, "orderType": "LMT", "price": 187.0, "tif": "DAY"}


@pytest.fixture
async def behind(start):
    """A logged-in client whose every request passes the door; the control URL does not."""
    client = await (await start(front_door=True)).login()
    assert client.running.ready["rest_url"].split("/v1")[0] != client.running.ready["control_url"].split("/control")[0]
    return client


async def place(client, coid):
    return await client.call("POST", f"/iserver/account/{client.account}/orders", {"orders": [{**ORDER, "cOID": coid}]})


async def exists(client, coid):
    return any(row.get("order_ref") == coid for row in (await client.state())["orders"])


async def test_it_lets_everything_through(behind, frame_of):
    assert (await place(behind, "through")).status_code == 200
    async with behind.connect() as socket:
        await frame_of(socket, lambda frame: frame["topic"] == "sts")
    state = (await behind.state())["door"]
    assert state["mode"] == "pass" and state["struck"] == 0 and state["accepted"] >= 2


async def test_nobody_listens_and_then_somebody_does(behind):
    await behind.control("door", {"mode": "refuse"})
    for _ in range(2):
        with pytest.raises((httpx.ConnectError, httpx.ReadError)):
            async with httpx.AsyncClient() as fresh:
                await fresh.post(f"{behind.rest}/tickle")
    await behind.control("door", {"mode": "pass"})
    assert (await behind.call("POST", "/tickle")).status_code == 200


@pytest.mark.parametrize(("when", "lives"), [("request", False), ("answer", True)])
async def test_a_reset_before_or_after_the_work_is_done(behind, when, lives):
    await behind.control("door", {"mode": "reset", "when": when, "times": 1})
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        await place(behind, "reset")
    assert await exists(behind, "reset") is lives
    assert (await behind.call("POST", "/tickle")).status_code == 200, "once is enough"
    assert (await behind.state())["door"]["struck"] == 1


async def test_a_reset_before_a_byte_is_read(behind):
    await behind.control("door", {"mode": "reset", "when": "accept"})
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError, httpx.ConnectError, httpx.WriteError)):
        await place(behind, "never")
    assert not await exists(behind, "never")


async def test_half_open_is_silence(behind):
    await behind.control("door", {"mode": "half-open"})
    behind.http.timeout = httpx.Timeout(0.3)
    with pytest.raises(httpx.ReadTimeout):
        await place(behind, "silence")
    assert not await exists(behind, "silence")


async def test_an_open_stream_goes_half_open_while_requests_pass(behind, frame_of):
    async with behind.connect() as socket:
        await frame_of(socket, lambda frame: frame["topic"] == "sts")
        await behind.control("door", {"mode": "half-open", "only": "ws"})
        await socket.send("tic")
        assert (await behind.call("POST", "/tickle")).status_code == 200
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(socket.recv(), 0.3)
        await behind.control("door", {"mode": "pass"})
        await socket.send("tic")
        await frame_of(socket, lambda frame: frame["topic"] == "tic")


async def test_an_open_stream_is_reset(behind, frame_of):
    async with behind.connect() as socket:
        await frame_of(socket, lambda frame: frame["topic"] == "sts")
        await behind.control("door", {"mode": "reset", "when": "accept", "only": "ws"})
        with pytest.raises(websockets.ConnectionClosed):
            await frame_of(socket, lambda frame: False)
    assert (await behind.call("POST", "/tickle")).status_code == 200


async def test_an_answer_drips(behind):
    await behind.control("door", {"mode": "drip", "bytes": 40, "seconds": 0})
    answer = await behind.call("GET", "/iserver/accounts")
    assert json.loads(answer.content)["accounts"] == [behind.account]
    assert (await behind.state())["door"]["struck"] >= 1


async def test_an_answer_is_cut_at_a_byte(behind):
    await behind.control("door", {"mode": "cut", "bytes": 150, "times": 1})
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        await behind.call("GET", "/iserver/accounts")
    assert (await behind.call("GET", "/iserver/accounts")).status_code == 200


async def test_a_fault_script_opens_the_door_and_breaks_it(start):
    script = [{"at": {"endpoint": "/tickle"}, "do": "door", "door": {"mode": "reset", "times": 1}}]
    client = await start(faults=script)
    await client.mint()
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        await client.call("POST", "/tickle")
    assert (await client.call("POST", "/tickle")).status_code == 200


async def test_without_a_door_there_is_nothing_to_break(client):
    response = await client.http.post(f"{client.running.ready['control_url']}/door", json={"mode": "pass"})
    assert response.status_code == 400 and "--front-door" in response.json()["error"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"mode": "slam"},
        {"mode": "reset", "when": "never"},
        {"mode": "reset", "only": "udp"},
        {"mode": "drip", "bytes": 0},
        {"mode": "drip", "seconds": -1},
        {"mode": "reset", "times": True},
        {"mode": "pass", "colour": "red"},
    ],
)
def test_a_mistaken_rule_is_refused(body):
    with pytest.raises(ValueError, match="door"):
        read_rule(body)

"""Fault scripts: one parser for TOML and JSON, mistakes named with their line, faults in time and in frames."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest
import websockets

from ibkr_tui.sim.fault_script import read_script
from ibkr_tui.sim.faults import FaultError, FaultScript, read_fault

AAPL = 265598
SCRIPT = """\
# A bad day.
[[fault]]
at = { method = "POST", endpoint = "/iserver/account/{account}/orders", request = 2 }
do = "accept-then-fail"

[[fault]]
do = "garbage"
form = "utf8"
[fault.at]
topic = "smd"
times = 0

[[fault]]
at = { time = 3600 }
do = "expire-token"
"""


def test_both_forms_say_the_same():
    first, second, third = (read_fault(entry) for entry in read_script(SCRIPT))
    flat = {"method": "POST", "endpoint": "/iserver/account/*/orders", "nth": 2, "do": "accept_then_fail"}
    assert read_fault(flat) == first and first.needs_answer
    assert (second.kind, second.topic, second.times, second.form) == ("frame", "smd", 0, "utf8")
    assert (third.kind, third.time) == ("moment", 3600.0)
    assert read_script(json.dumps([flat])) == [flat] and read_script("[]") == [] and read_script("") == []


def test_an_endpoint_is_a_whole_path():
    fault = read_fault({"endpoint": "/iserver/account/{account}/orders", "do": "drop"})
    assert fault.strikes_request("POST", "/iserver/account/DU1/orders", 0.0)
    for path in ("/iserver/account/DU1/orders/whatif", "/iserver/account/a/b/orders", "/x/iserver/account/DU1/orders"):
        assert not fault.strikes_request("POST", path, 0.0), path


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (SCRIPT.replace("form =", "from ="), 8, "unknown key 'from' for garbage; did you mean 'form'?"),
        (SCRIPT.replace("request =", "reqest ="), 3, "unknown key 'reqest' for at; did you mean 'request'?"),
        (SCRIPT.replace("times = 0", "tims = 0"), 11, "unknown key 'tims' for at; did you mean 'times'?"),
        (SCRIPT.replace('"expire-token"', '"expire"'), 15, "unknown fault 'expire'"),
        (SCRIPT.replace("3600", '"soon"'), 14, "time must be a number of seconds"),
        (SCRIPT.replace('"utf8"', '"latin"'), 8, "form must be one of half, utf8"),
        (SCRIPT + "[other]\nx = 1\n", 1, "unknown key 'other'"),
        ("x = 1\n" + SCRIPT, 1, "unknown key 'x'"),
        ("[fault]\ndo = 'drop'\n", 1, "double brackets"),
        (SCRIPT.replace("{ time = 3600 }", "3600"), 14, "at must be a table"),
    ],
)
def test_a_mistake_is_named_with_its_line(text, line, words):
    with pytest.raises(FaultError) as caught:
        read_script(text)
    assert f"line {line}: " in str(caught.value) and words in str(caught.value)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"do": "lose"}, "done to a frame"),
        ({"do": "status", "topic": "smd"}, "can't be done to a frame"),
        ({"do": "lose", "topic": "smd", "path": "/x"}, "a frame has no path"),
        ({"do": "expire-token"}, "needs a time"),
        ({"do": "drop", "path": "/x", "endpoint": "/x"}, "exclude each other"),
        ({"do": "drop", "seconds": 3}, "unknown key 'seconds' for drop"),
        ({"do": "status", "status": 99}, "status must be a whole number from 100 to 599"),
        ({"do": "drop", "nth": True}, "nth must be a whole number"),
        ({"do": "drop", "path": "/x", "at": {"path": "/y"}}, "said twice: path"),
        ({"do": "delay", "seconds": -1}, "seconds must be a number of seconds"),
        ({"do": "drop", "after": 1}, "after must be true or false"),
        ({"do": "status", "headers": "x"}, "headers must be a table"),
        ({"do": "drop", "method": 5}, "method must be a string"),
    ],
)
def test_what_makes_no_sense_is_refused(entry, words):
    with pytest.raises(FaultError, match=words):
        read_fault(entry)


def test_a_list_with_one_mistake_adds_nothing():
    script = FaultScript()
    with pytest.raises(FaultError):
        script.add([{"do": "drop"}, {"do": "explode"}])
    assert script.faults == []


@pytest.mark.parametrize("text", ["[{]", "[[fault]\n", '{"do": "explode"}'])
def test_files_that_are_neither(text):
    with pytest.raises(FaultError):
        read_script(text)


async def test_toml_on_the_control_url(client):
    url = f"{client.running.ready['control_url']}/faults"
    headers = {"Content-Type": "application/toml"}
    script = '[[fault]]\nat = { endpoint = "/tickle" }\ndo = "status"\nstatus = 418\n'
    assert (await client.http.post(url, content=script, headers=headers)).status_code == 200
    assert (await client.call("POST", "/tickle")).status_code == 418
    wrong = await client.http.post(url, content=script.replace("status =", "stats ="), headers=headers)
    assert wrong.status_code == 400 and "line 4: unknown key 'stats'" in wrong.json()["error"]


async def test_an_order_is_accepted_and_a_proxy_answers(client):
    order = {"conid": AAPL, "side": "BUY", "quantity": 1, "orderType": "LMT", "price": 187.0, "tif": "DAY"}
    path = f"/iserver/account/{client.account}/orders"
    await client.control("faults", read_script(SCRIPT.split("[[fault]]\ndo", maxsplit=1)[0]))
    assert (await client.call("POST", path, {"orders": [{**order, "cOID": "a"}]})).status_code == 200
    second = await client.call("POST", path, {"orders": [{**order, "cOID": "b"}]})
    assert second.status_code == 502 and second.headers["content-type"].startswith("text/html")
    assert any(row.get("order_ref") == "b" for row in (await client.state())["orders"])


async def test_an_answer_can_name_another_account_or_a_number_that_is_none(client):
    await client.control(
        "faults",
        [
            {"path": "/iserver/accounts", "do": "rewrite", "find": "DU1234567", "replace": "U7654321"},
            {"path": "/ledger", "do": "rewrite", "find": '"cashbalance":', "replace": '"cashbalance":NaN,"x":'},
        ],
    )
    assert (await client.get("/iserver/accounts"))["accounts"] == ["U7654321"]
    assert (await client.get("/iserver/accounts"))["accounts"] == [client.account]
    assert "NaN" in (await client.call("GET", f"/portfolio/{client.account}/ledger")).text


@pytest.mark.parametrize("kind", ["huge", "bomb"])
async def test_far_too_much(client, kind):
    await client.control("faults", {"path": "/tickle", "do": kind, "megabytes": 3})
    url = f"{client.rest}/tickle"
    async with client.http.stream("POST", url, headers={"Authorization": client.signed("POST", url, {})}) as response:
        seen = sum([len(piece) async for piece in response.aiter_bytes()])
    assert seen > 3 * 2**20


async def test_a_token_expires_at_a_request_and_accounts_change_places(client):
    await client.control("faults", {"path": "/iserver/accounts", "do": "expire-token", "nth": 2})
    assert (await client.call("GET", "/iserver/accounts")).status_code == 200
    assert (await client.call("GET", "/iserver/accounts")).status_code == 401
    await client.login()
    await client.control("faults", {"path": "/iserver/auth/ssodh/init", "do": "swap-account"})
    await client.post("/iserver/auth/ssodh/init", {"publish": True, "compete": True})
    assert (await client.get("/iserver/accounts"))["accounts"] == ["U7654321"]
    await client.control("session", {"do": "swap_account"})
    assert (await client.get("/iserver/accounts"))["accounts"] == [client.account]


async def test_a_moment_comes_once(start, fake_clock):
    client = await (await start(clock=fake_clock)).login()
    sim = client.running.sim
    sim.faults.add({"time": 60, "do": "end-session"})
    await fake_clock.advance(59)
    assert (await client.post("/iserver/auth/status"))["authenticated"] is True
    await fake_clock.advance(2)
    assert (await client.post("/iserver/auth/status"))["authenticated"] is False
    await client.post("/iserver/auth/ssodh/init", {"publish": True, "compete": True})
    await fake_clock.advance(60)
    assert (await client.post("/iserver/auth/status"))["authenticated"] is True


async def greeted(client, socket, count=3):
    """The frames of the greeting and what follows, as they come."""
    return [await socket.recv() for _ in range(count)]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"do": "lose"}, ["system", "sts"]),
        ({"do": "duplicate", "copies": 3}, ["system", "act", "act", "act", "sts"]),
        ({"do": "reorder"}, ["system", "sts", "act"]),
        ({"do": "delay", "seconds": 0}, ["system", "act", "sts"]),
    ],
)
async def test_frames_are_lost_doubled_or_late(client, fault, expected):
    await client.control("faults", {"topic": "act", **fault})
    async with client.connect() as socket:
        frames = await greeted(client, socket, len(expected))
    assert [json.loads(frame)["topic"] for frame in frames] == expected


@pytest.mark.parametrize(
    ("fault", "frame"),
    [
        ({"form": "null"}, b"null"),
        ({"form": "array"}, b"[]"),
        ({"form": "text"}, b"not JSON at all"),
        ({"form": "utf8"}, b'{"topic":"\xff\xfe"}'),
    ],
)
async def test_frames_that_are_garbage(client, fault, frame):
    await client.control("faults", {"topic": "act", "do": "garbage", **fault})
    async with client.connect() as socket:
        assert (await greeted(client, socket))[1] == frame


async def test_half_a_frame_and_a_huge_one(client):
    await client.control("faults", [{"topic": "act", "do": "garbage"}, {"topic": "sts", "do": "huge"}])
    async with client.connect() as socket:
        half = (await greeted(client, socket, 2))[1]
        with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
            json.loads(half)
        with pytest.raises(websockets.ConnectionClosed) as caught:
            await socket.recv()
    assert caught.value.sent is not None and caught.value.sent.code == 1009


async def test_a_socket_drops_without_a_word(client):
    await client.control("faults", {"topic": "sts", "do": "drop-socket"})
    async with client.connect() as socket:
        with pytest.raises(websockets.ConnectionClosed) as caught:
            await greeted(client, socket)
    assert caught.value.rcvd is None
    async with client.connect() as socket:
        await greeted(client, socket)
        await client.control("ws", {"do": "abort"})
        with pytest.raises(websockets.ConnectionClosed) as caught:
            await asyncio.wait_for(socket.recv(), 5)
    assert caught.value.rcvd is None


async def test_a_stalled_stream_says_nothing_more_while_requests_go_on(client):
    await client.control("faults", {"topic": "act", "do": "stall"})
    async with client.connect() as socket:
        assert json.loads(await socket.recv())["topic"] == "system"
        await socket.send("tic")
        await client.post("/tickle")
        before = (await client.state())["ws"]["frames"]
        await socket.send("tic")
        await client.post("/tickle")
        assert (await client.state())["ws"]["frames"] == before


async def test_requests_find_their_fault_by_method(client):
    await client.control("faults", {"method": "get", "path": "/tickle", "do": "status"})
    assert (await client.call("POST", "/tickle")).status_code == 200
    with pytest.raises(httpx.HTTPStatusError):
        (await client.call("GET", "/tickle")).raise_for_status()

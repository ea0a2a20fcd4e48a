"""The WebSocket: who may connect, what it says first, and how topics behave."""

from __future__ import annotations

import asyncio
import json

import pytest
import websockets

AAPL = 265598


def topic(name):
    return lambda frame: frame.get("topic") == name


async def connected(client, next_frame):
    socket = await client.connect()
    await next_frame(socket, topic("sts"))
    return socket


async def test_the_greeting(client, frame_of):
    async with client.connect() as socket:
        first = await frame_of(socket, lambda frame: True)
        second = await frame_of(socket, lambda frame: True)
        third = await frame_of(socket, lambda frame: True)
    assert first == {"topic": "system", "success": "simpaper", "isFT": False, "isPaper": True}
    assert second["topic"] == "act" and second["args"]["accounts"] == ["DU1234567"]
    assert third == {
        "topic": "sts",
        "args": {
            "connected": True,
            "authenticated": True,
            "established": True,
            "competing": False,
            "message": "",
            "fail": "",
        },
    }


@pytest.mark.parametrize(
    "form",
    [
        "api={session}",
        'api={{"session":"{session}"}}',
        'x=1; api={{"session": "{session}"}}; y=2',
    ],
)
async def test_both_cookie_forms_are_known(client, frame_of, form):
    async with client.connect(cookie=form.format(session=client.session)) as socket:
        await frame_of(socket, topic("sts"))


@pytest.mark.parametrize(
    ("cookie", "token"),
    [
        ("api=0000", None),
        ("", None),
        (None, "wrong"),
        ('api={"session":""}', None),
    ],
)
async def test_strangers_are_refused(client, cookie, token):
    with pytest.raises(websockets.InvalidStatus) as refused:
        await client.connect(cookie=cookie, token=token)
    assert refused.value.response.status_code == 401
    assert (await client.state())["ws"]["refused"] == 1


async def test_quotes_come_whole_and_then_as_differences(client, frame_of):
    socket = await connected(client, frame_of)
    fields = ["31", "84", "86", "85", "88", "87", "55", "7295"]
    await socket.send(f"smd+{AAPL}+" + json.dumps({"fields": fields}))
    quotes = topic(f"smd+{AAPL}")
    first = await frame_of(socket, quotes)
    assert set(fields) <= set(first) and first["conid"] == AAPL and first["conidEx"] == str(AAPL)
    assert first["6509"] == "RpB" and first["6119"] == first["server_id"] == "q0" and isinstance(first["31"], str)
    second = await frame_of(socket, quotes)
    assert "55" not in second and "7295" not in second and len(second) > 6
    assert second["_updated"] >= first["_updated"]
    await client.control("market", {"conid": AAPL, "price": "200.00"})
    moved = await frame_of(socket, lambda frame: quotes(frame) and "31" in frame)
    assert moved["31"].startswith("200.") or moved["31"].startswith("199.")
    assert (await client.state())["ws"]["open"][0]["smd"] == [AAPL]
    await socket.send(f"umd+{AAPL}+{{}}")
    await client.wait_state(lambda state: state["ws"]["open"][0]["smd"] == [])
    await socket.close()
    await client.wait_state(lambda state: state["ws"]["open"] == [])


async def test_a_quiet_instrument_sends_nothing(client, frame_of):
    await client.control("market", {"conid": AAPL, "frozen": True})
    socket = await connected(client, frame_of)
    await socket.send(f'smd+{AAPL}+{{"fields":["31"]}}')
    await socket.send('smd+756733+{"fields":["31","84","86"]}')
    seen = [await frame_of(socket, lambda frame: str(frame.get("topic")).startswith("smd+")) for _ in range(6)]
    assert sum(frame["conid"] == AAPL for frame in seen) == 1
    await socket.close()


async def test_an_order_is_whole_once_and_sparse_afterwards(client, frame_of):
    socket = await connected(client, frame_of)
    await socket.send("sor+{}")
    await client.wait_state(lambda state: "sor" in state["ws"]["open"][0]["topics"])
    answer = await client.place(cOID="stream")
    rows = []
    async with asyncio.timeout(5):
        while not rows or rows[-1].get("status") != "Filled":
            rows += (await frame_of(socket, topic("sor")))["args"]
    assert {row["orderId"] for row in rows} == {int(answer[0]["order_id"])}
    assert rows[0]["order_ref"] == "stream" and rows[0]["status"] == "PendingSubmit" and rows[0]["price"] == ""
    statuses = [row["status"] for row in rows if "status" in row]
    assert statuses == ["PendingSubmit", "PreSubmitted", "Submitted", "Filled"]
    assert "ticker" not in rows[1] and {"acct", "conid", "conidex", "orderId", "isEventTrading"} < set(rows[1])
    await socket.close()


async def test_orders_are_not_replayed_and_filtered_reads_mute_them(client, frame_of):
    await client.place()
    await client.wait_state(lambda state: state["executions"])
    socket = await connected(client, frame_of)
    await socket.send("sor+{}")
    await client.get("/iserver/account/orders", filters="filled")
    await client.place(cOID="muted")
    await client.wait_state(lambda state: len(state["executions"]) == 2)
    await client.get("/iserver/account/orders", force="true")
    await client.place(cOID="heard")
    assert (await frame_of(socket, topic("sor")))["args"][0]["order_ref"] == "heard"
    await socket.close()


async def test_trades_tell_the_commission_second(client, frame_of):
    socket = await connected(client, frame_of)
    await socket.send('str+{"realtimeUpdatesOnly":false,"days":1}')
    assert (await frame_of(socket, topic("str")))["args"] == []
    await client.place()
    first = (await frame_of(socket, topic("str")))["args"][0]
    second = (await frame_of(socket, topic("str")))["args"][0]
    assert first["execution_id"] == second["execution_id"]
    assert "commission" not in first and second["commission"] == "1.00"
    await socket.send("utr")
    await client.wait_state(lambda state: state["ws"]["open"][0]["topics"] == [])
    await socket.close()


@pytest.mark.parametrize("text", ["spl+{}", "spl"])
async def test_profit_is_streamed_by_account(client, frame_of, text):
    socket = await connected(client, frame_of)
    await socket.send(text)
    row = (await frame_of(socket, topic("spl")))["args"]["DU1234567.Core"]
    assert row["rowType"] == 1 and 900_000 < row["nl"] < 1_100_000
    later = (await frame_of(socket, topic("spl")))["args"]["DU1234567.Core"]
    assert "rowType" in later
    await socket.close()


async def test_tic_and_unknown_topics(client, frame_of):
    socket = await connected(client, frame_of)
    await socket.send("tic")
    assert (await frame_of(socket, topic("tic")))["lastAccessed"] > 0
    await socket.send('{"session":"abc"}')
    await socket.send("xyz+1+{}")
    error = await frame_of(socket, lambda frame: "error" in frame)
    assert error["error"].startswith("Topic unknown") and error["code"] == 1
    assert "xyz" in (await frame_of(socket, lambda frame: "error" in frame))["error"]
    await socket.send("ech+hb")
    assert "hb" in await frame_of(socket, topic("system"))
    await socket.send("smd+265598+{broken")
    assert "Bad JSON" in (await frame_of(socket, lambda frame: "error" in frame))["error"]
    await socket.send("smd+999+{}")
    assert "unknown contract" in (await frame_of(socket, lambda frame: "error" in frame))["error"]
    await socket.close()


async def test_market_data_needs_the_brokerage_session(start, frame_of):
    client = await start()
    await client.mint()
    client.session = (await client.post("/tickle"))["session"]
    socket = await client.connect()
    assert (await frame_of(socket, topic("sts")))["args"]["authenticated"] is False
    await socket.send(f'smd+{AAPL}+{{"fields":["31"]}}')
    assert (await frame_of(socket, lambda frame: "error" in frame))["error"] == "no bridge"
    await client.post("/iserver/auth/ssodh/init", {"publish": True, "compete": True})
    assert (await frame_of(socket, topic("sts")))["args"]["authenticated"] is True
    await socket.close()


async def test_logging_out_ends_the_connection(client, frame_of):
    socket = await connected(client, frame_of)
    await client.post("/logout")
    async with asyncio.timeout(3):
        await socket.wait_closed()
    assert socket.close_code == 1000


async def test_heartbeats_and_the_end_of_old_streams(start, frame_of, fake_clock):
    client = await (await start(clock=fake_clock)).login()
    socket = await connected(client, frame_of)
    await socket.send(f'smd+{AAPL}+{{"fields":["31"]}}')
    await client.wait_state(lambda state: state["ws"]["open"][0]["smd"] == [AAPL])
    await fake_clock.advance(10.1)
    beat = await frame_of(socket, lambda frame: "hb" in frame)
    assert beat == {"topic": "system", "hb": pytest.approx(fake_clock.now() * 1000, abs=1000)}
    await client.control("clock", {"seconds": 880})
    await fake_clock.advance(1)
    assert (await client.state())["ws"]["open"][0]["smd"] == [AAPL]
    await client.control("clock", {"seconds": 10})
    await fake_clock.advance(1)
    assert (await client.state())["ws"]["open"][0]["smd"] == []
    await socket.close()


async def test_what_tests_can_do_to_sockets(client, frame_of):
    socket = await connected(client, frame_of)
    await client.control("ws", {"do": "send", "frame": {"topic": "blt", "args": {"id": "1", "message": "hello"}}})
    assert (await frame_of(socket, topic("blt")))["args"]["message"] == "hello"
    await client.control("ws", {"do": "text"})
    await socket.send("tic")
    async with asyncio.timeout(3):
        assert isinstance(await socket.recv(), str)
    await client.control("ws", {"do": "close", "code": 1011})
    async with asyncio.timeout(3):
        await socket.wait_closed()
    assert socket.close_code == 1011

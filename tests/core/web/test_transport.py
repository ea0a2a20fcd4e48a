"""Reads through the transport, over real sockets: deadlines, caps, repetition, and where a signature may go."""

from __future__ import annotations

import asyncio
import gzip
import time
import zlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from ibkr_tui.core.web import transport as module
from ibkr_tui.core.web.body import LARGEST_BODY
from ibkr_tui.core.web.transport import Transport
from ibkr_tui.model.errors import BrokerError

from .conftest import CountingSigner, RawServer, response, serving

Connect = Callable[[str], Transport]


async def test_a_get_is_signed_without_its_query_and_sent_with_it(connect: Connect, signer: CountingSigner) -> None:
    async def respond(_: RawServer, __: str, writer: asyncio.StreamWriter) -> None:
        writer.write(response(b'{"a":1}', "200 OK", "Content-Type: application/json", "Set-Cookie: junk=1"))

    async with serving(respond) as server:
        transport = connect(server.url)
        answer = await transport.get("/iserver/marketdata/snapshot", [("conids", "1"), ("fields", "31,84")])
        await transport.get("/tickle")

    assert (answer.status, answer.body, answer.headers) == (200, b'{"a":1}', {"content-type": "application/json"})
    assert signer.signed[0] == (
        "GET",
        f"{server.url}/iserver/marketdata/snapshot",
        (("conids", "1"), ("fields", "31,84")),
    )
    assert server.lines[0] == "GET /v1/api/iserver/marketdata/snapshot?conids=1&fields=31%2C84"
    head = server.heads[1].lower()
    assert "authorization: epoch 1" in head
    assert "user-agent: ibkr-tui" in head
    assert "cookie" not in head  # a server's cookie is not kept
    assert server.connections == 1
    assert transport.latency_ms is not None and transport.latency_ms < 5000


async def test_a_post_without_a_body_says_its_length_and_one_with_a_body_is_json(connect: Connect) -> None:
    async def respond(_: RawServer, __: str, writer: asyncio.StreamWriter) -> None:
        writer.write(response(b"{}"))

    async with serving(respond) as server:
        transport = connect(server.url)
        await transport.post("/tickle")
        await transport.post("/iserver/auth/ssodh/init", {"publish": True, "compete": False})
        await transport.delete("/iserver/watchlist", [("id", "1")])

    assert "content-length: 0" in server.heads[0].lower()
    assert "content-type" not in server.heads[0].lower()
    assert server.bodies[1] == b'{"publish":true,"compete":false}'
    assert "content-type: application/json" in server.heads[1].lower()
    assert server.lines[2] == "DELETE /v1/api/iserver/watchlist?id=1"


async def test_the_unsigned_call_carries_the_callers_header_only(connect: Connect, signer: CountingSigner) -> None:
    async def respond(_: RawServer, __: str, writer: asyncio.StreamWriter) -> None:
        writer.write(response(b'{"error":"x"}', "401 Unauthorized"))

    async with serving(respond) as server:
        answer = await connect(server.url).unsigned("POST", "/oauth/live_session_token", {"Authorization": "OAuth x"})
    assert answer.status == 401
    assert "authorization: oauth x" in server.heads[0].lower()
    assert (signer.signed, signer.renewals, len(server.heads)) == ([], 0, 1)


async def test_a_dripping_answer_ends_at_the_total_deadline(connect: Connect) -> None:
    async def respond(_: RawServer, __: str, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with serving(respond) as server:
        begin = time.monotonic()
        with pytest.raises(BrokerError) as caught:
            await connect(server.url).get("/tickle", deadline=0.4)
        assert time.monotonic() - begin < 2
    assert caught.value.code == "IBKR_UNAVAILABLE"
    assert "within 0.4 s" in caught.value.message


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_compressed_answer_is_read_and_a_bomb_is_cut(connect: Connect, encoding: str) -> None:
    pack = gzip.compress if encoding == "gzip" else zlib.compress
    bodies = [pack(b'{"a":"' + b"x" * 100_000 + b'"}'), pack(bytes(LARGEST_BODY + 1))]

    async def respond(state: RawServer, __: str, writer: asyncio.StreamWriter) -> None:
        writer.write(response(bodies[len(state.heads) - 1], "200 OK", f"Content-Encoding: {encoding}"))

    async with serving(respond) as server:
        transport = connect(server.url)
        assert len((await transport.get("/a")).body) == 100_008
        with pytest.raises(BrokerError, match="16 MiB"):
            await transport.get("/b")


@pytest.mark.parametrize(
    ("head", "body", "words"),
    [
        ("Content-Encoding: gzip", b"not gzip at all", "not compressed as it says"),
        ("Content-Encoding: gzip", gzip.compress(b"x" * 10_000, mtime=0)[:40], "not whole"),
        ("Content-Encoding: br", b"x", "was not asked for"),
        ("X-Large: 1", bytes(LARGEST_BODY + 1), "16 MiB"),
    ],
)
async def test_a_body_that_cannot_be_taken_is_refused(connect: Connect, head: str, body: bytes, words: str) -> None:
    async def respond(_: RawServer, __: str, writer: asyncio.StreamWriter) -> None:
        writer.write(response(body, "200 OK", head))

    async with serving(respond) as server:
        with pytest.raises(BrokerError, match=words) as caught:
            await connect(server.url).get("/tickle")
    assert caught.value.code == "IBKR_RESPONSE_INVALID"


async def test_a_redirect_is_not_followed(connect: Connect) -> None:
    async def never(_: RawServer, __: str, writer: asyncio.StreamWriter) -> None:
        writer.write(response(b"{}"))

    async with serving(never) as elsewhere:

        async def respond(_: RawServer, __: str, writer: asyncio.StreamWriter) -> None:
            writer.write(response(b"", "302 Found", f"Location: {elsewhere.url}/tickle"))

        async with serving(respond) as server:
            answer = await connect(server.url).get("/tickle")
    assert answer.status == 302
    assert elsewhere.connections == 0


async def test_cookies_are_not_kept_and_a_head_has_its_limit(connect: Connect) -> None:
    """Fault R37: junk in the head of an answer is of no use to anybody."""
    junk = "X-Junk: " + "j" * 65_536
    cookies = "Set-Cookie: api=stolen; Domain=.ibkr.com; Path=/", "Set-Cookie: \xff\xfe=;;;="

    async def respond(state: RawServer, __: str, writer: asyncio.StreamWriter) -> None:
        head = junk if len(state.heads) == 1 else "X-Junk: " + "j" * 1_000_000
        writer.write(response(b"{}", "200 OK", head, *cookies))

    async with serving(respond) as server:
        transport = connect(server.url)
        assert (await transport.get("/a")).status == 200
        with pytest.raises(BrokerError) as caught:
            await transport.get("/b", deadline=0.9)
    assert caught.value.code == "IBKR_UNAVAILABLE"
    assert not any("cookie" in head.lower() for head in server.heads)


async def test_ten_refused_at_once_cause_one_renewal_and_each_is_repeated_once(
    connect: Connect, signer: CountingSigner
) -> None:
    async def respond(_: RawServer, head: str, writer: asyncio.StreamWriter) -> None:
        fresh = "epoch 2" in head
        writer.write(response(b"[]" if fresh else b"", "200 OK" if fresh else "401 Unauthorized"))

    async with serving(respond) as server:
        transport = connect(server.url)
        transport.pacing = _Unpaced(transport)
        answers = await asyncio.gather(*(transport.get(f"/path/{n}") for n in range(10)))
    assert [answer.status for answer in answers] == [200] * 10
    assert signer.renewals == 1
    assert server.lines.count("POST /v1/api/iserver/auth/status") == 1
    assert len(server.heads) == 21


async def test_a_new_token_and_then_a_new_session_and_then_the_answer(connect: Connect, signer: CountingSigner) -> None:
    hooks: list[str] = []

    async def respond(state: RawServer, head: str, writer: asyncio.StreamWriter) -> None:
        if "epoch 1" in head:
            writer.write(response(b"", "401 Unauthorized"))
        elif "reopened" not in hooks:
            writer.write(response(b'{"error":"Bad Request: no bridge"}', "400 Bad Request"))
        else:
            writer.write(response(b"[]"))

    async def renewed() -> None:
        hooks.append(f"renewed {signer.epoch}")

    async def reopen() -> None:
        hooks.append("reopened")

    async with serving(respond) as server:
        transport = connect(server.url)
        transport.on_renewed = renewed
        transport.on_no_session = reopen
        assert (await transport.get("/iserver/accounts")).status == 200
    assert hooks == ["renewed 2", "reopened"]
    assert len(server.heads) == 4


async def test_a_connection_that_is_always_dropped_is_an_error_after_two(connect: Connect) -> None:
    """Two at once; a deadline of one second leaves no time for a third."""

    async def respond(_: RawServer, __: str, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with serving(respond) as server:
        with pytest.raises(BrokerError) as caught:
            await connect(server.url).get("/a", deadline=0.9)
    assert caught.value.code == "IBKR_UNAVAILABLE"
    assert len(server.heads) == 2


async def test_a_401_that_is_not_about_the_token_costs_no_token(connect: Connect, signer: CountingSigner) -> None:
    async def respond(_: RawServer, head: str, writer: asyncio.StreamWriter) -> None:
        writer.write(response(b"{}") if "auth/status" in head else response(b"", "401 Unauthorized"))

    async with serving(respond) as server:
        transport = connect(server.url)
        for _ in range(2):
            assert (await transport.get("/portfolio/DU9/summary")).status == 401
    assert signer.renewals == 0
    assert len(server.heads) == 4


async def test_a_401_under_the_new_token_too_is_the_answer(connect: Connect, signer: CountingSigner) -> None:
    async def respond(_: RawServer, __: str, writer: asyncio.StreamWriter) -> None:
        writer.write(response(b"", "401 Unauthorized"))

    async with serving(respond) as server:
        assert (await connect(server.url).get("/iserver/accounts")).status == 401
    assert signer.renewals == 1
    assert len(server.heads) == 3


async def test_settled_false_and_plain_posts_are_not_repeated(connect: Connect, signer: CountingSigner) -> None:
    async def respond(_: RawServer, __: str, writer: asyncio.StreamWriter) -> None:
        writer.write(response(b"", "401 Unauthorized"))

    async with serving(respond) as server:
        transport = connect(server.url)
        await transport.get("/tickle", settled=False)
        await transport.post("/iserver/auth/ssodh/init", {}, settled=False, repeat=True)
        await transport.post("/iserver/x", {})
    assert (len(server.heads), signer.renewals) == (3, 0)


@pytest.mark.parametrize("patience", [1, 3])
async def test_no_bridge_opens_the_session_once_and_waits_a_moment_for_it(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, patience: int
) -> None:
    monkeypatch.setattr(module, "BRIDGE_PAUSE", 0.01)
    opened: list[int] = []

    async def respond(state: RawServer, __: str, writer: asyncio.StreamWriter) -> None:
        if len(state.heads) <= patience:
            writer.write(response(b'{"error":"Bad Request: no bridge","statusCode":400}', "400 Bad Request"))
        else:
            writer.write(response(b"[]"))

    async def reopen() -> None:
        opened.append(1)

    async with serving(respond) as server:
        transport = connect(server.url)
        transport.on_no_session = reopen
        before = transport.generation
        assert (await transport.get("/iserver/accounts")).status == 200
    assert (opened, len(server.heads)) == ([1], patience + 1)
    assert transport.generation != before


async def test_no_bridge_that_stays_is_the_answer(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BRIDGE_PAUSE", 0.01)

    async def respond(_: RawServer, __: str, writer: asyncio.StreamWriter) -> None:
        writer.write(response(b'{"error":"Bad Request: no bridge","statusCode":400}', "400 Bad Request"))

    async def reopen() -> None:
        return

    async with serving(respond) as server:
        transport = connect(server.url)
        assert (await transport.get("/iserver/accounts")).status == 400
        assert len(server.heads) == 1  # without a session nobody can open one
        transport.on_no_session = reopen
        assert (await transport.get("/iserver/accounts")).status == 400
    assert len(server.heads) == 2 + module.BRIDGE_ATTEMPTS


async def test_a_kept_connection_that_the_server_closed_costs_a_read_nothing(connect: Connect) -> None:
    async def respond(state: RawServer, __: str, writer: asyncio.StreamWriter) -> None:
        if len(state.heads) != 2:
            writer.write(response(b"{}"))
            return
        writer.close()  # the second request of the first connection: no answer at all

    async with serving(respond) as server:
        transport = connect(server.url)
        await transport.get("/a")
        assert (await transport.get("/b")).status == 200
    assert server.lines == ["GET /v1/api/a", "GET /v1/api/b", "GET /v1/api/b"]


async def test_the_clock_skew_is_measured_from_the_date_header(connect: Connect) -> None:
    async def respond(_: RawServer, __: str, writer: asyncio.StreamWriter) -> None:
        late = format_datetime(datetime.now(UTC) + timedelta(seconds=300), usegmt=True)
        writer.write(response(b"{}", "200 OK", f"Date: {late}"))

    async with serving(respond) as server:
        transport = connect(server.url)
        await transport.get("/tickle")
    assert transport.clock_skew_s == pytest.approx(300, abs=2)


@pytest.mark.parametrize("date", ["Date: never", "X-No: date"])
async def test_a_date_that_says_nothing_measures_nothing(connect: Connect, date: str) -> None:
    async def respond(_: RawServer, __: str, writer: asyncio.StreamWriter) -> None:
        writer.write(response(b"{}", "200 OK", date))

    async with serving(respond) as server:
        transport = connect(server.url)
        await transport.get("/tickle")
    assert transport.clock_skew_s is None


async def test_a_429_closes_the_door_for_reads(connect: Connect) -> None:
    async def respond(_: RawServer, __: str, writer: asyncio.StreamWriter) -> None:
        writer.write(response(b"", "429 Too Many Requests", "Retry-After: 30"))

    async with serving(respond) as server:
        transport = connect(server.url)
        assert (await transport.get("/a")).status == 429
        with pytest.raises(BrokerError) as caught:
            await transport.get("/b")
    assert caught.value.code == "IBKR_RATE_LIMITED"
    assert caught.value.details["retry_after_s"] == pytest.approx(30, abs=2)
    assert len(server.heads) == 1


async def test_nobody_listens(connect: Connect) -> None:
    transport = connect("http://127.0.0.1:9/v1/api")
    for call in (transport.get("/a", deadline=0.9), transport.unsigned("POST", "/a", {})):
        with pytest.raises(BrokerError) as caught:
            await call
        assert caught.value.code == "IBKR_UNAVAILABLE"
        assert caught.value.retryable


async def test_an_unsigned_call_has_a_total_deadline_too(connect: Connect) -> None:
    async def respond(_: RawServer, __: str, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    async with serving(respond) as server:
        with pytest.raises(BrokerError, match=r"within 0\.2 s"):
            await connect(server.url).unsigned("POST", "/oauth/live_session_token", {}, deadline=0.2)


async def test_the_environment_has_no_say(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    async def respond(_: RawServer, __: str, writer: asyncio.StreamWriter) -> None:
        writer.write(response(b"{}"))

    async with serving(respond) as server:
        assert (await connect(server.url).get("/tickle")).status == 200


class _Unpaced(module.Pacing):
    """The limits of a second set aside, to send ten at once."""

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport._clock)

    async def _take_place(self, urgent: bool) -> None:
        return

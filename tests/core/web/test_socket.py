"""The stream over real WebSockets: opening, frames of every kind, silence, reconnecting (faults W1, W7-W9)."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from ibkr_tui.core.web import socket as module
from ibkr_tui.core.web.socket import Stream
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.health import StreamState

Until = Callable[..., Awaitable[None]]
TOKEN = "secretaccesstoken"
READY = json.dumps({"topic": "sts", "args": {"authenticated": True, "connected": True, "competing": False}})
ENDED = json.dumps({"topic": "sts", "args": {"authenticated": False}})


class Broker:
    """A WebSocket server that does what `behave` says with each connection, and remembers what it was sent."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.received: list[str] = []
        self.sockets: list[ServerConnection] = []
        self.behave: Callable[[ServerConnection], Awaitable[None]] = self.greet
        self.url = ""

    async def greet(self, socket: ServerConnection) -> None:
        """What IBKR says first, in binary frames, as it does."""
        await socket.send(json.dumps({"topic": "system", "success": "me"}).encode())
        await socket.send(READY.encode())
        async for text in socket:
            self.received.append(str(text))

    async def accept(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        self.requests.append(socket.request)
        self.sockets.append(socket)
        await self.behave(socket)


class Heard:
    """A listener that keeps everything, and subscribes on each opening as the market room does."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.frames: list[tuple[str, dict[str, Any]]] = []
        self.stream: Stream | None = None
        self.breaks_on = ""

    def opened(self) -> None:
        self.events.append("opened")
        assert self.stream is not None
        assert self.stream.send('smd+265598+{"fields":["31"]}')

    def frame(self, topic: str, message: dict[str, Any]) -> None:
        self.frames.append((topic, message))
        if topic == self.breaks_on:
            raise ValueError("a room's own fault")

    def closed(self, reason: str) -> None:
        self.events.append(f"closed: {reason}")


class Login:
    verify_tls = False

    def __init__(self, url: str) -> None:
        self.url = url

    def stream_request(self, cookie: str) -> tuple[str, dict[str, str]]:
        return f"{self.url}?oauth_token={TOKEN}", {"Cookie": f"api={cookie}", "User-Agent": "ClientPortalGW/1"}


class Bench:
    """A broker, a stream to it, and its listener, on the test's clock."""

    def __init__(self, broker: Broker, clock: Any, url: str) -> None:
        self.broker = broker
        self.clock = clock
        self.heard = Heard()
        self.cookies = 0
        self.no_cookie: BrokerError | None = None
        self.stream = Stream(Login(url), self.cookie, clock, self.heard, jitter=lambda: 0.0)
        self.heard.stream = self.stream
        self.task: asyncio.Task[None] | None = None

    async def cookie(self) -> str:
        self.cookies += 1
        if self.no_cookie is not None:
            raise self.no_cookie
        return f"cookie{self.cookies}"

    def start(self) -> None:
        self.task = asyncio.create_task(self.stream.run())

    async def stop(self) -> None:
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)


@asynccontextmanager
async def listening(broker: Broker, **options: Any) -> AsyncIterator[Server]:
    async with serve(broker.accept, "127.0.0.1", 0, **options) as server:
        broker.url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/v1/api/ws"
        yield server


@pytest.fixture
async def bench(fake_clock: Any) -> AsyncIterator[Bench]:
    broker = Broker()
    async with listening(broker):
        found = Bench(broker, fake_clock, broker.url)
        yield found
        await found.stop()


async def test_it_opens_with_cookie_and_token_and_subscribes(bench: Bench, until: Until) -> None:
    assert bench.stream.state is StreamState.OFF
    assert not bench.stream.send("smd+1+{}")
    bench.start()
    await until(lambda: bench.broker.received)
    request = bench.broker.requests[0]
    assert request.path == f"/v1/api/ws?oauth_token={TOKEN}"
    assert (request.headers["Cookie"], request.headers["User-Agent"]) == ("api=cookie1", "ClientPortalGW/1")
    assert bench.stream.state is StreamState.LIVE
    assert bench.broker.received == ['smd+265598+{"fields":["31"]}']
    assert [topic for topic, _ in bench.heard.frames] == ["system", "sts"]
    await bench.stop()
    assert bench.heard.events == ["opened", "closed: stopped"]
    assert bench.stream.state is StreamState.OFF


async def test_frames_of_every_kind(bench: Bench, until: Until, caplog: pytest.LogCaptureFixture) -> None:
    bench.heard.breaks_on = "bad"

    async def behave(socket: ServerConnection) -> None:
        await socket.send(READY)
        for garbage in (
            b"\xff\xfe",
            b'{"topic":"smd',
            b"[]",
            b"null",
            b"7",
            b"",
            b"[" * 100_000,
            b'{"a":NaN}',
            b'{"a":"\x80"}',
        ):
            await socket.send(garbage)
        for good in ('{"topic":"smd+1","31":"5"}', '{"error":"x","code":1}', '{"topic":7}', '{"topic":"bad"}'):
            await socket.send(good)
        await socket.send(b'{"topic":"last"}')
        await socket.wait_closed()

    bench.broker.behave = behave
    bench.start()
    await until(lambda: bench.heard.frames and bench.heard.frames[-1][0] == "last")
    assert [topic for topic, _ in bench.heard.frames] == ["sts", "smd+1", "", "", "bad", "last"]
    assert bench.heard.frames[1][1]["31"] == "5"
    assert (bench.stream.garbage, bench.stream.frames, bench.stream.failures) == (9, 6, 1)
    assert bench.stream.state is StreamState.LIVE
    assert "a room's own fault" in caplog.text


async def test_text_that_is_no_utf8_is_garbage_and_no_end(bench: Bench, until: Until) -> None:
    async def behave(socket: ServerConnection) -> None:
        await socket.send(READY)
        await socket.send(b"\xff", text=True)
        await socket.send('{"topic":"after"}')
        await socket.wait_closed()

    bench.broker.behave = behave
    bench.start()
    await until(lambda: bench.heard.frames and bench.heard.frames[-1][0] == "after")
    assert bench.stream.garbage == 1


async def test_messages_in_pieces_keep_their_place(bench: Bench, until: Until) -> None:
    async def behave(socket: ServerConnection) -> None:
        for words in ([READY[:9], READY[9:]], '{"topic":"1"}', ['{"top', "", 'ic":', '"2"}'], b'{"topic":"3"}'):
            await socket.send(words)
        await socket.wait_closed()

    bench.broker.behave = behave
    bench.start()
    await until(lambda: bench.heard.frames and bench.heard.frames[-1][0] == "3")
    assert [topic for topic, _ in bench.heard.frames] == ["sts", "1", "2", "3"]
    assert bench.stream.garbage == 0


async def test_it_waits_for_authentication_and_not_for_ever(bench: Bench, until: Until, fake_clock: Any) -> None:
    async def behave(socket: ServerConnection) -> None:
        await socket.send('{"topic":"sts","args":{"connected":true}}')
        await socket.wait_closed()

    bench.broker.behave = behave
    bench.start()
    await until(lambda: bench.heard.frames)
    assert (bench.stream.state, bench.heard.events) == (StreamState.CONNECTING, [])
    await fake_clock.advance(module.OPEN_DEADLINE)
    await until(lambda: bench.stream.state is StreamState.LOST)
    assert bench.heard.events == []  # what was never opened is not closed


async def test_the_end_of_the_brokerage_session_is_the_end_of_the_stream(bench: Bench, until: Until) -> None:
    bench.start()
    await until(lambda: bench.stream.state is StreamState.LIVE)
    await bench.broker.sockets[0].send(ENDED)
    await until(lambda: bench.stream.state is StreamState.LOST)
    assert bench.heard.events == ["opened", "closed: the brokerage session has ended"]
    assert bench.heard.frames[-1][1]["args"] == {"authenticated": False}


async def test_tic_every_thirty_seconds_and_silence_of_sixty_is_the_end(
    bench: Bench, until: Until, fake_clock: Any
) -> None:
    bench.start()
    await until(lambda: len(bench.broker.received) == 1)
    await fake_clock.advance(29)
    assert "tic" not in bench.broker.received
    await fake_clock.advance(2)
    await until(lambda: bench.broker.received.count("tic") == 1)
    await bench.broker.sockets[0].send('{"topic":"system","hb":1}')
    await until(lambda: bench.heard.frames[-1][1].get("hb") == 1)
    await fake_clock.advance(59)
    assert bench.stream.state is StreamState.LIVE
    await fake_clock.advance(5)
    await until(lambda: bench.stream.state is StreamState.LOST)
    assert bench.heard.events[-1] == "closed: nothing was heard for 60 s"
    await until(lambda: fake_clock.sleepers == [1])
    await fake_clock.advance(1)
    await until(lambda: bench.stream.connections == 2)
    await until(lambda: bench.stream.state is StreamState.LIVE)
    assert bench.cookies == 2  # each attempt has a fresh session value


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011, 3000])
async def test_a_close_of_any_kind_is_followed_by_a_new_connection(
    bench: Bench, until: Until, fake_clock: Any, code: int
) -> None:
    bench.start()
    await until(lambda: bench.stream.state is StreamState.LIVE)
    await bench.broker.sockets[0].close(code)
    await until(lambda: bench.stream.state is StreamState.LOST)
    assert bench.heard.events == ["opened", f"closed: the WebSocket was closed ({code})"]
    assert not bench.stream.send("smd+1+{}")
    await until(lambda: fake_clock.sleepers)
    await fake_clock.advance(1)
    await until(lambda: bench.heard.events.count("opened") == 2)
    await until(lambda: len(bench.broker.received) == 2)  # subscribed anew


async def test_a_cut_connection_and_a_frame_that_is_too_large(bench: Bench, until: Until, fake_clock: Any) -> None:
    bench.start()
    await until(lambda: bench.stream.state is StreamState.LIVE)
    bench.broker.sockets[0].transport.abort()
    await until(lambda: bench.stream.state is StreamState.LOST)
    assert "(1006)" in bench.heard.events[-1]
    await until(lambda: fake_clock.sleepers)
    await fake_clock.advance(1)
    await until(lambda: bench.stream.state is StreamState.LIVE)
    await bench.broker.sockets[1].send('"' + "x" * module.LARGEST_FRAME + '"')
    await until(lambda: bench.stream.state is StreamState.LOST)
    assert len(bench.heard.events) == 4


async def test_pauses_double_to_thirty_seconds_and_begin_anew_after_a_steady_minute(
    bench: Bench, until: Until, fake_clock: Any
) -> None:
    bench.no_cookie = BrokerError("IBKR_NO_SESSION", "the session is being opened")
    bench.start()
    for attempt, pause in enumerate([1, 2, 4, 8, 16, 30, 30], start=1):
        await until(lambda attempt=attempt: bench.cookies == attempt and fake_clock.sleepers)
        assert fake_clock.sleepers == [pause]
        assert bench.stream.problem is bench.no_cookie
        await fake_clock.advance(pause)
    bench.no_cookie = None
    await until(lambda: fake_clock.sleepers)
    await fake_clock.advance(30)
    await until(lambda: bench.stream.state is StreamState.LIVE)
    assert bench.stream.problem is None

    await bench.broker.sockets[0].close()  # at once: no reason to hurry
    await until(lambda: bench.stream.state is StreamState.LOST and fake_clock.sleepers == [30])
    await fake_clock.advance(30)
    await until(lambda: bench.stream.state is StreamState.LIVE)
    for _ in range(2):
        await fake_clock.advance(35)
        await bench.broker.sockets[1].send('{"topic":"system","hb":1}')
        heartbeats = len(bench.heard.frames)
        await until(lambda heartbeats=heartbeats: len(bench.heard.frames) >= heartbeats)
    await bench.broker.sockets[1].close()
    await until(lambda: bench.stream.state is StreamState.LOST and fake_clock.sleepers == [1])


def test_the_jitter_is_a_tenth() -> None:
    stream = Stream(Login(""), None, None, Heard())  # type: ignore[arg-type]
    found = {stream._jitter() for _ in range(300)}
    assert -0.1 <= min(found) < 0 < max(found) <= 0.1


async def test_reconnect_ends_a_pause_and_replaces_a_live_connection(bench: Bench, until: Until) -> None:
    bench.no_cookie = BrokerError("IBKR_NO_SESSION", "not yet")
    bench.start()
    await until(lambda: bench.stream.state is StreamState.LOST)
    bench.no_cookie = None
    await until(lambda: bench.clock.sleepers)
    bench.stream.reconnect()
    await until(lambda: bench.stream.state is StreamState.LIVE)
    bench.stream.reconnect()
    await until(lambda: bench.stream.state is StreamState.LOST)
    assert bench.heard.events == ["opened", "closed: it is opened anew"]


async def test_a_full_queue_says_so(bench: Bench, until: Until) -> None:
    bench.start()
    await until(lambda: bench.stream.state is StreamState.LIVE)
    sent = [bench.stream.send("tic") for _ in range(module._MOST_WAITING + 1)]
    assert sent[0] and not sent[-1]


@pytest.mark.parametrize("status", [302, 401, 503])
async def test_a_refused_handshake_follows_nothing_and_tells_no_secret(
    fake_clock: Any, until: Until, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    caplog.set_level(logging.DEBUG)
    elsewhere = Broker()
    broker = Broker()

    def refuse(socket: ServerConnection, request: Request) -> Response:
        broker.requests.append(request)
        answer = socket.respond(status, "no")
        answer.headers["Location"] = elsewhere.url
        return answer

    logging.getLogger("websockets").setLevel(logging.WARNING)  # the server's own lines are not what is tested
    async with listening(elsewhere), listening(broker, process_request=refuse):
        bench = Bench(broker, fake_clock, broker.url)
        bench.start()
        await until(lambda: bench.stream.state is StreamState.LOST)
        await bench.stop()
    assert len(broker.requests) == 1
    assert elsewhere.requests == []
    assert TOKEN not in caplog.text
    assert "cookie1" not in caplog.text


async def test_nobody_listens(fake_clock: Any, until: Until) -> None:
    for url in ("ws://127.0.0.1:9/ws", "wss://127.0.0.1:9/ws", "not a url"):
        bench = Bench(Broker(), fake_clock, url)
        bench.start()
        await until(lambda bench=bench: bench.stream.state is StreamState.LOST)
        await bench.stop()
        assert bench.heard.events == []


async def test_a_handshake_that_never_ends(fake_clock: Any, until: Until, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "OPEN_DEADLINE", 0.2)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        bench = Bench(Broker(), fake_clock, f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/ws")
        bench.start()
        await until(lambda: bench.stream.state is StreamState.LOST)
        await bench.stop()


async def test_unanswered_pings_end_a_connection_that_answered_before(
    bench: Bench, fake_clock: Any, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.start()
    await until(lambda: bench.stream.state is StreamState.LIVE)
    await fake_clock.advance(30)
    await until(lambda: bench.stream._ponged is not None)
    assert bench.stream._ponged == fake_clock.monotonic()
    monkeypatch.setattr(bench.stream, "_answered", lambda ping: None)  # no answer arrives any more
    for _ in range(11):
        await fake_clock.advance(5)
        bench.stream.last_frame_mono = fake_clock.monotonic()  # while frames go on
    assert bench.stream.connections == 1
    await fake_clock.advance(5)
    bench.stream.last_frame_mono = fake_clock.monotonic()
    await until(lambda: any("no ping was answered for 60 s" in event for event in bench.heard.events))

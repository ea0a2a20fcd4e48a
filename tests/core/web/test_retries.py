"""Reads that are asked again, on a clock that the test moves, over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from ibkr_tui.core.web.answer import Answer
from ibkr_tui.core.web.errors import is_users_error
from ibkr_tui.core.web.retries import is_worth_repeating
from ibkr_tui.core.web.transport import Transport
from ibkr_tui.model.errors import BrokerError

from .conftest import CountingSigner, RawServer, response, serving

PAGE = b"<html><body><h1>503 Service Temporarily Unavailable</h1></body></html>"
UNAVAILABLE = b'{"error":"Service Unavailable","statusCode":503}'
REAL_S = 20.0


@pytest.fixture
async def ask(fake_clock: Any, signer: CountingSigner) -> AsyncIterator[Callable[..., Awaitable[Any]]]:
    """`await ask(url, …)`: a GET, while the clock moves on; its answer or error, and the seconds it took."""
    opened: list[Transport] = []

    async def run(url: str, path: str = "/a", *, post: bool = False, **options: Any) -> tuple[Any, float]:
        transport = Transport(url, signer, fake_clock, jitter=lambda: 1.0)
        opened.append(transport)
        begin = fake_clock.monotonic()
        call = transport.post(path, {}, **options) if post else transport.get(path, **options)
        task = asyncio.ensure_future(call)
        async with asyncio.timeout(REAL_S):
            while not task.done():
                await asyncio.sleep(0.001)
                if fake_clock.sleepers and not task.done():
                    await fake_clock.advance(fake_clock.sleepers[0])
        (found,) = await asyncio.gather(task, return_exceptions=True)
        return found, round(fake_clock.monotonic() - begin, 3)

    yield run
    for transport in opened:
        await transport.aclose()


def failing(*replies: bytes) -> Callable[[RawServer, str, asyncio.StreamWriter], Awaitable[None]]:
    """A server that gives these answers in turn, and then a good one."""

    async def respond(state: RawServer, _: str, writer: asyncio.StreamWriter) -> None:
        if len(state.heads) <= len(replies):
            writer.write(replies[len(state.heads) - 1])
        else:
            writer.write(response(b"[]"))

    return respond


@pytest.mark.parametrize(
    ("status", "body"),
    [("500 Oops", b"{}"), ("502 Bad Gateway", PAGE), ("503 Unavailable", PAGE), ("503 Unavailable", UNAVAILABLE)],
)
async def test_a_servers_fault_is_asked_five_times_more(ask: Any, status: str, body: bytes) -> None:
    bad = response(body, status)
    async with serving(failing(bad, bad)) as server:
        answer, took = await ask(server.url)
    assert (answer.status, took, len(server.heads)) == (200, 1 + 2, 3)
    async with serving(failing(*[bad] * 9)) as server:
        answer, took = await ask(server.url, deadline=60.0)
    assert (answer.status, took, len(server.heads)) == (int(status[:3]), 1 + 2 + 4 + 8 + 16, 6)


async def test_a_wait_that_would_end_too_late_is_not_begun(ask: Any) -> None:
    bad = response(PAGE, "503 Unavailable")
    async with serving(failing(*[bad] * 9)) as server:
        answer, took = await ask(server.url, deadline=10.0)
    assert (answer.status, took, len(server.heads)) == (503, 1 + 2 + 4, 4)


@pytest.mark.parametrize(
    ("status", "body", "path"),
    [
        ("400 Bad", b'{"error":"Bad Request: invalid conid"}', "/a"),
        ("404 Not Found", b"<html>404</html>", "/a"),
        ("401 Unauthorized", b"", "/portfolio/DU9/summary"),
        ("410 Gone", b"", "/a"),
        ("504 Gateway Timeout", b"", "/a"),
        ("200 OK", b'{"error":"no such thing"}', "/a"),
        ("503 Unavailable", UNAVAILABLE, "/iserver/account/order/status/1799"),
        ("500 Oops", b'{"error":"Chart data unavailable"}', "/iserver/marketdata/history"),
        ("500 Oops", b'{"error":"no trading permission","statusCode":500}', "/iserver/account/DU1/orders/whatif"),
        ("500 Oops", b"", "/pa/performance"),
        ("503 Unavailable", UNAVAILABLE, "/iserver/watchlist"),
    ],
)
async def test_what_the_request_caused_is_not_asked_again(ask: Any, status: str, body: bytes, path: str) -> None:
    async with serving(failing(*[response(body, status)] * 9)) as server:
        answer, took = await ask(server.url, path)
    assert (answer.status, took) == (int(status[:3]), 0)
    assert [line for line in server.lines if path in line] == [f"GET /v1/api{path}"] * (1 if status[:3] != "401" else 2)


def test_the_same_words_elsewhere_are_the_servers() -> None:
    assert is_worth_repeating(Answer(503, UNAVAILABLE), "/iserver/account/orders")
    assert is_worth_repeating(Answer(500, b"{}"), "/iserver/marketdata/history")
    assert not is_users_error(Answer(500, UNAVAILABLE), "/iserver/account/order/status/1799")
    assert is_users_error(Answer(500, b'{"error":"unknown"}'), "/iserver/marketdata/unsubscribe")


async def test_a_connection_that_breaks_is_made_again(ask: Any) -> None:
    async def respond(state: RawServer, _: str, writer: asyncio.StreamWriter) -> None:
        if len(state.heads) < 5:
            writer.close()
        else:
            writer.write(response(b"[]"))

    async with serving(respond) as server:
        answer, took = await ask(server.url)
    assert (answer.status, took, len(server.heads)) == (200, 1 + 2, 5)  # two at once, then after each wait two


async def test_nobody_listens_for_as_long_as_the_deadline_goes(ask: Any) -> None:
    error, took = await ask("http://127.0.0.1:9/v1/api", deadline=5.0)
    assert isinstance(error, BrokerError)
    assert (error.code, took) == ("IBKR_UNAVAILABLE", 1 + 2)


@pytest.mark.parametrize(("retry_after", "deadline", "status"), [(3, 10.0, 200), (30, 10.0, 429), (30, 60.0, 200)])
async def test_a_penalty_is_waited_out_within_the_deadline(
    ask: Any, retry_after: int, deadline: float, status: int
) -> None:
    bad = response(b"", "429 Too Many Requests", f"Retry-After: {retry_after}")
    async with serving(failing(bad)) as server:
        answer, took = await ask(server.url, deadline=deadline)
    assert answer.status == status
    assert took == pytest.approx(retry_after if status == 200 else 0, abs=0.01)


async def test_a_read_that_comes_into_a_short_penalty_waits_for_its_end(fake_clock: Any, signer: Any) -> None:
    async with serving(failing()) as server:
        transport = Transport(server.url, signer, fake_clock, jitter=lambda: 1.0)
        try:
            transport.pacing.refused("5")
            task = asyncio.ensure_future(transport.get("/a"))
            await fake_clock.settle()
            assert (fake_clock.sleepers, len(server.heads)) == ([5.0], 0)
            await fake_clock.advance(5)
            assert (await task).status == 200
        finally:
            await transport.aclose()


async def test_writes_and_the_sessions_own_calls_are_made_once(ask: Any) -> None:
    bad = response(PAGE, "503 Unavailable")
    async with serving(failing(*[bad] * 9)) as server:
        for options in ({"post": True}, {"settled": False}, {"post": True, "settled": False, "repeat": True}):
            answer, took = await ask(server.url, **options)
            assert (answer.status, took) == (503, 0)
        assert len(server.heads) == 3
        answer, took = await ask(server.url, post=True, repeat=True)
        assert (answer.status, took, len(server.heads)) == (503, 7, 7)


async def test_when_the_time_ends_in_the_midst_of_a_try_the_last_answer_counts(ask: Any) -> None:
    async def respond(state: RawServer, _: str, writer: asyncio.StreamWriter) -> None:
        if len(state.heads) == 1:
            writer.write(response(PAGE, "503 Unavailable"))
        else:
            await asyncio.Event().wait()

    async with serving(respond) as server:
        answer, _ = await ask(server.url, deadline=1.5)
    assert (answer.status, len(server.heads)) == (503, 2)


@pytest.mark.parametrize("order", [False, True])
async def test_after_four_quiet_minutes_a_tickle_goes_first(fake_clock: Any, signer: Any, *, order: bool) -> None:
    async with serving(failing()) as server:
        transport = Transport(server.url, signer, fake_clock)

        async def call(path: str) -> None:
            await (transport.send_once("POST", path, {}) if order else transport.get(path))

        try:
            await call("/a")
            await fake_clock.advance(240)
            await call("/b")
            await fake_clock.advance(241)
            await asyncio.gather(call("/c"), call("/d"))
            await fake_clock.advance(241)
            await transport.post("/tickle", settled=False)
        finally:
            await transport.aclose()
    paths = [line.partition("/v1/api")[2] for line in server.lines]
    assert paths[:3] == ["/a", "/b", "/tickle"]
    assert sorted(paths[3:5]) == ["/c", "/d"]
    assert paths[5:] == ["/tickle"]


@pytest.mark.parametrize("bad", [response(PAGE, "503 Unavailable"), b""])
async def test_a_tickle_that_fails_stands_in_nobodys_way(fake_clock: Any, signer: Any, bad: bytes) -> None:
    async def respond(state: RawServer, head: str, writer: asyncio.StreamWriter) -> None:
        if "/tickle" not in head:
            writer.write(response(b"[]"))
        elif bad:
            writer.write(bad)
        else:
            writer.close()

    async with serving(respond) as server:
        transport = Transport(server.url, signer, fake_clock)
        try:
            await transport.get("/a")
            await fake_clock.advance(241)
            assert (await transport.send_once("POST", "/order", {})).status == 200
        finally:
            await transport.aclose()
    assert [line.rpartition("/")[2] for line in server.lines] == ["a", "tickle", "order"]

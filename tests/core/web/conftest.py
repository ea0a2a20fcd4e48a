"""Servers of raw bytes on real sockets, a signer that counts, and a transport between them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ibkr_tui.core.web.transport import Transport
from ibkr_tui.model.clock import SystemClock


class CountingSigner:
    """An authenticator without cryptography: the header names the epoch, so that a server can refuse an old one."""

    def __init__(self) -> None:
        self.epoch = 1
        self.renewals = 0
        self.signed: list[tuple[str, str, tuple[tuple[str, str], ...]]] = []
        self._lock = asyncio.Lock()

    async def authorize(self, method: str, url: str, query: Sequence[tuple[str, str]]) -> dict[str, str]:
        self.signed.append((method, url, tuple(query)))
        return {"Authorization": f"epoch {self.epoch}"}

    async def renew(self, seen: int) -> None:
        async with self._lock:
            if self.epoch == seen:
                await asyncio.sleep(0)
                self.renewals += 1
                self.epoch += 1


class RawServer:
    """Answers each request on a connection with what `respond` writes; remembers request heads and bodies."""

    def __init__(self) -> None:
        self.heads: list[str] = []
        self.bodies: list[bytes] = []
        self.connections = 0
        self.url = ""

    @property
    def lines(self) -> list[str]:
        """The request lines, without the protocol."""
        return [head.split("\r\n", 1)[0].removesuffix(" HTTP/1.1") for head in self.heads]

    async def read_request(self, reader: asyncio.StreamReader) -> str:
        """The head of the next request. Raises IncompleteReadError when there is none."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.heads.append(head)
        length = next(
            (int(line.split(":")[1]) for line in head.split("\r\n") if line.lower().startswith("content-length:")), 0
        )
        self.bodies.append(await reader.readexactly(length))
        return head


def response(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    """A whole HTTP answer."""
    head = "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers))
    return head.encode() + b"\r\n" + body


Respond = Callable[[RawServer, str, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(
    respond: Callable[[RawServer, str, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[RawServer]:
    """A server on a loopback port; `respond` gets each request's head and writes the answer."""
    state = RawServer()
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        state.connections += 1
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            while True:
                await respond(state, await state.read_request(reader), writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    state.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/api"
    try:
        yield state
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
def signer() -> CountingSigner:
    return CountingSigner()


@pytest.fixture
async def connect(signer: CountingSigner) -> AsyncIterator[Callable[..., Transport]]:
    """`connect(url)`: a transport, closed at the end."""
    opened: list[Transport] = []

    def make(url: str, **options: Any) -> Transport:
        opened.append(Transport(url, signer, SystemClock(), **options))
        return opened[-1]

    yield make
    for transport in opened:
        await transport.aclose()

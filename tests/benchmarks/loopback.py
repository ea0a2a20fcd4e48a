"""The other end of the benchmarks of the web room, a program of its own: `http`, or `ws FRAMES`.

It prints its port. Both are as thin as they can be: it is the clients that are measured. `ws` serves the frames of a
file, one a line, wrapped for the wire beforehand, to whoever has sent `go`, and `COUNT` of them at once.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from websockets.asyncio.server import ServerConnection, serve

BODY = b'[{"conid":265598,"31":"189.43","84":"189.42","86":"189.44","_updated":1700000000000,"6509":"RpB"}]'
HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: Mon, 02 Nov 2026 15:00:00 GMT\r\n"
    b"Content-Length: %d\r\n\r\n" % len(BODY)
)
READY = b'{"topic":"sts","args":{"authenticated":true,"competing":false,"connected":true}}'
END = b'{"topic":"system","success":"bench-end"}'


class Http(asyncio.Protocol):
    """Answers every request with the same body."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._seen = b""

    def data_received(self, data: bytes) -> None:
        self._seen += data
        while b"\r\n\r\n" in self._seen:
            self._seen = self._seen.partition(b"\r\n\r\n")[2]
            self._transport.write(HEAD + BODY)  # type: ignore[attr-defined]


def wrapped(text: bytes) -> bytes:
    """One text frame as a server sends it (RFC 6455, section 5.2)."""
    size = len(text)
    return b"\x81" + (bytes([size]) if size < 126 else b"\x7e" + size.to_bytes(2, "big")) + text


async def replay(socket: ServerConnection, pieces: list[bytes]) -> None:
    """The status that opens a stream, then all pieces for each `go`, and a last frame that says that it was all."""
    await socket.send(READY.decode())
    async for word in socket:
        if word != "go":
            continue
        for piece in pieces:
            socket.transport.write(piece)
            await asyncio.sleep(0)


async def main(kind: str, frames: str = "") -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    if kind == "http":
        server = await loop.create_server(Http, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
    else:
        lines = [wrapped(line) for line in Path(frames).read_bytes().splitlines()] + [wrapped(END)]
        pieces = [b"".join(lines[at : at + 100]) for at in range(0, len(lines), 100)]
        found = await serve(lambda socket: replay(socket, pieces), "127.0.0.1", 0, compression=None, ping_interval=None)
        port = next(iter(found.sockets)).getsockname()[1]
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

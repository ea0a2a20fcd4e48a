"""Messages come whole and in order, however their bytes were cut, and whoever reads the frame."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.frames import BINARY, CLOSE, CONT, PING, TEXT, Frame
from websockets.http11 import Response
from websockets.protocol import OPEN
from websockets.uri import parse_uri

from ibkr_tui.core.web.direct_connection import DirectConnection

SIZES = st.sampled_from([0, 1, 2, 125, 126, 300, 65_535, 65_536])


def message(opcode: Any, size: int, pieces: int) -> tuple[bytes, list[Frame]]:
    """A message and its frames, with a ping between the pieces."""
    data = bytes(65 + at % 26 for at in range(size))
    cut = [data[at * size // pieces : (at + 1) * size // pieces] for at in range(pieces)]
    frames = [Frame(CONT if at else opcode, piece, fin=at == pieces - 1) for at, piece in enumerate(cut)]
    return data, [frame for pair in zip(frames, [Frame(PING, b"?")] * pieces, strict=True) for frame in pair]


class Wire(asyncio.Transport):
    """Swallows what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        return

    def write(self, data: Any) -> None:
        self.written += bytes(data)


async def opened() -> tuple[DirectConnection, Wire]:
    """A connection after its handshake."""
    protocol, wire = ClientProtocol(parse_uri("ws://x/"), max_size=100_000), Wire()
    connection = DirectConnection(protocol)
    connection.connection_made(wire)
    protocol.state = OPEN
    protocol.parser = protocol.parse()
    next(protocol.parser)
    connection.response = Response(101, "", protocol.connect().headers)
    return connection, wire


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from([TEXT, BINARY]), SIZES, st.integers(1, 3)), max_size=6),
    st.lists(st.integers(1, 200_000), max_size=8),
    st.booleans(),
)
def test_messages_come_whole_and_in_order(sent: list[tuple[Any, int, int]], cuts: list[int], pings: bool) -> None:
    async def run() -> None:
        connection, wire = await opened()
        heard: list[bytes] = []
        wanted, raw = [], b""
        for opcode, size, pieces in sent:
            data, frames = message(opcode, size, pieces)
            wanted.append(data)
            raw += b"".join(frame.serialize(mask=False) for frame in frames if pings or frame.opcode is not PING)
        at = [0, *sorted(cut for cut in cuts if cut < len(raw)), len(raw)]
        for begin, end in itertools.pairwise(at):
            connection.data_received(raw[begin:end])
            if not begin:
                connection.listen(heard.append)
        assert [len(found) for found in heard] == [len(data) for data in wanted]
        assert heard == wanted
        assert bool(wire.written) == (pings and bool(sent))  # pongs

    asyncio.run(run())


async def test_after_a_close_nothing_is_heard() -> None:
    connection, wire = await opened()
    heard: list[bytes] = []
    connection.listen(heard.append)
    frames = [Frame(TEXT, b"one"), Frame(CLOSE, b"\x03\xe8"), Frame(TEXT, b"two")]
    raw = b"".join(frame.serialize(mask=False) for frame in frames)
    connection.data_received(raw)
    connection.data_received(Frame(TEXT, b"three").serialize(mask=False))
    assert heard == [b"one"]
    assert wire.written[:1] == b"\x88"


async def test_a_masked_frame_is_refused_by_the_library() -> None:
    connection, wire = await opened()
    heard: list[bytes] = []
    connection.listen(heard.append)
    connection.data_received(Frame(TEXT, b"one").serialize(mask=True))
    assert heard == []
    assert wire.written[:1] == b"\x88"

"""A WebSocket connection that hands each message on where it arrives.

The library parses a frame in three generators, queues it, and wakes a task for it; that costs as much as all that is
done with a price. Here frames that hold a whole message are cut out of what was received; handshake, closing, pings,
pieces and whatever is long or wrong stay with the library. Nothing waits: a message is done with before more is read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from websockets.asyncio.client import ClientConnection
from websockets.frames import BINARY, CONT, TEXT, Frame
from websockets.protocol import OPEN

Hear = Callable[[bytes], None]

_WHOLE_MESSAGE: Final = frozenset({0x81, 0x82})
"""First byte of a final text or binary frame without extensions (RFC 6455, section 5.2)."""
_TWO_BYTES_FOLLOW: Final = 126


class DirectConnection(ClientConnection):
    """`listen` once; whoever is given must not raise. `ended` waits for the end of the connection."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._early: list[bytes] = []
        self._hear: Hear = self._early.append
        self._rest = b""
        self._pieces: bytearray | None = None

    def listen(self, hear: Hear) -> None:
        """From now on, and what came since the handshake."""
        for message in self._early:
            hear(message)
        self._hear = hear

    async def ended(self) -> None:
        """Raise ConnectionClosed when the connection has ended, with why."""
        await self.recv(decode=False)  # nothing is ever queued

    def data_received(self, data: bytes) -> None:
        """The whole messages in front; from another frame on, all is the library's until it is done with it."""
        data, self._rest = self._rest + data, b""
        if not self._is_between_frames():
            super().data_received(data)
            return
        at, size = 0, len(data)
        while size - at >= 2:
            length, begin = data[at + 1], at + 2
            if data[at] not in _WHOLE_MESSAGE or length > _TWO_BYTES_FOLLOW:
                super().data_received(data[at:])
                return
            if length == _TWO_BYTES_FOLLOW:
                length, begin = int.from_bytes(data[begin : begin + 2], "big"), begin + 2
            end = begin + length
            if end > size:
                break
            self._hear(data[begin:end])
            at = end
        self._rest = data[at:]

    def _is_between_frames(self) -> bool:
        """Whether the library waits for nothing: no handshake, no end, and not the rest of a frame or message."""
        return (
            self.response is not None
            and self.protocol.state is OPEN
            and self._pieces is None
            and not self.protocol.reader.buffer
        )

    def process_event(self, event: Any) -> None:
        """A frame that the library has read: a message goes to who listens, one in pieces when it is whole."""
        opcode = event.opcode if isinstance(event, Frame) else None
        if opcode is not TEXT and opcode is not BINARY and opcode is not CONT:
            super().process_event(event)
            return
        self._pieces = self._pieces or bytearray()
        self._pieces += event.data
        if event.fin:
            whole, self._pieces = bytes(self._pieces), None
            self._hear(whole)

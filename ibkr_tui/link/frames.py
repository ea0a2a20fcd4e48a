"""The words of the link: length-prefixed msgpack frames over a Unix socket, the same on both sides (design 2).

A connection begins with `Hello`, answered by `Welcome` or `Refused`. Then it is for calls (`Call` → `Result`, matched
by id) or for one watcher (`Watch` → `TableFrame` and `LogFrame`, for as long as it lives).
"""

from __future__ import annotations

import asyncio
import struct
from typing import Any, Final

import msgspec

from ibkr_tui.model.errors import BrokerError, Problem

PROTOCOL: Final = 1
LARGEST_FRAME: Final = 32 * 1024 * 1024
_LENGTH: Final = struct.Struct(">I")


class Hello(msgspec.Struct, frozen=True, tag="hello"):
    """A face introduces itself. `fingerprint` names the configuration it expects; empty asks for no check (core stop).

    `face_id` is the same on all connections of one face; `interactive` says that a person can answer questions.
    """

    protocol: int
    fingerprint: str
    face: str
    face_id: str
    interactive: bool = False


class Welcome(msgspec.Struct, frozen=True, tag="welcome"):
    protocol: int
    profile: str
    kind: str
    account: str
    pid: int
    version: str
    fingerprint: str


class Refused(msgspec.Struct, frozen=True, tag="refused"):
    problem: Problem


class Call(msgspec.Struct, frozen=True, tag="call"):
    id: int
    operation: str
    arguments: dict[str, Any]


class Result(msgspec.Struct, frozen=True, tag="result"):
    """`value` when `problem` is None. Money and quantities are strings in plain notation."""

    id: int
    value: Any = None
    problem: Problem | None = None


class Watch(msgspec.Struct, frozen=True, tag="watch"):
    """Begin to watch. `logs` maps a log's name to the number after which to begin (-1: only what is new)."""

    tables: tuple[str, ...] = ()
    logs: dict[str, int] = {}


class TableFrame(msgspec.Struct, frozen=True, tag="table"):
    """A `TableDelta`; the rows are encoded once and decoded by the table's row type."""

    table: str
    epoch: int
    full: bool
    rows: dict[str, msgspec.Raw]
    gone: tuple[str, ...] = ()
    is_read: bool = True


class LogFrame(msgspec.Struct, frozen=True, tag="log"):
    """A `LogPage`."""

    log: str
    first: int
    entries: tuple[msgspec.Raw, ...]
    missed: int = 0


class Farewell(msgspec.Struct, frozen=True, tag="farewell"):
    """The core leaves; `reason` is for people. `account`: it serves again at once, on this account."""

    reason: str
    account: str = ""


FromFace = Hello | Call | Watch
FromCore = Welcome | Refused | Result | TableFrame | LogFrame | Farewell

encoder: Final = msgspec.msgpack.Encoder(decimal_format="string", order=None)
face_decoder: Final = msgspec.msgpack.Decoder(FromFace)
core_decoder: Final = msgspec.msgpack.Decoder(FromCore)


def pack(frame: FromFace | FromCore) -> bytes:
    """The frame with its length in front. Raises BrokerError LINK_PROTOCOL when it is over the largest size."""
    body = encoder.encode(frame)
    if len(body) > LARGEST_FRAME:
        raise BrokerError("LINK_PROTOCOL", f"a frame of {len(body)} bytes is too large for the link")
    return _LENGTH.pack(len(body)) + body


async def read_body(reader: asyncio.StreamReader) -> bytes | None:
    """The next frame's body; None at a clean or unclean end of the connection.

    Raises BrokerError LINK_PROTOCOL when the length is absurd: the other side speaks something else.
    """
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        if length > LARGEST_FRAME:
            raise BrokerError("LINK_PROTOCOL", f"a frame of {length} bytes was announced on the link")
        return await reader.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None

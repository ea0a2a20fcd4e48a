"""A face's side of the link: calls on one connection, one connection for each watcher (design 2).

A face never waits without a deadline, and learns at once when its core goes.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncGenerator, Iterable, Mapping
from types import TracebackType
from typing import Any, Final, TypeVar, overload

import msgspec

from ibkr_tui.link.frames import (
    PROTOCOL,
    Call,
    Farewell,
    FromCore,
    Hello,
    LogFrame,
    Refused,
    Result,
    TableFrame,
    Watch,
    Welcome,
    core_decoder,
    pack,
    read_body,
)
from ibkr_tui.model.boards import LOGS, TABLES
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.log import LogPage
from ibkr_tui.model.table import TableDelta
from ibkr_tui.model.unreadable import UNREADABLE

T = TypeVar("T")

_CHANGING: Final = ("place_", "amend_", "cancel_", "close_")
_ROWS_A_TURN: Final = 256


class LinkClient:
    """A connection for calls. Any number of calls may wait at the same time; `close` it, or use it in `async with`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, welcome: Welcome) -> None:
        self.welcome = welcome
        self._reader = reader
        self._writer = writer
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._lost = ""
        self._listener = asyncio.create_task(self._listen(), name="link-client")

    @classmethod
    async def connect(
        cls,
        socket_path: str,
        *,
        fingerprint: str,
        face: str,
        face_id: str,
        interactive: bool = False,
        deadline: float = 5,
    ) -> LinkClient:
        """Connect to the core at `socket_path` within `deadline` seconds.

        Raises BrokerError CORE_UNREACHABLE, CONFIG_MISMATCH (its core has another configuration) or LINK_PROTOCOL.
        """
        hello = Hello(PROTOCOL, fingerprint, face, face_id, interactive)
        return cls(*await _open(socket_path, hello, deadline))

    @overload
    async def call(
        self, operation: str, arguments: Mapping[str, Any] | None = None, *, deadline: float = 30
    ) -> Any: ...

    @overload
    async def call(
        self, operation: str, arguments: Mapping[str, Any] | None = None, *, result: type[T], deadline: float = 30
    ) -> T: ...

    async def call(
        self, operation: str, arguments: Mapping[str, Any] | None = None, *, result: Any = Any, deadline: float = 30
    ) -> Any:
        """Run `operation` in the core and return its value as a `result`.

        Raises the core's BrokerError; CORE_UNREACHABLE when the core goes or does not answer within `deadline`
        seconds; LINK_PROTOCOL when the value is not a `result`. A changing call goes on in the core after any of these.
        """
        if self._lost:
            raise BrokerError("CORE_UNREACHABLE", self._lost)
        number = next(self._ids)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        try:
            async with asyncio.timeout(deadline):
                self._writer.write(pack(Call(number, operation, dict(arguments or {}))))
                with contextlib.suppress(ConnectionError):  # the listener says it to every waiting call
                    await self._writer.drain()
                value = await answer
        except TimeoutError:
            raise _unanswered(operation, f"the core did not answer within {deadline:g} s") from None
        except _LinkLost as lost:
            raise _unanswered(operation, str(lost)) from None
        finally:
            self._waiting.pop(number, None)
        if result is Any:
            return value
        try:
            return msgspec.convert(value, result)
        except msgspec.ValidationError as error:
            raise BrokerError("LINK_PROTOCOL", f"{operation}: the core's answer is of another shape: {error}") from None

    async def close(self) -> None:
        """End the connection; calls that still wait get CORE_UNREACHABLE."""
        self._give_up("this connection is closed")
        self._listener.cancel()
        await asyncio.wait([self._listener])
        await _close(self._writer)

    async def __aenter__(self) -> LinkClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _listen(self) -> None:
        reason = "the core has gone"
        try:
            while (body := await read_body(self._reader)) is not None:
                frame = core_decoder.decode(body)
                if isinstance(frame, Result):
                    self._settle(frame)
                elif isinstance(frame, Farewell):
                    reason = f"the core has left: {frame.reason}"
        except (BrokerError, *UNREADABLE) as error:
            reason = f"the core said something unreadable: {error}"
        finally:
            self._give_up(reason)
            self._writer.close()

    def _settle(self, frame: Result) -> None:
        answer = self._waiting.get(frame.id)
        if answer is None or answer.done():
            return
        if frame.problem is None:
            answer.set_result(frame.value)
        else:
            answer.set_exception(BrokerError.of(frame.problem))

    def _give_up(self, reason: str) -> None:
        self._lost = self._lost or reason
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(_LinkLost(self._lost))


class _LinkLost(Exception):
    """The connection ended while a call waited."""


async def watch(
    socket_path: str,
    *,
    tables: Iterable[str] = (),
    logs: Mapping[str, int] | None = None,
    fingerprint: str,
    face: str,
    face_id: str,
    deadline: float = 5,
) -> AsyncGenerator[TableDelta[Any] | LogPage[Any] | Farewell, None]:
    """What changes in `tables` and `logs` (a log's name → the number after which to begin; -1: only what is new).

    The first delta of each table is full. Ends when the core goes, with a `Farewell` before that if it could say one.
    Raises BrokerError as `LinkClient.connect` does, and UNKNOWN_TABLE. To stop, leave it through `contextlib.aclosing`.
    """
    reader, writer, _ = await _open(socket_path, Hello(PROTOCOL, fingerprint, face, face_id), deadline)
    try:
        writer.write(pack(Watch(tuple(tables), dict(logs or {}))))
        while (body := await read_body(reader)) is not None:
            frame = _decode(body)
            if isinstance(frame, TableFrame):
                yield await _delta(frame)
            elif isinstance(frame, LogFrame):
                yield await _page(frame)
            elif isinstance(frame, Farewell):
                yield frame
            elif isinstance(frame, Refused):
                raise BrokerError.of(frame.problem)
    finally:
        await _close(writer)


async def _open(
    socket_path: str, hello: Hello, deadline: float
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter, Welcome]:
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(deadline):
            reader, writer = await asyncio.open_unix_connection(socket_path)
            writer.write(pack(hello))
            body = await read_body(reader)
        if body is None:
            raise BrokerError("CORE_UNREACHABLE", "the core ended the connection at once")
        frame = _decode(body)
        if isinstance(frame, Refused):
            raise BrokerError.of(frame.problem)
        if not isinstance(frame, Welcome) or frame.protocol != PROTOCOL:
            raise BrokerError("LINK_PROTOCOL", "the core greets in another version of the link")
    except BaseException as error:
        if writer is not None:
            writer.close()
        if isinstance(error, TimeoutError):
            raise BrokerError("CORE_UNREACHABLE", f"the core did not greet within {deadline:g} s") from None
        if isinstance(error, OSError):
            why = error.strerror or type(error).__name__
            raise BrokerError("CORE_UNREACHABLE", f"no core answers at its socket: {why}") from None
        raise
    return reader, writer, frame


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


def _decode(body: bytes) -> FromCore:
    try:
        frame: FromCore = core_decoder.decode(body)
    except UNREADABLE as error:
        raise BrokerError("LINK_PROTOCOL", f"the core said something unreadable: {error}") from None
    return frame


_DECODERS: Final = {kind: msgspec.msgpack.Decoder(kind) for kind in (*TABLES.values(), *LOGS.values())}
_ANY_DECODER: Final = msgspec.msgpack.Decoder(Any)


async def _rows(kind: type[Any] | None, raws: Iterable[msgspec.Raw]) -> list[Any]:
    """The rows as values; a long table gives the loop a turn now and then, so that a screen stays smooth."""
    decode = (_DECODERS[kind] if kind else _ANY_DECODER).decode
    rows: list[Any] = []
    try:
        for raw in raws:
            rows.append(decode(raw))
            if len(rows) % _ROWS_A_TURN == 0:
                await asyncio.sleep(0)
    except UNREADABLE as error:
        raise BrokerError("LINK_PROTOCOL", f"a row of the core is of another shape: {error}") from None
    return rows


async def _delta(frame: TableFrame) -> TableDelta[Any]:
    rows = await _rows(TABLES.get(frame.table), frame.rows.values())
    found = dict(zip(frame.rows, rows, strict=True))
    return TableDelta(frame.table, frame.epoch, frame.full, found, frame.gone, frame.is_read)


async def _page(frame: LogFrame) -> LogPage[Any]:
    return LogPage(frame.log, frame.first, tuple(await _rows(LOGS.get(frame.log), frame.entries)), frame.missed)


def _unanswered(operation: str, why: str) -> BrokerError:
    if operation.startswith(_CHANGING):
        return BrokerError(
            "CORE_UNREACHABLE",
            f"{operation}: {why}. What became of it is with the core, which goes on by itself: "
            "look at the orders before you place it again",
            retryable=False,
            details={"operation": operation, "outcome": "unknown"},
        )
    return BrokerError("CORE_UNREACHABLE", f"{operation}: {why}", details={"operation": operation})

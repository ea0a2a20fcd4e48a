"""The core's side of the link: a Unix socket of this user only, that faces call and watch (design 2)."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

from ibkr_tui.core.dispatch import Caller, Dispatcher, Tier
from ibkr_tui.core.state import CoreFacts
from ibkr_tui.link.feeds import Feed
from ibkr_tui.link.frames import (
    PROTOCOL,
    Call,
    Farewell,
    FromCore,
    FromFace,
    Hello,
    Refused,
    Result,
    Watch,
    Welcome,
    face_decoder,
    pack,
    read_body,
)
from ibkr_tui.model.clock import Clock, SystemClock
from ibkr_tui.model.errors import BrokerError, Problem
from ibkr_tui.model.log import Log
from ibkr_tui.model.plain_values import plain_value
from ibkr_tui.model.table import Table
from ibkr_tui.model.unreadable import UNREADABLE

LOGGER: Final = logging.getLogger(__name__)

SHUTDOWN: Final = "shutdown"
STATUS: Final = "status"
HELLO_DEADLINE_S: Final = 5.0
CALLS_AT_ONCE: Final = 64
ANSWER_TAKEN_WITHIN_S: Final = 30.0


class ServedCore(Protocol):
    """What the link needs of a core."""

    @property
    def tables(self) -> Mapping[str, Table[Any]]: ...

    @property
    def logs(self) -> Mapping[str, Log[Any]]: ...

    @property
    def dispatcher(self) -> Dispatcher: ...

    def face_left(self, face_id: str) -> None:
        """The last connection of that face has ended: nobody there can answer a question any more."""
        ...


class LinkServer:
    """Serves one core to any number of faces, until `run` is cancelled.

    `on_shutdown` is called when a face asks the core to stop. `facts` say where to serve, and what as.
    `last_face_at` is the monotonic second when the last face left; `had_app`: a screen has been attached once.
    """

    def __init__(
        self, core: ServedCore, facts: CoreFacts, *, on_shutdown: Callable[[], None], clock: Clock | None = None
    ) -> None:
        self.serving = asyncio.Event()
        self.last_face_at = 0.0
        self.had_app = False
        self._core = core
        self._facts = facts
        self._on_shutdown = on_shutdown
        self._clock = clock or SystemClock()
        self._faces: Counter[str] = Counter()
        self._closing = ""
        self._next_account = ""

    @property
    def faces(self) -> int:
        """How many faces are connected."""
        return len(self._faces)

    def refuse_calls(self, reason: str, *, next_account: str = "") -> None:
        """The core is about to leave: running calls may end, new ones are refused with `reason`. `next_account`: it
        serves again at once, on that account."""
        self._closing, self._next_account = reason, next_account

    async def run(self) -> None:
        """Serve. Raises BrokerError STATE_UNUSABLE when the socket can't be made."""
        path = Path(self._facts.socket)
        self.last_face_at = self._clock.monotonic()
        listening = _listen(path)
        try:
            async with asyncio.TaskGroup() as group:

                def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                    group.create_task(_Connection(self, group, reader, writer).run(), name="link-connection")

                server = await asyncio.start_unix_server(accept, sock=listening)
                try:
                    self.serving.set()
                    await asyncio.get_running_loop().create_future()  # until cancelled
                finally:
                    server.close()
        finally:
            _end_listening(listening, path)

    def _come(self, hello: Hello) -> None:
        if hello.fingerprint:  # who only asks for status is no face
            self._faces[hello.face_id] += 1
            self.had_app = self.had_app or hello.face == "app"

    def _leave(self, hello: Hello) -> None:
        if not hello.fingerprint:
            return
        self._faces[hello.face_id] -= 1
        if self._faces[hello.face_id] > 0:
            return
        del self._faces[hello.face_id]
        self.last_face_at = self._clock.monotonic()
        self._core.face_left(hello.face_id)

    def _greet(self, hello: Hello) -> Welcome:
        """The answer to `hello`. Raises BrokerError LINK_PROTOCOL or CONFIG_MISMATCH."""
        facts = self._facts
        if hello.protocol != PROTOCOL:
            raise BrokerError(
                "LINK_PROTOCOL", f"the core {facts.version} speaks link version {PROTOCOL}, not {hello.protocol}"
            )
        if hello.fingerprint and hello.fingerprint != facts.fingerprint:
            raise BrokerError(
                "CONFIG_MISMATCH",
                f"the core of profile “{facts.profile}” runs with other addresses, account or keys; it is on account "
                f"{facts.account}",
                user_action=f"If it has gone over to that account, say --account {facts.account} or switch back; "
                "else `ibkr-tui core stop`, then try again.",
            )
        return Welcome(PROTOCOL, facts.profile, facts.kind, facts.account, facts.pid, facts.version, facts.fingerprint)

    async def _call(self, call: Call, caller: Caller, *, checked: bool) -> Any:
        if call.operation == SHUTDOWN:
            self._on_shutdown()
            return {"pid": self._facts.pid}
        if call.operation == STATUS:
            return self._status()
        if not checked:
            raise BrokerError("CONFIG_MISMATCH", "a face that names no configuration may only ask for status and stop")
        if self._closing:
            raise BrokerError("CORE_UNREACHABLE", self._closing)
        return await self._core.dispatcher.call(call.operation, call.arguments, caller)

    def _status(self) -> dict[str, Any]:
        health = self._core.tables.get("health")
        rows = list(health.rows().values()) if health is not None else []
        return {"core": self._facts, "faces": self.faces, "health": rows[0] if rows else None}


class _Connection:
    """One connection of one face, from its hello to its end. What goes wrong here ends it and nothing else."""

    def __init__(
        self,
        server: LinkServer,
        group: asyncio.TaskGroup,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._server = server
        self._group = group
        self._reader = reader
        self._writer = writer
        self._slots = asyncio.Semaphore(CALLS_AT_ONCE)
        self._idle_calls: set[asyncio.Task[None]] = set()
        writer.transport.set_write_buffer_limits(high=0)  # so that drain() means: all has left for the socket

    async def run(self) -> None:
        try:
            hello = await self._hello()
            if hello is not None:
                self._server._come(hello)
                try:
                    await self._serve(hello)
                finally:
                    self._server._leave(hello)
        except (BrokerError, ConnectionError) as error:
            LOGGER.info("a connection of the link ended: %s", error)
            if isinstance(error, BrokerError):
                self._say(Refused(error.problem()))
        except asyncio.CancelledError:
            self._say(Farewell(self._server._closing or "the core stops", self._server._next_account))
            raise
        except Exception:
            LOGGER.exception("a connection of the link failed")
        finally:
            for task in self._idle_calls:
                task.cancel()
            self._writer.close()

    async def _hello(self) -> Hello | None:
        """The face's introduction, welcomed; None when it left without one. Raises BrokerError."""
        try:
            async with asyncio.timeout(HELLO_DEADLINE_S):
                frame = await self._read()
        except TimeoutError:
            raise BrokerError("LINK_PROTOCOL", "the face did not introduce itself") from None
        if frame is None:
            return None
        if not isinstance(frame, Hello):
            raise BrokerError("LINK_PROTOCOL", "the link begins with a hello")
        self._say(self._server._greet(frame))
        return frame

    async def _serve(self, hello: Hello) -> None:
        caller = Caller(hello.face, hello.face_id, hello.interactive)
        while (frame := await self._read()) is not None:
            if isinstance(frame, Call):
                await self._slots.acquire()
                self._begin(frame, caller, checked=bool(hello.fingerprint))
            elif isinstance(frame, Watch) and hello.fingerprint:
                await self._watch(frame)
                return
            else:
                raise BrokerError("LINK_PROTOCOL", "this frame has no place here")

    def _begin(self, call: Call, caller: Caller, *, checked: bool) -> None:
        """Run a call as a task of the server's: one that changes something outlives this connection."""
        task = self._group.create_task(self._answer(call, caller, checked=checked), name=f"call-{call.operation[:40]}")
        if _is_idle(self._server._core.dispatcher, call.operation):
            self._idle_calls.add(task)
            task.add_done_callback(self._idle_calls.discard)

    async def _answer(self, call: Call, caller: Caller, *, checked: bool) -> None:
        try:
            self._say(await self._result(call, caller, checked=checked))
            await self._taken()
        finally:
            self._slots.release()

    async def _result(self, call: Call, caller: Caller, *, checked: bool) -> Result:
        try:
            return Result(call.id, plain_value(await self._server._call(call, caller, checked=checked)))
        except BrokerError as error:
            return Result(call.id, problem=_plain_problem(error))
        except Exception:
            LOGGER.exception("the operation %s failed", call.operation[:40])
            fault = BrokerError("INTERNAL", f"{call.operation[:40]} failed in the core")
            return Result(call.id, problem=fault.problem())

    async def _taken(self) -> None:
        """Wait until the face has taken what was said: who reads no answers gets no more of them, and then none."""
        try:
            async with asyncio.timeout(ANSWER_TAKEN_WITHIN_S):
                await self._writer.drain()
        except TimeoutError:
            LOGGER.info("a face does not read its answers: its connection is ended")
            self._writer.transport.abort()
        except ConnectionError:
            LOGGER.debug("a face left before its answer came")

    async def _watch(self, watch: Watch) -> None:
        """Feed the watcher until it leaves. A second word of it on this connection is a fault."""
        source = Feed(self._server._core.tables, self._server._core.logs, watch, self._server._clock)
        feeding = self._group.create_task(self._feed(source), name="link-feed")
        try:
            if await self._read() is not None:
                raise BrokerError("LINK_PROTOCOL", "a watcher's connection takes no calls")
        finally:
            feeding.cancel()

    async def _feed(self, source: Feed) -> None:
        try:
            await source.run(self._writer)
        except ConnectionError as error:
            LOGGER.info("a watcher has gone: %s", type(error).__name__)
            self._writer.close()
        except Exception:
            LOGGER.exception("a watcher could not be fed")
            self._writer.close()
        finally:
            source.close()

    async def _read(self) -> FromFace | None:
        body = await read_body(self._reader)
        if body is None:
            return None
        try:
            frame: FromFace = face_decoder.decode(body)
        except UNREADABLE as error:
            raise BrokerError("LINK_PROTOCOL", f"a frame could not be read: {error}") from None
        return frame

    def _say(self, frame: FromCore) -> None:
        if not self._writer.is_closing():
            self._writer.write(pack(frame))


def _listen(path: Path) -> socket.socket:
    """A listening socket that only this user can open. Raises BrokerError STATE_UNUSABLE."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.unlink(missing_ok=True)  # whoever holds the profile's lock owns this path; a killed core leaves one behind
        listening.bind(str(path))
        path.chmod(0o600)
        listening.listen(128)
        listening.setblocking(False)
    except OSError as error:
        listening.close()
        raise BrokerError("STATE_UNUSABLE", f"{path}: {error.strerror or error}") from None
    return listening


def _end_listening(listening: socket.socket, path: Path) -> None:
    listening.close()
    path.unlink(missing_ok=True)


def _is_idle(dispatcher: Dispatcher, operation: str) -> bool:
    """Whether nobody is helped when the call goes on without its caller."""
    try:
        return dispatcher.get(operation).tier in {Tier.READ, Tier.STREAM}
    except BrokerError:
        return False


def _plain_problem(error: BrokerError) -> Problem:
    return Problem(error.code, error.message, error.retryable, error.user_action, plain_value(error.details))

"""IBKR's WebSocket: kept open, its frames decoded once and handed on (reference 6).

A connection counts from the broker's `sts` that says authenticated; subscribing anew after each is the listener's work.
Half-open connections are noticed by silence: the broker's heartbeat comes about every 10 seconds. A ping goes out every
30 seconds too: once one has been answered on a connection, 60 seconds without an answer end it.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol

import msgspec
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from ibkr_tui.core.session.waiting import wait_for
from ibkr_tui.core.web.direct_connection import DirectConnection
from ibkr_tui.core.web.tls import tls_context
from ibkr_tui.core.web.transport import USER_AGENT
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.health import StreamState
from ibkr_tui.model.unreadable import UNREADABLE

LARGEST_FRAME: Final = 4 * 1024 * 1024
OPEN_DEADLINE: Final = 20.0
TIC_EVERY: Final = 30.0
PING_EVERY: Final = 30.0
SILENCE: Final = 60.0
LONGEST_PAUSE: Final = 30.0
STEADY_AFTER: Final = 60.0
_LOOK_EVERY: Final = 5.0
_MOST_WAITING: Final = 2000

log = logging.getLogger(__name__)
_wire_log: Final = logging.getLogger(f"{__name__}.wire")
_wire_log.setLevel(logging.WARNING)  # below that, websockets logs the handshake with its token
_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


class Listener(Protocol):
    """Who reads the stream. Its methods must not block."""

    def opened(self) -> None:
        """The stream is authenticated; nothing is subscribed on it yet."""
        ...

    def frame(self, topic: str, message: dict[str, Any]) -> None:
        """One frame, whole; `topic` is "" when it names none."""
        ...

    def closed(self, reason: str) -> None:
        """The stream that was opened is gone; the next is on its way unless the stream was stopped."""
        ...


class StreamLogin(Protocol):
    """What the stream needs of the session's authenticator."""

    @property
    def verify_tls(self) -> bool: ...

    def stream_request(self, cookie: str) -> tuple[str, Mapping[str, str]]:
        """URL and headers of the handshake; both hold secrets."""
        ...


class _Lost(Exception):
    """The connection is of no use any more; the text says why, for people, and holds no URL."""


class _Connect(connect):
    """A handshake that follows no redirect: its URL holds the access token."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class Stream:
    """One WebSocket, reopened for as long as `run` is not cancelled.

    `cookie` gives a fresh session value before each attempt (a tickle). `jitter` is a share of the pause.
    """

    def __init__(
        self,
        authenticator: StreamLogin,
        cookie: Callable[[], Awaitable[str]],
        clock: Clock,
        listener: Listener,
        *,
        jitter: Callable[[], float] = lambda: secrets.randbelow(2001) / 10_000 - 0.1,
    ) -> None:
        self._authenticator = authenticator
        self._cookie = cookie
        self._clock = clock
        self._listener = listener
        self._jitter = jitter
        self._outgoing: asyncio.Queue[str] | None = None
        self._opened_mono: float | None = None
        self._again = asyncio.Event()
        self._over: asyncio.Future[None] | None = None
        self._ponged: float | None = None
        self.state = StreamState.OFF
        self.last_frame_mono: float | None = None
        self.problem: BrokerError | None = None
        self.frames = 0
        self.garbage = 0
        self.huge = 0
        self.failures = 0
        self.connections = 0

    def send(self, text: str) -> bool:
        """Put `text` on the stream. False when it is not live or too much waits: what matters is sent on `opened`."""
        if self._outgoing is None or self.state is not StreamState.LIVE:
            return False
        try:
            self._outgoing.put_nowait(text)
        except asyncio.QueueFull:
            return False
        return True

    def reconnect(self) -> None:
        """Give the present connection up, for one with a new cookie; or end the pause before the next attempt."""
        self._again.set()

    async def run(self) -> None:
        """Keep the stream open, until cancelled."""
        attempt = 0
        try:
            while True:
                self.state = StreamState.CONNECTING
                self._opened_mono = None
                reason = await self._serve()
                steady = self._opened_mono is not None and self._clock.monotonic() - self._opened_mono >= STEADY_AFTER
                self._dropped(reason)
                attempt = 0 if steady else attempt
                self._again.clear()
                await wait_for(self._again, min(2.0**attempt, LONGEST_PAUSE) * (1 + self._jitter()), self._clock)
                attempt = min(attempt + 1, 5)
        finally:
            self._dropped("stopped")
            self.state = StreamState.OFF

    def _dropped(self, reason: str) -> None:
        was_live = self.state is StreamState.LIVE
        self.state = StreamState.LOST
        self._outgoing = None
        if was_live:
            self._tell(self._listener.closed, reason)

    async def _serve(self) -> str:
        """One connection from its cookie to its end; why it ended."""
        try:
            async with asyncio.timeout(OPEN_DEADLINE):
                socket = await self._open()
        except TimeoutError:
            return f"no WebSocket within {OPEN_DEADLINE:g} s"
        except BrokerError as error:
            self.problem = error
            return error.message
        except (InvalidHandshake, InvalidURI, OSError) as error:
            return _words(error)
        try:
            return await self._live(socket)
        finally:
            await socket.close()

    async def _live(self, socket: DirectConnection) -> str:
        """Read, write and watch until one of them ends; why.

        No task group: on Python 3.11 its error would hide a cancellation that comes at the same moment.
        """
        self._over = asyncio.get_running_loop().create_future()
        tasks: list[asyncio.Future[None]] = [
            self._over,
            asyncio.create_task(self._read(socket), name="stream read"),
            asyncio.create_task(self._write(socket), name="stream write"),
            asyncio.create_task(self._watch(socket), name="stream watch"),
            asyncio.create_task(self._called(), name="stream called"),
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            error = task.exception()
            if isinstance(error, _Lost):
                return str(error)
            if isinstance(error, ConnectionClosed | OSError):
                self.huge += isinstance(error, ConnectionClosed) and _is_huge(error)
                return _words(error)
            if error is not None:
                raise error
        return "ended"

    async def _open(self) -> DirectConnection:
        cookie = await self._cookie()
        self._again.clear()  # a call of `reconnect` from here on is about this session value
        url, headers = self._authenticator.stream_request(cookie)
        secure = url.startswith("wss:")
        socket: Any = await _Connect(
            url,
            additional_headers={"User-Agent": USER_AGENT, **headers},
            user_agent_header=None,
            ssl=tls_context(verify=self._authenticator.verify_tls) if secure else None,
            proxy=None,
            compression=None,
            max_size=LARGEST_FRAME,
            open_timeout=None,
            ping_interval=None,
            close_timeout=2.0,
            logger=_wire_log,
            create_connection=DirectConnection,
        )
        self.connections += 1
        self.last_frame_mono = self._clock.monotonic()
        self._outgoing = asyncio.Queue(_MOST_WAITING)
        connection: DirectConnection = socket
        return connection

    async def _read(self, socket: DirectConnection) -> None:
        socket.listen(self._hear)
        await socket.ended()

    def _hear(self, raw: bytes) -> None:
        """One message, where it arrives."""
        if self._over is None or self._over.done():
            return
        self.last_frame_mono = self._clock.monotonic()
        try:
            message = _decode(raw)
        except UNREADABLE:
            self.garbage += 1
            return
        self.frames += 1
        topic = message.get("topic")
        if not isinstance(topic, str):
            topic = ""
        authenticated = _authenticated(message) if topic == "sts" else None
        if authenticated is True and self.state is StreamState.CONNECTING:
            self._begin()
        self._tell(self._listener.frame, topic, message)
        if authenticated is False:
            self._over.set_exception(_Lost("the brokerage session has ended"))

    def _tell(self, hear: Callable[..., None], *words: Any) -> None:
        """A frame that a room could not take must not cost the others theirs."""
        try:
            hear(*words)
        except Exception:
            self.failures += 1
            log.exception("the stream's listener failed in %s", hear.__name__)

    def _begin(self) -> None:
        self.state = StreamState.LIVE
        self.problem = None
        self._opened_mono = self._clock.monotonic()
        self._tell(self._listener.opened)

    async def _write(self, socket: DirectConnection) -> None:
        queue = self._outgoing
        while queue is not None:
            await socket.send(await queue.get())

    async def _watch(self, socket: DirectConnection) -> None:
        begun = tic = pinged = self._clock.monotonic()
        self._ponged = None
        while True:
            await self._clock.sleep(_LOOK_EVERY)
            now = self._clock.monotonic()
            if self.last_frame_mono is not None and now - self.last_frame_mono >= SILENCE:
                raise _Lost(f"nothing was heard for {SILENCE:g} s")
            if self._ponged is not None and now - self._ponged >= SILENCE:
                raise _Lost(f"no ping was answered for {SILENCE:g} s")
            if self.state is StreamState.CONNECTING and now - begun >= OPEN_DEADLINE:
                raise _Lost("the broker did not authenticate the WebSocket")
            if now - tic >= TIC_EVERY:
                tic = now
                self.send("tic")
            if now - pinged >= PING_EVERY:
                pinged = now
                asyncio.ensure_future(await socket.ping()).add_done_callback(self._answered)

    def _answered(self, ping: asyncio.Future[float]) -> None:
        """A ping was answered, or its connection ended."""
        if not ping.cancelled() and ping.exception() is None:
            self._ponged = self._clock.monotonic()

    async def _called(self) -> None:
        await self._again.wait()
        raise _Lost("it is opened anew")


def _authenticated(message: dict[str, Any]) -> bool | None:
    """What an `sts` frame says of the brokerage session; None when it does not (its fields come sparse)."""
    args = message.get("args")
    found = args.get("authenticated") if isinstance(args, dict) else None
    return found if isinstance(found, bool) else None


def _is_huge(error: ConnectionClosed) -> bool:
    """Whether it was we who closed, over a frame larger than `LARGEST_FRAME` (close code 1009)."""
    return error.sent is not None and error.sent.code == 1009


def _words(error: BaseException) -> str:
    """Why a connection failed, without its URL."""
    if isinstance(error, ConnectionClosed):
        code = error.rcvd.code if error.rcvd else 1006
        return f"the WebSocket was closed ({code})"
    if isinstance(error, InvalidStatus):
        return f"IBKR refused the WebSocket ({error.response.status_code})"
    return f"no WebSocket ({type(error).__name__})"

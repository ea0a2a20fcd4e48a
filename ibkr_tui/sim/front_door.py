"""A TCP front door before the server, for what happens below HTTP: resets, half-open connections, drips, no listener.

It relays bytes. The rule in force is asked again for every piece that is relayed, so it also strikes connections that
are open. The control URL (``POST door``) and fault scripts (``do = "door"``) set it::

    { mode = "reset", when = "answer", only = "rest", times = 1 }

``mode``: ``pass`` · ``refuse`` nobody listens (and open connections are reset) · ``reset`` with an RST, ``when``:
``accept`` before a byte is read, ``request`` when one came (it is not passed on), ``answer`` when the server has done
its work · ``half-open`` nothing comes through in either direction, and nobody says so · ``drip`` an answer, ``bytes``
at a time, every ``seconds`` · ``cut`` an ordinary end after ``bytes`` of the answer. ``only``: ``rest`` or ``ws``
connections. ``times``: how many connections are struck before all is well again (0: no limit).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from ibkr_tui.sim.clock import Clock

MODES = ("pass", "refuse", "reset", "half-open", "drip", "cut")
WHEN = ("accept", "request", "answer")
ONLY = ("", "rest", "ws")
PIECE = 65_536


@dataclass(frozen=True)
class Rule:
    """What the door does to connections."""

    mode: str = "pass"
    when: str = "answer"
    only: str = ""
    times: int = 0
    bytes: int = 1
    seconds: float = 0.1


def read_rule(body: Any) -> Rule:
    """Read a rule, strictly; ``ValueError`` says what is wrong."""
    known = {field.name for field in fields(Rule)}
    if not isinstance(body, dict) or "mode" not in body:
        raise ValueError("a door needs a mode")
    unknown = set(body) - known
    if unknown:
        raise ValueError(
            f"unknown key for door: {', '.join(sorted(map(str, unknown)))}; known: {', '.join(sorted(known))}"
        )
    for name, allowed in (("mode", MODES), ("when", WHEN), ("only", ONLY)):
        if name in body and body[name] not in allowed:
            raise ValueError(f"door: {name} must be one of {', '.join(filter(None, allowed))}")
    for name, kinds, least in (("times", int, 0), ("bytes", int, 1), ("seconds", int | float, 0)):
        value = body.get(name, least)
        if isinstance(value, bool) or not isinstance(value, kinds) or value < least:
            raise ValueError(f"door: {name} must be a number of at least {least}")
    return Rule(**body)


class FrontDoor:
    """The relay. ``listen`` gives a listening socket on a host and port; the first one is given open."""

    def __init__(self, clock: Clock, listen: Callable[[str, int], socket.socket], host: str) -> None:
        self._clock = clock
        self._listen = listen
        self._first: socket.socket | None = listen(host, 0)
        self.host = host
        self.port = int(self._first.getsockname()[1])
        self.rule = Rule()
        self.struck = 0
        self.accepted = 0
        self._target = 0
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()
        self._changed = asyncio.Event()

    async def run(self, target: int) -> None:
        """Relay to the port ``target`` until cancelled."""
        self._target = target
        try:
            while True:
                await self._open() if self.rule.mode != "refuse" else self._close()
                self._changed.clear()
                await self._changed.wait()
        finally:
            self._close()
            if self._first is not None:
                self._first.close()

    def set(self, rule: Rule) -> None:
        """Put a rule in force, for open connections too."""
        self.rule, self.struck = rule, 0
        self._changed.set()
        for connection in list(self._connections):
            if rule.mode == "refuse" or (rule.mode == "reset" and rule.when == "accept" and connection.meant(rule)):
                connection.reset()
        if rule.mode == "refuse":
            self._close()

    def state(self) -> dict[str, Any]:
        """For the control URL."""
        counts = {"accepted": self.accepted, "struck": self.struck, "open": len(self._connections)}
        return {"mode": self.rule.mode, **counts}

    async def _open(self) -> None:
        if self._server is None:
            listener = self._first if self._first is not None else self._listen(self.host, self.port)
            self._first = None
            self._server = await asyncio.start_server(self._accept, sock=listener)

    def _close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        connection = _Connection(self, reader, writer)
        self._connections.add(connection)
        try:
            if (
                self.rule.mode == "reset"
                and self.rule.when == "accept"
                and not self.rule.only
                and self.strike(connection)
            ):
                connection.reset()
            else:
                await connection.relay(self.host, self._target, self._clock)
        finally:
            self._connections.discard(connection)
            connection.close()

    def strike(self, connection: _Connection) -> bool:
        """Whether the rule in force is for this connection; counts each connection once."""
        if self.rule.mode == "pass" or not connection.meant(self.rule):
            return False
        if connection.struck_by is self.rule:
            return True
        if self.rule.times and self.struck >= self.rule.times:
            return False
        connection.struck_by = self.rule
        self.struck += 1
        return True


class _Connection:
    """One client's connection and the server's behind it."""

    def __init__(self, door: FrontDoor, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._door = door
        self._reader = reader
        self._writer = writer
        self._inner: asyncio.StreamWriter | None = None
        self._is_ws: bool | None = None
        self._sent = 0
        self.struck_by: Rule | None = None

    def meant(self, rule: Rule) -> bool:
        """Whether a rule is about this kind of connection; known from the first line of its first request."""
        return not rule.only or (self._is_ws is not None and (rule.only == "ws") == self._is_ws)

    async def relay(self, host: str, port: int, clock: Clock) -> None:
        """Both directions until one ends."""
        with contextlib.suppress(OSError):
            inner, self._inner = await asyncio.open_connection(host, port)
            upward = asyncio.create_task(self._upward(), name="door-request")
            downward = asyncio.create_task(self._downward(inner, clock), name="door-answer")
            try:
                await asyncio.wait((upward, downward), return_when=asyncio.FIRST_COMPLETED)
            finally:
                upward.cancel()
                downward.cancel()
                await asyncio.gather(upward, downward, return_exceptions=True)

    async def _upward(self) -> None:
        """Requests, to the server."""
        while data := await self._reader.read(PIECE):
            if self._is_ws is None:
                self._is_ws = b"/ws" in data.split(b"\r\n", 1)[0].split(b"?", 1)[0]
            rule = self._door.rule
            if rule.mode == "half-open" and self._door.strike(self):
                continue
            if rule.mode == "reset" and rule.when != "answer" and self._door.strike(self):
                self.reset()
                return
            if self._inner is not None:
                self._inner.write(data)
                await self._inner.drain()

    async def _downward(self, inner: asyncio.StreamReader, clock: Clock) -> None:
        """Answers, to the client."""
        while data := await inner.read(PIECE):
            rule = self._door.rule
            if rule.mode not in ("half-open", "reset", "drip", "cut") or not self._door.strike(self):
                await self._send(data)
            elif rule.mode == "reset":
                self.reset()
                return
            elif rule.mode == "cut":
                await self._send(data[: max(0, rule.bytes - self._sent)])
                self._sent += len(data)
                if self._sent >= rule.bytes:
                    return
            elif rule.mode == "drip":
                for start in range(0, len(data), rule.bytes):
                    await self._send(data[start : start + rule.bytes])
                    await clock.sleep(rule.seconds)

    async def _send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    def reset(self) -> None:
        """End the client's connection with an RST."""
        raw = self._writer.get_extra_info("socket")
        if raw is not None:
            with contextlib.suppress(OSError):
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    def close(self) -> None:
        """End both sides."""
        for writer in (self._writer, self._inner):
            if writer is not None:
                writer.close()

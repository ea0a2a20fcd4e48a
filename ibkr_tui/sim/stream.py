"""The WebSocket: one connection, its greeting, its subscriptions, and what it sends (reference section 6)."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from ibkr_tui.sim.logins import Login
from ibkr_tui.sim.oauth2 import bearer_of
from ibkr_tui.sim.rest.accounts import accounts_payload
from ibkr_tui.sim.spoiling import FrameSpoiler
from ibkr_tui.sim.subscriptions import Subscriptions
from ibkr_tui.sim.text import to_json

if TYPE_CHECKING:
    from ibkr_tui.sim.simulator import Simulator

HEARTBEAT_S = 10.0
TRANSPORT = "ibkr_tui.transport"
PUBLISH_S = 0.25
MOST_QUEUED = 500
_COOKIE = re.compile(r'(?:^|;\s*)api=("?\{[^}]*\}"?|[^;]*)')
_SESSION = re.compile(r'"?session"?\s*:\s*\\?"?([0-9a-fA-F]+)')


class _Ended(Exception):
    """The connection is over."""


def session_of(cookie: str) -> str:
    """The session id in a cookie header: ``api=<id>`` or ``api={"session":"<id>"}``."""
    found = _COOKIE.search(cookie)
    if found is None:
        return ""
    value = unquote(found.group(1)).strip().strip('"')
    inner = _SESSION.search(value)
    return inner.group(1) if inner else value


def login_of(sim: Simulator, websocket: WebSocket) -> Login | None:
    """Who connects: the cookie's session must belong to the user of ``oauth_token`` (the access token).

    A gateway knows no tokens; its cookie is the session as JSON.
    """
    session = session_of(websocket.headers.get("cookie", ""))
    token = websocket.query_params.get("oauth_token", "")
    now = sim.clock.now()
    if sim.options.gateway:
        login = sim.at_gateway
        is_json = "{" in websocket.headers.get("cookie", "")
        return login if login is not None and is_json and login.session_id == session else None
    bearer = websocket.headers.get("authorization", "")
    if bearer_of(bearer):
        # Not confirmed anywhere: the cookie of the session, and the bearer in the place of the access token.
        login = sim.oauth2.check(bearer)
        return login if login is not None and login.session_id == session else None
    for user in sim.users:
        for login in user.logins:
            if session and login.session_id == session and login.expires_at > now:
                return login if login.access_token and token == login.access_token else None
    return None


async def websocket_endpoint(websocket: WebSocket) -> None:
    """``/v1/api/ws``."""
    sim: Simulator = websocket.app.state.sim
    login = login_of(sim, websocket)
    if login is None:
        sim.statistics.ws_refused += 1
        await websocket.send_denial_response(Response(status_code=401))
        return
    if sim.outages.maintenance:
        sim.statistics.ws_refused += 1
        await websocket.send_denial_response(Response(status_code=503))
        return
    await websocket.accept()
    sim.statistics.ws_connections += 1
    stream = Stream(sim, websocket, login)
    sim.streams.add(stream)
    try:
        await stream.run()
    finally:
        sim.streams.discard(stream)


class Stream:
    """One open connection."""

    def __init__(self, sim: Simulator, websocket: WebSocket, login: Login) -> None:
        self.sim = sim
        self.login = login
        self.silent = False
        self.text_frames = False
        self._websocket = websocket
        self._spoiler = FrameSpoiler()
        self._outbox: asyncio.Queue[dict[str, Any] | str | int] = asyncio.Queue()
        self.subscriptions = Subscriptions(sim, login, self.send)

    async def run(self) -> None:
        """Serve until either side ends the connection."""
        stop_listening = self.sim.broker.listen(self.subscriptions.broker_event)
        try:
            async with asyncio.TaskGroup() as group:
                self._greet()
                group.create_task(self._write(), name="ws-write")
                group.create_task(self._beat(), name="ws-heartbeat")
                group.create_task(self._publish(), name="ws-publish")
                group.create_task(self._read(), name="ws-read")
        except* (_Ended, WebSocketDisconnect):
            pass
        finally:
            stop_listening()
            self.subscriptions.close()

    def send(self, frame: dict[str, Any] | str) -> None:
        """Queue a frame; a string goes out as it is."""
        self._outbox.put_nowait(frame)

    def close(self, code: int) -> None:
        """Close the connection with a code, after what is queued."""
        self._outbox.put_nowait(code)

    def abort(self) -> None:
        """Cut the connection without a closing frame, as a network does."""
        transport = self._websocket.scope.get(TRANSPORT)
        if transport is not None:
            transport.abort()

    def session_changed(self) -> None:
        """Tell the client about its session, as after ``ssodh/init``."""
        self.send({"topic": "sts", "args": self._status()})

    def _status(self) -> dict[str, Any]:
        up = self.login.authenticated
        return {
            "connected": True,
            "authenticated": up,
            "established": up,
            "competing": self.login.competing,
            "message": "",
            "fail": "",
        }

    def _greet(self) -> None:
        user = self.login.user
        self.send({"topic": "system", "success": user.name, "isFT": False, "isPaper": user.is_paper})
        self.send({"topic": "act", "args": accounts_payload(self.login)})
        self.session_changed()

    async def _write(self) -> None:
        """Frames are binary with UTF-8 JSON, as observed; the control URL can ask for text frames."""
        while True:
            frame = await self._outbox.get()
            if isinstance(frame, int):
                await self._websocket.close(frame)
                raise _Ended
            if self.silent and not (isinstance(frame, dict) and "hb" in frame):
                continue
            content = frame.encode() if isinstance(frame, str) else to_json(frame)
            topic = str(frame.get("topic", "")) if isinstance(frame, dict) else ""
            for spoilt in await self._spoil(topic, content):
                self.sim.statistics.ws_frames += 1
                if self.text_frames:
                    await self._websocket.send_text(spoilt.decode("utf-8", "replace"))
                else:
                    await self._websocket.send_bytes(spoilt)

    async def _spoil(self, topic: str, content: bytes) -> list[bytes]:
        """What the fault script makes of a frame."""
        fault = self.sim.faults.pick_frame(topic)
        if fault is not None and fault.do == "delay":
            await self.sim.clock.sleep(fault.seconds)
        if fault is not None and fault.do == "drop-socket":
            self.abort()
        return self._spoiler.spoil(fault, content)

    async def _beat(self) -> None:
        while True:
            await self.sim.clock.sleep(HEARTBEAT_S)
            self.send({"topic": "system", "hb": int(self.sim.clock.now() * 1000)})

    async def _publish(self) -> None:
        most = max(MOST_QUEUED, 2 * len(self.sim.market.walks))
        while True:
            if self.sim.scale.fast:
                await self.sim.market.next_step()
            else:
                await self.sim.clock.sleep(PUBLISH_S)
            self.subscriptions.publish()
            # A client that does not read must not make the queue grow: wait for it.
            while self._outbox.qsize() > most:
                await self.sim.clock.sleep(PUBLISH_S)

    async def _read(self) -> None:
        while True:
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                raise _Ended
            text = message.get("text")
            if text is None:
                text = (message.get("bytes") or b"").decode("utf-8", "replace")
            self._command(text.strip())

    def _command(self, text: str) -> None:
        """``TOPIC+TARGET+{JSON}``; several parts may be missing."""
        now = int(self.sim.clock.now() * 1000)
        if text == "tic":
            self.send({"topic": "tic", "alive": True, "lastAccessed": now})
            return
        if text == "ech+hb":
            self.send({"topic": "system", "hb": now})
            return
        head, brace, tail = text.partition("{")
        parts = head.rstrip("+").split("+")
        try:
            options = json.loads(brace + tail) if brace else {}
        except ValueError:
            self.send({"error": f"Bad JSON in {parts[0]}", "code": 2})
            return
        if not self.subscriptions.command(parts[0], parts[1:], options):
            self.send({"error": f"Topic unknown {parts[0][:20]}", "code": 1})

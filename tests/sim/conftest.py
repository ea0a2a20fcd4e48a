"""A simulator on a real loopback socket in the test's own loop, and a client that signs by itself."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import heapq
import hmac
import itertools
import json
import secrets
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus, urlencode

import httpx
import pytest
import websockets
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

from ibkr_tui.sim import simulator
from ibkr_tui.sim.credentials import Issued, issue_many
from ibkr_tui.sim.options import SimOptions
from ibkr_tui.sim.server import Running, serve

AAPL = 265598


class FakeClock:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.moment = 1_762_300_000.0
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()

    def now(self) -> float:
        return self.moment

    def monotonic(self) -> float:
        return self.moment

    async def sleep(self, seconds: float) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (self.moment + seconds, next(self._numbers), waiter))
        await waiter

    async def advance(self, seconds: float) -> None:
        """Move on, waking sleepers in their order and letting each run."""
        target = self.moment + seconds
        while self._waiting and self._waiting[0][0] <= target:
            self.moment, _, waiter = heapq.heappop(self._waiting)
            if not waiter.done():
                waiter.set_result(None)
            for _ in range(4):
                await asyncio.sleep(0)
        self.moment = target


@dataclass
class Client:
    """A small OAuth 1.0a client of the tests, written apart from both the simulator and the core."""

    running: Running
    credentials: dict[str, Any]
    http: httpx.AsyncClient
    token: bytes = b""
    session: str = ""
    frames: list[dict[str, Any]] = field(default_factory=list)
    clock: Callable[[], float] = time.time

    @property
    def account(self) -> str:
        return str(self.credentials["account_id"])

    @property
    def rest(self) -> str:
        return self.running.ready["rest_url"]

    def header(self, params: dict[str, str], signature: str, realm: str = "limited_poa") -> str:
        pairs = sorted({**params, "oauth_signature": quote_plus(signature)}.items())
        return f'OAuth realm="{realm}", ' + ", ".join(f'{key}="{value}"' for key, value in pairs)

    def params(self, method: str, **changes: str) -> dict[str, str]:
        params = {
            "oauth_consumer_key": self.credentials["consumer_key"],
            "oauth_nonce": secrets.token_hex(8),
            "oauth_signature_method": method,
            "oauth_timestamp": str(int(self.clock())),
            "oauth_token": self.credentials["access_token"],
        }
        return {**params, **changes}

    @staticmethod
    def base_string(method: str, url: str, params: dict[str, str]) -> str:
        text = "&".join(f"{key}={value}" for key, value in sorted(params.items()))
        return f"{method}&{quote_plus(url)}&{quote_plus(text)}"

    async def mint(self, **changes: str) -> httpx.Response:
        """Ask for a live session token, and work it out."""
        prime = int(self.credentials["dh_prime"], 16)
        private = secrets.randbits(256)
        params = self.params("RSA-SHA256", diffie_hellman_challenge=f"{pow(2, private, prime):x}", **changes)
        key = load_key(self.credentials["encryption_key_path"])
        secret = key.decrypt(base64.b64decode(self.credentials["access_token_secret"]), padding.PKCS1v15())
        url = f"{self.rest}/oauth/live_session_token"
        text = secret.hex() + self.base_string("POST", url, params)
        signer = load_key(self.credentials["signature_key_path"])
        signature = base64.b64encode(signer.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())).decode()
        response = await self.http.post(url, headers={"Authorization": self.header(params, signature)})
        if response.status_code == 200:
            shared = pow(int(response.json()["diffie_hellman_response"], 16), private, prime)
            digits = f"{shared:x}"
            raw = bytes.fromhex(digits.zfill(len(digits) + len(digits) % 2))
            raw = b"\0" + raw if raw[0] & 0x80 else raw
            self.token = hmac.digest(raw, secret, hashlib.sha1)
        return response

    def signed(self, method: str, url: str, covered: dict[str, str], realm: str = "limited_poa", **changes: str) -> str:
        """An Authorization header for an ordinary request."""
        params = self.params("HMAC-SHA256", **changes)
        text = self.base_string(method, url, {**params, **covered})
        signature = base64.b64encode(hmac.digest(self.token, text.encode(), hashlib.sha256)).decode()
        return self.header(params, signature, realm)

    async def call(self, method: str, path: str, body: Any = None, **query: str) -> httpx.Response:
        url = f"{self.rest}{path}"
        headers = {"Authorization": self.signed(method, url, query)}
        sent = url + ("?" + urlencode(query) if query else "")
        content = None if body is None else json.dumps(body)
        if content:
            headers["Content-Type"] = "application/json"
        return await self.http.request(method, sent, headers=headers, content=content)

    async def get(self, path: str, **query: str) -> Any:
        response = await self.call("GET", path, **query)
        assert response.status_code == 200, response.text
        return response.json()

    async def post(self, path: str, body: Any = None) -> Any:
        response = await self.call("POST", path, body)
        assert response.status_code == 200, response.text
        return response.json()

    async def place(self, **ticket: Any) -> Any:
        """Place one order and give back the answer as it is."""
        order = {"conid": AAPL, "side": "BUY", "quantity": 1, "orderType": "MKT", "tif": "DAY", **ticket}
        return await self.post(f"/iserver/account/{self.account}/orders", {"orders": [order]})

    async def login(self) -> Client:
        """Mint, start the brokerage session and make the calls that must come first."""
        response = await self.mint()
        assert response.status_code == 200, response.text
        await self.post("/iserver/auth/ssodh/init", {"publish": True, "compete": True})
        self.session = (await self.post("/tickle"))["session"]
        await self.get("/iserver/accounts")
        await self.get("/portfolio/accounts")
        return self

    async def control(self, action: str, body: Any) -> Any:
        response = await self.http.post(f"{self.running.ready['control_url']}/{action}", json=body)
        assert response.status_code == 200, response.text
        return response.json()

    async def state(self) -> dict[str, Any]:
        state: dict[str, Any] = (await self.http.get(f"{self.running.ready['control_url']}/state")).json()
        return state

    async def wait_state(self, condition: Callable[[dict[str, Any]], Any], seconds: float = 5.0) -> dict[str, Any]:
        """Ask for the state until it fulfils a condition."""
        async with asyncio.timeout(seconds):
            while True:
                state = await self.state()
                if condition(state):
                    return state
                await asyncio.sleep(0.02)

    def connect(self, cookie: str | None = None, token: str | None = None) -> websockets.connect:
        headers = {"Cookie": cookie if cookie is not None else f"api={self.session}"}
        access = token if token is not None else self.credentials["access_token"]
        return websockets.connect(f"{self.running.ready['ws_url']}?oauth_token={access}", additional_headers=headers)


def load_key(path: str) -> Any:
    return serialization.load_pem_private_key(Path(path).read_bytes(), None, unsafe_skip_rsa_key_validation=True)


async def next_frame(
    socket: websockets.ClientConnection, wanted: Callable[[dict[str, Any]], Any], seconds: float = 5.0
) -> dict[str, Any]:
    """The next frame that fulfils a condition; every one must be binary JSON."""
    async with asyncio.timeout(seconds):
        while True:
            frame = await socket.recv()
            assert isinstance(frame, bytes)
            value: dict[str, Any] = json.loads(frame)
            if wanted(value):
                return value


@pytest.fixture(scope="session")
def issued() -> list[Issued]:
    """RSA keys take a tenth of a second: one set for all tests."""
    return issue_many(2)


SimFactory = Callable[..., Awaitable[Client]]


@pytest.fixture
async def start(tmp_path: Path, issued: list[Issued], monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SimFactory]:
    """Start simulators; each call gives a client of the profile ``paper`` (or ``live``) that has not logged in."""
    monkeypatch.setattr(simulator, "issue_many", lambda count: issued)
    requests: asyncio.Queue[tuple[dict[str, Any], Any, asyncio.Future[Running]] | None] = asyncio.Queue()

    async def host() -> None:
        """One task enters and leaves the simulators, as their task groups demand."""
        request = await requests.get()
        if request is None:
            return
        options, clock, answer = request
        async with serve(SimOptions(tmp_path / "sim", **options), clock) as running:
            answer.set_result(running)
            await host()

    hosting = asyncio.create_task(host())
    async with httpx.AsyncClient(timeout=5.0, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)) as http:

        async def launch(profile: str = "paper", clock: Any = None, **options: Any) -> Client:
            answer: asyncio.Future[Running] = asyncio.get_running_loop().create_future()
            requests.put_nowait((options, clock, answer))
            running = await answer
            if options.get("gateway"):
                return Client(running, {"account_id": "DU1234567"}, http)
            path = Path(running.ready["credentials"])
            path = path.parent / "live" / path.name if profile == "live" else path
            client = Client(running, json.loads(path.read_text()), http)
            if clock is not None:
                client.clock = clock.now
            return client

        yield launch
    requests.put_nowait(None)
    async with asyncio.timeout(5):
        await hosting


@pytest.fixture
async def client(start: SimFactory) -> Client:
    """A logged-in client of a fresh simulator."""
    return await (await start()).login()


@pytest.fixture
def frame_of() -> Callable[..., Awaitable[dict[str, Any]]]:
    """Wait for a frame."""
    return next_frame


@pytest.fixture
def fake_clock() -> FakeClock:
    return FakeClock()

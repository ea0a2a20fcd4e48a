"""The two ends of a login: a server's half of the key exchange, a broker by script, and whole logins at simulators."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import msgspec
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from ibkr_tui.core.config import load
from ibkr_tui.core.keys.key_set import KeySet, load_key_set
from ibkr_tui.core.secrets import Secret
from ibkr_tui.core.session.authenticator import Authenticator
from ibkr_tui.core.session.oauth1 import OAuth1
from ibkr_tui.core.session.session import Session
from ibkr_tui.core.settings import Profile
from ibkr_tui.core.web.answer import Answer
from ibkr_tui.core.web.transport import Transport
from ibkr_tui.model.clock import Clock, SystemClock
from ibkr_tui.model.errors import BrokerError
from tests.core.session import vectors

REST = "https://api.ibkr.com/v1/api"
STREAM = "wss://api.ibkr.com/v1/api/ws"
_LATER_MS = 4_000_000_000_000


def rsa_key(numbers: Mapping[str, Any]) -> rsa.RSAPrivateKey:
    """A key from the numbers of the vectors."""
    n, d, p, q = (int(numbers[name], 16) for name in ("n", "d", "p", "q"))
    public = rsa.RSAPublicNumbers(int(numbers["e"]), n)
    return rsa.RSAPrivateNumbers(
        p, q, d, rsa.rsa_crt_dmp1(d, p), rsa.rsa_crt_dmq1(d, q), rsa.rsa_crt_iqmp(p, q), public
    ).private_key()


def answer(body: Any, status: int = 200) -> Answer:
    """An answer with JSON, or with the bytes as they are."""
    return Answer(status, body if isinstance(body, bytes) else json.dumps(body).encode())


def java_bytes(number: int) -> bytes:
    """What Java's BigInteger.toByteArray gives for a number that is not negative, digit by digit."""
    digits = f"{number:x}"
    raw = bytes.fromhex(digits if len(digits) % 2 == 0 else "0" + digits)
    return b"\0" + raw if raw[0] >= 0x80 else raw


class ServerHalf:
    """The server's half of a mint, checked and computed apart from the core. `choose` picks the shared number."""

    def __init__(self, keys: KeySet, rest_url: str = REST) -> None:
        self._keys = keys
        self._url = rest_url + "/oauth/live_session_token"
        self.choose: Callable[[int, int], bool] = lambda shared, response: True
        self.spoil: Callable[[dict[str, Any]], Answer] = answer
        self.mints = 0
        self.logouts = 0
        self.token = b""
        self.clock_skew_s: float | None = None
        self.expiration: float = _LATER_MS
        self.parameters: list[dict[str, str]] = []
        self.deadlines: list[float] = []

    async def unsigned(self, method: str, path: str, headers: Mapping[str, str], *, deadline: float = 10.0) -> Answer:
        self.deadlines.append(deadline)
        await asyncio.sleep(0)
        if path == "/logout":
            self.logouts += 1
            return answer({"status": True})
        self.mints += 1
        parameters = self._checked(method, headers["Authorization"])
        self.parameters.append(parameters)
        prime = self._keys.dh_prime
        challenge = int(parameters["diffie_hellman_challenge"], 16)
        exponent, response, shared = 1, 2, challenge
        while not (exponent > 64 and self.choose(shared, response)):
            exponent, response, shared = exponent + 1, response * 2 % prime, shared * challenge % prime
        secret = self._keys.prepend()
        self.token = hmac.digest(java_bytes(shared), secret, "sha1")
        return self.spoil({
            "diffie_hellman_response": f"{response:x}",
            "live_session_token_signature": hmac.new(
                self.token, self._keys.consumer_key.encode(), hashlib.sha1
            ).hexdigest(),
            "live_session_token_expiration": self.expiration,
        })  # fmt: skip

    def _checked(self, method: str, header: str) -> dict[str, str]:
        """The header's parameters, once the RSA signature on them is proven."""
        assert header.startswith(f'OAuth realm="{self._keys.realm}", ')
        found = dict(re.findall(r'(\w+)="([^"]*)"', header))
        realm, signature = found.pop("realm"), unquote(found.pop("oauth_signature"))
        assert realm and found["oauth_signature_method"] == "RSA-SHA256"
        text = "&".join(f"{name}={found[name]}" for name in sorted(found))
        base = f"{method}&{quote(self._url, safe='')}&{quote(text, safe='')}"
        self._keys.signature_key.public_key().verify(
            base64.b64decode(signature), (self._keys.prepend().hex() + base).encode(), padding.PKCS1v15(),
            hashes.SHA256(),
        )  # fmt: skip
        return found


Reply = Answer | BrokerError | Callable[[], Awaitable[Answer]]


class ScriptedBroker:
    """A transport whose answers a test sets. `calls` holds (seconds, method, path, body) on the given clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._begin = clock.monotonic()
        self.on_no_session: Callable[[], Awaitable[None]] | None = None
        self.on_renewed: Callable[[], Awaitable[None]] | None = None
        self.calls: list[tuple[float, str, str, Any]] = []
        ready = {"authenticated": True, "connected": True, "competing": False}
        self.standard: dict[str, Reply] = {
            "/iserver/auth/ssodh/init": answer(ready),
            "/iserver/auth/status": answer(ready),
            "/iserver/accounts": answer({"accounts": ["DU1234567", "DU7"], "isPaper": True}),
            "/tickle": answer({"session": "0123456789abcdef", "iserver": {"authStatus": ready}}),
            "/logout": answer({"status": True}),
        }
        self.next: dict[str, list[Reply]] = {}

    async def get(self, path: str, query: Any = (), *, deadline: float = 10.0, settled: bool = True) -> Answer:
        assert not settled
        return await self._reply("GET", path, None)

    async def post(self, path: str, body: Any = None, *, deadline: float = 10.0, settled: bool = True) -> Answer:
        assert not settled
        return await self._reply("POST", path, body)

    def paths(self) -> list[str]:
        return [path for _, _, path, _ in self.calls]

    def times(self, path: str) -> list[float]:
        """When `path` was called, in seconds from the begin."""
        return [at for at, _, called, _ in self.calls if called == path]

    async def _reply(self, method: str, path: str, body: Any) -> Answer:
        self.calls.append((round(self._clock.monotonic() - self._begin, 3), method, path, body))
        await asyncio.sleep(0)
        queue = self.next.get(path)
        reply = queue.pop(0) if queue else self.standard[path]
        if isinstance(reply, BrokerError):
            raise reply.again()
        return await reply() if callable(reply) else reply


class FakeTokens:
    """An authenticator without cryptography: a token for a day, and what a test makes of it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.epoch = 0
        self.trouble: BrokerError | None = None
        self.life = timedelta(seconds=86_000)
        self.ends: datetime | None = None
        self.renewals: list[float] = []
        self.failures: list[BrokerError] = []
        self.previous = False
        self.left = 0
        self.new_files = False

    @property
    def token_expires_at(self) -> datetime | None:
        return self.ends

    @property
    def verify_tls(self) -> bool:
        return True

    async def authorize(self, method: str, url: str, query: Any) -> dict[str, str]:
        return {}

    async def renew(self, seen: int) -> None:
        if seen != self.epoch:
            return
        self.renewals.append(self._clock.monotonic())
        if self.failures:
            raise self.failures.pop(0)
        self.epoch += 1
        self.ends = self._clock.now() + self.life

    def look_again(self) -> bool:
        seen, self.new_files = self.new_files, False
        return seen

    async def leave_previous(self) -> bool:
        self.left += 1
        return self.previous

    def stream_request(self, cookie: str) -> tuple[str, dict[str, str]]:
        return STREAM, {}


class Login:
    """A session by script on a fake clock, and everything that it shows."""

    def __init__(self, clock: Any, profile: Profile, authenticator: Authenticator | None) -> None:
        self.clock = clock
        self.broker = ScriptedBroker(clock)
        self.tokens = FakeTokens(clock)
        self.seen: list[tuple[str, str]] = []
        self.session = Session(
            profile, authenticator or self.tokens, self.broker, clock, self._changed, jitter=lambda: 1.0
        )

    def _changed(self) -> None:
        problem = self.session.problem
        self.seen.append((str(self.session.state), problem.code if problem else ""))

    @property
    def states(self) -> list[str]:
        return [state for state, _ in self.seen]


@pytest.fixture(scope="session")
def keys() -> KeySet:
    """The key set of the vectors."""
    return KeySet(
        vectors.CONSUMER_KEY, Secret(vectors.ACCESS_TOKEN), Secret(vectors.ACCESS_TOKEN_SECRET),
        rsa_key(vectors.SIGNATURE_KEY), rsa_key(vectors.ENCRYPTION_KEY), int(vectors.DH_PRIME, 16),
        vectors.DH_GENERATOR, vectors.REALM,
    )  # fmt: skip


@pytest.fixture
def server(keys: KeySet) -> ServerHalf:
    return ServerHalf(keys)


@pytest.fixture
def oauth(keys: KeySet, server: ServerHalf, fake_clock: Any) -> OAuth1:
    """A login with the vectors' keys at the server's half."""
    login = OAuth1(keys, REST, STREAM, fake_clock, jitter=lambda: 1.0)
    login.transport = server
    return login


@pytest.fixture
def patiently(fake_clock: Any) -> Callable[[Awaitable[Any]], Awaitable[Any]]:
    """`await patiently(work)`: its result, while the clock moves on as long as it takes."""

    async def drive(work: Awaitable[Any]) -> Any:
        task = asyncio.ensure_future(work)
        await fake_clock.settle()
        while not task.done():
            assert fake_clock.sleepers, "it waits for something else than time"
            await fake_clock.advance(fake_clock.sleepers[0])
        return await task

    return drive


@pytest.fixture
def profile(tmp_path: Path) -> Profile:
    path = tmp_path / "profile.toml"
    path.write_text('[profiles.paper]\nkind = "paper"\naccount_id = "DU1234567"\nkey_store = "keys"\n')
    return load(path, {}).profile


@pytest.fixture
async def scripted(fake_clock: Any, profile: Profile) -> AsyncIterator[Callable[..., Any]]:
    """`async with scripted(...) as login`: its session runs until the block ends."""

    @asynccontextmanager
    async def start(
        prepare: Callable[[Login], None] = lambda login: None,
        authenticator: Authenticator | None = None,
        **changes: Any,
    ) -> AsyncIterator[Login]:
        login = Login(fake_clock, msgspec.structs.replace(profile, **changes), authenticator)
        prepare(login)
        task = asyncio.create_task(login.session.run(), name="session under test")
        try:
            await fake_clock.settle()
            yield login
            assert not task.done(), "the session's task never ends by itself"
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    yield start


class RealLogin:
    """A whole login at a simulator: real keys, real sockets."""

    def __init__(self, simulator: Any, profile: Profile) -> None:
        self.simulator = simulator
        self.clock = SystemClock()
        self.oauth = OAuth1(
            load_key_set(profile),
            profile.rest_url,
            profile.ws_url,
            self.clock,
            dialect=profile.session.query_signing,
        )
        self.transport = Transport(profile.rest_url, self.oauth, self.clock)
        self.oauth.transport = self.transport
        self.states: list[str] = []
        self.session = Session(profile, self.oauth, self.transport, self.clock, self._changed)

    def _changed(self) -> None:
        self.states.append(str(self.session.state))


@pytest.fixture
def real() -> Callable[..., Any]:
    """`async with real(simulator) as login`: the session is running."""

    @asynccontextmanager
    async def start(simulator: Any, **changes: Any) -> AsyncIterator[RealLogin]:
        login = RealLogin(simulator, msgspec.structs.replace(load(simulator.config, {}).profile, **changes))
        task = asyncio.create_task(login.session.run(), name="session under test")
        try:
            yield login
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await login.session.stop()
            await login.transport.aclose()

    return start


@pytest.fixture
def refusal() -> Callable[..., Any]:
    """`with refusal("CODE") as caught`: a BrokerError of that code and no other."""

    @contextmanager
    def expect(code: str) -> Iterator[pytest.ExceptionInfo[BrokerError]]:
        with pytest.raises(BrokerError) as caught:
            yield caught
        assert caught.value.code == code, caught.value

    return expect

"""Signing a request, and everything a login computes, against ibind 0.2.2 with the same keys."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from ibind.oauth import oauth1a

from ibkr_tui.core.keys.key_set import KeySet
from ibkr_tui.core.secrets import Secret
from ibkr_tui.core.session.oauth1 import OAuth1
from ibkr_tui.core.web.answer import Answer
from ibkr_tui.model.clock import SystemClock

pytestmark = pytest.mark.bench

# RFC 3526, group 14.
PRIME = (
    "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404ddef9519b3cd3a431b"
    "302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7edee386bfb5a899fa5ae9f24117c4b1fe6"
    "49286651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f83655d23dca3ad961c62f356208552bb9ed529077096966d"
    "670c354e4abc9804f1746c08ca18217c32905e462e36ce3be39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9de2bcbf695581718"
    "3995497cea956ae515d2261898fa051015728e5a8aacaa68ffffffffffffffff"
)
URL = "https://api.ibkr.com/v1/api/"
TOKEN, CONSUMER = "0123456789abcdef0123", "BENCHKEY1"
EXPONENT = int("9" * 64, 16) | 1 << 255
SERVER_EXPONENT = int("7" * 64, 16)


class Server:
    """What the broker computes in advance, because the client's secret exponent is always the same one."""

    def __init__(self, plain: bytes) -> None:
        prime = int(PRIME, 16)
        self.response = format(pow(2, SERVER_EXPONENT, prime), "x")
        shared = pow(pow(2, EXPONENT, prime), SERVER_EXPONENT, prime)
        key = shared.to_bytes(shared.bit_length() // 8 + 1, "big")
        self.token = hmac.digest(key, plain, "sha1")
        self.signature = hmac.new(self.token, CONSUMER.encode(), hashlib.sha1).hexdigest()
        self.body = json.dumps(
            {
                "diffie_hellman_response": self.response,
                "live_session_token_signature": self.signature,
                "live_session_token_expiration": 4_102_444_800_000,
            }
        ).encode()


class Answers:
    """A transport that has the answer already."""

    clock_skew_s = 0.0

    def __init__(self, server: Server) -> None:
        self._answer = Answer(200, server.body)

    async def unsigned(self, method: str, path: str, headers: Mapping[str, str], *, deadline: float = 0) -> Answer:
        assert "diffie_hellman_challenge" in headers["Authorization"]
        return self._answer


class Sides:
    """Both clients on one set of keys."""

    def __init__(self, place: Path) -> None:
        keys = [rsa.generate_private_key(65537, 2048) for _ in range(2)]
        paths = [place / name for name in ("signature.pem", "encryption.pem")]
        for key, path in zip(keys, paths, strict=True):
            path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        plain = bytes(range(0, 64, 2))
        sealed = base64.b64encode(keys[1].public_key().encrypt(plain, padding.PKCS1v15())).decode()
        self.server = Server(plain)
        self.keys = KeySet(
            consumer_key=CONSUMER,
            access_token=Secret(TOKEN),
            access_token_secret=Secret(sealed),
            signature_key=keys[0],
            encryption_key=keys[1],
            dh_prime=int(PRIME, 16),
        )
        self.ours = OAuth1(self.keys, URL.rstrip("/"), "wss://api.ibkr.com/v1/api/ws", SystemClock())
        self.ours.transport = Answers(self.server)
        self.theirs = oauth1a.OAuth1aConfig(
            oauth_rest_url=URL, access_token=TOKEN, access_token_secret=sealed, consumer_key=CONSUMER, dh_prime=PRIME,
            dh_generator="2", encryption_key_fp=str(paths[1]), signature_key_fp=str(paths[0]), realm="limited_poa",
        )  # fmt: skip
        self.place = place

    def keys_opened_anew(self) -> None:
        """As the first login has it: the secret is still to be decrypted."""
        self.keys.__dict__.pop("_opened", None)

    def their_mint(self) -> None:
        """What ibind computes for a login, with the request left out."""
        prepend, extra, exponent = oauth1a.prepare_oauth(self.theirs)
        oauth1a.generate_oauth_headers(
            self.theirs, "POST", URL + "oauth/live_session_token", extra_headers=extra, signature_method="RSA-SHA256",
            prepend=prepend,
        )  # fmt: skip
        token = oauth1a.calculate_live_session_token(PRIME, exponent, self.server.response, prepend)
        assert oauth1a.validate_live_session_token(token, self.server.signature, CONSUMER)


@pytest.fixture
def sides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sides:
    """Exponents are no surprise, so that one answer of the server's fits every login."""
    randbits = secrets.randbits
    monkeypatch.setattr(secrets, "randbits", lambda bits: EXPONENT if bits == 256 else randbits(bits))
    return Sides(tmp_path)


def finished(work: Any) -> Any:
    """Run a coroutine that never waits, without the price of a loop."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waited")


def test_sign_one_request(sides: Sides, measure: Any, lines: Any) -> None:
    asyncio.run(sides.ours.renew(0))
    token = base64.b64encode(sides.server.token).decode()
    path = "iserver/marketdata/snapshot"
    query = {"conids": "265598,272093", "fields": "31,84,86", "since": "1700000000000"}
    pairs = tuple(query.items())

    def ours() -> None:
        finished(sides.ours.authorize("GET", URL + path, pairs))

    def theirs() -> None:
        oauth1a.generate_oauth_headers(sides.theirs, "GET", URL + path, token, request_params=query)

    found = measure.compare(lambda: measure.cpu_of(ours, 1000), lambda: measure.cpu_of(theirs, 300), rounds=15)
    lines.say("sign one request", f"{found.ours * 1e6:.1f} µs", f"ibind {found.theirs * 1e6:.1f} µs",
              f"1/{1 / found.ratio:.1f}", budget="≤ 1/5", noise=found.noise)  # fmt: skip
    assert found.ratio <= 1 / 2


@pytest.mark.parametrize("first", [True, False], ids=["first", "again"])
def test_mint(sides: Sides, measure: Any, lines: Any, first: bool) -> None:
    def ours() -> None:
        if first:
            sides.keys_opened_anew()
        finished(sides.ours._mint())

    assert sides.ours._token is None
    found = measure.compare(lambda: measure.cpu_of(ours, 10), lambda: measure.cpu_of(sides.their_mint, 3), rounds=15)
    assert sides.ours._token == sides.server.token
    lines.say(
        f"mint crypto, {'first login' if first else 'every further login'}", f"{found.ours * 1e3:.2f} ms",
        f"ibind {found.theirs * 1e3:.2f} ms", f"1/{1 / found.ratio:.1f}", budget="≤ 1/5", noise=found.noise,
    )  # fmt: skip
    assert found.ratio <= (1 if first else 1 / 4)

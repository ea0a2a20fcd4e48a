"""An OAuth 2.0 login: what it sends, and what becomes of every answer."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ibkr_tui.core.keys.client_keys import ClientKeys, load_client_keys
from ibkr_tui.core.session.oauth2 import OAuth2
from ibkr_tui.core.web.answer import Answer
from ibkr_tui.model.errors import BrokerError

KEY = rsa.generate_private_key(65537, 2048)
STREAM = "wss://api.ibkr.com/v1/api/ws"


def unpacked(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A token's header and claims, its signature checked."""
    head, claims, signature = text.split(".")
    pad = lambda part: part + "=" * (-len(part) % 4)  # noqa: E731
    KEY.public_key().verify(base64.urlsafe_b64decode(pad(signature)), f"{head}.{claims}".encode(), PKCS1v15(), SHA256())
    return tuple(json.loads(base64.urlsafe_b64decode(pad(part))) for part in (head, claims))  # type: ignore[return-value]


class Server:
    """Answers both calls; `answers` replaces the next ones."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Mapping[str, str], str]] = []
        self.answers: list[Answer] = []

    async def beside(self, path: str, headers: Mapping[str, str], content: bytes, *, deadline: float = 10.0) -> Answer:
        self.calls.append((path, headers, content.decode()))
        if self.answers:
            return self.answers.pop(0)
        token = "first" if path.endswith("/token") else "second"
        return Answer(200, json.dumps({"access_token": token, "token_type": "Bearer"}).encode(), {}, 1.0)


class Source:
    """Keys that can be replaced."""

    def __init__(self) -> None:
        self.changed = False

    def read(self) -> ClientKeys:
        self.changed = False
        return ClientKeys("CLIENT", "main", "paperuser", "203.0.113.7", KEY)

    def has_changed(self) -> bool:
        return self.changed


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def login(server: Server, source: Source, fake_clock: Any) -> OAuth2:
    made = OAuth2(source, STREAM, fake_clock, jitter=lambda: 1.0)
    made.transport = server
    return made


async def test_an_assertion_gets_a_token_and_the_token_a_session(
    login: OAuth2, server: Server, fake_clock: Any
) -> None:
    assert await login.authorize("GET", "https://api.ibkr.com/v1/api/tickle", ()) == {"Authorization": "Bearer second"}
    (first, kind, form), (second, bearer, text) = server.calls
    assert (first, kind) == (
        "/oauth2/api/v1/token",
        {"Content-Type": "application/x-www-form-urlencoded"},
    )
    fields = {name: values[0] for name, values in parse_qs(form).items()}
    header, claims = unpacked(fields.pop("client_assertion"))
    now = int(fake_clock.now().timestamp())
    assert header == {"alg": "RS256", "typ": "JWT", "kid": "main"}
    assert claims == {"iss": "CLIENT", "sub": "CLIENT", "aud": "/token", "iat": now - 5, "exp": now + 60}
    assert fields == {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "scope": "sso-sessions.write",
    }
    assert (second, bearer) == (
        "/gw/api/v1/sso-sessions",
        {"Content-Type": "application/jwt", "Authorization": "Bearer first"},
    )
    _, claims = unpacked(text)
    assert (claims["ip"], claims["credential"], claims["iss"]) == ("203.0.113.7", "paperuser", "CLIENT")
    assert claims["exp"] - now <= 86_400
    assert login.token_expires_at == datetime.fromtimestamp(now + 86_000, UTC)
    url, headers = login.stream_request("abc")
    assert (url, headers) == (STREAM, {"Cookie": "api=abc", "Authorization": "Bearer second"})


async def test_it_is_renewed_by_a_new_assertion_when_it_ends(login: OAuth2, server: Server, fake_clock: Any) -> None:
    await login.authorize("GET", "u", ())
    await fake_clock.advance(86_001)
    await login.authorize("GET", "u", ())
    assert (len(server.calls), login.epoch) == (4, 2)
    await login.renew(1)
    assert login.epoch == 2, "a newer token than the one that was refused is there already"


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (401, {"error": "invalid_client"}, "IBKR_AUTH_FAILED"),
        (400, {"error": "invalid_grant"}, "IBKR_AUTH_FAILED"),
        (429, {}, "IBKR_RATE_LIMITED"),
    ],
)
async def test_a_refusal_is_told_at_once_and_not_repeated(
    login: OAuth2, server: Server, status: int, body: dict[str, str], code: str
) -> None:
    server.answers = [Answer(status, json.dumps(body).encode(), {}, 1.0)]
    with pytest.raises(BrokerError) as caught:
        await login.authorize("GET", "u", ())
    assert caught.value.code == code
    assert len(server.calls) == 1
    assert "first" not in str(caught.value)


@pytest.mark.parametrize("body", [b"<html>busy</html>", b"{}", b'{"access_token": "a\\r\\nX: y"}', b""])
async def test_no_usable_answer_is_tried_four_times(login: OAuth2, server: Server, patiently: Any, body: bytes) -> None:
    server.answers = [Answer(200, body, {}, 1.0)] * 4
    with pytest.raises(BrokerError) as caught:
        await patiently(login.authorize("GET", "u", ()))
    assert caught.value.code == "IBKR_SESSION_MINT_FAILED"
    assert len(server.calls) == 4


async def test_mended_keys_are_read_and_end_the_silence(login: OAuth2, server: Server, source: Source) -> None:
    server.answers = [Answer(401, b"{}", {}, 1.0)] * 3
    for _ in range(4):
        with pytest.raises(BrokerError):
            await login.authorize("GET", "u", ())
    assert len(server.calls) == 3
    assert not login.look_again()
    source.changed = True
    assert login.look_again()
    assert await login.authorize("GET", "u", ()) == {"Authorization": "Bearer second"}
    assert login.keys_id.startswith("SHA256:")


def write(place: Path, **changes: Any) -> Path:
    """A credentials file with its key beside it."""
    pem = place / "client.pem"
    pem.write_bytes(KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    pem.chmod(0o600)
    values = {
        "client_id": "CLIENT",
        "client_key_id": "main",
        "private_key_path": "client.pem",
        "username": "paperuser",
        "ip_address": "203.0.113.7",
        "account_id": "DU1234567",
    }
    path = place / "credentials-oauth2.json"
    path.write_text(json.dumps(values | changes))
    path.chmod(0o600)
    return path


def test_keys_come_from_a_file_of_ones_own(tmp_path: Path) -> None:
    keys = load_client_keys(write(tmp_path), "DU1234567")
    assert (keys.client_id, keys.key_id, keys.username) == ("CLIENT", "main", "paperuser")
    assert "PRIVATE" not in repr(keys)
    assert "RSAPrivateKey" not in repr(keys)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"client_id": " "}, "client_id is empty"),
        ({"ip_address": "my house"}, "ip_address is no address"),
        ({"account_id": "DU7654321"}, "belongs to account DU7654321"),
        ({"private_key_path": "none.pem"}, "none.pem"),
        ({"secret": "x"}, "secret"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path: Path, changes: dict[str, str], words: str) -> None:
    with pytest.raises(BrokerError, match=words):
        load_client_keys(write(tmp_path, **changes), "DU1234567")


def test_a_profile_without_a_file_is_told_what_it_needs() -> None:
    with pytest.raises(BrokerError, match="needs a credentials_file"):
        load_client_keys(None, "DU1234567")

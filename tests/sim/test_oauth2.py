"""OAuth 2.0: the assertion, the token, the session, the bearer, and everything that is refused on the way."""

from __future__ import annotations

import base64
import json
import secrets
import stat
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


@dataclass
class Bearer:
    """A client of the tests, with its credentials file and nothing else."""

    client: Any
    credentials: dict[str, Any]
    key: Any
    bearer: str = ""
    claims: dict[str, Any] = field(default_factory=dict)

    @property
    def host(self) -> str:
        return str(self.client.rest).removesuffix("/v1/api")

    def signed(self, claims, key=None, **header):
        """A document: header, claims, RS256."""
        head = {"typ": "JWT", "alg": "RS256", "kid": self.credentials["client_key_id"], **header}
        text = ".".join(base64url(json.dumps(part).encode()) for part in (head, claims))
        signature = (key or self.key).sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{text}.{base64url(signature)}"

    def assertion(self, **changes):
        now, own = self.client.clock(), self.credentials["client_id"]
        claims = {"iss": own, "sub": own, "aud": "/token", "iat": int(now), "exp": int(now) + 60}
        claims |= {"jti": secrets.token_hex(8), **changes}
        return {key: value for key, value in claims.items() if value is not None}

    async def token(self, document=None, **form):
        fields = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": document or self.signed(self.assertion()),
            "scope": "sso-sessions.write",
            **form,
        }
        return await self.client.http.post(f"{self.host}/oauth2/api/v1/token", data=fields)

    def wish(self, **changes):
        now = self.client.clock()
        claims = {
            "ip": self.credentials["ip_address"],
            "credential": self.credentials["username"],
            "iss": self.credentials["client_id"],
            "iat": int(now),
            "exp": int(now) + 86_400,
        }
        return claims | changes

    async def session(self, token, document=None, kind="application/jwt"):
        headers = {"Authorization": f"Bearer {token}", "Content-Type": kind}
        content = document or self.signed(self.wish())
        return await self.client.http.post(f"{self.host}/gw/api/v1/sso-sessions", headers=headers, content=content)

    async def login(self):
        token = (await self.token()).json()["access_token"]
        self.bearer = (await self.session(token)).json()["access_token"]
        return self

    async def call(self, method, path, body=None):
        headers = {"Authorization": f"Bearer {self.bearer}"}
        return await self.client.http.request(method, self.client.rest + path, headers=headers, json=body)


def bearer_of(client, directory=""):
    path = Path(client.running.ready["config"]).parent / directory / "credentials-oauth2.json"
    credentials = json.loads(path.read_text())
    pem = Path(credentials["private_key_path"])
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(pem.stat().st_mode) == 0o600
    key = serialization.load_pem_private_key(pem.read_bytes(), None, unsafe_skip_rsa_key_validation=True)
    return Bearer(client, credentials, key)


@pytest.fixture
async def over(start):
    """A client with its credentials, before its first call."""
    return bearer_of(await start())


async def test_two_calls_lead_to_a_session_that_trades(over):
    token = await over.token()
    assert token.status_code == 200 and token.json()["token_type"] == "Bearer"
    assert (token.json()["expires_in"], token.json()["scope"]) == (86_399, "sso-sessions.write")
    session = await over.session(token.json()["access_token"])
    assert set(session.json()) == {"access_token", "token_type", "active"} and session.json()["active"] is True
    over.bearer = session.json()["access_token"]
    validated = (await over.call("GET", "/sso/validate")).json()
    assert validated["USER_NAME"] == over.credentials["username"] and validated["LOGIN_TYPE"] == 2
    assert (await over.call("GET", "/iserver/accounts")).status_code == 400, "no brokerage session yet"
    begun = await over.call("POST", "/iserver/auth/ssodh/init", {"publish": True, "compete": True})
    assert begun.json()["authenticated"] is True
    assert (await over.call("GET", "/iserver/accounts")).json()["accounts"] == ["DU1234567"]
    order = {"conid": 265598, "side": "BUY", "quantity": 1, "orderType": "MKT", "tif": "DAY", "cOID": "two"}
    placed = await over.call("POST", "/iserver/account/DU1234567/orders", {"orders": [order]})
    assert placed.json()[0]["local_order_id"] == "two"
    counted = (await over.client.state())["oauth2"]
    assert (counted["tokens"], counted["sessions"], counted["refusals"]) == (1, 1, {})


async def test_each_user_has_a_client_of_its_own(over):
    live = await bearer_of(over.client, "live").login()
    await live.call("POST", "/iserver/auth/ssodh/init", {"publish": True, "compete": True})
    assert (await live.call("GET", "/iserver/accounts")).json()["accounts"] == ["U7654321"]
    token = (await over.token()).json()["access_token"]
    other = await over.session(token, over.signed(over.wish(credential="simlive")))
    assert other.status_code == 403
    assert (await over.session(token, live.signed(live.wish()))).status_code == 403


async def test_the_stream_opens_with_cookie_and_bearer(over, frame_of):
    await over.login()
    await over.call("POST", "/iserver/auth/ssodh/init", {"publish": True, "compete": True})
    session = (await over.call("POST", "/tickle")).json()["session"]
    url, cookie = over.client.running.ready["ws_url"], {"Cookie": f"api={session}"}
    async with websockets.connect(
        url, additional_headers={**cookie, "Authorization": f"Bearer {over.bearer}"}
    ) as socket:
        frame = await frame_of(socket, lambda frame: frame["topic"] == "sts")
    assert frame["args"]["authenticated"] is True
    for headers in (cookie, {**cookie, "Authorization": "Bearer wrong"}, {"Authorization": f"Bearer {over.bearer}"}):
        with pytest.raises(websockets.InvalidStatus):
            async with websockets.connect(url, additional_headers=headers):
                pass


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"aud": "https://api.ibkr.com/oauth2/api/v1/token"}, 400, "aud must be /token"),
        ({"sub": "somebody"}, 400, "sub must be the client id"),
        ({"iss": "somebody"}, 401, "unknown client"),
        ({"exp": None}, 400, "exp must be a number"),
        ({"iat": "now"}, 400, "iat must be a number"),
        ({"iat": 4_000_000_000, "exp": 4_000_000_060}, 400, "iat lies in the future"),
        ({"iat": 1_000_000_000, "exp": 1_000_000_060}, 401, "expired"),
        ({"iat": 1_000_000_000}, 400, "at most 86400 s after iat"),
    ],
)
async def test_an_assertion_that_says_the_wrong_thing(over, changes, status, words):
    answer = await over.token(over.signed(over.assertion(**changes)))
    assert answer.status_code == status and words in answer.json()["detail"]
    assert answer.headers["content-type"] == "application/problem+json" and answer.headers["date"]


async def test_an_assertion_signed_by_somebody_else_or_not_at_all(over):
    live = bearer_of(over.client, "live")
    forged = await over.token(over.signed(over.assertion(), key=live.key))
    assert forged.status_code == 401 and "signature" in forged.json()["detail"]
    assert (await over.token(over.signed(over.assertion(), kid="other"))).status_code == 401
    for header in ({"alg": "none"}, {"alg": "HS256"}):
        assert "alg must be RS256" in (await over.token(over.signed(over.assertion(), **header))).json()["detail"]
    for document in ("", "a.b", "a.b.c", "!!.??.**", ".".join([base64url(b"[]")] * 3)):
        answer = await over.token(document or " ")
        assert answer.status_code == 400 and "part" in answer.json()["detail"], document


async def test_an_assertion_counts_once(over):
    document = over.signed(over.assertion(jti="once"))
    assert (await over.token(document)).status_code == 200
    again = await over.token(document)
    assert again.status_code == 401 and "jti was used before" in again.json()["detail"]
    without = over.signed(over.assertion(jti=None))
    assert (await over.token(without)).status_code == (await over.token(without)).status_code == 200


@pytest.mark.parametrize("form", [{"grant_type": "password"}, {"client_assertion_type": "x"}, {"scope": "everything"}])
async def test_a_form_that_asks_for_something_else(over, form):
    answer = await over.token(**form)
    assert answer.status_code == 400 and f"{next(iter(form))} must be" in answer.json()["detail"]


async def test_a_session_needs_a_token_a_document_and_an_address(over):
    token = (await over.token()).json()["access_token"]
    for given, document, kind, status in (
        ("wrong", None, "application/jwt", 401),
        (token, None, "application/json", 400),
        (token, "x", "application/jwt", 400),
        (token, over.signed(over.wish(ip="home")), "application/jwt", 400),
        (token, over.signed(over.wish(credential="nobody")), "application/jwt", 403),
        (token, over.signed(over.wish(exp=int(over.client.clock()) + 90_000)), "application/jwt", 400),
    ):
        assert (await over.session(given, document, kind)).status_code == status
    async with httpx.AsyncClient() as http:
        assert (await http.get(f"{over.host}/gw/api/v1/sso-sessions")).status_code == 405


async def test_a_bearer_ends_with_its_time_a_logout_or_a_fault(over):
    await over.login()
    for end in ("fault", "logout", "time"):
        assert (await over.call("POST", "/tickle")).status_code == 200
        if end == "fault":
            await over.client.control("session", {"do": "expire"})
        elif end == "logout":
            await over.call("POST", "/logout")
        else:
            await over.client.control("clock", {"seconds": 86_500})
        answer = await over.call("POST", "/tickle")
        assert (answer.status_code, answer.json()["error"]) == (401, "not authenticated"), end
        if end != "time":
            await over.login()
    signed_in_the_past = await over.token()
    assert signed_in_the_past.status_code == 401, "the clock of the server has moved on, the client's has not"


async def test_a_bearer_is_no_key_for_signatures(over):
    await over.login()
    over.client.token = b""
    answer = await over.client.call("POST", "/tickle")
    assert answer.status_code == 401


async def test_a_gateway_offers_none_of_it(start):
    client = await start(gateway=True)
    host = client.rest.removesuffix("/v1/api")
    assert (await client.http.post(f"{host}/oauth2/api/v1/token")).status_code in {401, 404}
    config = Path(client.running.ready["config"])
    assert not (config.parent / "credentials-oauth2.json").exists()
    assert set(tomllib.loads(config.read_text())["profiles"]) == {"paper", "live"}

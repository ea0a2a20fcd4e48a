"""OAuth 2.0, the server's half, as far as it is public (reference section 2): assertion, token, session, bearer.

Two calls lead to a session. The first gives a token for a signed assertion; the second, with that token, gives the
bearer of one username's session for a second signed document. Nothing renews either: the client asserts again.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import json
import secrets
from collections import Counter
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from starlette.responses import Response

from ibkr_tui.sim.clock import Clock
from ibkr_tui.sim.credentials import ClientRegistration
from ibkr_tui.sim.logins import Login, User
from ibkr_tui.sim.text import to_json

TOKEN_PATH = "/oauth2/api/v1/token"  # noqa: S105 - a path
SESSION_PATH = "/gw/api/v1/sso-sessions"
AUDIENCE = "/token"
SCOPE = "sso-sessions.write"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
TOKEN_LIFETIME_S = 86_399
LONGEST_S = 86_400
SKEW_S = 60


class Unfit(Exception):
    """A request that gets a problem document; ``status`` is its HTTP status."""

    def __init__(self, detail: str, status: int = 400) -> None:
        super().__init__(detail)
        self.detail = detail
        self.status = status


@dataclass(frozen=True)
class _Client:
    """What is known of one client, and whose sessions it may open."""

    registration: ClientRegistration
    user: User


class TokenServer:
    """Tokens given out, assertions seen, and the sessions behind the bearers."""

    def __init__(self, clock: Clock, clients: list[tuple[ClientRegistration, User]]) -> None:
        self._clock = clock
        self._clients = {registration.client_id: _Client(registration, user) for registration, user in clients}
        self._tokens: dict[str, tuple[_Client, float]] = {}
        self._bearers: dict[str, Login] = {}
        self._seen: dict[str, float] = {}
        self.tokens = 0
        self.sessions = 0
        self.refusals: Counter[str] = Counter()

    @staticmethod
    def serves(path: str) -> bool:
        """Whether a path of the host (without the prefix of the Web API) belongs here."""
        return path in (TOKEN_PATH, SESSION_PATH)

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Response:
        """Answer one of the two calls."""
        try:
            if method != "POST":
                raise Unfit("only POST is allowed", 405)
            given = self._token(headers, body) if path == TOKEN_PATH else self._session(headers, body)
        except Unfit as unfit:
            self.refusals[unfit.detail] += 1
            problem = {
                "type": "about:blank",
                "title": "Request refused",
                "status": unfit.status,
                "detail": unfit.detail,
            }
            return Response(to_json(problem), unfit.status, media_type="application/problem+json")
        return Response(to_json(given), media_type="application/json")

    def _token(self, headers: dict[str, str], body: bytes) -> dict[str, Any]:
        if not headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            raise Unfit("the body must be a form")
        form = dict(parse_qsl(body.decode("utf-8", "replace")))
        for name, wanted in (
            ("grant_type", "client_credentials"),
            ("client_assertion_type", ASSERTION_TYPE),
            ("scope", SCOPE),
        ):
            if form.get(name) != wanted:
                raise Unfit(f"{name} must be {wanted}")
        client, claims = self._read(form.get("client_assertion", ""))
        if claims.get("sub") != client.registration.client_id:
            raise Unfit("sub must be the client id")
        if claims.get("aud") != AUDIENCE:
            raise Unfit(f"aud must be {AUDIENCE}")
        token = secrets.token_urlsafe(32)
        self._tokens[token] = (client, self._clock.now() + TOKEN_LIFETIME_S)
        self.tokens += 1
        return {"access_token": token, "token_type": "Bearer", "expires_in": TOKEN_LIFETIME_S, "scope": SCOPE}

    def _session(self, headers: dict[str, str], body: bytes) -> dict[str, Any]:
        client, expires = self._tokens.get(bearer_of(headers.get("authorization", "")), (None, 0.0))
        if client is None or expires <= self._clock.now():
            raise Unfit("the access token is missing, unknown or expired", 401)
        if headers.get("content-type", "").split(";")[0].strip() != "application/jwt":
            raise Unfit("the body must be application/jwt")
        signer, claims = self._read(body.decode("ascii", "replace").strip())
        if signer is not client:
            raise Unfit("the document and the access token are of different clients", 403)
        if claims.get("credential") != client.user.name:
            raise Unfit("this client may not open a session for that credential", 403)
        try:
            ipaddress.ip_address(str(claims.get("ip")))
        except ValueError:
            raise Unfit("ip must be an IP address") from None
        now = self._clock.now()
        login = client.user.add_login(secrets.token_bytes(20), now)
        login.expires_at = min(login.expires_at, float(claims["exp"]))
        login.with_bearer = True
        bearer = secrets.token_urlsafe(32)
        self._bearers = {key: known for key, known in self._bearers.items() if known.expires_at > now}
        self._bearers[bearer] = login
        self.sessions += 1
        return {"access_token": bearer, "token_type": "Bearer", "active": True}

    def check(self, authorization: str) -> Login | None:
        """The login behind a bearer, if it still stands."""
        login = self._bearers.get(bearer_of(authorization))
        if login is None or login not in login.user.logins or login.expires_at <= self._clock.now():
            return None
        return login

    def _read(self, document: str) -> tuple[_Client, dict[str, Any]]:
        """A signed document's client and claims: RS256, known key, times in order, ``jti`` never used before."""
        parts = document.split(".")
        if len(parts) != 3:
            raise Unfit("a signed document has three parts")
        header, claims, signature = _object(parts[0]), _object(parts[1]), _decoded(parts[2])
        if header.get("alg") != "RS256":
            raise Unfit("alg must be RS256")
        client = self._clients.get(str(claims.get("iss")))
        if client is None:
            raise Unfit("unknown client", 401)
        if header.get("kid") != client.registration.key_id:
            raise Unfit("unknown key id", 401)
        try:
            client.registration.key.verify(
                signature, f"{parts[0]}.{parts[1]}".encode(), padding.PKCS1v15(), hashes.SHA256()
            )
        except InvalidSignature:
            raise Unfit("the signature does not fit", 401) from None
        self._check_times(claims)
        return client, claims

    def _check_times(self, claims: dict[str, Any]) -> None:
        now, issued, expires = self._clock.now(), claims.get("iat"), claims.get("exp")
        for name, value in (("iat", issued), ("exp", expires)):
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise Unfit(f"{name} must be a number of seconds")
        if float(claims["iat"]) > now + SKEW_S:
            raise Unfit("iat lies in the future")
        if float(claims["exp"]) <= now - SKEW_S:
            raise Unfit("the document has expired", 401)
        if float(claims["exp"]) - float(claims["iat"]) > LONGEST_S:
            raise Unfit(f"exp may lie at most {LONGEST_S} s after iat")
        mark = claims.get("jti")
        if mark is None:
            return
        self._seen = {known: until for known, until in self._seen.items() if until > now - SKEW_S}
        if str(mark) in self._seen:
            raise Unfit("jti was used before", 401)
        self._seen[str(mark)] = float(claims["exp"])


def bearer_of(authorization: str) -> str:
    """The token of an ``Authorization: Bearer`` header, or nothing."""
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _decoded(part: str) -> bytes:
    try:
        return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise Unfit("a part is not base64url") from None


def _object(part: str) -> dict[str, Any]:
    try:
        value = json.loads(_decoded(part))
    except ValueError:
        raise Unfit("a part is not JSON") from None
    if not isinstance(value, dict):
        raise Unfit("a part is not a JSON object")
    return value

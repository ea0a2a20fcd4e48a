"""OAuth 2.0 (experimental): a signed assertion gets a token, the token a session, a new assertion the next one.

Nothing of it could be tried at IBKR; what is known is in reference 2. There are no refresh tokens (W-25), and what its
WebSocket wants is told nowhere: it gets the tickle's session in the cookie and the bearer token.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final, Protocol
from urllib.parse import urlencode

import msgspec

from ibkr_tui.core.keys.client_keys import ClientKeys
from ibkr_tui.core.session.assertion import signed_token
from ibkr_tui.core.session.authenticator import Query
from ibkr_tui.core.session.renewal import REFUSALS, Renewal
from ibkr_tui.core.web.answer import Answer
from ibkr_tui.core.web.errors import problem_of
from ibkr_tui.core.web.retries import spread
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.errors import BrokerError

TOKEN_PATH: Final = "/oauth2/api/v1/token"  # noqa: S105 (a path)
SESSION_PATH: Final = "/gw/api/v1/sso-sessions"
AUDIENCE: Final = "/token"
SCOPE: Final = "sso-sessions.write"
ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_LIFE: Final = timedelta(seconds=60)
SESSION_LIFE: Final = timedelta(seconds=86_000)
BACKDATED: Final = timedelta(seconds=5)
"""A claim's `iat` is set back: a server whose clock is a little behind ours would refuse it."""
ASK_WITHIN_S: Final = 20.0


class Asking(Protocol):
    """What a login needs of the transport: one request to the same host, beside the API, sent once."""

    async def beside(
        self, path: str, headers: Mapping[str, str], content: bytes, *, deadline: float = ...
    ) -> Answer: ...


class ClientKeySource(Protocol):
    """Where the client's keys come from."""

    def read(self) -> ClientKeys: ...

    def has_changed(self) -> bool: ...


class TokenAnswer(msgspec.Struct, frozen=True):
    """The answer of both calls, as far as it is used."""

    access_token: str
    expires_in: float = 0.0


class OAuth2:
    """The authenticator of `auth = "oauth2"`."""

    verify_tls: Final = True

    def __init__(
        self, keys: ClientKeySource, ws_url: str, clock: Clock, *, jitter: Callable[[], float] = spread
    ) -> None:
        self._source = keys
        self._ws_url = ws_url
        self._clock = clock
        self._renewal = Renewal(clock, jitter)
        self._keys: ClientKeys | None = None
        self._bearer: str | None = None
        self._expires: datetime | None = None
        self.transport: Asking | None = None

    @property
    def epoch(self) -> int:
        return self._renewal.epoch

    @property
    def trouble(self) -> BrokerError | None:
        return self._renewal.trouble

    @property
    def token_expires_at(self) -> datetime | None:
        return self._expires

    @property
    def keys_id(self) -> str:
        """The public fingerprint of the client's key; empty until it has been read."""
        return self._keys.identity if self._keys is not None else ""

    async def authorize(self, method: str, url: str, query: Query) -> dict[str, str]:
        """The bearer token of the session. Logs in first when there is none, or the old one has ended."""
        if self._bearer is None or (self._expires is not None and self._clock.now() >= self._expires):
            await self.renew(self.epoch)
        return {"Authorization": f"Bearer {self._bearer}"}

    async def renew(self, seen: int) -> None:
        """Log in anew unless a token newer than `seen` is there. Raises as OAuth 1.0a's does."""
        await self._renewal.renew(seen, self._log_in)

    def look_again(self) -> bool:
        """Take the keys anew if their files have changed; what was refused to the old ones is forgotten."""
        if not self._source.has_changed():
            return False
        self._keys = self._bearer = self._expires = None
        self._renewal.forget()
        return True

    async def leave_previous(self) -> bool:
        """False: the new session takes the old one's place."""
        return False

    def stream_request(self, cookie: str) -> tuple[str, dict[str, str]]:
        """The session in the cookie and the bearer token (not confirmed anywhere)."""
        return self._ws_url, {"Cookie": f"api={cookie}", "Authorization": f"Bearer {self._bearer or ''}"}

    async def _log_in(self) -> None:
        self._keys = keys = self._source.read()
        now = self._clock.now()
        claims = {
            "iss": keys.client_id,
            "sub": keys.client_id,
            "aud": AUDIENCE,
            "iat": _seconds(now - BACKDATED),
            "exp": _seconds(now + ASSERTION_LIFE),
        }
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": signed_token(keys.key, keys.key_id, claims),
            "scope": SCOPE,
        }
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        first = await self._ask(TOKEN_PATH, kind, urlencode(form).encode(), "the token")
        claims = {
            "iss": keys.client_id,
            "ip": keys.ip_address,
            "credential": keys.username,
            "iat": _seconds(now - BACKDATED),
            "exp": _seconds(now + SESSION_LIFE),
        }
        kind = {"Content-Type": "application/jwt", "Authorization": f"Bearer {first.access_token}"}
        signed = signed_token(keys.key, keys.key_id, claims).encode()
        second = await self._ask(SESSION_PATH, kind, signed, "the session")
        self._bearer = second.access_token
        ends = now + SESSION_LIFE
        self._expires = min(ends, now + timedelta(seconds=second.expires_in)) if second.expires_in > 0 else ends

    async def _ask(self, path: str, headers: Mapping[str, str], content: bytes, what: str) -> TokenAnswer:
        """One call of the login; what is not a refusal is IBKR_SESSION_MINT_FAILED."""
        if self.transport is None:
            raise BrokerError("IBKR_SESSION_MINT_FAILED", "the transport is not open")
        try:
            answer = await self.transport.beside(path, headers, content, deadline=ASK_WITHIN_S)
        except BrokerError as error:
            if error.code == "IBKR_RATE_LIMITED":
                raise
            raise BrokerError("IBKR_SESSION_MINT_FAILED", f"the login got no answer: {error.message}") from None
        problem = problem_of(answer, f"the login ({what})")
        if problem is not None:
            if problem.code in REFUSALS or problem.code == "IBKR_RATE_LIMITED":
                raise problem
            if answer.status in {400, 403}:  # RFC 6749 5.2: invalid_client, invalid_grant, unauthorized_client
                raise BrokerError("IBKR_AUTH_FAILED", problem.message, details=problem.details)
            raise BrokerError("IBKR_SESSION_MINT_FAILED", problem.message, details=problem.details)
        try:
            found = msgspec.json.decode(answer.body, type=TokenAnswer)
        except (ValueError, RecursionError):
            found = TokenAnswer("")
        if not found.access_token.isascii() or not found.access_token.isprintable() or not found.access_token.strip():
            raise BrokerError("IBKR_SESSION_MINT_FAILED", "the answer to the login could not be read")
        return found


def _seconds(at: datetime) -> int:
    return int(at.timestamp())

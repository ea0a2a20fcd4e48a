"""The third parties' way to an access token: a request token, a person's permission, a verifier (reference 1.3).

Self-service consumers get token and secret from the portal and skip both calls, which refuse them.
"""

from __future__ import annotations

import re
import secrets
from typing import Final
from urllib.parse import quote, urlsplit

import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from ibkr_tui.core.keys.third_party import Granted
from ibkr_tui.core.secrets import Secret
from ibkr_tui.core.session import signing
from ibkr_tui.core.session.oauth1 import Minting
from ibkr_tui.core.session.skew import clock_problem
from ibkr_tui.core.web.answer import Answer
from ibkr_tui.core.web.errors import problem_of
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.unreadable import UNREADABLE

ASK_PATH: Final = "/oauth/request_token"
EXCHANGE_PATH: Final = "/oauth/access_token"
DEADLINE_S: Final = 20.0
REALM: Final = "limited_poa"
_SITE: Final = "https://interactivebrokers.com"
_API_HOST: Final = "api.ibkr.com"
_REFUSED: Final = {
    ASK_PATH: "IBKR must have this stage's public files for this consumer key, and the key must be a third party's.",
    EXCHANGE_PATH: "Copy the verifier again; it counts once, so then ask for a new request token and allow that.",
}
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~-]{1,256}")
_VERIFIER: Final = re.compile(r"[A-Za-z0-9._~-]{1,256}")


class AskAnswer(msgspec.Struct, frozen=True):
    """What `request_token` gives."""

    oauth_token: str


class ExchangeAnswer(msgspec.Struct, frozen=True):
    """What `access_token` gives; the secret is sealed with the encryption key. Its repr shows nothing of it."""

    oauth_token: str
    oauth_token_secret: str
    is_paper: bool | None = None

    def __repr__(self) -> str:
        return "ExchangeAnswer(not shown)"


class RequestTokens:
    """Both calls, at one server. `kind` is the profile's: a token for the other kind of account is not taken."""

    def __init__(self, transport: Minting, rest_url: str, clock: Clock, kind: str) -> None:
        self._transport = transport
        self._rest_url = rest_url
        self._clock = clock
        self._kind = kind

    async def ask(self, consumer_key: str, key: RSAPrivateKey) -> tuple[str, str]:
        """A request token, and the page where a person allows it. Raises BrokerError."""
        answer = await self._signed(ASK_PATH, consumer_key, key, {"oauth_callback": "oob"}, "the request token")
        try:
            token = msgspec.json.decode(answer.body, type=AskAnswer).oauth_token
        except UNREADABLE:
            token = ""
        if not _TOKEN.fullmatch(token):
            raise BrokerError("IBKR_RESPONSE_INVALID", "the answer to the request for a token could not be read")
        return token, authorize_url(self._rest_url, token)

    async def exchange(self, consumer_key: str, key: RSAPrivateKey, token: str, verifier: Secret) -> Granted:
        """The access token for a verifier, which counts once. Raises BrokerError, TOKEN_INVALID for its form."""
        given = "".join(verifier.reveal().split()).strip("\"'")
        if not _VERIFIER.fullmatch(given):
            raise BrokerError(
                "TOKEN_INVALID",
                "the verifier is empty or has characters it cannot have: it is the part after oauth_verifier= in the "
                "address that the page leads to",
                details={"field": "oauth_verifier"},
            )
        parameters = {"oauth_token": token, "oauth_verifier": given}
        answer = await self._signed(EXCHANGE_PATH, consumer_key, key, parameters, "the access token")
        try:
            found = msgspec.json.decode(answer.body, type=ExchangeAnswer)
        except UNREADABLE:
            raise BrokerError(
                "IBKR_RESPONSE_INVALID",
                "the access token's answer could not be read; a verifier counts once, so ask for a new request token",
            ) from None
        if found.is_paper is not None and found.is_paper != (self._kind == "paper"):
            theirs = "paper" if found.is_paper else "live"
            raise BrokerError(
                "ACCOUNT_KIND_MISMATCH",
                f"this permission is for a {theirs} account and the profile is {self._kind}: it is not used",
                user_action="Ask for a new request token, and allow it as the other username.",
            )
        return Granted(consumer_key, Secret(found.oauth_token), Secret(found.oauth_token_secret))

    async def _signed(
        self, path: str, consumer_key: str, key: RSAPrivateKey, more: dict[str, str], what: str
    ) -> Answer:
        """One POST, signed with the signature key and nothing in front of the base string."""
        parameters = {
            "oauth_consumer_key": consumer_key,
            "oauth_nonce": secrets.token_hex(16),
            "oauth_signature_method": "RSA-SHA256",
            "oauth_timestamp": str(int(self._clock.now().timestamp())),
            **more,
        }
        base = signing.base_string("POST", self._rest_url + path, parameters.items())
        header = signing.authorization(REALM, parameters, signing.sign_rsa(key, base))
        answer = await self._transport.unsigned("POST", path, {"Authorization": header}, deadline=DEADLINE_S)
        problem = problem_of(answer, what)
        if problem is None:
            return answer
        if problem.code == "IBKR_AUTH_FAILED":
            raise clock_problem(self._transport.clock_skew_s) or BrokerError(
                problem.code, problem.message, user_action=_REFUSED[path]
            )
        raise problem


def authorize_url(rest_url: str, token: str) -> str:
    """Where a person allows a request token: IBKR's own site, or the simulator's."""
    parts = urlsplit(rest_url)
    is_theirs = f".{parts.hostname or ''}".endswith(f".{_API_HOST}")
    site = _SITE if is_theirs else f"{parts.scheme}://{parts.netloc}"
    return f"{site}/authorize?oauth_token={quote(token, safe='')}"

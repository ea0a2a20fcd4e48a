"""OAuth 1.0a: mint a live session token without a person, sign every request with it (reference 1.3-1.5)."""

from __future__ import annotations

import hmac
import logging
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol
from urllib.parse import quote

import msgspec

from ibkr_tui.core.keys.key_set import KeySet
from ibkr_tui.core.session import signing
from ibkr_tui.core.session.authenticator import Query
from ibkr_tui.core.session.renewal import REFUSALS, Renewal
from ibkr_tui.core.session.request_signer import RequestSigner
from ibkr_tui.core.session.skew import clock_problem
from ibkr_tui.core.web.answer import Answer
from ibkr_tui.core.web.errors import problem_of
from ibkr_tui.core.web.retries import spread
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.errors import BrokerError

MINT_PATH: Final = "/oauth/live_session_token"
LOGOUT_PATH: Final = "/logout"
TOKEN_LIFE: Final = timedelta(seconds=86_000)
SOONEST_END: Final = timedelta(seconds=600)
MINT_DEADLINE_S: Final = 20.0
LOGOUT_DEADLINE_S: Final = 3.0
STREAM_AGENT: Final = "ClientPortalGW/1"
_log = logging.getLogger(__name__)


class Minting(Protocol):
    """What a mint needs of the transport: one request with its own signature, sent once, and the broker's time."""

    @property
    def clock_skew_s(self) -> float | None:
        """The broker's clock minus ours, in seconds."""
        ...

    async def unsigned(
        self, method: str, path: str, headers: Mapping[str, str], *, deadline: float = ...
    ) -> Answer: ...


class KeySource(Protocol):
    """Where the key set comes from."""

    def read(self) -> KeySet:
        """The key set as it is now. Raises IBKR_KEY_NOT_FOUND or IBKR_KEY_INVALID."""
        ...

    def has_changed(self) -> bool:
        """Whether the files are others than when they were last read."""
        ...


class MintAnswer(msgspec.Struct, frozen=True):
    """The three facts of a mint's answer; the expiry is in milliseconds (reference 1.3)."""

    diffie_hellman_response: str
    live_session_token_signature: str
    live_session_token_expiration: float = 0.0


class OAuth1:
    """The authenticator of `auth = "oauth1"`. One mint at a time, whoever asks."""

    verify_tls: Final = True

    def __init__(
        self,
        keys: KeySet | KeySource,
        rest_url: str,
        ws_url: str,
        clock: Clock,
        *,
        dialect: signing.Dialect = "whole",
        jitter: Callable[[], float] = spread,
    ) -> None:
        self._source = None if isinstance(keys, KeySet) else keys
        self._held = keys if isinstance(keys, KeySet) else None
        self._unusable: BrokerError | None = None
        self._rest_url = rest_url
        self._ws_url = ws_url
        self._clock = clock
        self._token: bytes | None = None
        self._previous: tuple[KeySet, bytes] | None = None  # what the login before this one was made with
        self._expires: datetime | None = None
        self._signer: RequestSigner | None = None
        self._last_timestamp = 0
        self.transport: Minting | None = None
        self._renewal = Renewal(clock, jitter)
        self._dialect = dialect
        self._read_keys()

    @property
    def epoch(self) -> int:
        """How many tokens there were."""
        return self._renewal.epoch

    @property
    def trouble(self) -> BrokerError | None:
        """What hinders a login that still goes on."""
        return self._renewal.trouble

    @property
    def token_expires_at(self) -> datetime | None:
        return self._expires

    @property
    def keys_id(self) -> str:
        """The public fingerprint of the key set; empty when no usable one was found."""
        return self._held.identity if self._held is not None else ""

    def look_again(self) -> bool:
        """Read the keys anew if their files have changed; what was refused to the old ones is forgotten."""
        if self._source is None or not self._source.has_changed():
            return False
        self._supersede()
        self._held = self._expires = None
        self._renewal.forget()
        self._read_keys()
        return True

    @property
    def _keys(self) -> KeySet:
        """The key set. Raises what makes it unusable."""
        if self._held is None:
            raise (self._unusable or BrokerError("IBKR_KEY_NOT_FOUND", "there are no keys")).again()
        return self._held

    def _read_keys(self) -> None:
        if self._source is None:
            return
        try:
            self._held, self._unusable = self._source.read(), None
        except BrokerError as problem:
            self._unusable = problem.again()

    async def authorize(self, method: str, url: str, query: Query) -> dict[str, str]:
        """The signed `Authorization` header. Mints first when there is no token, or the old one has ended."""
        if self._token is None or (self._expires is not None and self._clock.now() >= self._expires):
            await self.renew(self.epoch)
        if self._token is None:
            raise BrokerError("IBKR_SESSION_MINT_FAILED", "there is no live session token")
        return self._signed(self._keys, self._token, method, url, query)

    async def renew(self, seen: int) -> None:
        """Mint unless a token newer than `seen` is there.

        Raises IBKR_CONSUMER_REVOKED, IBKR_ACCESS_TOKEN_EXPIRED, IBKR_AUTH_FAILED or CLOCK_SKEW (refusals; after three
        in ten minutes nothing is sent any more), IBKR_SESSION_MINT_FAILED (four times no answer, or none that proves
        anything; after five such failures in a row nothing is sent for a minute), IBKR_RATE_LIMITED, IBKR_KEY_INVALID.
        """
        if self._held is None:
            self._read_keys()
        await self._renewal.renew(seen, self._mint)

    def _supersede(self) -> None:
        """The present token becomes the previous one, with the keys it was made with: they may be others soon."""
        if self._token is not None and self._held is not None:
            self._previous = (self._held, self._token)
        self._token = None

    async def leave_previous(self) -> bool:
        """Log out the token before the present one, whose brokerage session would compete with the new one's."""
        previous, self._previous = self._previous, None
        if previous is None or self.transport is None:
            return False
        headers = self._signed(*previous, "POST", self._rest_url + LOGOUT_PATH, ())
        try:
            answer = await self.transport.unsigned("POST", LOGOUT_PATH, headers, deadline=LOGOUT_DEADLINE_S)
        except BrokerError as error:
            _log.info("logout of the previous token: %s", error.code)
            return False
        return answer.status == 200

    def stream_request(self, cookie: str) -> tuple[str, dict[str, str]]:
        """The access token goes in the query, the tickle's session in the cookie (reference 1.5 and W-02)."""
        token = quote(self._keys.access_token.reveal(), safe="")
        return f"{self._ws_url}?oauth_token={token}", {"Cookie": f"api={cookie}", "User-Agent": STREAM_AGENT}

    async def _mint(self) -> None:
        prepend = self._keys.prepend()
        exponent = secrets.randbits(256) | 1 << 255
        challenge = format(pow(self._keys.dh_generator, exponent, self._keys.dh_prime), "x")
        parameters = {
            "diffie_hellman_challenge": challenge,
            "oauth_consumer_key": self._keys.consumer_key,
            "oauth_nonce": secrets.token_hex(16),
            "oauth_signature_method": "RSA-SHA256",
            "oauth_timestamp": str(self._timestamp()),
            "oauth_token": self._keys.access_token.reveal(),
        }
        base = prepend.hex() + signing.base_string("POST", self._rest_url + MINT_PATH, parameters.items())
        header = signing.authorization(self._keys.realm, parameters, signing.sign_rsa(self._keys.signature_key, base))
        answer = _read_answer(await self._ask(header), self._keys.dh_prime)
        token = signing.live_session_token(answer.diffie_hellman_response, exponent, self._keys.dh_prime, prepend)
        ours = signing.token_signature(token, self._keys.consumer_key)
        if not hmac.compare_digest(ours.encode(), answer.live_session_token_signature.lower().encode()):
            raise BrokerError(
                "IBKR_AUTH_FAILED",
                "the server's signature on the session token is wrong; it is not used",
                retryable=False,
            )
        self._supersede()
        self._token = token
        self._expires = self._ends(answer.live_session_token_expiration)

    async def _ask(self, header: str) -> Answer:
        """The mint's answer; failures of the network and of the server are IBKR_SESSION_MINT_FAILED.

        IBKR_RATE_LIMITED stays what it is: asking again would make it worse.
        """
        if self.transport is None:
            raise BrokerError("IBKR_SESSION_MINT_FAILED", "the transport is not open")
        try:
            answer = await self.transport.unsigned(
                "POST", MINT_PATH, {"Authorization": header}, deadline=MINT_DEADLINE_S
            )
        except BrokerError as error:
            if error.code == "IBKR_RATE_LIMITED":
                raise
            raise BrokerError("IBKR_SESSION_MINT_FAILED", f"the login got no answer: {error.message}") from None
        problem = problem_of(answer, "the login")
        if problem is not None:
            if problem.code == "IBKR_AUTH_FAILED":
                problem = clock_problem(self.transport.clock_skew_s) or problem
            if problem.code in REFUSALS or problem.code == "IBKR_RATE_LIMITED":
                raise problem
            raise BrokerError("IBKR_SESSION_MINT_FAILED", problem.message, details=problem.details)
        return answer

    def _ends(self, expires_ms: float) -> datetime:
        """Now + 86,000 s, or the server's time when that is earlier (W-09).

        One source calls the server's time that of the computation: a time that is past or nearly now is no end, or
        there would be a mint a minute.
        """
        now = self._clock.now()
        ours = now + TOKEN_LIFE
        try:
            theirs = datetime.fromtimestamp(expires_ms / 1000, UTC)
        except (OverflowError, ValueError, OSError):
            return ours
        return min(ours, theirs) if theirs > now + SOONEST_END else ours

    def _signed(self, keys: KeySet, token: bytes, method: str, url: str, query: Query) -> dict[str, str]:
        signer = self._signer
        if signer is None or signer.token is not token:
            signer = RequestSigner(token, keys.realm, keys.consumer_key, keys.access_token)
            self._signer = signer
        signed = query if self._dialect == "whole" else signing.in_dialect(query, self._dialect)
        return {"Authorization": signer.header(method, url, signed, self._timestamp())}

    def _timestamp(self) -> int:
        """Unix seconds, which never go back."""
        self._last_timestamp = max(self._last_timestamp, int(self._clock.now().timestamp()))
        return self._last_timestamp


def _read_answer(answer: Answer, prime: int) -> MintAnswer:
    """A mint's answer. Raises IBKR_SESSION_MINT_FAILED when it is something else."""
    try:
        found = msgspec.json.decode(answer.body, type=MintAnswer)
        if 1 < int(found.diffie_hellman_response, 16) < prime - 1:  # the others would make a token that is no secret
            return found
    except (ValueError, RecursionError):
        pass
    raise BrokerError("IBKR_SESSION_MINT_FAILED", "the answer to the login could not be read") from None

"""OAuth 1.0a, the server's half: who signed this request, and is the signature right (reference section 1)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import itertools
import re
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, quote_plus, unquote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from ibkr_tui.sim.clock import Clock
from ibkr_tui.sim.credentials import Registration
from ibkr_tui.sim.logins import Login, User

TIMESTAMP_WINDOW_S = 300
PUBLIC_BASE = "https://api.ibkr.com"
_FIELD = re.compile(r'\s*([A-Za-z_]+)\s*=\s*"([^"]*)"\s*(?:,|$)')


class Refused(Exception):
    """A request that gets no further; the body is the answer's ``error`` text, or None for an empty body."""

    def __init__(self, error: str | None, status: int = 401) -> None:
        super().__init__(error)
        self.error = error
        self.status = status


@dataclass(frozen=True)
class Signed:
    """The parts of a request that a signature covers."""

    method: str
    bases: tuple[str, ...]
    path: str
    query: str
    form: str
    authorization: str


def parse_header(value: str) -> dict[str, str]:
    """The parameters of an ``Authorization: OAuth …`` header, still percent-encoded."""
    scheme, _, rest = value.partition(" ")
    if scheme.lower() != "oauth":
        raise Refused("not authenticated")
    found: dict[str, str] = {}
    position = 0
    while position < len(rest):
        match = _FIELD.match(rest, position)
        if match is None or match.group(1) in found:
            raise Refused("malformed Authorization header")
        found[match.group(1)] = match.group(2)
        position = match.end()
    return found


def to_java_bytes(value: int) -> bytes:
    """Big-endian two's complement: one leading zero byte exactly when the top bit is taken (section 1.4, step 4)."""
    return value.to_bytes(value.bit_length() // 8 + 1, "big")


def base_strings(signed: Signed, oauth: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Every base string a client may have signed, with the name of its dialect (section 1.2)."""
    plain = list(oauth.items())
    urls = [f"{base}{path}" for base in signed.bases for path in dict.fromkeys((signed.path, unquote(signed.path)))]
    for url, (name, text) in itertools.product(urls, _parameter_strings(signed, plain)):
        yield name, f"{signed.method}&{quote(url, safe='')}&{text}"


def _parameter_strings(signed: Signed, oauth: list[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    """The parameter part of the base string in each dialect."""
    raw = [tuple((*pair.split("=", 1), "")[:2]) for pair in signed.query.split("&") if pair]
    decoded = parse_qsl(signed.query, keep_blank_values=True)
    form = parse_qsl(signed.form, keep_blank_values=True)
    extra = [("", form)] if form else []
    extra.append(("", []))
    for _, body in extra:
        included = _join([*oauth, *decoded, *body])
        yield "query-included" if decoded or body else "no-query", quote_plus(included)
        if "/" in included or " " in included:
            yield "query-included-slash-kept", quote(included)
            yield "query-included-spaces-as-20", quote(included, safe="")
        if decoded:
            yield "query-omitted", quote_plus(_join([*oauth, *body]))
            encoded = [(quote(key, safe="~"), quote(value, safe="~")) for key, value in decoded]
            yield "query-value-encoded", quote(_join([*oauth, *encoded, *body]), safe="")
            plus = [(quote_plus(key), quote_plus(value)) for key, value in decoded]
            yield "query-value-plus-encoded", quote_plus(_join([*oauth, *plus, *body]))
            yield "query-as-sent", quote_plus(_join([*oauth, *((str(k), str(v)) for k, v in raw), *body]))


def _join(pairs: Iterable[tuple[str, str]]) -> str:
    return "&".join(f"{key}={value}" for key, value in sorted(pairs))


class Verifier:
    """Checks signatures, mints live session tokens, and counts which dialects clients speak."""

    def __init__(self, clock: Clock, users: list[User]) -> None:
        self._clock = clock
        self.users = users
        self.dialects: Counter[str] = Counter()
        self.refusals: Counter[str] = Counter()
        self.mints = 0
        self.wanted_secret = ""
        self.active = True
        self._numbers = itertools.count(101)

    def _refuse(self, reason: str) -> Refused:
        """The 401 of reference section 1.5."""
        self.refusals[reason] += 1
        return Refused(f"id: {next(self._numbers)}, error: {reason}")

    def _consumer(self, oauth: dict[str, str]) -> tuple[User, Registration]:
        """Whose consumer key this is."""
        key = oauth.get("oauth_consumer_key", "")
        for user in self.users if self.active else ():
            if key in user.registrations:
                return user, user.registrations[key]
        raise self._refuse("invalid consumer")

    def _method_and_time(self, oauth: dict[str, str], method: str) -> None:
        if oauth.get("oauth_signature_method") != method:
            raise self._refuse("invalid signature method")
        stamp = oauth.get("oauth_timestamp", "")
        if not (stamp.isascii() and stamp.isdigit() and len(stamp) == 10):
            raise self._refuse("invalid timestamp")
        if abs(int(stamp) - self._clock.now()) > TIMESTAMP_WINDOW_S:
            raise self._refuse("timestamp out of range")

    def _realm_and_nonce(
        self, user: User, registration: Registration, realm: str | None, oauth: dict[str, str]
    ) -> None:
        """Checked after the signature, so that a forged request can't burn a nonce."""
        if realm != registration.realm:
            raise self._refuse("invalid realm")
        nonce = oauth.get("oauth_nonce", "")
        if not nonce or not user.use_nonce(nonce, self._clock.now()):
            raise self._refuse("invalid nonce")

    def mint(self, signed: Signed) -> dict[str, object]:
        """Answer ``POST /oauth/live_session_token`` (sections 1.3 and 1.4)."""
        oauth = parse_header(signed.authorization)
        realm, signature = oauth.pop("realm", None), unquote(oauth.pop("oauth_signature", ""))
        user, registration = self._consumer(oauth)
        key = registration.signature_key
        if key is None or registration.missing or registration.seconds_to_wait(self._clock.monotonic()) > 0:
            raise self._refuse("invalid consumer")
        if not registration.access_token or oauth.get("oauth_token") != registration.access_token:
            raise self._refuse(f"LST failed, error: No access secret key found for {registration.consumer_key}")
        self._signed_with(key, signed, oauth, signature, prepend=registration.secret.hex())
        self._realm_and_nonce(user, registration, realm, oauth)
        challenge = self._challenge(oauth.get("diffie_hellman_challenge", ""), registration.dh_prime)
        response, shared = self._exchange(challenge, registration.dh_prime, registration.dh_generator)
        token = hmac.digest(to_java_bytes(shared), registration.secret, hashlib.sha1)
        login = user.add_login(token, self._clock.now(), registration.consumer_key, registration.access_token)
        self.mints += 1
        return {
            "diffie_hellman_response": f"{response:x}",
            "live_session_token_signature": hmac.digest(token, registration.consumer_key.encode(), hashlib.sha1).hex(),
            "live_session_token_expiration": int(login.expires_at * 1000),
        }

    def third_party(self, signed: Signed) -> tuple[User, Registration, dict[str, str]]:
        """Who asks for a request token, or for an access token in its place: signed with the signature key, and
        without anything in front of the base string (section 1.3). A self-service consumer may not ask at all."""
        oauth = parse_header(signed.authorization)
        realm, signature = oauth.pop("realm", None), unquote(oauth.pop("oauth_signature", ""))
        user, registration = self._consumer(oauth)
        key = registration.signature_key
        if key is None or registration.missing or registration.seconds_to_wait(self._clock.monotonic()) > 0:
            raise self._refuse("invalid consumer")
        if not registration.is_third_party:
            raise self._refuse("consumer is not allowed to use this call")
        self._signed_with(key, signed, oauth, signature)
        self._realm_and_nonce(user, registration, realm, oauth)
        return user, registration, oauth

    def refuse(self, reason: str) -> Refused:
        """The refusal of a call that was signed well, counted."""
        return self._refuse(reason)

    def _signed_with(
        self, key: RSAPublicKey, signed: Signed, oauth: dict[str, str], signature: str, *, prepend: str = ""
    ) -> None:
        """RSA-SHA256 over the base string, with ``prepend`` in front of it."""
        self._method_and_time(oauth, "RSA-SHA256")
        try:
            raw_signature = base64.b64decode(signature, validate=True)
        except binascii.Error:
            raise self._refuse("invalid signature") from None
        for _, text in base_strings(signed, oauth):
            try:
                key.verify(raw_signature, (prepend + text).encode(), padding.PKCS1v15(), hashes.SHA256())
            except InvalidSignature:
                continue
            return
        raise self._refuse("invalid signature")

    def _challenge(self, text: str, prime: int) -> int:
        if not re.fullmatch(r"[0-9a-fA-F]{1,600}", text):
            raise self._refuse("invalid diffie_hellman_challenge")
        value = int(text, 16)
        if not 1 < value < prime - 1:
            raise self._refuse("invalid diffie_hellman_challenge")
        return value

    def _exchange(self, challenge: int, prime: int, generator: int) -> tuple[int, int]:
        """The server's public value and the shared secret; ``wanted_secret`` makes an awkward one happen."""
        private = secrets.randbits(256) | 1 << 255
        public, shared = pow(generator, private, prime), pow(challenge, private, prime)
        while not _is_wanted(self.wanted_secret, public, shared, prime.bit_length()):
            public, shared = public * generator % prime, shared * challenge % prime
        return public, shared

    def check(self, signed: Signed) -> Login:
        """The login that signed an ordinary request, or :class:`Refused`."""
        if not signed.authorization:
            self.refusals["no header"] += 1
            raise Refused(None)
        oauth = parse_header(signed.authorization)
        realm, signature = oauth.pop("realm", None), unquote(oauth.pop("oauth_signature", ""))
        user, registration = self._consumer(oauth)
        made_with = (registration.consumer_key, oauth.get("oauth_token"))
        now = self._clock.now()
        logins = [
            login
            for login in user.logins
            if login.expires_at > now and (login.consumer_key, login.access_token) == made_with
        ]
        if not logins and oauth.get("oauth_token") != registration.access_token:
            raise self._refuse("invalid token")
        self._method_and_time(oauth, "HMAC-SHA256")
        if not logins:
            self.refusals["no valid token"] += 1
            raise Refused("not authenticated")
        for name, text in base_strings(signed, oauth):
            encoded = text.encode()
            for login in reversed(logins):
                expected = base64.b64encode(hmac.digest(login.token, encoded, hashlib.sha256)).decode()
                if hmac.compare_digest(expected.encode(), signature.encode()):
                    self._realm_and_nonce(user, registration, realm, oauth)
                    self.dialects[name] += 1
                    return login
        raise self._refuse("invalid signature")


def _is_wanted(kind: str, public: int, shared: int, bits: int) -> bool:
    if kind == "top_bit":
        return shared.bit_length() == bits
    if kind == "leading_zero":
        return shared.bit_length() <= bits - 8
    if kind == "odd_response":
        return len(f"{public:x}") % 2 == 1
    return True

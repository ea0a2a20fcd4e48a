"""OAuth 1.0a arithmetic as IBKR uses it, pure: base strings, headers, the live session token (reference 1.2-1.5).

The parameter string is encoded once as a whole, not value by value as RFC 5849 would have it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Literal
from urllib.parse import quote, quote_plus

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256

Query = Iterable[tuple[str, str]]
Dialect = Literal["whole", "by_value", "omitted"]
"""How a query enters the base string: as it is, with each value encoded first as RFC 5849 has it, or not at all.

All that IBKR publishes speaks of the first (reference 1.2); the others are for the day its servers differ.
"""


def in_dialect(query: Iterable[tuple[str, str]], dialect: Dialect) -> list[tuple[str, str]]:
    """The part of a query that is signed, in `dialect`."""
    if dialect == "omitted":
        return []
    if dialect == "by_value":
        return [(quote(name, safe="~"), quote(value, safe="~")) for name, value in query]
    return list(query)


def base_string(method: str, url: str, parameters: Iterable[tuple[str, str]]) -> str:
    """METHOD & URL without query & all parameters sorted by name (reference 1.2)."""
    pairs = "&".join([f"{name}={value}" for name, value in sorted(parameters)])
    return f"{method}&{quote_plus(url)}&{quote_plus(pairs)}"


def authorization(realm: str, parameters: Mapping[str, str], signature: str) -> str:
    """The `Authorization` header; `signature` is base64 and is the only value that is percent-encoded."""
    signed = sorted({**parameters, "oauth_signature": quote_plus(signature)}.items())
    return f'OAuth realm="{realm}", ' + ", ".join([f'{name}="{value}"' for name, value in signed])


def sign_rsa(key: RSAPrivateKey, text: str) -> str:
    """RSA-SHA256, PKCS#1 v1.5, base64: the signature of a mint."""
    return base64.b64encode(key.sign(text.encode(), PKCS1v15(), SHA256())).decode()


def sign_hmac(token: bytes, text: str) -> str:
    """HMAC-SHA256, base64: the signature of every later request."""
    return base64.b64encode(hmac.digest(token, text.encode(), "sha256")).decode()


def to_key_bytes(number: int) -> bytes:
    """Big-endian two's complement, as Java's BigInteger gives it: one leading zero byte when the top bit is set."""
    return number.to_bytes(number.bit_length() // 8 + 1, "big")


def live_session_token(response: str, secret_exponent: int, prime: int, prepend: bytes) -> bytes:
    """The live session token, never sent by anybody: HMAC-SHA1 of the decrypted secret under the shared number."""
    shared = pow(int(response, 16), secret_exponent, prime)
    return hmac.digest(to_key_bytes(shared), prepend, "sha1")


def token_signature(token: bytes, consumer_key: str) -> str:
    """What the server says about the token, to prove that both sides have the same one."""
    return hmac.new(token, consumer_key.encode(), hashlib.sha1).hexdigest()

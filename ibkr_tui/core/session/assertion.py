"""Signed JSON Web Tokens, RS256, as OAuth 2.0 at IBKR wants them of its clients (reference 2)."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import msgspec
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256


def signed_token(key: RSAPrivateKey, key_id: str, claims: Mapping[str, Any]) -> str:
    """`claims` under the client's key; `key_id` tells the server which of its public keys to check with."""
    header = {"alg": "RS256", "typ": "JWT", "kid": key_id}
    text = f"{_packed(header)}.{_packed(claims)}"
    return f"{text}.{_base64(key.sign(text.encode(), PKCS1v15(), SHA256()))}"


def _packed(value: Mapping[str, Any]) -> str:
    return _base64(msgspec.json.encode(value))


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

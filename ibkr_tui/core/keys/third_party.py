"""A third party's rotation: what it has asked for, kept beside the staged set until a person has allowed it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, Protocol

import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from ibkr_tui.core.keys.pem import read_private
from ibkr_tui.core.secrets import Secret
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.unreadable import UNREADABLE

ASKED: Final = "request.json"
_CONSUMER: Final = re.compile(r"[0-9a-f]{25}")


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request token that waits for its verifier. It is good for nothing without the signature key."""

    consumer_key: str
    request_token: str
    authorize_url: str


class Granted(msgspec.Struct, frozen=True):
    """What a verifier gave."""

    consumer_key: str
    access_token: Secret
    access_token_secret: Secret


class Grants(Protocol):
    """IBKR's two calls for third parties. Both raise BrokerError."""

    async def ask(self, consumer_key: str, key: RSAPrivateKey) -> tuple[str, str]:
        """A request token, and the page where a person allows it."""
        ...

    async def exchange(self, consumer_key: str, key: RSAPrivateKey, token: str, verifier: Secret) -> Granted:
        """The access token for a verifier."""
        ...


def third_party_key(text: str) -> str:
    """A third party's consumer key: 25 hex digits (reference 1.1). Raises TOKEN_INVALID."""
    key = text.strip().strip("\"'").lower()
    if not _CONSUMER.fullmatch(key):
        raise BrokerError(
            "TOKEN_INVALID",
            "a third party's consumer key is the 25 hexadecimal digits that IBKR gave it; a self-service consumer has "
            "nine letters and gets its token in the portal",
            user_action="Copy the 25 digits again, or enter the portal's values with `ibkr-tui rotate confirm`.",
            details={"field": "consumer_key"},
        )
    return key


def packed(asked: Asked) -> bytes:
    """The file of it."""
    return msgspec.json.encode(asked) + b"\n"


def read_asked(place: Path) -> Asked | None:
    """What the version in `place` waits for; None when it waits for nothing that can be used."""
    try:
        return msgspec.json.decode(read_private(place / ASKED, "request token"), type=Asked)
    except (BrokerError, *UNREADABLE):
        return None

"""Time-based one-time passwords, RFC 6238: the code that IBKR's login page asks for as a second factor."""

from __future__ import annotations

import base64
import binascii
import hmac
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from ibkr_tui.core.keys.pem import read_private
from ibkr_tui.core.secrets import Secret
from ibkr_tui.model.errors import BrokerError

STEP_S: Final = 30
DIGITS: Final = 6
_SHORTEST: Final = 10


class Totp(msgspec.Struct, frozen=True):
    """A code and for how many seconds it is still good."""

    code: str
    seconds_left: int


def read_secret(path: Path) -> Secret:
    """The secret in a file that only its owner may read, as base32 text. Raises TOTP_SECRET_INVALID."""
    try:
        text = read_private(path, "TOTP secret file")
    except BrokerError as error:
        raise BrokerError("TOTP_SECRET_INVALID", error.message) from None
    try:
        secret = Secret("".join(text.decode("ascii").split()).replace("-", "").upper())
        usable = len(_key(secret)) >= _SHORTEST
    except (UnicodeDecodeError, binascii.Error, ValueError):
        usable = False
    if not usable:
        raise BrokerError("TOTP_SECRET_INVALID", f"the TOTP secret file {path} holds no base32 secret")
    return secret


def code_at(secret: Secret, moment: datetime, digits: int = DIGITS) -> Totp:
    """The code of the thirty seconds that `moment` is in (HMAC-SHA1, as authenticator apps do)."""
    seconds = int(moment.timestamp())
    digest = hmac.digest(_key(secret), (seconds // STEP_S).to_bytes(8, "big"), "sha1")
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return Totp(f"{number % 10**digits:0{digits}d}", STEP_S - seconds % STEP_S)


def _key(secret: Secret) -> bytes:
    text = secret.reveal().rstrip("=")
    return base64.b32decode(text + "=" * (-len(text) % 8))

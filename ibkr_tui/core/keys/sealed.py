"""Opening the access token secret, which IBKR gives out encrypted with the encryption key (reference 1.1, 1.4)."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from ibkr_tui.model.errors import BrokerError

# PKCS#1 v1.5: 00 02, at least eight bytes that are not zero, 00, the message.
_PADDED: Final = re.compile(rb"\x00\x02[^\x00]{8,}\x00(.+)", re.DOTALL)


def open_secret(text: str, key: RSAPrivateKey) -> bytes:
    """The secret in plain bytes. Line ends and quotes around the base64 do not matter.

    Raises IBKR_KEY_INVALID when the text is not base64, or was not made for this key.
    """
    try:
        sealed = base64.b64decode("".join(text.split()).strip("\"'"), validate=True)
    except (binascii.Error, ValueError):
        raise BrokerError("IBKR_KEY_INVALID", "the access token secret is not base64; copy it again") from None
    # By hand: OpenSSL answers a text that is not for this key with random bytes, and the login would fail as if the
    # access token were wrong. Nobody can measure this arithmetic: it runs once, on a text that is always the same.
    numbers = key.private_numbers()
    size = (key.key_size + 7) // 8
    modulus, number = numbers.public_numbers.n, int.from_bytes(sealed, "big")
    found = None
    if len(sealed) == size and number < modulus:
        # By the two primes, which takes a quarter of the time.
        one, other = pow(number, numbers.dmp1, numbers.p), pow(number, numbers.dmq1, numbers.q)
        plain = other + (one - other) * numbers.iqmp % numbers.p * numbers.q
        found = _PADDED.fullmatch(plain.to_bytes(size, "big"))
    if found is None:
        raise BrokerError(
            "IBKR_KEY_INVALID",
            "the access token secret does not open with the encryption key; they are of two sets",
        )
    return found[1]

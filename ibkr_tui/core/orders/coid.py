"""Our own order ids: `t` and base32, in the sequence of time, never used again (faults section 2)."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Final

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_TIME_CHARS: Final = 10
_RANDOM_CHARS: Final = 16


def new_coid(now: datetime) -> str:
    """27 letters and digits: 48 bits of milliseconds, 80 random bits."""
    return "t" + _base32(int(now.timestamp() * 1000), _TIME_CHARS) + _base32(secrets.randbits(80), _RANDOM_CHARS)


def _base32(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 32)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))

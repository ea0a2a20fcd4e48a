"""``dhparam.pem``: PKCS#3, a SEQUENCE of prime and generator, and sometimes a third number (reference section 1.1).

Read and written by hand: it is forty lines, and cryptography is about to drop these parameters.
"""

from __future__ import annotations

import base64
import textwrap

KIND = "DH PARAMETERS"
_SEQUENCE, _INTEGER = 0x30, 0x02


def write_dhparam(prime: int, generator: int) -> bytes:
    """The PEM file of a prime and its generator."""
    body = _tagged(_SEQUENCE, b"".join(_tagged(_INTEGER, _minimal(number)) for number in (prime, generator)))
    lines = textwrap.wrap(base64.b64encode(body).decode(), 64)
    return "\n".join([f"-----BEGIN {KIND}-----", *lines, f"-----END {KIND}-----", ""]).encode()


def read_dhparam(pem: str) -> tuple[int, int]:
    """Prime and generator. Raises ValueError, without words, on whatever is anything else."""
    _, begin, rest = pem.partition(f"-----BEGIN {KIND}-----")
    text, end, _ = rest.partition(f"-----END {KIND}-----")
    if not begin or not end:
        raise ValueError
    try:
        body = base64.b64decode("".join(text.split()), validate=True)
    except ValueError:  # its own words are about base64
        raise ValueError from None
    content, after = _take(body, _SEQUENCE)
    numbers = []
    while content:
        number, content = _take(content, _INTEGER)
        numbers.append(int.from_bytes(number, "big", signed=True))
    if after or len(numbers) not in (2, 3) or min(numbers) <= 0:
        raise ValueError
    return numbers[0], numbers[1]


def _minimal(number: int) -> bytes:
    return number.to_bytes(number.bit_length() // 8 + 1, "big")


def _tagged(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    digits = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(digits)]) + digits + content


def _take(data: bytes, tag: int) -> tuple[bytes, bytes]:
    """The content of the first element, which must have this tag, and what follows it."""
    if len(data) < 2 or data[0] != tag:
        raise ValueError
    size, start = data[1], 2
    if size & 0x80:
        start += size & 0x7F
        size = int.from_bytes(data[2:start], "big")
    if not 0 < size <= len(data) - start:
        raise ValueError
    return data[start : start + size], data[start + size :]

"""Reading key files: precise words for what is wrong with one, and never a word of what is in it."""

from __future__ import annotations

import base64
import binascii
import errno
import os
import re
import stat
from pathlib import Path
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ibkr_tui.model.errors import BrokerError

_KEY_BITS: Final = 2048
_LARGEST: Final = 64 * 1024
_ARMOUR: Final = re.compile(rb"-----BEGIN DH PARAMETERS-----(.+?)-----END DH PARAMETERS-----", re.DOTALL)


def read_private(path: Path, what: str) -> bytes:
    """The bytes of a file that only its owner may read.

    Raises IBKR_KEY_NOT_FOUND, or IBKR_KEY_INVALID when it is no ordinary file, not ours, or open to others.
    """
    try:
        # Non-blocking: a pipe in the place of a key must not hold up the login.
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise BrokerError("IBKR_KEY_NOT_FOUND", f"the {what} {path} does not exist") from None
    except OSError as error:
        why = "it is a symbolic link" if error.errno == errno.ELOOP else os.strerror(error.errno or 0)
        raise BrokerError("IBKR_KEY_INVALID", f"the {what} {path} cannot be opened: {why}") from None
    except ValueError:
        raise BrokerError("IBKR_KEY_INVALID", f"the path of the {what} is not one") from None
    try:
        facts = os.fstat(handle)
        if not stat.S_ISREG(facts.st_mode):
            raise BrokerError("IBKR_KEY_INVALID", f"the {what} {path} is not an ordinary file")
        if facts.st_uid != os.geteuid():
            raise BrokerError("IBKR_KEY_INVALID", f"the {what} {path} belongs to another user")
        if facts.st_mode & 0o077:
            mode = stat.S_IMODE(facts.st_mode)
            raise BrokerError("IBKR_KEY_INVALID", f"the {what} {path} can be read by others (mode {mode:04o})")
        with open(handle, "rb", closefd=False) as file:
            return file.read(_LARGEST)
    finally:
        os.close(handle)


def load_key(path: Path, what: str) -> RSAPrivateKey:
    """The RSA-2048 private key in `path`, PKCS#1 or PKCS#8 (reference 1.1)."""
    text = read_private(path, what)
    if b"PUBLIC KEY" in text and b"PRIVATE" not in text:
        raise BrokerError("IBKR_KEY_INVALID", f"the {what} {path} is a public key; the private one is needed")
    if b"ENCRYPTED" in text:
        raise BrokerError(
            "IBKR_KEY_INVALID",
            f"the {what} {path} is protected by a passphrase; a login without a person needs it plain",
        )
    try:
        key = load_pem_private_key(text.replace(b"\r\n", b"\n"), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise BrokerError("IBKR_KEY_INVALID", f"the {what} {path} is not a PEM private key") from None
    if not isinstance(key, RSAPrivateKey):
        raise BrokerError("IBKR_KEY_INVALID", f"the {what} {path} is not an RSA key")
    if key.key_size != _KEY_BITS:
        raise BrokerError("IBKR_KEY_INVALID", f"the {what} {path} has {key.key_size} bits; IBKR takes {_KEY_BITS}")
    return key


def parse_dh_parameters(text: bytes, path: Path) -> tuple[int, int]:
    """Prime and generator of a `dhparam.pem`; a third integer (privateValueLength) is tolerated (reference 1.1)."""
    found = _ARMOUR.search(text)
    if found is None:
        raise BrokerError("IBKR_KEY_INVALID", f"{path} holds no Diffie-Hellman parameters")
    try:
        data = base64.b64decode(re.sub(rb"\s+", b"", found[1]), validate=True)
    except (binascii.Error, ValueError):
        raise BrokerError("IBKR_KEY_INVALID", f"{path}: its base64 is damaged; copy the file again") from None
    try:
        numbers = _der_integers(data)
    except (ValueError, IndexError) as error:
        why = str(error) if isinstance(error, ValueError) else "it is cut off"
        raise BrokerError("IBKR_KEY_INVALID", f"{path}: its DER is damaged ({why}); copy the file again") from None
    if len(numbers) not in {2, 3}:
        raise BrokerError("IBKR_KEY_INVALID", f"{path} holds {len(numbers)} numbers, not a prime and a generator")
    check_dh(numbers[0], numbers[1], str(path))
    return numbers[0], numbers[1]


def check_dh(prime: int, generator: int, source: str) -> None:
    """Raise IBKR_KEY_INVALID unless this can be a Diffie-Hellman group of IBKR's size."""
    sized = prime.bit_length() == _KEY_BITS and 2 <= generator < prime - 1
    # Fermat's test: one mistyped digit makes a composite, and a login that can never succeed.
    if not sized or pow(2, prime - 1, prime) != 1:
        raise BrokerError("IBKR_KEY_INVALID", f"the Diffie-Hellman prime of {source} is not a 2048-bit prime")


def parse_dh_hex(text: str, source: str) -> int:
    """The prime as hexadecimal text, as IBKR's users keep it."""
    digits = re.sub(r"[\s:]+", "", text).removeprefix("0x")
    if not re.fullmatch(r"[0-9a-fA-F]+", digits):
        raise BrokerError("IBKR_KEY_INVALID", f"the Diffie-Hellman prime of {source} is not hexadecimal")
    prime = int(digits, 16)
    check_dh(prime, 2, source)
    return prime


def _der_integers(data: bytes) -> list[int]:
    """The integers of a DER sequence of integers."""
    if data[0] != 0x30:
        raise ValueError("not a sequence")
    position, end = _der_length(data, 1)
    end += position
    if end != len(data):
        raise ValueError("it is cut off" if end > len(data) else "something follows it")
    numbers: list[int] = []
    while position < end:
        if data[position] != 0x02:
            raise ValueError("not an integer")
        start, length = _der_length(data, position + 1)
        if start + length > len(data):
            raise ValueError("it is cut off")
        if not length or data[start] & 0x80:
            raise ValueError("a number has lost its sign byte")
        numbers.append(int.from_bytes(data[start : start + length], "big"))
        position = start + length
    return numbers


def _der_length(data: bytes, at: int) -> tuple[int, int]:
    """Where the content begins, and how long it is."""
    first = data[at]
    if first < 0x80:
        return at + 1, first
    size = first & 0x7F
    return at + 1 + size, int.from_bytes(data[at + 1 : at + 1 + size], "big")

"""The three files that the portal takes, and its sentence for each one that it does not take (reference section 1.1).

Line ends must be LF: IBKR's portal refuses CRLF. Sizes are the documented ones: RSA of 2048 bits, and a safe prime of
2048 bits with the generator 2.
"""

from __future__ import annotations

import hashlib
import re

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from ibkr_tui.sim.dhparam import KIND, read_dhparam

KEY_BITS = 2048
PRIME_BITS = 2048
GENERATOR = 2
LARGEST = 16_384
_LINE = "-----BEGIN {kind}-----"
_WITNESSES = (2, 3, 5, 7)


class NotTaken(ValueError):
    """The portal's words for an upload it refuses."""


def read_public_key(text: object, what: str) -> rsa.RSAPublicKey:
    """The public RSA key of a PEM text; ``what`` names the field. Raises :class:`NotTaken`."""
    content = _pem(text, what, "PUBLIC KEY")
    try:
        key = serialization.load_pem_public_key(content.encode())
    except (ValueError, UnsupportedAlgorithm):
        raise NotTaken(f"{what}: the text between BEGIN and END is no public key") from None
    if not isinstance(key, rsa.RSAPublicKey):
        raise NotTaken(f"{what}: this is no RSA key; make one with openssl genrsa {KEY_BITS}")
    if key.key_size != KEY_BITS:
        raise NotTaken(f"{what}: the key has {key.key_size} bits, and {KEY_BITS} are wanted")
    return key


def read_parameters(text: object, what: str) -> tuple[int, int]:
    """Prime and generator of a ``dhparam.pem``. Raises :class:`NotTaken`."""
    content = _pem(text, what, KIND)
    try:
        prime, generator = read_dhparam(content)
    except ValueError:
        raise NotTaken(f"{what}: the text between BEGIN and END is no set of Diffie-Hellman parameters") from None
    if prime.bit_length() != PRIME_BITS:
        raise NotTaken(f"{what}: the prime has {prime.bit_length()} bits, and {PRIME_BITS} are wanted")
    if generator != GENERATOR:
        raise NotTaken(f"{what}: the generator is {generator}, and {GENERATOR} is wanted")
    if not (_may_be_prime(prime) and _may_be_prime(prime // 2)):
        raise NotTaken(f"{what}: the number is no safe prime; make one with openssl dhparam {PRIME_BITS}")
    return prime, generator


def key_fingerprint(key: rsa.RSAPublicKey) -> str:
    """SHA-256 over the key's DER in hex, as ``openssl pkey -pubin -outform DER | openssl sha256`` prints it."""
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return f"SHA256:{hashlib.sha256(der).hexdigest()}"


def _pem(text: object, what: str, kind: str) -> str:
    """The text, once its shape is right."""
    if not isinstance(text, str) or not text.strip():
        raise NotTaken(f"{what}: nothing was uploaded")
    if len(text) > LARGEST:
        raise NotTaken(f"{what}: the file has {len(text)} characters, which is more than any key")
    if "PRIVATE KEY" in text:
        raise NotTaken(f"{what}: this is a private key, which never leaves your machine; upload the public one")
    if "\r" in text:
        raise NotTaken(f"{what}: the lines end with CR LF; save the file with LF line ends and upload it again")
    if not text.isascii():
        raise NotTaken(f"{what}: the file is not plain text; upload the PEM file")
    found = re.search(r"-----BEGIN ([A-Z0-9 ]+)-----", text)
    if found is None:
        raise NotTaken(f"{what}: this is no PEM file; it must begin with {_LINE.format(kind=kind)}")
    if found.group(1) != kind:
        raise NotTaken(f"{what}: this is a {found.group(1)}; the portal wants {_LINE.format(kind=kind)}")
    return text


def _may_be_prime(number: int) -> bool:
    """Fermat's test on a few bases: it finds what was mangled, not what somebody forged."""
    return number > max(_WITNESSES) and all(pow(base, number - 1, number) == 1 for base in _WITNESSES)

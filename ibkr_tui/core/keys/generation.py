"""New key material: two RSA-2048 pairs and a Diffie-Hellman group, as the files IBKR's portal takes (reference 1.1)."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from ibkr_tui.core.keys.manifest import ENCRYPTION, GROUP, SIGNATURE

KEY_BITS: Final = 2048
GENERATOR: Final = 2
GROUP_14: Final = int(
    "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F"
    "83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B"
    "E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510"
    "15728E5A8AACAA68FFFFFFFFFFFFFFFF",
    16,
)
"""The 2048-bit MODP group of RFC 3526: as good as one of one's own, and there at once."""
PUBLIC_SIGNATURE: Final = "public_signature.pem"
PUBLIC_ENCRYPTION: Final = "public_encryption.pem"


@dataclass(frozen=True)
class Material:
    """What a set is made of before IBKR knows it. `private` stays here; `upload` is for the portal."""

    private: dict[str, bytes] = field(repr=False)
    upload: dict[str, bytes]
    fingerprints: tuple[str, str]


def new_material(prime: int = GROUP_14, generator: int = GENERATOR) -> Material:
    """Two new pairs beside this group. All files have LF line ends: the portal refuses others (W-10)."""
    signature, encryption = (rsa.generate_private_key(65537, KEY_BITS) for _ in range(2))
    group = group_file(prime, generator)
    return Material(
        private=private_files(signature, encryption, group),
        upload={
            PUBLIC_SIGNATURE: _public(signature),
            PUBLIC_ENCRYPTION: _public(encryption),
            GROUP: group,
        },
        fingerprints=(fingerprint(signature), fingerprint(encryption)),
    )


def private_files(signature: rsa.RSAPrivateKey, encryption: rsa.RSAPrivateKey, group: bytes) -> dict[str, bytes]:
    """What a version of a store holds of a set."""
    return {SIGNATURE: _private(signature), ENCRYPTION: _private(encryption), GROUP: group}


def upload_files(signature: rsa.RSAPrivateKey, encryption: rsa.RSAPrivateKey, group: bytes) -> dict[str, bytes]:
    """What the portal takes of a set that is there already."""
    return {PUBLIC_SIGNATURE: _public(signature), PUBLIC_ENCRYPTION: _public(encryption), GROUP: group}


def fingerprint(key: rsa.RSAPrivateKey) -> str:
    """SHA-256 of the public half, as `openssl pkey -pubout -outform DER | sha256sum` gives it."""
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"SHA256:{hashlib.sha256(public).hexdigest()}"


def group_file(prime: int, generator: int) -> bytes:
    """A `dhparam.pem`: the sequence of prime and generator (PKCS#3)."""
    body = _der(2, _integer(prime)) + _der(2, _integer(generator))
    text = base64.b64encode(_der(0x30, body)).decode()
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return "\n".join(["-----BEGIN DH PARAMETERS-----", *lines, "-----END DH PARAMETERS-----", ""]).encode()


def _integer(number: int) -> bytes:
    return number.to_bytes(number.bit_length() // 8 + 1, "big")  # with the sign byte, or DER reads it as negative


def _der(tag: int, content: bytes) -> bytes:
    length = len(content)
    size = (length.bit_length() + 7) // 8
    head = bytes([length]) if length < 0x80 else bytes([0x80 | size]) + length.to_bytes(size, "big")
    return bytes([tag]) + head + content


def _private(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _public(key: rsa.RSAPrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

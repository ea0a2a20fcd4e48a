"""Keys made for the tests, and credentials in each of their three forms."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from ibkr_tui.core.environment import EnvironmentCredentials
from ibkr_tui.core.secrets import Secret
from ibkr_tui.core.settings import Limits, MarketSettings, Profile, SafetySettings, UiSettings

# RFC 3526, group 14.
PRIME = int(
    "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404ddef9519b3cd3a431b"
    "302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7edee386bfb5a899fa5ae9f24117c4b1fe6"
    "49286651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f83655d23dca3ad961c62f356208552bb9ed529077096966d"
    "670c354e4abc9804f1746c08ca18217c32905e462e36ce3be39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9de2bcbf695581718"
    "3995497cea956ae515d2261898fa051015728e5a8aacaa68ffffffffffffffff", 16,
)  # fmt: skip


@dataclass(frozen=True)
class Material:
    """One set of credentials, and the secret in plain."""

    signature: rsa.RSAPrivateKey
    encryption: rsa.RSAPrivateKey
    plain: bytes
    sealed: str

    def words(self) -> list[str]:
        """What no message may hold: the secret's texts and a piece of each key's."""
        keys = [pem(key).decode().splitlines()[3] for key in (self.signature, self.encryption)]
        return [self.sealed, self.sealed[:24], self.plain.hex(), "token0123456789", *keys]


def pem(key: object, form: PrivateFormat = PrivateFormat.PKCS8) -> bytes:
    """A private key as text."""
    return key.private_bytes(Encoding.PEM, form, NoEncryption())  # type: ignore[attr-defined, no-any-return]


def private_file(path: Path, content: bytes | str, mode: int = 0o600) -> Path:
    """A file for its owner alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    path.chmod(mode)
    return path


def der(*numbers: int) -> bytes:
    """A DER sequence of integers."""

    def element(tag: int, content: bytes) -> bytes:
        length = len(content)
        head = bytes([length]) if length < 128 else b"\x82" + length.to_bytes(2, "big")
        return bytes([tag]) + head + content

    return element(0x30, b"".join(element(2, n.to_bytes(n.bit_length() // 8 + 1, "big")) for n in numbers))


def dh_file(*numbers: int) -> bytes:
    """A `dhparam.pem` of these integers."""
    text = base64.encodebytes(der(*numbers))
    return b"-----BEGIN DH PARAMETERS-----\n" + text + b"-----END DH PARAMETERS-----\n"


@pytest.fixture(scope="session")
def material() -> Material:
    signature, encryption = (rsa.generate_private_key(65537, 2048) for _ in range(2))
    plain = bytes(range(0, 64, 2))
    sealed = encryption.public_key().encrypt(plain, padding.PKCS1v15())
    return Material(signature, encryption, plain, base64.b64encode(sealed).decode())


class Places:
    """Writes a set of credentials as files, each form whole; a test then spoils what it is about."""

    prime = PRIME
    pem = staticmethod(pem)
    write = staticmethod(private_file)
    dh_file = staticmethod(dh_file)
    der = staticmethod(der)

    def __init__(self, root: Path, material: Material) -> None:
        self.root = root
        self.signature = private_file(root / "signature.pem", pem(material.signature))
        self.encryption = private_file(root / "encryption.pem", pem(material.encryption))
        self._material = material

    def json_file(self, **changes: object) -> Path:
        """`credentials.json` with paths beside it; a change to None leaves a field out."""
        content = {
            "consumer_key": "ABCDEFGHI", "access_token": "token0123456789",
            "access_token_secret": self._material.sealed, "signature_key_path": "signature.pem",
            "encryption_key_path": "encryption.pem", "dh_prime": f"{PRIME:x}", **changes,
        }  # fmt: skip
        kept = {name: value for name, value in content.items() if value is not None}
        return private_file(self.root / "credentials.json", json.dumps(kept))

    def store(self, **changes: str) -> Path:
        """A key store whose current version is a link, as in a rotation."""
        version = self.root / "store" / "versions" / "1"
        private_file(version / "signature.pem", pem(self._material.signature))
        private_file(version / "encryption.pem", pem(self._material.encryption))
        private_file(version / "dhparam.pem", dh_file(PRIME, 2))
        values = {
            "consumer_key": "ABCDEFGHI", "access_token": "token0123456789",
            "access_token_secret": self._material.sealed, **changes,
        }  # fmt: skip
        private_file(version / "credentials.toml", "".join(f'{name} = "{value}"\n' for name, value in values.items()))
        (self.root / "store" / "current").symlink_to("versions/1")
        return self.root / "store"

    def environment(self, **changes: object) -> EnvironmentCredentials:
        values = {
            "consumer_key": "ABCDEFGHI", "access_token": Secret("token0123456789"),
            "access_token_secret": Secret(self._material.sealed), "signature_key_path": str(self.signature),
            "encryption_key_path": str(self.encryption), "dh_prime": Secret(f"{PRIME:x}"), **changes,
        }  # fmt: skip
        return EnvironmentCredentials(**values)  # type: ignore[arg-type]

    @staticmethod
    def profile(**sources: object) -> Profile:
        """A paper profile with these credentials."""
        return Profile(
            "paper", "paper", "oauth1", "DU1234567", "https://api.ibkr.com/v1/api", "wss://api.ibkr.com/v1/api/ws",
            "send", Limits(), MarketSettings(), SafetySettings(), UiSettings(), **sources,  # type: ignore[arg-type]
        )  # fmt: skip


@pytest.fixture
def places(tmp_path: Path, material: Material) -> Places:
    return Places(tmp_path, material)

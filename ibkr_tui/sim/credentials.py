"""The users' secrets: made fresh at every start, written as files a client can log in with (design section 3)."""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import string
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

DH_GENERATOR = 2
# RFC 3526, group 14: a 2048-bit safe prime.
DH_PRIME = int(
    "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404dd"
    "ef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7ed"
    "ee386bfb5a899fa5ae9f24117c4b1fe649286651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f"
    "83655d23dca3ad961c62f356208552bb9ed529077096966d670c354e4abc9804f1746c08ca18217c32905e462e36ce3b"
    "e39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9de2bcbf6955817183995497cea956ae515d2261898fa0510"
    "15728e5a8aacaa68ffffffffffffffff",
    16,
)
REALM = "limited_poa"


@dataclass(frozen=True)
class Registration:
    """What the broker knows of one consumer: public halves and the decrypted token secret.

    What was not uploaded yet is None (the prime: 0). ``active_from`` is a moment of the monotonic clock, None: always.
    """

    consumer_key: str
    access_token: str
    secret: bytes
    signature_key: rsa.RSAPublicKey | None
    dh_prime: int = DH_PRIME
    dh_generator: int = DH_GENERATOR
    realm: str = REALM
    encryption_key: rsa.RSAPublicKey | None = None
    active_from: float | None = None

    @property
    def is_third_party(self) -> bool:
        """IBKR gives third parties 25 hex digits; who serves himself chooses nine letters (reference 1.1)."""
        return re.fullmatch(r"[0-9a-f]{25}", self.consumer_key) is not None

    @property
    def missing(self) -> list[str]:
        """Which of the three files nobody has uploaded."""
        held = {"signature": self.signature_key, "encryption": self.encryption_key, "dhparam": self.dh_prime}
        return [name for name, value in held.items() if not value]

    def seconds_to_wait(self, monotonic: float) -> float:
        """Until it is activated; 0 when it is."""
        return 0.0 if self.active_from is None else max(0.0, self.active_from - monotonic)

    def __repr__(self) -> str:
        return f"Registration({self.consumer_key})"


@dataclass(frozen=True)
class ClientRegistration:
    """What the broker knows of one OAuth 2.0 client."""

    client_id: str
    key_id: str
    key: rsa.RSAPublicKey


@dataclass(frozen=True)
class Issued:
    """A registration together with the client's private halves; ``client`` is the same user's way over OAuth 2.0."""

    registration: Registration
    signature_pem: bytes
    encryption_pem: bytes
    access_token_secret: str
    client: ClientRegistration
    client_pem: bytes

    def __repr__(self) -> str:
        return f"Issued({self.registration.consumer_key})"


def issue_many(count: int) -> list[Issued]:
    """Make credentials for ``count`` users; the RSA keys are made side by side, which is most of a start's time."""
    with ThreadPoolExecutor(max_workers=4) as pool:
        keys = list(pool.map(lambda _: rsa.generate_private_key(65537, 2048), range(3 * count)))
    return [_issue(*keys[3 * i : 3 * i + 3]) for i in range(count)]


def _issue(signature: rsa.RSAPrivateKey, encryption: rsa.RSAPrivateKey, client: rsa.RSAPrivateKey) -> Issued:
    secret = secrets.token_bytes(32)
    sealed = encryption.public_key().encrypt(secret, padding.PKCS1v15())
    consumer_key = "".join(secrets.choice(string.ascii_uppercase) for _ in range(9))
    registration = Registration(
        consumer_key,
        secrets.token_hex(10),
        secret,
        signature.public_key(),
        encryption_key=encryption.public_key(),
    )
    known = ClientRegistration(f"client-{secrets.token_hex(6)}", f"key-{secrets.token_hex(4)}", client.public_key())
    secret_text = base64.b64encode(sealed).decode()
    return Issued(registration, _pem(signature), _pem(encryption), secret_text, known, _pem(client))


def _pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def write_credentials(directory: Path, issued: Issued, account: str) -> Path:
    """Write ``credentials.json`` and the two key files, readable by the owner alone."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    signature, encryption = directory / "private_signature.pem", directory / "private_encryption.pem"
    write_private(signature, issued.signature_pem)
    write_private(encryption, issued.encryption_pem)
    registration = issued.registration
    document: dict[str, Any] = {
        "consumer_key": registration.consumer_key,
        "access_token": registration.access_token,
        "access_token_secret": issued.access_token_secret,
        "signature_key_path": str(signature.resolve()),
        "encryption_key_path": str(encryption.resolve()),
        "dh_prime": f"{registration.dh_prime:x}",
        "dh_generator": registration.dh_generator,
        "account_id": account,
        "realm": registration.realm,
    }
    target = directory / "credentials.json"
    write_private(target, json.dumps(document, indent=2).encode() + b"\n")
    return target


def write_oauth2_credentials(directory: Path, issued: Issued, username: str, address: str) -> Path:
    """Write ``credentials-oauth2.json`` and its key file beside the credentials of OAuth 1.0a."""
    key = directory / "private_client.pem"
    write_private(key, issued.client_pem)
    document = {
        "client_id": issued.client.client_id,
        "client_key_id": issued.client.key_id,
        "private_key_path": str(key.resolve()),
        "username": username,
        "ip_address": address,
    }
    target = directory / "credentials-oauth2.json"
    write_private(target, json.dumps(document, indent=2).encode() + b"\n")
    return target


def write_config(directory: Path, rest_url: str, ws_url: str, paper: str, live: str, *, gateway: bool = False) -> Path:
    """Write ``config.toml``: the profiles ``paper`` and ``live`` (design section 4), and paper again over OAuth 2.0."""
    auth = "gateway" if gateway else "oauth1"
    lines = ['default_profile = "paper"', ""]
    profiles = [
        ("paper", "paper", auth, paper, "credentials.json"),
        ("live", "live", auth, live, "live/credentials.json"),
        ("oauth2", "paper", "oauth2", paper, "credentials-oauth2.json"),
    ]
    for name, kind, auth, account, path in profiles[: 2 if gateway else 3]:
        settings = {"kind": kind, "auth": auth, "account_id": account, "rest_url": rest_url, "ws_url": ws_url}
        lines += profile_lines(name, settings if gateway else {**settings, "credentials_file": path})
    target = directory / "config.toml"
    write_private(target, "\n".join(lines).encode())
    return target


def profile_lines(name: str, settings: dict[str, str]) -> list[str]:
    """One profile of a configuration."""
    return [f"[profiles.{name}]", *(f'{key} = "{value}"' for key, value in settings.items()), ""]


def write_private(path: Path, content: bytes) -> None:
    """Write through a temporary name, so that nobody sees half a file; never readable by others."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    temporary.replace(path)

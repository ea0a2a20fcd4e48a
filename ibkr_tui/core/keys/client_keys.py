"""What an OAuth 2.0 login is made of: a client's name and key, and whose session it opens."""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ibkr_tui.core.keys.pem import load_key, read_private
from ibkr_tui.core.paths import expand
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.text import clean
from ibkr_tui.model.unreadable import UNREADABLE


class ClientCredentials(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The credentials file of `auth = "oauth2"`. `ip_address` is the public address that the session is bound to."""

    client_id: str
    client_key_id: str
    private_key_path: str
    username: str
    ip_address: str
    account_id: str = ""


@dataclass(frozen=True)
class ClientKeys:
    """A client and its private key, which stays out of the repr."""

    client_id: str
    key_id: str
    username: str
    ip_address: str
    key: RSAPrivateKey = field(repr=False)

    @cached_property
    def identity(self) -> str:
        """The fingerprint of the key's public half."""
        public = self.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return f"SHA256:{hashlib.sha256(public).hexdigest()[:16]}"


def read_client_credentials(path: Path) -> ClientCredentials:
    """The file's form alone. Raises IBKR_KEY_NOT_FOUND or IBKR_KEY_INVALID."""
    text = read_private(path, "credentials file")
    try:
        return msgspec.json.decode(text, type=ClientCredentials)
    except UNREADABLE as error:
        why = clean(str(error)) if isinstance(error, msgspec.MsgspecError) else "it is not text as it should be"
        raise BrokerError("IBKR_KEY_INVALID", f"the credentials file {path}: {why}") from None


def load_client_keys(path: Path | None, account_id: str) -> ClientKeys:
    """The login in the credentials file `path`. Raises IBKR_KEY_NOT_FOUND, IBKR_KEY_INVALID, IBKR_ACCOUNT_NOT_FOUND."""
    if path is None:
        raise BrokerError("IBKR_KEY_NOT_FOUND", 'a profile with auth = "oauth2" needs a credentials_file')
    found = read_client_credentials(path)
    if found.account_id and found.account_id != account_id:
        raise BrokerError(
            "IBKR_ACCOUNT_NOT_FOUND",
            f"the credentials file {path} belongs to account {clean(found.account_id, limit=20)}, "
            f"the profile names {account_id}",
        )
    for name in ("client_id", "client_key_id", "username"):
        if not getattr(found, name).strip():
            raise BrokerError("IBKR_KEY_INVALID", f"the credentials file {path}: {name} is empty")
    try:
        ipaddress.ip_address(found.ip_address.strip())
    except ValueError:
        raise BrokerError("IBKR_KEY_INVALID", f"the credentials file {path}: ip_address is no address") from None
    return ClientKeys(
        client_id=found.client_id.strip(),
        key_id=found.client_key_id.strip(),
        username=found.username.strip(),
        ip_address=found.ip_address.strip(),
        key=load_key(path.parent / expand(found.private_key_path), "client key"),
    )

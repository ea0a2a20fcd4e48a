"""Finding a profile's credentials: a credentials file, the key store's current version, or the environment."""

from __future__ import annotations

import hashlib
import re
import tomllib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ibkr_tui.core.environment import EnvironmentCredentials
from ibkr_tui.core.keys.manifest import MANIFEST, verified
from ibkr_tui.core.keys.pem import check_dh, load_key, parse_dh_hex, parse_dh_parameters, read_private
from ibkr_tui.core.keys.sealed import open_secret
from ibkr_tui.core.paths import expand
from ibkr_tui.core.secrets import Secret
from ibkr_tui.core.settings import Profile
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.text import clean
from ibkr_tui.model.unreadable import UNREADABLE

_TEST_CONSUMER: Final = "TESTCONS"
_WORD: Final = re.compile(r"[A-Za-z0-9._~+/=-]{1,256}")


@dataclass(frozen=True)
class KeySet:
    """All that a login needs. Keys and secrets stay out of its repr."""

    consumer_key: str
    access_token: Secret
    access_token_secret: Secret
    signature_key: RSAPrivateKey = field(repr=False)
    encryption_key: RSAPrivateKey = field(repr=False)
    dh_prime: int = field(repr=False)
    dh_generator: int = 2
    realm: str = "limited_poa"

    @cached_property
    def identity(self) -> str:
        """Names this set in public: the fingerprint of the signature key's public half, as openssl would give it."""
        public = self.signature_key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return f"SHA256:{hashlib.sha256(public).hexdigest()[:16]}"

    def prepend(self) -> bytes:
        """The decrypted access token secret (reference 1.4). Raises IBKR_KEY_INVALID."""
        return self._opened

    @cached_property
    def _opened(self) -> bytes:
        return open_secret(self.access_token_secret.reveal(), self.encryption_key)


class CredentialsFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`credentials.json`, the shape any IBKR OAuth client can use."""

    consumer_key: str
    access_token: str
    access_token_secret: str
    signature_key_path: str
    encryption_key_path: str
    dh_prime: str
    dh_generator: int = 2
    account_id: str = ""
    realm: str = ""


class StoredCredentials(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`credentials.toml` of a key store's version."""

    consumer_key: str
    access_token: str
    access_token_secret: str
    realm: str = ""


def load_key_set(profile: Profile) -> KeySet:
    """The profile's credentials. Raises IBKR_KEY_NOT_FOUND or IBKR_KEY_INVALID, naming the file and what is wrong."""
    if profile.environment is not None:
        return _from_environment(profile.environment)
    if profile.credentials_file is not None:
        return _from_file(profile.credentials_file, profile.login_account)
    if profile.key_store is not None:
        return _from_store(profile.key_store)
    raise _keyless(profile)


def _from_environment(found: EnvironmentCredentials) -> KeySet:
    consumer_key = _word(found.consumer_key, "consumer key in the environment")
    return KeySet(
        consumer_key=consumer_key,
        access_token=Secret(_word(found.access_token.reveal(), "access token in the environment")),
        access_token_secret=found.access_token_secret,
        signature_key=load_key(expand(found.signature_key_path), "signature key"),
        encryption_key=load_key(expand(found.encryption_key_path), "encryption key"),
        dh_prime=parse_dh_hex(found.dh_prime.reveal(), "IBKR_DH_PRIME"),
        realm=_realm("", consumer_key),
    )


def read_credentials_file(path: Path) -> CredentialsFile:
    """The form of `credentials.json` alone. Raises IBKR_KEY_NOT_FOUND or IBKR_KEY_INVALID."""
    text = read_private(path, "credentials file")
    try:
        return msgspec.json.decode(text, type=CredentialsFile)
    except UNREADABLE as error:
        raise _unreadable(path, error) from None


def key_files(profile: Profile) -> dict[str, Path]:
    """The files that the profile's login is made of, by what they are. Raises as `load_key_set`."""
    if profile.environment is not None:
        signature, encryption = profile.environment.signature_key_path, profile.environment.encryption_key_path
        return {"signature key": expand(signature), "encryption key": expand(encryption)}
    if profile.credentials_file is not None:
        path = profile.credentials_file
        found = read_credentials_file(path)
        return {
            "credentials file": path,
            "signature key": _beside(path, found.signature_key_path),
            "encryption key": _beside(path, found.encryption_key_path),
        }
    if profile.key_store is None:
        raise _keyless(profile)
    current = _current(profile.key_store)
    return {
        "credentials file": current / "credentials.toml",
        "signature key": current / "signature.pem",
        "encryption key": current / "encryption.pem",
        "Diffie-Hellman file": current / "dhparam.pem",
    }


def _from_file(path: Path, account_id: str) -> KeySet:
    found = read_credentials_file(path)
    if found.account_id and found.account_id != account_id:
        raise BrokerError(
            "IBKR_ACCOUNT_NOT_FOUND",
            f"the credentials file {path} belongs to account {clean(found.account_id, limit=20)}, "
            f"the profile names {account_id}",
        )
    prime = parse_dh_hex(found.dh_prime, str(path))
    check_dh(prime, found.dh_generator, str(path))
    return _key_set(
        path,
        found,
        _beside(path, found.signature_key_path),
        _beside(path, found.encryption_key_path),
        (prime, found.dh_generator),
    )


def _keyless(profile: Profile) -> BrokerError:
    return BrokerError(
        "IBKR_KEY_NOT_FOUND",
        f"profile {profile.name} names no credentials_file and no key_store",
        user_action="Name one in the profile, or set the credentials in the environment (IBKR_CONSUMER_KEY …).",
    )


def _from_store(store: Path) -> KeySet:
    return load_version(_current(store))


def _current(store: Path) -> Path:
    """The set in charge. Raises BrokerError IBKR_KEY_NOT_FOUND: there is none yet."""
    current = store / "current"
    if not current.is_dir():
        raise BrokerError(
            "IBKR_KEY_NOT_FOUND",
            f"no keys yet: the key store {store} has no current version",
            user_action="Make them with `ibkr-tui setup`, or in the app on the Keys page (9).",
        )
    return current


def load_version(place: Path) -> KeySet:
    """The set in one version's directory. Raises IBKR_KEY_NOT_FOUND or IBKR_KEY_INVALID.

    One that was written here has a manifest, and is only used as it was written; one made by hand has none.
    """
    if (place / MANIFEST).exists():
        verified(place.resolve())
    path = place / "credentials.toml"
    found = read_stored(place)
    parameters = place / "dhparam.pem"
    group = parse_dh_parameters(read_private(parameters, "Diffie-Hellman file"), parameters)
    return _key_set(path, found, place / "signature.pem", place / "encryption.pem", group)


def read_stored(place: Path) -> StoredCredentials:
    """A version's credentials alone. Raises IBKR_KEY_NOT_FOUND or IBKR_KEY_INVALID."""
    path = place / "credentials.toml"
    try:
        raw: dict[str, Any] = tomllib.loads(read_private(path, "credentials file").decode())
        return msgspec.convert(raw, StoredCredentials)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError, RecursionError) as error:
        raise _unreadable(path, error) from None


def _key_set(
    path: Path, found: CredentialsFile | StoredCredentials, signature: Path, encryption: Path, group: tuple[int, int]
) -> KeySet:
    consumer_key = _word(found.consumer_key, f"consumer key in {path}")
    return KeySet(
        consumer_key=consumer_key,
        access_token=Secret(_word(found.access_token, f"access token in {path}")),
        access_token_secret=Secret(found.access_token_secret),
        signature_key=load_key(signature, "signature key"),
        encryption_key=load_key(encryption, "encryption key"),
        dh_prime=group[0],
        dh_generator=group[1],
        realm=_realm(found.realm, consumer_key),
    )


def _word(text: str, what: str) -> str:
    """A value that goes into a header as it is, without the white space that copying brings along."""
    word = text.strip()
    if not _WORD.fullmatch(word):
        raise BrokerError("IBKR_KEY_INVALID", f"the {what} is empty or has characters it cannot have; copy it again")
    return word


def _realm(given: str, consumer_key: str) -> str:
    default = "test_realm" if consumer_key == _TEST_CONSUMER else "limited_poa"
    return _word(given, "realm") if given else default


def _unreadable(path: Path, error: Exception) -> BrokerError:
    """What is wrong with the file's form; the words of a decoder for bytes would quote them."""
    known = isinstance(error, (msgspec.MsgspecError, tomllib.TOMLDecodeError))
    why = clean(str(error)) if known else "it is not text as it should be"
    return BrokerError("IBKR_KEY_INVALID", f"the credentials file {path}: {why}")


def _beside(file: Path, written: str) -> Path:
    return file.parent / expand(written)

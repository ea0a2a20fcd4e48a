"""Credentials from a file, a key store and the environment; what is wrong is named, what is secret is not."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ibkr_tui.core.keys.key_set import KeySet, load_key_set
from ibkr_tui.core.secrets import Secret
from ibkr_tui.model.errors import BrokerError


def refused(places: Any, material: Any, **sources: Any) -> BrokerError:
    with pytest.raises(BrokerError) as caught:
        load_key_set(places.profile(**sources)).prepend()
    error = caught.value
    for words in material.words():
        assert words not in f"{error} {error.details} {error.__cause__} {error.__context__ and error.message}"
    return error


def check(found: KeySet, material: Any, prime: int) -> None:
    assert (found.consumer_key, found.access_token.reveal()) == ("ABCDEFGHI", "token0123456789")
    assert (found.dh_prime, found.dh_generator, found.realm) == (prime, 2, "limited_poa")
    assert found.signature_key.private_numbers() == material.signature.private_numbers()
    assert found.encryption_key.private_numbers() == material.encryption.private_numbers()
    assert found.prepend() == material.plain


def test_from_a_credentials_file(places: Any, material: Any) -> None:
    path = places.json_file(dh_generator=2, account_id="DU1234567", realm="limited_poa")
    check(load_key_set(places.profile(credentials_file=path)), material, places.prime)


def test_from_a_key_store(places: Any, material: Any) -> None:
    check(load_key_set(places.profile(key_store=places.store())), material, places.prime)


def test_from_the_environment(places: Any, material: Any) -> None:
    found = load_key_set(places.profile(environment=places.environment(), credentials_file=Path("/nowhere")))
    check(found, material, places.prime)


def test_a_key_set_is_named_by_its_public_key_alone(places: Any, material: Any) -> None:
    found = load_key_set(places.profile(key_store=places.store()))
    public = material.signature.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert found.identity == f"SHA256:{hashlib.sha256(public).hexdigest()[:16]}"


def test_from_nowhere(places: Any, material: Any) -> None:
    assert refused(places, material).code == "IBKR_KEY_NOT_FOUND"


def test_absolute_paths_and_other_groups(places: Any) -> None:
    path = places.json_file(
        signature_key_path=str(places.signature), encryption_key_path=str(places.encryption), dh_generator=5
    )
    found = load_key_set(places.profile(credentials_file=path))
    assert found.dh_generator == 5


def test_the_test_consumer_has_a_realm_of_its_own(places: Any) -> None:
    path = places.json_file(consumer_key="TESTCONS")
    assert load_key_set(places.profile(credentials_file=path)).realm == "test_realm"
    path = places.json_file(consumer_key="TESTCONS", realm="other")
    assert load_key_set(places.profile(credentials_file=path)).realm == "other"


def test_nothing_secret_in_a_repr(places: Any, material: Any) -> None:
    found = load_key_set(places.profile(environment=places.environment()))
    found.prepend()
    shown = repr(found) + str(found) + repr(places.environment())
    for words in [*material.words(), str(places.prime), f"{places.prime:x}", "RSAPrivateKey"]:
        assert words not in shown


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: "\n".join(text[at : at + 64] for at in range(0, len(text), 64)) + "\n",
        lambda text: f'"{text}"',
        lambda text: f" '{text}'\r\n",
        lambda text: text.replace("", " ").strip(),
    ],
    ids=["lines", "quotes", "single quotes", "spaces"],
)
def test_a_secret_as_people_copy_it(places: Any, material: Any, spoil: Any) -> None:
    path = places.json_file(access_token_secret=spoil(material.sealed))
    assert load_key_set(places.profile(credentials_file=path)).prepend() == material.plain


@pytest.mark.parametrize(
    ("sealed", "words"),
    [
        ("not base64 !", "not base64"), ("é", "not base64"), ("", "does not open"), ("AAAA", "does not open"),
        ("/" * 342 + "==", "does not open"), ("A" * 342 + "==", "does not open"),
    ],
)  # fmt: skip
def test_a_secret_that_is_none(places: Any, material: Any, sealed: str, words: str) -> None:
    error = refused(places, material, environment=places.environment(access_token_secret=Secret(sealed)))
    assert error.code == "IBKR_KEY_INVALID"
    assert words in error.message


def test_a_secret_of_another_set_is_found_out(places: Any, material: Any) -> None:
    """OpenSSL would give random bytes for it, and the login would fail for a reason that is not true."""
    places.write(places.encryption, places.pem(material.signature))
    error = refused(places, material, environment=places.environment())
    assert error.code == "IBKR_KEY_INVALID"
    assert "two sets" in error.message


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"consumer_key": None}, "consumer_key"),
        ({"access_token": 3}, "access_token"),
        ({"consumer_ky": "X"}, "consumer_ky"),
        ({"dh_prime": "xyz"}, "not hexadecimal"),
        ({"dh_prime": "ff"}, "2048-bit"),
        ({"dh_generator": 1}, "Diffie-Hellman"),
        ({"consumer_key": ""}, "consumer key"),
        ({"consumer_key": 'A"B'}, "consumer key"),
        ({"access_token": "a\r\nX-Other: 1"}, "access token"),
        ({"realm": "a b"}, "realm"),
        ({"signature_key_path": "a\0b"}, "signature key"),
        ({"encryption_key_path": "."}, "not an ordinary file"),
    ],
)
def test_a_credentials_file_with_a_fault(places: Any, material: Any, changes: dict[str, Any], words: str) -> None:
    error = refused(places, material, credentials_file=places.json_file(**changes))
    assert error.code == "IBKR_KEY_INVALID"
    assert words in error.message
    assert error.message.isprintable()


@pytest.mark.parametrize("account", ["DU7", "DU7\x1b[31m"])
def test_credentials_of_another_account(places: Any, material: Any, account: str) -> None:
    error = refused(places, material, credentials_file=places.json_file(account_id=account))
    assert error.code == "IBKR_ACCOUNT_NOT_FOUND"
    assert "belongs to account DU7" in error.message
    assert error.message.isprintable()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b'{"consumer_key": "\xff"}', b"[" * 5000])
def test_a_credentials_file_that_is_none(places: Any, material: Any, content: bytes) -> None:
    path = places.write(places.root / "credentials.json", content)
    error = refused(places, material, credentials_file=path)
    assert error.code == "IBKR_KEY_INVALID"
    assert str(path) in error.message


def test_files_that_are_not_there(places: Any, material: Any) -> None:
    for source in (
        {"credentials_file": places.root / "none.json"},
        {"credentials_file": places.json_file(signature_key_path="none.pem")},
        {"key_store": places.root / "none"},
        {"environment": places.environment(encryption_key_path="~nobody-of-that-name/none.pem")},
    ):
        error = refused(places, material, **source)
        assert error.code == "IBKR_KEY_NOT_FOUND"
        assert "none" in error.message


def test_a_credentials_file_that_others_can_read(places: Any, material: Any) -> None:
    path = places.json_file()
    path.chmod(0o644)
    assert "mode 0644" in refused(places, material, credentials_file=path).message


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("credentials.toml", b"consumer_key = \n", "line 1"),
        ("credentials.toml", b'consumer_key = "A"\n', "access_token"),
        ("credentials.toml", b"\xff", "not text"),
        ("credentials.toml", b"consumer_key = 3\n", "consumer_key"),
        ("dhparam.pem", b"no", "Diffie-Hellman"),
        ("signature.pem", b"no", "signature key"),
        ("encryption.pem", b"no", "encryption key"),
    ],
)
def test_a_key_store_with_a_fault(places: Any, material: Any, name: str, content: bytes, words: str) -> None:
    store = places.store()
    places.write(store / "current" / name, content)
    error = refused(places, material, key_store=store)
    assert error.code == "IBKR_KEY_INVALID"
    assert words in error.message


@pytest.mark.parametrize("name", ["credentials.toml", "dhparam.pem", "signature.pem", "encryption.pem"])
def test_a_key_store_without_a_file(places: Any, material: Any, name: str) -> None:
    store = places.store()
    (store / "current" / name).unlink()
    error = refused(places, material, key_store=store)
    assert error.code == "IBKR_KEY_NOT_FOUND"
    assert name in error.message


def test_what_the_simulator_writes_can_be_read(simulator: Any, places: Any) -> None:
    for path in (simulator.credentials, simulator.live_credentials):
        account = json.loads(path.read_text())["account_id"]
        profile = msgspec.structs.replace(places.profile(credentials_file=path), account_id=account)
        assert len(load_key_set(profile).prepend()) >= 16

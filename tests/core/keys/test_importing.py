"""A set made elsewhere becomes the first version of a store, whole, or nothing does."""

from __future__ import annotations

import base64
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from ibkr_tui.core.keys.generation import GROUP_14
from ibkr_tui.core.keys.importing import import_set, with_aliases
from ibkr_tui.core.keys.key_set import KeySet, load_version
from ibkr_tui.core.keys.manifest import verified
from ibkr_tui.core.keys.store import CURRENT, KeyStore
from ibkr_tui.core.secrets import Secret
from ibkr_tui.model.clock import SystemClock
from ibkr_tui.model.errors import BrokerError


@pytest.fixture(scope="module")
def keys() -> KeySet:
    signature, encryption = (rsa.generate_private_key(65537, 2048) for _ in range(2))
    sealed = encryption.public_key().encrypt(bytes(range(32)), padding.PKCS1v15())
    secret = Secret(base64.b64encode(sealed).decode())
    return KeySet("OLDCONSUM", Secret("oldtoken01"), secret, signature, encryption, GROUP_14)


def test_it_is_in_charge_and_opens(tmp_path: Path, keys: KeySet) -> None:
    store = KeyStore(tmp_path / "keys" / "paper", SystemClock())
    version = import_set(store, keys)
    assert store.pointed(CURRENT) == version
    assert verified(store.path_of(version)).is_complete
    found = load_version(store.place / CURRENT)
    assert (found.identity, found.prepend(), found.consumer_key) == (keys.identity, bytes(range(32)), "OLDCONSUM")
    modes = {stat.S_IMODE(path.stat().st_mode) for path in store.path_of(version).iterdir()}
    assert modes == {0o600}


def test_a_set_in_charge_is_not_replaced(tmp_path: Path, keys: KeySet) -> None:
    store = KeyStore(tmp_path / "paper", SystemClock())
    version = import_set(store, keys)
    with pytest.raises(BrokerError) as raised:
        import_set(store, keys)
    assert raised.value.code == "ROTATION_UNAVAILABLE"
    assert store.pointed(CURRENT) == version and store.versions() == [version]


def test_a_secret_of_another_key_is_refused_before_anything_is_written(tmp_path: Path, keys: KeySet) -> None:
    other = rsa.generate_private_key(65537, 2048)
    wrong = KeySet("OLDCONSUM", keys.access_token, keys.access_token_secret, keys.signature_key, other, GROUP_14)
    store = KeyStore(tmp_path / "paper", SystemClock())
    with pytest.raises(BrokerError) as raised:
        import_set(store, wrong)
    assert raised.value.code == "IBKR_KEY_INVALID"
    assert not store.place.exists()


def test_the_names_of_other_programs() -> None:
    theirs = {"OAUTH_CONSUMER_KEY": "A", "OAUTH_SIGNATURE_PATH": "/s", "OAUTH_DH_PRIME": "ff", "PATH": "/bin"}
    found = with_aliases(theirs)
    assert (found["IBKR_CONSUMER_KEY"], found["IBKR_SIGNATURE_KEY_PATH"], found["IBKR_DH_PRIME"]) == ("A", "/s", "ff")
    mixed = with_aliases(theirs | {"IBKR_ACCESS_TOKEN_TESTNET": "t"})
    assert "IBKR_CONSUMER_KEY" not in mixed

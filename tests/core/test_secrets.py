"""A secret shows itself to nobody who does not ask for it by name."""

from __future__ import annotations

import copy
import pickle

import msgspec
import pytest

from ibkr_tui.core.config import load
from ibkr_tui.core.secrets import Secret

CREDENTIALS = {
    "IBKR_CONSUMER_KEY": "ABCDEFGHI",
    "IBKR_ACCESS_TOKEN": "token-words",
    "IBKR_ACCESS_TOKEN_SECRET": "secret-words",
    "IBKR_SIGNATURE_KEY_PATH": "/k/s.pem",
    "IBKR_ENCRYPTION_KEY_PATH": "/k/e.pem",
    "IBKR_DH_PRIME": "c0ffee",
}


def test_a_secret_never_prints() -> None:
    secret = Secret("hunter2")
    shown = [repr(secret), str(secret), f"{secret}", f"{secret!r:>9}", f"{secret:>9}", "%s" % secret, repr([secret])]  # noqa: UP031
    assert not any("hunter2" in text for text in shown)
    assert secret.reveal() == "hunter2"


def test_a_secret_is_not_copied_out() -> None:
    secret = Secret("hunter2")
    for attempt in (pickle.dumps, copy.deepcopy, copy.copy, msgspec.json.encode, msgspec.msgpack.encode, vars):
        with pytest.raises(TypeError) as caught:
            attempt(secret)
        assert "hunter2" not in str(caught.value)


def test_secrets_compare() -> None:
    assert Secret("é") == Secret("é") and hash(Secret("a")) == hash(Secret("a"))
    assert Secret("a") != Secret("b") and Secret("a") != "a"
    assert Secret("a") and not Secret("")


def test_no_secret_in_the_repr_of_a_configuration() -> None:
    config = load(None, CREDENTIALS | {"IBKR_ACCOUNT_ID": "DU1"})
    for words in ("token-words", "secret-words", "c0ffee"):
        assert words not in repr(config) + repr(config.profile) + repr(config.provenance) + config.profile.fingerprint


def test_a_profile_with_secrets_is_not_encoded() -> None:
    profile = load(None, CREDENTIALS | {"IBKR_ACCOUNT_ID": "DU1"}).profile
    with pytest.raises(TypeError):
        msgspec.json.encode(profile)

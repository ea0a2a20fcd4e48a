"""Key material piece by piece, from all three sources: each piece's own break is found by its own look."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ibkr_tui.core.keys.examination import examine_files, examine_group, examine_keys, examine_secret
from ibkr_tui.core.secrets import Secret
from ibkr_tui.core.settings import Profile
from ibkr_tui.model.errors import BrokerError

LOOKS: list[Callable[[Profile], str]] = [examine_files, examine_keys, examine_group, examine_secret]


@pytest.fixture(params=["file", "store", "environment"])
def profile(request: Any, places: Any) -> Profile:
    sources: dict[str, Callable[[], dict[str, Any]]] = {
        "file": lambda: {"credentials_file": places.json_file()},
        "store": lambda: {"key_store": places.store()},
        "environment": lambda: {"environment": places.environment()},
    }
    found: Profile = places.profile(**sources[request.param]())
    return found


def first_break(profile: Profile) -> tuple[str, BrokerError]:
    """The look that finds it, and what it says."""
    for look in LOOKS:
        try:
            look(profile)
        except BrokerError as error:
            return look.__name__, error
    raise AssertionError("nothing is broken")


def signature_of(profile: Profile, places: Any) -> Path:
    found: Path = places.signature if profile.key_store is None else profile.key_store / "current" / "signature.pem"
    return found


def test_all_is_whole(profile: Profile, material: Any) -> None:
    said = [look(profile) for look in LOOKS]
    assert "readable by you only" in said[0] and "2048 bits" in said[1] and "2048 bits" in said[2]
    assert not any(words in line for line in said for words in material.words())


def test_a_file_that_is_open_to_others(profile: Profile, places: Any) -> None:
    signature_of(profile, places).chmod(0o644)
    look, error = first_break(profile)
    assert (look, error.code) == ("examine_files", "IBKR_KEY_INVALID") and "0644" in error.message


def test_a_key_store_without_a_set_says_how_to_make_one(places: Any, tmp_path: Path) -> None:
    look, error = first_break(places.profile(key_store=tmp_path / "empty"))
    assert (look, error.code) == ("examine_files", "IBKR_KEY_NOT_FOUND")
    assert "no keys yet" in error.message and "ibkr-tui setup" in error.user_action


def test_a_file_that_is_not_there(profile: Profile, places: Any) -> None:
    signature_of(profile, places).unlink()
    look, error = first_break(profile)
    assert (look, error.code) == ("examine_files", "IBKR_KEY_NOT_FOUND")


def test_a_key_that_is_none(profile: Profile, places: Any) -> None:
    places.write(signature_of(profile, places), b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    look, error = first_break(profile)
    assert (look, error.code) == ("examine_keys", "IBKR_KEY_INVALID") and "not a PEM private key" in error.message


def test_a_group_that_is_none(places: Any) -> None:
    store = places.store()
    places.write(store / "current" / "dhparam.pem", b"nothing")
    for sources in (
        {"key_store": store},
        {"credentials_file": places.json_file(dh_prime="ffff")},
        {"environment": places.environment(dh_prime=Secret("ffff"))},
    ):
        look, error = first_break(places.profile(**sources))
        assert (look, error.code) == ("examine_group", "IBKR_KEY_INVALID")


def test_windows_line_ends_are_remarked(places: Any) -> None:
    store = places.store()
    path = store / "current" / "dhparam.pem"
    assert "Windows" not in examine_group(places.profile(key_store=store))
    places.write(path, path.read_bytes().replace(b"\n", b"\r\n"))
    assert "Windows" in examine_group(places.profile(key_store=store))


def test_a_secret_of_another_set(places: Any) -> None:
    look, error = first_break(places.profile(credentials_file=places.json_file(access_token_secret="AAAA")))
    assert (look, error.code) == ("examine_secret", "IBKR_KEY_INVALID")


def test_no_source_at_all(places: Any) -> None:
    look, error = first_break(places.profile())
    assert (look, error.code) == ("examine_files", "IBKR_KEY_NOT_FOUND")

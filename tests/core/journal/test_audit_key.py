"""The chain's key: long, random, its owner's alone; made once, and never again for a journal that has rows."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ibkr_tui.core.config import load
from ibkr_tui.core.journal.audit_key import ENVIRONMENT_NAME, load_key
from ibkr_tui.core.secrets import Secret
from ibkr_tui.model.errors import BrokerError

RANDOM = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
PAPER = {"IBKR_ACCOUNT_ID_TESTNET": "DU1234567"}


def refused(path: Path, given: str | None = None) -> str:
    with pytest.raises(BrokerError) as caught:
        load_key(path, None if given is None else Secret(given), create=False)
    assert caught.value.code == "JOURNAL_UNAVAILABLE"
    assert given is None or given not in str(caught.value)
    return caught.value.message


def test_it_is_made_once_and_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "audit.key"
    (tmp_path / "audit.key.new").write_bytes(b"left by a core that was killed while it made one")
    key = load_key(path)
    assert len(key) == 32
    assert load_key(path) == key
    assert path.stat().st_mode & 0o777 == 0o600
    assert [found.name for found in tmp_path.iterdir()] == ["audit.key"]
    assert load_key(tmp_path / "other") != key


def test_what_is_in_the_environment_wins_and_makes_no_file(tmp_path: Path) -> None:
    path = tmp_path / "audit.key"
    assert load_key(path, Secret(RANDOM)) == bytes.fromhex(RANDOM)
    text = "Zq8#kd02-LmPw73vXy!beRt5uNa9sHg4c"
    assert load_key(path, Secret(text)) == text.encode()
    assert not path.exists()


def test_the_profile_takes_it_from_the_environment_and_shows_it_nowhere() -> None:
    assert load(None, PAPER).profile.audit_secret is None
    profile = load(None, PAPER | {ENVIRONMENT_NAME: RANDOM}).profile
    assert profile.audit_secret == Secret(RANDOM)
    assert RANDOM not in repr(profile)
    other = load(None, PAPER | {ENVIRONMENT_NAME: RANDOM, f"{ENVIRONMENT_NAME}_TESTNET": RANDOM[::-1]}).profile
    assert other.audit_secret == Secret(RANDOM[::-1])


@pytest.mark.parametrize(
    ("given", "words"), [("short", "5 bytes"), (RANDOM[:62], "31 bytes"), ("ab" * 40, "not random"), ("a" * 64, "not")]
)
def test_a_weak_one_is_refused(tmp_path: Path, given: str, words: str) -> None:
    assert words in refused(tmp_path / "audit.key", given)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "audit.key"
    load_key(path)
    path.chmod(mode)
    assert "others can read it" in refused(path)


def test_no_link_is_followed_and_no_other_thing_is_read(tmp_path: Path) -> None:
    load_key(tmp_path / "real")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert "cannot be used" in refused(tmp_path / "link")
    (tmp_path / "folder").mkdir(mode=0o700)
    assert "is a directory" in refused(tmp_path / "folder")
    os.mkfifo(tmp_path / "pipe", 0o600)
    assert "it is no file" in refused(tmp_path / "pipe")
    assert "is gone" in refused(tmp_path / "nowhere")

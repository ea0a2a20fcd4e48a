"""Keys on the disk: read at the first use, read again when a person has mended them."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ibkr_tui.core.config import load
from ibkr_tui.core.login import authenticator_of
from ibkr_tui.core.session.oauth1 import OAuth1
from ibkr_tui.core.settings import Profile
from ibkr_tui.model.clock import SystemClock
from ibkr_tui.model.errors import BrokerError


@pytest.fixture
def profile(simulator: Any, tmp_path: Path) -> Profile:
    """The simulator's paper profile on a copy of its credentials."""
    home = tmp_path / "paper"
    shutil.copytree(simulator.credentials.parent, home)
    copied = home / simulator.credentials.name
    facts = json.loads(copied.read_text())
    for name in ("signature_key_path", "encryption_key_path"):
        facts[name] = Path(facts[name]).name
    copied.write_text(json.dumps(facts))
    copied.chmod(0o600)
    return msgspec.structs.replace(load(simulator.config, {}).profile, credentials_file=copied)


def login_of(profile: Profile) -> OAuth1:
    found = authenticator_of(profile, SystemClock())
    assert isinstance(found, OAuth1)
    return found


def credentials(profile: Profile) -> Path:
    assert profile.credentials_file is not None
    return profile.credentials_file


async def code_of(login: OAuth1) -> str:
    with pytest.raises(BrokerError) as caught:
        await login.authorize("GET", "https://api.ibkr.com/v1/api/x", ())
    return caught.value.code


async def test_keys_that_come_later_are_used(profile: Profile, tmp_path: Path) -> None:
    aside = tmp_path / "aside"
    credentials(profile).parent.rename(aside)
    login = login_of(profile)
    assert (await code_of(login), login.keys_id, login.look_again()) == ("IBKR_KEY_NOT_FOUND", "", False)
    with pytest.raises(BrokerError):
        login.stream_request("c")
    aside.rename(credentials(profile).parent)
    assert login.look_again()
    assert login.keys_id.startswith("SHA256:")
    assert not login.look_again()
    assert await code_of(login) == "IBKR_SESSION_MINT_FAILED"  # the keys are good; there is no transport in this test


async def test_a_mode_that_was_mended_is_seen(profile: Profile) -> None:
    credentials(profile).chmod(0o644)
    login = login_of(profile)
    assert await code_of(login) == "IBKR_KEY_INVALID"
    credentials(profile).chmod(0o600)
    assert login.look_again()
    assert login.keys_id


async def test_keys_that_are_mended_unseen_are_read_at_the_next_login(profile: Profile, tmp_path: Path) -> None:
    """A key file somewhere else is not watched, but each login of an unusable set reads it anew."""
    facts = json.loads(credentials(profile).read_text())
    elsewhere = tmp_path / "elsewhere.pem"
    here = credentials(profile).parent / facts["signature_key_path"]
    facts["signature_key_path"] = str(elsewhere)
    credentials(profile).write_text(json.dumps(facts))
    login = login_of(profile)
    assert await code_of(login) == "IBKR_KEY_NOT_FOUND"
    shutil.copy(here, elsewhere)
    elsewhere.chmod(0o600)
    assert not login.look_again()
    assert await code_of(login) == "IBKR_SESSION_MINT_FAILED"


async def test_a_new_token_in_the_file_forgets_the_old_keys_failures(profile: Profile) -> None:
    login = login_of(profile)
    before = login.keys_id
    facts = json.loads(credentials(profile).read_text())
    credentials(profile).write_text(json.dumps(facts | {"access_token": "another"}))
    os.utime(credentials(profile), ns=(1, 1))
    assert login.look_again()
    assert (login.keys_id, login.token_expires_at) == (before, None)
    assert "oauth_token=another" in login.stream_request("c")[0]


async def test_a_directory_that_cannot_be_read_is_no_crash(profile: Profile) -> None:
    login = login_of(msgspec.structs.replace(profile, credentials_file=Path("/nowhere/at/all/c.json")))
    assert await code_of(login) == "IBKR_KEY_NOT_FOUND"
    assert not login.look_again()

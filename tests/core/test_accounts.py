"""Going over to another account of the login keeps paper paper, and live within its allow-list."""

from __future__ import annotations

from pathlib import Path

import pytest

from ibkr_tui.core.accounts import on_account
from ibkr_tui.core.config import load
from ibkr_tui.core.settings import Profile
from ibkr_tui.model.errors import BrokerError

CONFIG = """
[profiles.paper]
kind = "paper"
account_id = "DU1"
[profiles.live]
kind = "live"
account_id = "U1"
[safety]
allowed_accounts = ["U2"]
"""


def profile(place: Path, name: str) -> Profile:
    path = place / "config.toml"
    path.write_text(CONFIG)
    return load(path, {}, name).profile


def refusal(at: Profile, account: str) -> str:
    with pytest.raises(BrokerError) as caught:
        on_account(at, account)
    return caught.value.code


def test_there_and_back(tmp_path: Path) -> None:
    home = profile(tmp_path, "paper")
    other = on_account(home, " du2 ")
    assert (other.account_id, other.login_account) == ("DU2", "DU1")
    assert on_account(other, "DU3").login_account == "DU1"
    assert on_account(other, "DU1") == home
    assert on_account(home, "DU1") is home


def test_what_is_refused(tmp_path: Path) -> None:
    paper, live = profile(tmp_path, "paper"), profile(tmp_path, "live")
    assert refusal(paper, "U1") == refusal(live, "DU1") == "ACCOUNT_KIND_MISMATCH"
    assert refusal(live, "U3") == "ACCOUNT_PINNED"
    assert refusal(paper, "DU2; x") == "BAD_ARGUMENT"
    assert on_account(on_account(live, "U2"), "U1") == live

"""`ibkr-tui config import-env` as a person moves from environment credentials to a key store."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


def said(ended: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


@pytest.fixture
def theirs(shell: Any) -> dict[str, str]:
    """The simulator's credentials under the names of other programs."""
    found = json.loads(shell.exchange.credentials.read_text())
    beside = shell.exchange.credentials.parent
    return {
        "OAUTH_CONSUMER_KEY": found["consumer_key"],
        "OAUTH_ACCESS_TOKEN": found["access_token"],
        "OAUTH_ACCESS_TOKEN_SECRET": found["access_token_secret"],
        "OAUTH_SIGNATURE_PATH": str(beside / found["signature_key_path"]),
        "OAUTH_ENCRYPTION_PATH": str(beside / found["encryption_key_path"]),
        "OAUTH_DH_PRIME": found["dh_prime"],
        "PAPER_TRADING": "true",
    }


def test_from_another_program_s_names_to_a_login(shell: Any, theirs: dict[str, str], tmp_path: Path) -> None:
    place = tmp_path / "new" / "config.toml"
    urls = {"IBKR_URL_TESTNET": shell.exchange.rest_url, "IBKR_WS_URL_TESTNET": shell.exchange.ws_url}
    words = ("--config", str(place), "config", "import-env")
    ended = shell.run(*words, "--json", **theirs, **urls)
    assert (ended.returncode, said(ended)["error"]["code"]) == (2, "BAD_ARGUMENT") and not place.exists()

    ended = shell.run(*words, "--account", "DU1234567", "--json", **theirs, **urls)
    assert ended.returncode == 0, ended
    store = tmp_path / "new" / "keys" / "paper"
    assert (store / "current").resolve().name == said(ended)["result"]["version"]
    assert theirs["OAUTH_ACCESS_TOKEN_SECRET"] not in ended.stdout + ended.stderr
    assert Path(theirs["OAUTH_SIGNATURE_PATH"]).is_file()

    ended = shell.run("--config", str(place), "doctor", "--json", **urls)
    assert ended.returncode == 0, ended.stdout
    ended = shell.run(*words, "--json", **theirs, **urls)
    assert (ended.returncode, said(ended)["error"]["code"]) == (1, "ROTATION_UNAVAILABLE")


def test_what_cannot_be_imported_is_said(shell: Any, theirs: dict[str, str], tmp_path: Path) -> None:
    place = tmp_path / "config.toml"
    words = ("--config", str(place), "config", "import-env", "--json")
    place.write_text('[profiles.paper]\nkind = "paper"\naccount_id = "DU1234567"\n')
    ended = shell.run(*words)
    assert said(ended)["error"]["code"] == "IBKR_KEY_NOT_FOUND" and "OAUTH_CONSUMER_KEY" in ended.stdout
    ended = shell.run(*words, **theirs)
    assert said(ended)["error"]["code"] == "ROTATION_UNAVAILABLE" and "key_store" in ended.stdout
    half = {name: value for name, value in theirs.items() if name != "OAUTH_DH_PRIME"}
    ended = shell.run(*words, **half)
    assert said(ended)["error"]["code"] == "CONFIG_INVALID" and "IBKR_DH_PRIME" in ended.stdout

"""`config show|check|path` and `operations`, as a person types them."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner, Result

from ibkr_tui.cli.main import main

SECRET = "c2VjcmV0LXNlY3JldA"

FILE = """
default_profile = "paper"
[profiles.paper]
kind = "paper"
auth = "oauth1"
account_id = "DU1234567"
credentials_file = "paper/credentials.json"
[limits]
max_leverage = 2
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(FILE)
    return path


def run(*words: str) -> Result:
    return CliRunner().invoke(main, list(words), prog_name="ibkr-tui")


def test_show_says_each_value_and_where_it_came_from(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IBKR_URL_TESTNET", "https://127.0.0.1:5000/v1/api")
    shown = run("--config", str(config), "config", "show", "--json")
    assert shown.exit_code == 0, shown.output
    values = {row["name"]: row for row in msgspec.json.decode(shown.stdout)["result"]["values"]}
    assert values["limits.max_leverage"]["value"] == "2"
    assert str(config) in values["limits.max_leverage"]["source"]
    assert values["profiles.paper.rest_url"] == {
        "name": "profiles.paper.rest_url",
        "value": "https://127.0.0.1:5000/v1/api",
        "source": "IBKR_URL_TESTNET",
    }
    assert values["market.ws_enabled"]["source"] == "default"
    people = run("--config", str(config), "config", "show")
    assert "IBKR_URL_TESTNET" in people.stdout
    lines = {line.split(None, 1)[0]: line for line in people.stdout.splitlines()}
    for written in (
        "market.ws_enabled true",
        'market.prefer ["US", "USD"]',
        "session.query_signing whole",
        "ui.keymap {}",
    ):
        name, value = written.split(" ", 1)
        assert f" {value} " in lines[name], lines[name]
    assert "false" in lines["profiles.paper.compete"]


def test_show_keeps_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CONSUMER_KEY", "ACCESS_TOKEN", "ACCESS_TOKEN_SECRET", "DH_PRIME"):
        monkeypatch.setenv(f"IBKR_{name}", SECRET)
    for name in ("SIGNATURE_KEY_PATH", "ENCRYPTION_KEY_PATH"):
        monkeypatch.setenv(f"IBKR_{name}", "keys/private.pem")
    monkeypatch.setenv("IBKR_ACCOUNT_ID_TESTNET", "DU1234567")
    for words in (["config", "show"], ["config", "show", "--json"], ["config", "check"]):
        shown = run(*words)
        assert shown.exit_code == 0 or words[1] == "check", shown.output
        assert SECRET not in shown.output
    assert "environment" in run("config", "show").stdout


@pytest.mark.parametrize("words", [["config", "show"], ["config", "check"], ["core", "start"], ["core", "status"]])
def test_a_missing_file_exits_2_and_says_so(tmp_path: Path, words: list[str]) -> None:
    ended = run("--config", str(tmp_path / "absent.toml"), *words)
    assert ended.exit_code == 2
    assert "CONFIG_NOT_FOUND" in ended.stderr
    assert ended.stdout == ""


def test_an_unknown_key_names_file_line_and_neighbour(config: Path) -> None:
    config.write_text(FILE.replace("max_leverage", "max_leverege"))
    ended = run("--config", str(config), "config", "check")
    assert ended.exit_code == 2
    assert "config.toml" in ended.stderr
    assert "max_leverage" in ended.stderr
    assert "CONFIG_INVALID" in ended.stderr
    as_json = run("--config", str(config), "config", "check", "--json")
    assert msgspec.json.decode(as_json.stdout)["error"]["code"] == "CONFIG_INVALID"


def test_path_says_where_the_file_belongs(config: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert run("--config", str(config), "config", "path").stdout.strip() == str(config)
    monkeypatch.setenv("IBKR_TUI_CONFIG", str(tmp_path / "other.toml"))
    assert run("config", "path").stdout.strip() == str(tmp_path / "other.toml")


def test_help_and_version_name_commands_and_commit() -> None:
    shown = run("--help").stdout
    for name in ("demo", "sim", "call", "operations", "watch", "core", "config"):
        assert f"\n  {name}" in shown
    assert "(commit " in run("--version").stdout


@pytest.mark.parametrize("words", [["nonsense"], ["core", "nonsense"], ["watch"], ["--nonsense"]])
def test_wrong_usage_exits_2(words: list[str]) -> None:
    ended = run(*words)
    assert ended.exit_code == 2
    assert ended.stdout == ""


@pytest.mark.parametrize("words", [["call"], ["call", "get_account", "--nonsense"]])
def test_wrong_usage_of_call_is_an_envelope_too(words: list[str]) -> None:
    ended = run(*words)
    assert ended.exit_code == 2
    assert msgspec.json.decode(ended.stdout)["error"]["code"] == "BAD_ARGUMENT"

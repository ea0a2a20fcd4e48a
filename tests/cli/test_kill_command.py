"""`ibkr-tui kill`: the file's switch, with no core and with a broken configuration too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ibkr_tui.cli.main import main

PROFILE = '[profiles.{}]\nkind = "paper"\naccount_id = "DU1234567"\n'
CONFIG = PROFILE.format("paper") + PROFILE.format("second")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    config = tmp_path / "config.toml"
    config.write_text(CONFIG)
    monkeypatch.setenv("IBKR_TUI_CONFIG", str(config))
    monkeypatch.setenv("IBKR_TUI_STATE", str(tmp_path / "state"))

    def invoke(*words: str) -> Any:
        return CliRunner().invoke(main, list(words))

    return invoke


def test_on_status_off_without_any_core(run: Any, tmp_path: Path) -> None:
    assert "is off" in run("kill", "status").stdout
    on = run("kill", "on", "--reason", "gone wild", "--json")
    said = json.loads(on.stdout)
    assert (on.exit_code, said["ok"], said["result"]["on"], said["result"]["reason"]) == (0, True, True, "gone wild")
    assert Path(said["result"]["file"]) == tmp_path / "state" / "paper" / "KILL"
    shown = run("kill", "status").stdout
    assert "the kill switch is ON since" in shown
    assert "gone wild" in shown
    assert "is off" in run("--profile", "second", "kill", "status").stdout, "each profile has its own"
    assert run("kill", "off").exit_code == 0
    assert json.loads(run("kill", "status", "--json").stdout)["result"]["on"] is False


def test_a_broken_configuration_does_not_keep_it_from_being_turned_on(run: Any, tmp_path: Path) -> None:
    for name in ("paper", "second"):
        (tmp_path / "state" / name).mkdir(parents=True)
        (tmp_path / "state" / name / "core.lock").touch()
    (tmp_path / "config.toml").write_text("this is no toml")
    assert run("kill", "off").exit_code == 2
    ended = run("kill", "on")
    assert (ended.exit_code, ended.stdout.count("is ON")) == (0, 2), ended.output
    assert (tmp_path / "state" / "second" / "KILL").exists()
    (tmp_path / "state" / "paper" / "core.lock").unlink()
    assert run("--profile", "paper", "kill", "on").exit_code == 2, "there is no such profile that ever ran"

"""`ibkr-tui doctor --live`: the gate without a core, its exit status, and the runbook."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ibkr_tui.cli.main import main
from ibkr_tui.core.config import load
from ibkr_tui.core.live_gate import LiveDesk
from ibkr_tui.core.state import open_state
from ibkr_tui.model.clock import SystemClock
from ibkr_tui.model.live_gate import LiveCheck

ARMED = """
[profiles.paper]
kind = "paper"
account_id = "DU1234567"
[profiles.live]
kind = "live"
account_id = "U7654321"
orders = "send"
live_trading = true
risk_policy = "cautious"
[risk_policies.cautious]
max_order_qty = 10
[safety]
live_trading_enabled = true
allowed_accounts = ["U7654321"]
"""


@pytest.fixture
def doctor(tmp_path: Path) -> Any:
    path = tmp_path / "config.toml"
    path.write_text(ARMED)

    def run(*words: str, profile: str = "live") -> Result:
        return CliRunner().invoke(
            main, ["--config", str(path), "--profile", profile, "doctor", *words], prog_name="ibkr-tui"
        )

    return run


def test_what_is_missing_is_named_and_the_status_says_it(doctor: Any, tmp_path: Path) -> None:
    ended = doctor("--live")
    assert ended.exit_code == 1
    assert "LOCKED" in ended.stdout and "MISSING checklist: 0 of 5" in ended.stdout
    assert "ok      policy: the risk policy is cautious" in ended.stdout
    assert "To be seen to by a person" in ended.stdout and "trade desk" in ended.stdout
    said = json.loads(doctor("--live", "--json").stdout)
    assert said["ok"] is False
    assert [gate["name"] for gate in said["result"]["gate"]["gates"] if not gate["is_open"]] == ["checklist"]
    state = open_state("live", os.environ)
    desk = LiveDesk(load(tmp_path / "config.toml", {}, "live").profile, state.path, SystemClock())
    for item in LiveCheck:
        desk.acknowledge(item, item.word)
    opened = doctor("--live")
    assert (opened.exit_code, "live orders are OPEN" in opened.stdout) == (0, True)
    assert "MISSING" not in opened.stdout


def test_a_paper_profile_has_no_gate(doctor: Any) -> None:
    ended = doctor("--live", "--json", profile="paper")
    assert ended.exit_code != 0
    assert json.loads(ended.stdout)["error"]["code"] == "BAD_ARGUMENT"


def test_flags_that_disagree_start_nothing(doctor: Any, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(ARMED.replace("live_trading_enabled = true", "live_trading_enabled = false"))
    for profile in ("live", "paper"):
        ended = doctor("--live", "--json", profile=profile)
        assert ended.exit_code == 2
        assert "safety.live_trading_enabled is false" in json.loads(ended.stdout)["error"]["message"]


def test_the_runbook_comes_with_the_program_and_needs_no_configuration() -> None:
    ended = CliRunner().invoke(main, ["doctor", "--live", "--runbook"])
    assert ended.exit_code == 0
    for words in ("From paper to live", "When something goes wrong", "UNKNOWN", "kill on", "audit verify"):
        assert words in ended.stdout


@pytest.mark.parametrize("words", [("--runbook",), ("--live", "--smoke")])
def test_what_does_not_go_together_is_said(doctor: Any, words: tuple[str, ...]) -> None:
    assert doctor(*words).exit_code == 2

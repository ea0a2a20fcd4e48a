"""`ibkr-tui health` over real cores: every profile, also those with none, and what degrades one that runs."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

PATIENCE_S = 30.0


def health(shell: Any, *words: str, **environ: str) -> tuple[int, dict[str, Any], dict[str, dict[str, Any]]]:
    """Exit status, the document, and its profiles by name."""
    ended = shell.run(*words, "health", "--json", **environ)
    assert ended.stdout.count("\n") == 1, ended
    said = json.loads(ended.stdout)
    return ended.returncode, said, {row["profile"]: row for row in said.get("result", {}).get("profiles", ())}


def until(shell: Any, condition: Callable[[int, dict[str, Any]], bool]) -> dict[str, Any]:
    """Ask for the paper profile until it is so."""
    limit = time.monotonic() + PATIENCE_S
    while True:
        status, _, profiles = health(shell, "--profile", "paper")
        if condition(status, profiles["paper"]):
            return profiles["paper"]
        assert time.monotonic() < limit, profiles


def test_nothing_runs_and_nothing_is_started(shell: Any) -> None:
    status, said, profiles = health(shell)
    assert (status, said["ok"], said["result"]["standing"]) == (1, False, "down")
    assert set(profiles) == {"paper", "live", "oauth2"}
    for row in profiles.values():
        assert (row["standing"], row["running"], row["health"]) == ("down", False, None)
        assert "core start" in row["message"]
    assert shell.facts() is None
    assert not profiles["paper"]["kill_switch"]
    shell.run("kill", "on")
    shown = shell.run("health")
    assert shown.returncode == 1 and "paper: down  (paper, DU1234567)" in shown.stdout
    assert shown.stdout.count("the kill switch is ON: no new order leaves") == 1, shown.stdout


def test_a_core_that_is_well_and_the_profile_beside_it(shell: Any) -> None:
    assert shell.run("core", "start").returncode == 0
    row = until(shell, lambda status, row: status == 0)
    assert (row["standing"], row["message"], row["running"]) == ("ok", "", True)
    assert row["health"]["session"] == "ready" and row["health"]["stream"] == "live"
    assert 0 <= row["data_age_s"] < 60 and 80_000 < row["token_left_s"] <= 86_400
    assert row["health"]["open_intents"] == 0
    status, said, profiles = health(shell)
    assert (status, said["ok"]) == (1, False), "the live profile has no core"
    assert (profiles["paper"]["standing"], profiles["live"]["standing"]) == ("ok", "down")
    shown = shell.run("--profile", "paper", "health").stdout
    for words in ("session  ready", "token    23 h", "stream   live, data", "market   ", "journal  in order", "0 open"):
        assert words in shown, shown

    other = shell.exchange.config.with_name("other.toml")
    text = shell.exchange.config.read_text().replace('kind = "paper"', 'kind = "paper"\norders = "refuse"')
    other.write_text(text)
    status, _, profiles = health(shell, "--config", str(other), "--profile", "paper")
    assert (status, profiles["paper"]["standing"], profiles["paper"]["code"]) == (1, "degraded", "CONFIG_MISMATCH")


def test_a_stream_that_is_down_degrades(shell: Any) -> None:
    assert shell.run("core", "start").returncode == 0
    until(shell, lambda status, row: status == 0)
    shell.exchange.control("faults", {"path": "^/tickle$", "do": "status", "status": 500, "times": 0})
    try:
        shell.exchange.control("ws", {"do": "close"})
        row = until(shell, lambda status, row: status == 1)
        assert row["standing"] == "degraded" and row["health"]["stream"] in {"lost", "connecting"}, row
    finally:
        shell.exchange.clear_faults()
    until(shell, lambda status, row: status == 0)


def test_a_core_that_was_killed_is_down(shell: Any) -> None:
    assert shell.run("core", "start").returncode == 0
    os.kill(shell.facts()["pid"], signal.SIGKILL)
    row = until(shell, lambda status, row: not row["running"])
    assert row["standing"] == "down"


def test_a_broken_profile_hides_no_other(shell: Any, tmp_path: Path) -> None:
    config = tmp_path / "two.toml"
    config.write_text(
        '[profiles.paper]\nkind = "paper"\naccount_id = "DU1234567"\n'
        '[profiles.wrong]\nkind = "paper"\naccount_id = "U7654321"\n'
    )
    status, _, profiles = health(shell, "--config", str(config))
    assert status == 1 and profiles["wrong"]["code"] == "ACCOUNT_KIND_MISMATCH"
    assert profiles["paper"]["message"].startswith("no core runs")
    status, said, _ = health(shell, "--config", str(config), "--profile", "wrong")
    assert (status, said["error"]["code"]) == (2, "ACCOUNT_KIND_MISMATCH")


def test_no_configuration_at_all(shell: Any, tmp_path: Path) -> None:
    status, said, _ = health(shell, IBKR_TUI_CONFIG="", XDG_CONFIG_HOME=str(tmp_path))
    assert (status, said["error"]["code"]) == (2, "CONFIG_NOT_FOUND")
    status, _, profiles = health(
        shell, IBKR_TUI_CONFIG="", XDG_CONFIG_HOME=str(tmp_path), IBKR_ACCOUNT_ID_LIVE="U7654321"
    )
    assert status == 1 and set(profiles) == {"live"}

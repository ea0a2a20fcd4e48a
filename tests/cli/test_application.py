"""The app as it is started: welcome without a configuration, attach, detach and re-attach with one."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ibkr_tui.cli.application import example_configuration, ui_settings
from ibkr_tui.cli.main import main
from ibkr_tui.cli.selection import Selection


def test_without_a_configuration_it_welcomes(terminal: Callable[..., Any], clean_environment: Path) -> None:
    screen = terminal(environ=dict(os.environ))
    screen.until(b"Connect an account")
    screen.type(b"q")
    assert screen.wait() == 0
    assert not (clean_environment / "state").exists()


def test_the_welcome_leads_to_the_demo(
    terminal: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    screen = terminal(environ=dict(os.environ))
    screen.until(b"Connect an account")
    screen.type(b"\r")
    screen.until(b"Watchlist")
    screen.type(b"q")
    assert screen.wait() == 0
    assert list(tmp_path.glob("ibkr-tui-demo-*")) == []


@pytest.mark.parametrize("words", [["--config", "absent.toml"], ["--profile", "nonesuch"]])
def test_what_is_named_and_missing_exits_2_and_welcomes_nobody(words: list[str]) -> None:
    ended = CliRunner().invoke(main, words)
    assert ended.exit_code == 2
    assert "CONFIG_NOT_FOUND" in ended.stderr


def test_without_a_terminal_it_says_so(shell: Any) -> None:
    ended = shell.run()
    assert ended.returncode == 2
    assert "needs a terminal" in ended.stderr
    assert shell.facts() is None


def test_a_dropped_connection_detaches_and_the_next_app_sees_the_same_order(
    shell: Any, terminal: Callable[..., Any]
) -> None:
    screen = terminal(environ=shell.environ)
    screen.until(b"AAPL")
    status, envelope = shell.call(
        "place_order", "symbol=MSFT", "side=buy", "qty=7", "order_type=limit", "limit_price=396.25", "--yes"
    )
    assert status == 0, envelope
    pid = shell.facts()["pid"]
    screen.process.send_signal(signal.SIGHUP)
    assert screen.wait() == 129
    again = terminal(environ=shell.environ)
    again.until(b"396.25")
    assert shell.facts()["pid"] == pid
    found = shell.call("get_order", f"coid={envelope['result']['coid']}")[1]["result"]
    assert (found["symbol"], found["state"]) == ("MSFT", "working")
    assert shell.call("cancel_order", f"coid={envelope['result']['coid']}")[0] == 0


def test_two_first_calls_at_once_share_one_core(shell: Any) -> None:
    calls = [shell.start("call", "health") for _ in range(3)]
    said = [json.loads(process.stdout.readline()) for process in calls]
    assert all(envelope["ok"] for envelope in said), said
    assert {envelope["result"]["core_pid"] for envelope in said} == {shell.facts()["pid"]}


def test_a_theme_that_is_not_written_leaves_the_choice_to_the_app(tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    profile = '[profiles.paper]\nkind = "paper"\naccount_id = "DU1"\n'
    config.write_text(profile)
    assert ui_settings(Selection(config=config, environ={}).load()).theme == ""
    config.write_text(profile + '[ui]\ntheme = "paper"\nfps = 5\n')
    settings = ui_settings(Selection(config=config, environ={}).load())
    assert (settings.theme, settings.fps) == ("paper", 5)


def test_the_example_is_found() -> None:
    assert "[profiles.paper]" in example_configuration()


def test_the_welcome_leads_to_the_set_up(terminal: Callable[..., Any], shell: Any, tmp_path: Path) -> None:
    environ = {k: v for k, v in shell.environ.items() if k != "IBKR_TUI_CONFIG"} | {"XDG_CONFIG_HOME": str(tmp_path)}
    screen = terminal(environ=environ)
    screen.until(b"Connect an account")
    screen.type(b"\x1b[B\r")
    screen.until(b"Enter set up now")
    screen.type(b"\r")
    screen.until(b"Where")
    screen.type(b"\n")
    screen.until(b"Paper or live")
    screen.process.terminate()
    assert screen.wait() == 143
    assert not (tmp_path / "ibkr_tui" / "config.toml").exists()

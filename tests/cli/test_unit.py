"""`core unit`: a unit that systemd can read back, and what a service manager hears from a core."""

from __future__ import annotations

import json
import shlex
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ibkr_tui.cli.service_notices import ServiceNotices
from ibkr_tui.cli.unit import Place, unit_text


def settings(text: str) -> dict[str, str]:
    """The last value of each setting."""
    lines = [line for line in text.splitlines() if "=" in line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def test_it_starts_this_profile_and_lets_it_do_little(shell: Any, tmp_path: Path) -> None:
    ended = shell.run("core", "unit")
    assert ended.returncode == 0, ended.stderr
    said = settings(ended.stdout)
    words = shlex.split(said["ExecStart"])
    assert words[-2:] == ["core", "run"]
    assert words[words.index("--profile") + 1] == "paper"
    assert Path(words[words.index("--config") + 1]).is_absolute()
    assert Path(words[0]).is_absolute()
    assert str(shell.state) in said["ReadWritePaths"]
    assert said["RestartPreventExitStatus"] == "2"
    assert (said["UMask"], said["LimitCORE"], said["NoNewPrivileges"]) == ("0077", "0", "yes")
    credentials = Path(shell.exchange.credentials).read_text()
    assert not any(word in ended.stdout for word in credentials.split('"') if len(word) > 20)
    if shutil.which("systemd-analyze"):
        unit = tmp_path / "ibkr-tui-paper.service"
        unit.write_text(ended.stdout)
        checked = subprocess.run(
            ["systemd-analyze", "--user", "verify", str(unit)], capture_output=True, text=True, check=False
        )
        assert checked.stderr == "" or "ibkr-tui-paper" not in checked.stderr, checked.stderr


def test_what_systemd_would_read_otherwise_is_quoted() -> None:
    text = unit_text(
        Place("a", "paper", "DU1", ["/p y/100%/$HOME/x", 'q"s'], [Path("/my state")], [("IBKR_TUI_STATE", "/a b")])
    )
    said = settings(text)
    assert said["ExecStart"] == '"/p y/100%%/$$HOME/x" "q\\"s"'
    assert said["ReadWritePaths"] == '"-/my state"'
    assert 'Environment="IBKR_TUI_STATE=/a b"' in text


def test_credentials_of_the_environment_get_no_unit(shell: Any) -> None:
    held = json.loads(Path(shell.exchange.credentials).read_text())
    ended = shell.run(
        "core", "unit",
        IBKR_ACCOUNT_ID=held["account_id"], IBKR_CONSUMER_KEY=held["consumer_key"],
        IBKR_ACCESS_TOKEN=held["access_token"], IBKR_ACCESS_TOKEN_SECRET=held["access_token_secret"],
        IBKR_SIGNATURE_KEY_PATH=held["signature_key_path"], IBKR_ENCRYPTION_KEY_PATH=held["encryption_key_path"],
        IBKR_DH_PRIME=held["dh_prime"],
    )  # fmt: skip
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert "import-env" in ended.stderr


@pytest.fixture
def manager(tmp_path: Path) -> Any:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(tmp_path / "n"))
        heard.settimeout(20)
        yield heard


def test_a_manager_hears_ready_alive_and_stopping(shell: Any, manager: Any, tmp_path: Path) -> None:
    shell.environ |= {"NOTIFY_SOCKET": str(tmp_path / "n"), "WATCHDOG_USEC": "600000"}
    core = shell.start("core", "run")
    heard = []
    while "READY=1\nSTATUS=serves profile paper" not in heard or heard[-1] != "WATCHDOG=1":
        heard.append(manager.recv(4096).decode())
    core.send_signal(signal.SIGQUIT)
    while not heard[-1].startswith("STOPPING=1"):
        heard.append(manager.recv(4096).decode())
    assert core.wait(10) == 131


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"NOTIFY_SOCKET": "relative"},
        {"NOTIFY_SOCKET": "/nowhere/n"},
        {"NOTIFY_SOCKET": "@gone", "WATCHDOG_USEC": "x"},
    ],
    ids=["none", "relative", "missing", "abstract"],
)
def test_without_a_manager_nothing_is_said_and_nothing_fails(environ: dict[str, str]) -> None:
    notices = ServiceNotices(environ)
    notices.ready("x")
    notices.alive()
    notices.stopping("y")


def test_it_is_alive_as_often_as_it_is_wanted(manager: Any, tmp_path: Path) -> None:
    notices = ServiceNotices({"NOTIFY_SOCKET": str(tmp_path / "n"), "WATCHDOG_USEC": "60000000"})
    for _ in range(3):
        notices.alive()
    assert manager.recv(100) == b"WATCHDOG=1"
    manager.setblocking(False)
    with pytest.raises(BlockingIOError):
        manager.recv(100)

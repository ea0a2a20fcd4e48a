"""`core unit`: a unit that systemd can read back, and what a service manager hears from a core."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ibkr_tui.cli.service_notices import ServiceNotices
from ibkr_tui.cli.unit import Place, unit_name, unit_text


def settings(text: str) -> dict[str, str]:
    """The last value of each setting."""
    lines = [line for line in text.splitlines() if "=" in line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def test_it_starts_this_profile_and_lets_it_do_little(shell: Any) -> None:
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


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_systemd_has_nothing_to_say_about_it(tmp_path: Path) -> None:
    text = unit_text(Place("paper", "paper", "DU1", [sys.executable, "-c", "pass"], [tmp_path]))
    runtime = tmp_path / "runtime"
    runtime.mkdir(mode=0o700)

    def said(text: str) -> str:
        unit = tmp_path / f"{unit_name('paper')}.service"
        unit.write_text(text)
        words = ["systemd-analyze", "--user", "--man=no", "verify", str(unit)]
        environ = os.environ | {"XDG_RUNTIME_DIR": str(runtime)}
        return subprocess.run(words, capture_output=True, text=True, check=False, env=environ).stderr

    if "Failed to" in (mistaken := said(text.replace("LockPersonality", "LockPersonalty"))):
        pytest.skip(f"systemd-analyze does not work here: {mistaken}")
    assert "LockPersonalty" in mistaken, "what is wrong would be said"
    assert said(text) == ""


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for it")
def test_it_needs_no_memory_that_is_written_and_run(shell: Any) -> None:
    """As MemoryDenyWriteExecute has it: the kernel refuses it to the core, which logs in and asks all the same."""
    refusing = (
        "import ctypes, os, sys\n"
        "if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0): sys.exit(77)\n"  # PR_SET_MDWE, of Linux 6.3
        "os.execv(sys.executable, [sys.executable, '-m', 'ibkr_tui.cli.main', *sys.argv[1:]])\n"
    )
    core = subprocess.Popen(
        [sys.executable, "-c", refusing, "core", "run"],
        env=shell.environ, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        while shell.facts() is None:
            if core.poll() == 77:
                pytest.skip("this kernel cannot refuse it")
            assert core.poll() is None, core.communicate()
            os.sched_yield()
        status, said = shell.call("get_account")
        assert (status, shell.facts()["pid"]) == (0, core.pid), said
    finally:
        core.terminate()
        core.communicate(timeout=15)


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

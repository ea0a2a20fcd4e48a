"""The terminal comes back: after a quit, a signal, a crash; and no app starts where it cannot draw."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from ibkr_tui.tui.crash import frames_only

SCRIPT = """
import asyncio, sys, time
from pathlib import Path
from ibkr_tui.tui.app import TradingApp
from ibkr_tui.tui.screens.desk import DeskScreen
from ibkr_tui.tui.terminal import run_app

class Launcher:
    profile = kind = "paper"
    is_demo = True
    async def attach(self, progress):
        progress("waiting here")
        await asyncio.get_running_loop().create_future()
    async def stop(self): ...

def crash(desk):
    secret = "hunter2-in-a-local"
    raise ZeroDivisionError("hunter2-in-a-message")

def block(desk):
    while True:
        time.sleep(0.05)

if sys.argv[1] != "plain":
    DeskScreen.action_find = {"crash": crash, "block": block}[sys.argv[1]]
sys.exit(run_app(TradingApp(Launcher(), Path(sys.argv[2]))))
"""


class Terminal:
    """The app in a pseudo-terminal of its own."""

    def __init__(self, kind: str, place: Path) -> None:
        script = place / "script.py"
        script.write_text(SCRIPT)
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ |= {"TERM": "xterm-256color", "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
            os.execv(sys.executable, [sys.executable, str(script), kind, str(place)])  # noqa: S606
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.output = b""

    def read_until(self, words: bytes, within: float = 15.0) -> None:
        end = time.monotonic() + within
        while words not in self.output and time.monotonic() < end:
            if select.select([self.fd], [], [], 0.1)[0] and not self._read():
                break
        assert words in self.output, self.output[-2000:]

    def _read(self) -> bool:
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            return False
        self.output += data
        return bool(data)

    def ended(self) -> int:
        """Read to the end; the exit status."""
        while self._read():
            pass
        _, status = os.waitpid(self.pid, 0)
        os.close(self.fd)
        return os.waitstatus_to_exitcode(status)

    def assert_restored(self) -> None:
        for code in (b"?1049l", b"?1000l", b"?1003l", b"?2004l", b"?25h"):
            last = self.output.rfind(code)
            on = self.output.rfind(code.replace(b"l", b"h") if code.endswith(b"l") else code.replace(b"h", b"l"))
            assert last > on, code


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)],
    ids=["term", "hup", "int"],
)
def test_a_signal_ends_it_and_restores_the_terminal(tmp_path: Path, number: int, status: int) -> None:
    terminal = Terminal("plain", tmp_path)
    terminal.read_until(b"waiting here")
    os.kill(terminal.pid, number)
    assert terminal.ended() == status
    terminal.assert_restored()


def test_q_ends_a_demo_with_zero(tmp_path: Path) -> None:
    terminal = Terminal("plain", tmp_path)
    terminal.read_until(b"waiting here")
    os.write(terminal.fd, b"q")
    assert terminal.ended() == 0
    terminal.assert_restored()


def test_a_crash_names_frames_and_no_values(tmp_path: Path) -> None:
    terminal = Terminal("crash", tmp_path)
    terminal.read_until(b"waiting here")
    os.write(terminal.fd, b"/")
    assert terminal.ended() == 1
    terminal.assert_restored()
    assert b"ZeroDivisionError" in terminal.output
    said = terminal.output.replace(b"\r\n", b"")  # a long path is folded at the terminal's edge
    assert b"script.py:" in said
    assert b"hunter2" not in terminal.output


def test_a_blocked_app_is_ended_too(tmp_path: Path) -> None:
    terminal = Terminal("block", tmp_path)
    terminal.read_until(b"waiting here")
    os.write(terminal.fd, b"/")
    time_given = time.monotonic() + 0.3
    while time.monotonic() < time_given:
        select.select([terminal.fd], [], [], 0.05)
        if select.select([terminal.fd], [], [], 0)[0]:
            terminal._read()
    os.kill(terminal.pid, signal.SIGTERM)
    assert terminal.ended() == 143
    assert b"?1049l" in terminal.output


@pytest.mark.parametrize(("environment", "words"), [({}, "needs a terminal")], ids=["no terminal"])
def test_without_a_terminal_it_says_so(tmp_path: Path, environment: dict[str, str], words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, "plain", str(tmp_path)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])} | environment,
    )  # fmt: skip
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_the_crash_report_keeps_values_out() -> None:
    try:
        secret = "hunter2"
        raise ValueError(secret)
    except ValueError as error:
        report = frames_only(error)
    assert "hunter2" not in report
    assert "test_the_crash_report_keeps_values_out" in report
    assert "ValueError" in report

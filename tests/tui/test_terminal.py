"""The terminal comes back: after a quit, a signal, a crash; and no app starts where it cannot draw (P1-P8, P13)."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pyte
import pytest

from ibkr_tui.tui.crash import frames_only

SCRIPT = """
import asyncio, sys, threading, time
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

def crash(desk=None, *_):
    secret = "hunter2-in-a-local"
    raise ZeroDivisionError("hunter2-in-a-message")

def timer(desk):
    desk.set_timer(0.01, crash)

def render(desk):
    desk.status.rows = crash
    desk.status.paint()

def deep(desk):
    deep(desk)

def worker(desk):
    async def fail():
        crash()
    desk.app.run_worker(fail(), name="work", exit_on_error=False)

def busy(desk):
    desk.set_interval(0.01, lambda: desk.refresh(layout=True))
    (Path(sys.argv[2]) / "blocked").touch()

def block(desk):
    (Path(sys.argv[2]) / "blocked").touch()
    while True:
        time.sleep(0.05)

def flood(desk):
    writer = desk.app._driver._writer_thread._queue
    threading.Timer(0.2, (Path(sys.argv[2]) / "blocked").touch).start()
    while True:
        writer.put("flood" * 4000)

def stray(desk):
    async def forgotten():
        crash()
    thread = threading.Thread(target=crash)
    thread.start()
    thread.join()
    task = asyncio.get_running_loop().create_task(forgotten())
    task.add_done_callback(lambda task: (Path(sys.argv[2]) / "blocked").touch())

KINDS = {
    "crash": crash, "timer": timer, "render": render, "deep": deep, "worker": worker, "busy": busy, "block": block,
    "flood": flood, "stray": stray,
}
if sys.argv[1] in KINDS:
    DeskScreen.action_find = KINDS[sys.argv[1]]
app = TradingApp(Launcher(), Path(sys.argv[2]))
app.on_fault = lambda error: "/kept/here"
sys.exit(run_app(app))
"""


class Terminal:
    """The app in a pseudo-terminal of its own."""

    def __init__(self, kind: str, place: Path, **environ: str) -> None:
        script = place / "script.py"
        script.write_text(SCRIPT)
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ |= {"TERM": "xterm-256color", "PYTHONPATH": str(Path(__file__).resolve().parents[2])} | environ
            for name in ("COLUMNS", "LINES"):  # they would stand for the terminal's size
                os.environ.pop(name, None)
            os.execv(sys.executable, [sys.executable, str(script), kind, str(place)])  # noqa: S606
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.output = b""

    def read_until(self, words: bytes, within: float = 15.0) -> None:
        end = time.monotonic() + within
        while words not in self.output and time.monotonic() < end:
            if select.select([self.fd], [], [], 0.1)[0] and not self._read():
                break
        assert words in self.output, (self.lives(), self.output[-2000:])

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

    def wait_for(self, condition: Callable[[], object], what: str, *, reads: bool = True) -> None:
        end = time.monotonic() + 15
        while not condition():
            assert time.monotonic() < end, what
            if select.select([self.fd] if reads else [], [], [], 0.01)[0]:
                self._read()

    def shown(self) -> str:
        """The screen as a person sees it."""
        screen = pyte.Screen(80, 24)
        pyte.ByteStream(screen).feed(re.sub(rb"\x1b\[[<>]\d*u", b"", self.output))
        return "\n".join(screen.display)

    def drain(self) -> None:
        """Read what is there."""
        while select.select([self.fd], [], [], 0)[0] and self._read():
            pass

    def is_cooked(self) -> bool:
        """Whether lines are edited and echoed again, as a shell wants it."""
        flags = termios.tcgetattr(self.fd)[3]
        return bool(flags & termios.ICANON) and bool(flags & termios.ECHO)

    def is_stopped(self) -> bool:
        return os.waitpid(self.pid, os.WNOHANG | os.WUNTRACED)[0] == self.pid

    def lives(self) -> bool:
        return os.waitpid(self.pid, os.WNOHANG) == (0, 0)

    def assert_restored(self) -> None:
        for code in (b"?1049l", b"?1000l", b"?1003l", b"?2004l", b"?25h"):
            last = self.output.rfind(code)
            on = self.output.rfind(code.replace(b"l", b"h") if code.endswith(b"l") else code.replace(b"h", b"l"))
            assert last > on, code


@pytest.mark.parametrize(
    ("number", "status"),
    [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130), (signal.SIGQUIT, 131)],
    ids=["term", "hup", "int", "quit"],
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


@pytest.mark.parametrize("kind", ["crash", "timer", "render", "deep"])
def test_a_crash_names_frames_and_no_values(tmp_path: Path, kind: str) -> None:
    terminal = Terminal(kind, tmp_path)
    terminal.read_until(b"waiting here")
    os.write(terminal.fd, b"/")
    assert terminal.ended() == 1
    terminal.assert_restored()
    assert (b"RecursionError" if kind == "deep" else b"ZeroDivisionError") in terminal.output
    said = terminal.output.replace(b"\r\n", b"")  # a long path is folded at the terminal's edge
    assert b"script.py:" in said
    assert b"The same is kept in /kept/here" in said
    assert b"hunter2" not in terminal.output


def test_a_blocked_app_gives_the_terminal_back_before_it_is_ended(tmp_path: Path) -> None:
    terminal = Terminal("block", tmp_path)
    terminal.read_until(b"waiting here")
    os.write(terminal.fd, b"/")
    terminal.wait_for((tmp_path / "blocked").exists, "the loop to stand still")
    os.kill(terminal.pid, signal.SIGTERM)
    terminal.wait_for(terminal.is_cooked, "the terminal")
    terminal.read_until(b"?1049l")
    assert terminal.lives(), "the terminal is back before the app has ended"
    assert terminal.ended() == 143
    terminal.assert_restored()


def test_a_terminal_that_nobody_reads_is_given_back_too(tmp_path: Path) -> None:
    terminal = Terminal("flood", tmp_path)
    terminal.read_until(b"waiting here")
    os.write(terminal.fd, b"/")
    terminal.wait_for((tmp_path / "blocked").exists, "more pictures than the terminal takes", reads=False)
    assert not terminal.is_cooked()
    os.kill(terminal.pid, signal.SIGTERM)
    terminal.wait_for(terminal.is_cooked, "the terminal", reads=False)
    assert terminal.ended() == 143
    terminal.assert_restored()


def test_a_terminal_that_is_closed_ends_it(tmp_path: Path) -> None:
    terminal = Terminal("plain", tmp_path)
    terminal.read_until(b"waiting here")
    os.close(terminal.fd)
    _, status = os.waitpid(terminal.pid, 0)
    assert os.waitstatus_to_exitcode(status) == 129


def test_a_terminal_that_goes_without_a_signal_ends_it_too(tmp_path: Path) -> None:
    """As after `setsid` or `nohup`: nobody tells it, and it neither stays nor spins."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environ = {"TERM": "xterm-256color", "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    words = [sys.executable, "-c", SCRIPT, "plain", str(tmp_path)]
    process = subprocess.Popen(
        words, stdin=slave, stdout=slave, stderr=slave, env=os.environ | environ, start_new_session=True
    )
    os.close(slave)
    seen = b""
    while b"waiting here" not in seen:
        assert select.select([master], [], [], 15)[0], seen[-500:]
        seen += os.read(master, 65536)
    os.close(master)
    assert process.wait(10) == 129


def test_a_terminal_that_stalled_is_painted_again(tmp_path: Path) -> None:
    terminal = Terminal("busy", tmp_path)
    terminal.read_until(b"waiting here")
    os.write(terminal.fd, b"/")
    terminal.wait_for((tmp_path / "blocked").exists, "it to paint without an end", reads=False)
    stuck = -1
    while (waiting := fcntl.ioctl(terminal.fd, termios.FIONREAD, bytes(4))) != stuck:
        stuck = waiting
        select.select([], [], [], 0.2)  # until no more goes into the terminal that nobody reads
    terminal.output = b""
    terminal.read_until(b"Watchlist")
    os.write(terminal.fd, b"q")
    assert terminal.ended() == 0
    terminal.assert_restored()


def test_it_can_be_stopped_and_goes_on(tmp_path: Path) -> None:
    terminal = Terminal("plain", tmp_path)
    terminal.read_until(b"waiting here")
    os.kill(terminal.pid, signal.SIGTSTP)
    terminal.wait_for(terminal.is_stopped, "it to stand still")
    terminal.drain()
    assert terminal.is_cooked()
    terminal.assert_restored()
    terminal.output = b""
    os.kill(terminal.pid, signal.SIGCONT)
    terminal.read_until(b"?1049h")
    terminal.read_until(b"waiting here")
    os.write(terminal.fd, b"q")
    assert terminal.ended() == 0
    terminal.assert_restored()


def test_a_storm_of_sizes_leaves_it_painting_at_the_last_one(tmp_path: Path) -> None:
    terminal = Terminal("plain", tmp_path)
    terminal.read_until(b"waiting here")
    for number in range(100):
        size = struct.pack("HHHH", 20 + number % 30, 60 + number % 30, 0, 0)
        fcntl.ioctl(terminal.fd, termios.TIOCSWINSZ, size)
        os.kill(terminal.pid, signal.SIGWINCH)
        terminal.drain()
    terminal.output = b""
    fcntl.ioctl(terminal.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 47, 161, 0, 0))
    os.kill(terminal.pid, signal.SIGWINCH)
    terminal.read_until("─".encode() * 75, 30)  # a border that has room in the last size alone
    os.write(terminal.fd, b"q")
    assert terminal.ended() == 0
    terminal.assert_restored()


@pytest.mark.parametrize("kind", ["stray", "worker"])
def test_a_fault_beside_it_and_a_signal_without_a_meaning_do_not_end_it(tmp_path: Path, kind: str) -> None:
    terminal = Terminal(kind, tmp_path)
    terminal.read_until(b"waiting here")
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        os.kill(terminal.pid, number)
    os.write(terminal.fd, b"/")
    if kind == "stray":
        terminal.wait_for((tmp_path / "blocked").exists, "both faults")
    else:
        terminal.wait_for(lambda: "/kept/here" in terminal.shown(), "where the fault's frames are")
        assert "work: ZeroDivisionError" in terminal.shown()
    os.write(terminal.fd, b"q")
    assert terminal.ended() == 0
    terminal.assert_restored()
    assert b"hunter2" not in terminal.output


def test_without_a_terminal_it_says_so(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, "plain", str(tmp_path)],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[2])},
    )  # fmt: skip
    assert done.returncode == 2
    assert "needs a terminal" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("environ", "words"),
    [({"TERM": "dumb"}, b"Set TERM"), ({"PYTHONIOENCODING": "latin-1"}, b"encoding is iso8859-1. Set LANG")],
    ids=["dumb", "not UTF-8"],
)
def test_a_terminal_that_cannot_draw_gets_a_sentence(tmp_path: Path, environ: dict[str, str], words: bytes) -> None:
    terminal = Terminal("plain", tmp_path, **environ)
    assert terminal.ended() == 2
    assert words in terminal.output
    assert b"?1049h" not in terminal.output, "nothing was drawn"


def test_the_crash_report_keeps_values_out() -> None:
    try:
        secret = "hunter2"
        raise ValueError(secret)
    except ValueError as error:
        report = frames_only(error)
    assert "hunter2" not in report
    assert "test_the_crash_report_keeps_values_out" in report
    assert "ValueError" in report

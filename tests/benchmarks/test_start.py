"""How long people wait at the start, and how much memory a minute later holds; beside what the libraries alone need."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyte
import pytest

pytestmark = pytest.mark.bench

HERE = Path(__file__).parent
COMMAND = [sys.executable, "-m", "ibkr_tui.cli.main"]
ROUNDS = 7
# What the emulator does not know and would print.
_OTHERS = re.compile(rb"\x1b\[[<>=][0-9;]*[a-z]|\x1b\[\?[0-9;]*\$p")
_BADGE = re.compile("DEMO")
_PRICED = re.compile(r"\d\.\d\d +([+−][\d.,]+ +)?[+−]?\d+\.\d\d%")


def environment(**more: str) -> dict[str, str]:
    """As a person has it: an installed package is compiled, which a checkout may be forbidden to become."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("IBKR_", "PYTHON"))}
    compiled = {"PYTHONPYCACHEPREFIX": str(Path(tempfile.gettempdir()) / "ibkr-tui-compiled")}
    return kept | compiled | {"TERM": "xterm-256color", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"} | more


class Started:
    """A program on a pty of its own, from its very start, and the screen that its bytes make."""

    def __init__(self, words: list[str], size: tuple[int, int]) -> None:
        self._master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (size[1], size[0]))
        self._screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self._screen)
        self._begin = time.monotonic()
        self.process = subprocess.Popen(
            words, stdin=slave, stdout=slave, stderr=slave, env=environment(), start_new_session=True
        )
        os.close(slave)

    def until(self, seen: Callable[[str], object], what: str, seconds: float = 30) -> float:
        """Seconds from the start until the bytes came that made it stand on the screen."""
        while time.monotonic() - self._begin < seconds:
            if select.select([self._master], [], [], 1)[0]:
                piece = os.read(self._master, 1 << 16)
                at = time.monotonic() - self._begin
                self._stream.feed(_OTHERS.sub(b"", piece))
                if any(map(seen, self._screen.display)):
                    return at
        raise AssertionError(f"{what} was not seen:\n" + "\n".join(self._screen.display))

    def linger(self, seconds: float) -> None:
        """Read on."""
        limit = time.monotonic() + seconds
        while (left := limit - time.monotonic()) > 0:
            if select.select([self._master], [], [], left)[0]:
                os.read(self._master, 1 << 16)

    def end(self) -> None:
        """Ask it to go, and read until it has."""
        self.process.terminate()
        try:
            while os.read(self._master, 1 << 16):
                pass
        except OSError:
            pass
        self.process.wait(20)
        os.close(self._master)


def timed(words: list[str], *marks: tuple[Callable[[str], object], str], size: tuple[int, int]) -> list[float]:
    """Seconds to each mark."""
    started = Started(words, size)
    try:
        return [started.until(*mark) for mark in marks]
    finally:
        started.end()


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
def test_the_demo_paints_and_gets_prices(size: tuple[int, int], lines: Any, measure: Any) -> None:
    demo, bare = [*COMMAND, "demo"], [sys.executable, str(HERE / "bare_app.py")]
    painted, priced = (_BADGE.search, "the first paint"), (_PRICED.search, "a price")
    found: list[tuple[list[float], float]] = []
    timed(demo, painted, priced, size=size)  # compiles what is not
    for _ in range(ROUNDS):
        found.append((timed(demo, painted, priced, size=size), timed(bare, painted, size=size)[0]))
    first = measure.compared([(ours[0], other) for ours, other in found])
    live = measure.compared([(ours[1], other) for ours, other in found])
    for what, one, budget in (("first paint", first, "≤ 0.6 s"), ("live prices", live, "≤ 3 s")):
        lines.say(f"demo to {what}, {size[0]}×{size[1]}", f"{one.ours:.2f} s", f"bare Textual app {one.theirs:.2f} s",
                  f"{one.ratio:.2f}", budget=budget, noise=one.noise)  # fmt: skip
    assert first.ratio <= 6
    assert live.ratio <= 60


@dataclass(frozen=True)
class Exchange:
    """A running simulator."""

    config: str
    credentials: str
    rest_url: str


@pytest.fixture
def exchange(tmp_path: Path) -> Iterator[Exchange]:
    process = subprocess.Popen(
        [sys.executable, "-m", "ibkr_tui.sim", "--exit-with-parent", "--out", str(tmp_path / "sim")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    ready = json.loads(process.stdout.readline())
    yield Exchange(ready["config"], ready["credentials"], ready["rest_url"])
    process.communicate(timeout=10)


def test_a_cold_call(exchange: Exchange, tmp_path: Path, lines: Any, measure: Any) -> None:
    environ = environment(IBKR_TUI_STATE=str(tmp_path / "state"), IBKR_TUI_CONFIG=exchange.config)
    quiet = environment(IBIND_LOG_TO_FILE="false", IBIND_LOG_TO_CONSOLE="false")

    def ours() -> float:
        begin = time.monotonic()
        ended = subprocess.run([*COMMAND, "call", "get_account"], env=environ, capture_output=True, check=False)
        took = time.monotonic() - begin
        assert json.loads(ended.stdout)["ok"], ended
        subprocess.run([*COMMAND, "core", "stop"], env=environ, capture_output=True, check=True)
        return took

    def theirs() -> float:
        words = [sys.executable, str(HERE / "ibind_account.py"), exchange.credentials, exchange.rest_url]
        begin = time.monotonic()
        process = subprocess.Popen(words, env=quiet, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert process.stdout is not None
        assert b"net" in process.stdout.readline()
        took = time.monotonic() - begin
        process.communicate(timeout=30)
        return took

    found = measure.compare(ours, theirs, rounds=ROUNDS)
    lines.say("cold call get_account (core, mint, call)", f"{found.ours:.2f} s", f"ibind {found.theirs:.2f} s",
              f"{found.ratio:.2f}", budget="≤ 1.5 s", noise=found.noise)  # fmt: skip
    assert found.ratio <= 4


def resident(pid: int) -> float:
    """Megabytes in memory."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024  # type: ignore[index]


def children(pid: int) -> dict[str, int]:
    """Processes whose parent is `pid`, by the module they run."""
    found = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
            words = stat.with_name("cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if int(fields[1]) == pid:
            found["sim" if b"ibkr_tui.sim" in words else "core"] = int(stat.parent.name)
    return found


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
def test_memory_after_a_minute(lines: Any) -> None:
    demo, bare = Started([*COMMAND, "demo"], (120, 40)), Started([sys.executable, str(HERE / "bare_app.py")], (120, 40))
    try:
        demo.until(_PRICED.search, "a price")
        bare.until(_BADGE.search, "the first paint")
        known = children(demo.process.pid)
        early = {"core": resident(known["core"]), "app": resident(demo.process.pid)}
        demo.linger(60)
        late = {"core": resident(known["core"]), "app": resident(demo.process.pid)}
        toolkit = resident(bare.process.pid)
    finally:
        demo.end()
        bare.end()
    names = "httpx, websockets.asyncio.client, cryptography.hazmat.primitives.asymmetric.rsa, msgspec, sqlite3, ssl"
    words = f"import {names}\nprint(open('/proc/self/status').read())"
    told = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True).stdout
    libraries = int(re.search(r"VmRSS:\s+(\d+)", told)[1]) / 1024  # type: ignore[index]
    for name, what, base in (("core", "its libraries", libraries), ("app", "bare Textual app", toolkit)):
        lines.say(f"memory of the {name} after a minute", f"{late[name]:.0f} MB", f"{what} {base:.0f} MB",
                  f"{late[name] / base:.2f}", budget="≤ 70 MB")  # fmt: skip
        assert late[name] <= 1.5 * early[name]
        assert late[name] <= 5 * base

"""The command as a person runs it: real processes, a real simulator, a state directory of each test's own."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

START_S = 30
COMMAND = [sys.executable, "-m", "ibkr_tui.cli.main"]


@dataclass(frozen=True)
class Exchange:
    """A running simulator."""

    config: Path
    credentials: Path
    control_url: str
    rest_url: str
    ws_url: str

    def state(self) -> dict[str, Any]:
        """Its counters and books."""
        return self._ask("state")

    def control(self, action: str, body: Any) -> Any:
        return self._ask(action, json.dumps(body).encode())

    def clear_faults(self) -> None:
        self._ask("faults", method="DELETE")

    def _ask(self, action: str, body: bytes | None = None, *, method: str | None = None) -> Any:
        request = urllib.request.Request(f"{self.control_url}/{action}", data=body, method=method)  # noqa: S310
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310 - loopback
            return json.load(answer)


class Shell:
    """Runs `ibkr-tui` on one configuration with one state directory, and ends what it started."""

    def __init__(self, exchange: Exchange, state: Path) -> None:
        self.exchange = exchange
        self.state = state
        self.environ = {k: v for k, v in os.environ.items() if not k.startswith("IBKR_")} | {
            "IBKR_TUI_STATE": str(state),
            "IBKR_TUI_CONFIG": str(exchange.config),
        }
        self._started: list[subprocess.Popen[bytes]] = []

    def run(self, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *words], env=self.environ | environ, capture_output=True, text=True, check=False, timeout=60
        )

    def call(self, *words: str, **environ: str) -> tuple[int, dict[str, Any]]:
        """Exit status and envelope of `call`; there is exactly one document on stdout."""
        ended = self.run("call", *words, **environ)
        assert ended.stdout.count("\n") == 1, ended
        return ended.returncode, json.loads(ended.stdout)

    def start(self, *words: str, **how: Any) -> subprocess.Popen[bytes]:
        """A process of the command that goes on; it is ended with the test."""
        process = subprocess.Popen(
            [*COMMAND, *words],
            env=self.environ,
            stdin=how.pop("stdin", subprocess.DEVNULL),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **how,
        )
        self._started.append(process)
        return process

    def facts(self, profile: str = "paper") -> dict[str, Any] | None:
        """What the core says of itself."""
        try:
            found: dict[str, Any] = json.loads((self.state / profile / "core.json").read_text())
        except FileNotFoundError:
            return None
        return found

    def end(self) -> None:
        for process in self._started:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()
        for place in self.state.glob("*/core.json"):
            self.run("--profile", place.parent.name, "core", "stop")
        for place in self.state.glob("*/core.json"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(json.loads(place.read_text())["pid"], signal.SIGKILL)


class Terminal:
    """A process on a terminal of its own, and what it has painted."""

    def __init__(self, words: tuple[str, ...], environ: dict[str, str]) -> None:
        self.seen = b""
        self._master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (30, 100))
        self.process = subprocess.Popen(
            [*COMMAND, *words],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environ | {"TERM": "xterm-256color", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"},
            start_new_session=True,
        )
        os.close(slave)

    def until(self, word: bytes | None, seconds: float = 20) -> bytes:
        """What is painted from now until `word` is; without a word, until the program lets go of the terminal."""
        start = len(self.seen)
        limit = time.monotonic() + seconds
        while (word is None or word not in self.seen[start:]) and time.monotonic() < limit:
            if select.select([self._master], [], [], 0.2)[0]:
                try:
                    piece = os.read(self._master, 65536)
                except OSError:
                    break
                self.seen += piece
        assert word is None or word in self.seen[start:], self.seen[-2000:]
        return self.seen[start:]

    def until_it_reads(self) -> None:
        """Until it sleeps in reading its terminal: a signal between a question and the reading is seen by nobody."""
        call = Path(f"/proc/{self.process.pid}/syscall")
        limit = time.monotonic() + 20
        while call.exists() and not call.read_text().startswith("0 0x0 ") and time.monotonic() < limit:
            time.sleep(0.01)

    def type(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def wait(self) -> int:
        """Its exit status, once it has gone."""
        self.until(None)
        return self.process.wait(15)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)


@pytest.fixture
def terminal() -> Iterator[Callable[..., Terminal]]:
    """`terminal("demo", environ={…})` runs the command on a terminal."""
    opened: list[Terminal] = []

    def run(*words: str, environ: dict[str, str] | None = None) -> Terminal:
        given = {k: v for k, v in os.environ.items() if not k.startswith("IBKR_")} if environ is None else environ
        opened.append(Terminal(words, dict(given)))
        return opened[-1]

    yield run
    for one in opened:
        one.end()


@pytest.fixture(scope="session")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    """One for all tests that leave its keys as they are."""
    with running_exchange(tmp_path_factory.mktemp("exchange")) as running:
        yield running


@contextmanager
def running_exchange(out: Path, *options: str) -> Iterator[Exchange]:
    """A simulator in a process of its own; a module whose tests change its keys has one to itself."""
    process = subprocess.Popen(
        [*COMMAND, "sim", "--exit-with-parent", "--out", str(out), *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    readable, _, _ = select.select([process.stdout], [], [], START_S)
    assert readable
    ready = json.loads(process.stdout.readline())
    yield Exchange(
        Path(ready["config"]), Path(ready["credentials"]), ready["control_url"], ready["rest_url"], ready["ws_url"]
    )
    process.terminate()
    process.communicate(timeout=10)


@pytest.fixture
def shell(exchange: Exchange, tmp_path: Path) -> Iterator[Shell]:
    """No core runs yet, and the simulator knows of no login that a killed one left."""
    exchange.control("session", {"do": "expire"})
    made = Shell(exchange, tmp_path / "state")
    yield made
    made.end()


@pytest.fixture(scope="module")
def served(exchange: Exchange, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """One core for the tests of a module that only ask and trade."""
    made = Shell(exchange, tmp_path_factory.mktemp("served") / "state")
    yield made
    made.end()


@pytest.fixture
def line_of() -> Callable[..., str]:
    """The next line of a process's output, within a deadline."""

    def read(process: subprocess.Popen[bytes], seconds: float = 20) -> str:
        assert process.stdout is not None
        readable, _, _ = select.select([process.stdout], [], [], seconds)
        assert readable, "nothing was said"
        return process.stdout.readline().decode()

    return read

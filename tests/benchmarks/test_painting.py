"""Eighty instruments on a terminal: from a price in the core's table to its digits in the terminal, and what it costs.

The link and the app are the real ones, in processes of their own, the app on a pty that a reader empties as it fills.
Theirs is the same rows over the same link in the toolkit's DataTable.
"""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

pytestmark = pytest.mark.bench

HERE = Path(__file__).parent
SETTLE_S, MEASURE_S = 3.0, 12.0
FRAME_S = 0.1
_CODES = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")
_PROBE = re.compile(rb"1,00(\d\.\d\d)")


class Terminal:
    """A program on a pty, and when its bytes came."""

    def __init__(self, words: list[str], size: tuple[int, int]) -> None:
        self._master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (size[1], size[0]))
        kept = {name: value for name, value in os.environ.items() if not name.startswith("IBKR_")}
        self.process = subprocess.Popen(
            words, stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            env=kept | {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"},
        )  # fmt: skip
        os.close(slave)
        self.pieces: list[tuple[float, bytes]] = []

    def read(self, seconds: float, until: bytes | None = None) -> bool:
        """Take what comes, for so long, or until a word came; whether it did."""
        limit = time.monotonic() + seconds
        seen = b""
        while (left := limit - time.monotonic()) > 0:
            if not select.select([self._master], [], [], left)[0]:
                break
            try:
                piece = os.read(self._master, 1 << 16)
            except OSError:
                return False
            self.pieces.append((time.monotonic(), piece))
            if until is not None:
                seen = seen[-4096:] + piece
                if until in seen:
                    return True
        return False

    def type(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def close(self) -> None:
        """Its end, which it was asked for."""
        self.read(10)
        self.process.kill()
        self.process.wait()
        os.close(self._master)


@dataclass(frozen=True)
class Painted:
    """One measurement; `latencies` in seconds, sorted; `cpu` a share of one core; `lag` the 99th percentile."""

    latencies: list[float]
    cpu: float
    lag: float
    frames_a_second: float
    bytes_a_second: float

    @property
    def bytes_a_frame(self) -> float:
        return self.bytes_a_second / max(self.frames_a_second, 0.1)

    def latency(self, share: float) -> float:
        return self.latencies[min(len(self.latencies) - 1, int(share * len(self.latencies)))]


@contextmanager
def market(place: Path, updates: int) -> Iterator[tuple[str, Path]]:
    """A served market: where, and where it writes when the probe moved."""
    socket, log = str(place / "core.sock"), place / "probes.json"
    process = subprocess.Popen(
        [sys.executable, str(HERE / "served_market.py"), socket, str(updates), str(log)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    try:
        yield socket, log
    finally:
        process.communicate(timeout=10)


def painted(kind: str, size: tuple[int, int], updates: int, *, settle: float = SETTLE_S) -> Painted:
    """Run one program on one market."""
    with tempfile.TemporaryDirectory(prefix="paint-") as name:
        place = Path(name)
        symbols = [{"symbol": f"S{at:02d}", "conid": 900_000_000 + at} for at in range(80)]
        memory = {"version": 2, "watchlists": [{"name": "Main", "symbols": symbols}], "current": "Main"}
        (place / "app.json").write_text(json.dumps(memory))
        out = place / "out.json"
        with market(place, updates) as (socket, log):
            terminal = Terminal([sys.executable, str(HERE / "painted_app.py"), kind, socket, name, str(out)], size)
            assert terminal.read(20, b"S01"), b"".join(piece for _, piece in terminal.pieces)[-3000:]
            terminal.read(1.0)
            if kind == "market":
                terminal.type(b"2")
            terminal.read(settle)
            terminal.pieces.clear()
            terminal.process.send_signal(signal.SIGUSR1)
            begin = time.monotonic()
            terminal.read(MEASURE_S)
            pieces, took = list(terminal.pieces), time.monotonic() - begin
            terminal.process.send_signal(signal.SIGUSR1)
            terminal.close()
        found = json.loads(out.read_bytes())
        put: dict[int, float] = dict(msgspec.json.decode(log.read_bytes()))
    lags = sorted(found["lags"])
    return Painted(
        sorted(_latencies(pieces, put)),
        found["cpu"] / found["seconds"],
        lags[int(0.99 * len(lags))],
        found["frames"] / found["seconds"],
        sum(len(piece) for _, piece in pieces) / took,
    )


def _latencies(pieces: list[tuple[float, bytes]], put: dict[int, float]) -> Iterator[float]:
    """From each price of the probe to its first sight in the stream; one that a newer one overtook has none."""
    seen: set[int] = set()
    rest = b""
    for at, piece in pieces:
        text = rest + piece
        rest = text[-64:]
        for match in _PROBE.finditer(_CODES.sub(b"", text)):
            number = int(match[1].replace(b".", b""))
            if number in put and number not in seen:
                seen.add(number)
                if put[number] >= pieces[0][0]:
                    yield at - put[number]


@pytest.mark.parametrize("updates", [1000, 5000])
@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
def test_a_fast_market(size: tuple[int, int], updates: int, lines: Any) -> None:
    table = painted("table", size, updates)
    at = f"{size[0]}×{size[1]}, {updates:,}/s"
    for kind in ("desk", "market"):
        ours = painted(kind, size, updates)
        assert len(ours.latencies) > 20
        facts = [
            (f"tick to painted, {word}", ours.latency(share) * 1e3, table.latency(share) * 1e3, budget, "ms")
            for share, word, budget in ((0.5, "p50", "–"), (0.99, "p99", "≤ 160 ms"))
        ]
        facts += [
            ("app CPU", ours.cpu * 100, table.cpu * 100, "≤ 10 %", "%"),
            ("loop lag p99", ours.lag * 1e3, table.lag * 1e3, "≤ 10 ms", "ms"),
            (
                "a frame",
                ours.bytes_a_frame / 1e3,
                table.bytes_a_frame / 1e3,
                "≤ 3.5 kB" if size[0] == 80 else "–",
                "kB",
            ),
            ("frames a second", ours.frames_a_second, table.frames_a_second, "–", ""),
        ]
        for what, mine, other, budget, unit in facts:
            said = f"{mine:.1f} {unit}", f"DataTable {other:.1f} {unit}", f"{mine / other:.2f}"
            lines.say(f"{kind} {at}: {what}", *said, budget=budget)
        assert ours.cpu <= table.cpu
        assert ours.bytes_a_frame <= table.bytes_a_frame


def test_a_quiet_market(lines: Any) -> None:
    table = painted("table", (80, 24), 0, settle=20)
    for size in ((80, 24), (120, 40)):
        ours = painted("desk", size, 0, settle=20)
        lines.say(f"desk {size[0]}×{size[1]}, nothing moves", f"{ours.bytes_a_second:.0f} B/s",
                  f"DataTable {table.bytes_a_second:.0f} B/s", "–", budget="≤ 200 B/s")  # fmt: skip
        assert ours.bytes_a_second <= 2000


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
def test_a_slow_line(size: tuple[int, int], lines: Any) -> None:
    for updates, what, budget, most in ((1000, "1,000/s", "≤ 4 kB/s", 4000), (0, "nothing moves", "≤ 200 B/s", 400)):
        ours, usual = (painted(kind, size, updates, settle=20) for kind in ("low", "desk"))
        said = f"{ours.bytes_a_second:.0f} B/s", f"as ever {usual.bytes_a_second:.0f} B/s"
        frames = f"{ours.frames_a_second:.1f} frames/s"
        lines.say(f"low bandwidth {size[0]}×{size[1]}, {what}", *said, frames, budget=budget)
        assert ours.bytes_a_second <= most

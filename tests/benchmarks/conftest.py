"""How everything here is measured: two or three things in turn, many times over, and the median of the rounds' ratios.

Nothing absolute is asserted. The machine's noise is measured beside: the same work in the same rounds, once more, and
how far those two lie apart.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Compared:
    """One measure of two: medians in seconds a piece, the median of the ratios, and the rounds' noise in per cent."""

    ours: float
    theirs: float
    ratio: float
    noise: float


def compare(ours: Callable[[], float], theirs: Callable[[], float], *, rounds: int) -> Compared:
    """Run both in turn, who begins changing each round; each returns what one piece took.

    The noise is how far a round's ratio usually lies from the median.
    """
    ours(), theirs()
    found: list[tuple[float, float]] = []
    for number in range(rounds):
        if number % 2:
            other = theirs()
            found.append((ours(), other))
        else:
            mine = ours()
            found.append((mine, theirs()))
    return compared(found)


def compared(found: list[tuple[float, float]]) -> Compared:
    """What pairs of measurements, taken side by side, come to."""
    ratios = [mine / other for mine, other in found]
    middle = statistics.median(ratios)
    noise = statistics.median(abs(ratio - middle) for ratio in ratios) / middle * 100
    return Compared(
        statistics.median(mine for mine, _ in found), statistics.median(other for _, other in found), middle, noise
    )


def cpu_of(work: Callable[[], Any], times: int) -> float:
    """CPU seconds of this process that one `work()` took: what other programs do meanwhile counts less than in time."""
    begin = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - begin) / times


class Lines:
    """The lines of the report: said at once, and kept for the end of the run."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, what: str, ours: str, theirs: str, ratio: str, *, budget: str, noise: float | None = None) -> None:
        """One line of the table."""
        shaky = "" if noise is None else f"  (noise ±{noise:.0f} %)"
        self.said.append(f"{what:<46} ours {ours:<22} theirs {theirs:<22} ratio {ratio:<8} budget {budget}{shaky}")


LINES = Lines()


@pytest.fixture(scope="session")
def lines() -> Lines:
    return LINES


@pytest.fixture(scope="session", autouse=True)
def alone() -> None:
    """Measurements beside each other measure each other."""
    assert "PYTEST_XDIST_WORKER" not in os.environ, "run the benchmarks with -n 0"


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The table, under everything."""
    if LINES.said:
        cores, load = os.cpu_count(), os.getloadavg()[0]
        terminalreporter.section(f"measured: Python {sys.version.split()[0]}, {cores} cores, load {load:.1f}")
        for line in LINES.said:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def measure() -> Iterator[Any]:
    """`compare`, `compared` and `cpu_of`, for modules that cannot import each other."""

    class Measure:
        compare = staticmethod(compare)
        compared = staticmethod(compared)
        cpu_of = staticmethod(cpu_of)
        here = HERE

    yield Measure


@pytest.fixture
def loopback() -> Iterator[Callable[..., int]]:
    """`loopback("http")` starts the other end in a process of its own and gives its port."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*words: str) -> int:
        process = subprocess.Popen(
            [sys.executable, str(HERE / "loopback.py"), *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        started.append(process)
        assert process.stdout is not None
        return int(process.stdout.readline())

    yield start
    for process in started:
        process.communicate(timeout=10)

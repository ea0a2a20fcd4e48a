"""Measure each room's coverage by the tests that belong to it, and fail below its floor."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Floor:
    """`include` must be covered to `percent` by `tests`."""

    include: str
    tests: tuple[str, ...]
    percent: int


FLOORS = [
    Floor("ibkr_tui/tui/*", ("tests/tui",), 75),
    Floor("ibkr_tui/cli/*", ("tests/cli",), 75),
    Floor("ibkr_tui/core/session/*", ("tests/core/session",), 90),
    Floor("ibkr_tui/core/web/*", ("tests/core/web",), 90),
    Floor("ibkr_tui/core/market/*", ("tests/core/market",), 90),
    Floor("ibkr_tui/core/keys/*", ("tests/core/keys",), 90),
    Floor("ibkr_tui/core/operations/*", ("tests/core/operations",), 85),
    Floor("ibkr_tui/core/orders/payloads.py", ("tests/core/orders",), 85),
]


def measure(floor: Floor) -> tuple[Floor, int, str]:
    """Run the floor's tests under coverage in a directory of its own; its exit status and last words."""
    with tempfile.TemporaryDirectory() as place:
        environment = os.environ | {"COVERAGE_FILE": str(Path(place) / "data")}

        def run(*words: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [sys.executable, "-m", *words], env=environment, capture_output=True, text=True, check=False
            )

        tests = run("coverage", "run", "-m", "pytest", "-p", "no:cacheprovider", *floor.tests)
        if tests.returncode:
            return floor, tests.returncode, tests.stdout[-3000:] + tests.stderr[-1000:]
        run("coverage", "combine", "-q", place)
        report = run("coverage", "report", f"--include={floor.include}", f"--fail-under={floor.percent}")
        return floor, report.returncode, report.stdout


def main() -> int:
    """All floors, two at a time; 1 when one is missed."""
    failed = 0
    with ThreadPoolExecutor(2) as pool:
        for floor, status, words in pool.map(measure, FLOORS):
            total = words.strip().splitlines()[-1] if words.strip() else ""
            print(f"{'ok  ' if status == 0 else 'FAIL'} {floor.include:36} floor {floor.percent} %  {total}")
            if status:
                failed = 1
                print(words)
    return failed


if __name__ == "__main__":
    sys.exit(main())

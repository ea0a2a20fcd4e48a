"""Read the coverage of the last test run: each room by the tests that belong to it. Fails below a floor.

The run must have been measured with `--cov --cov-context=test`, so that each line knows which tests reached it.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Floor:
    """`include` must be covered to `percent` by the tests under `tests`."""

    include: str
    tests: str
    percent: int


FLOORS = [
    Floor("ibkr_tui/tui/*", "tests/tui", 75),
    Floor("ibkr_tui/cli/*", "", 75),  # most of it runs in processes of its own, for tests of several rooms
    Floor("ibkr_tui/core/session/*", "tests/core/session", 90),
    Floor("ibkr_tui/core/web/*", "tests/core/web", 90),
    Floor("ibkr_tui/core/market/*", "tests/core/market", 90),
    Floor("ibkr_tui/core/keys/*", "tests/core/keys", 90),
    Floor("ibkr_tui/core/operations/*", "tests/core/(operations|broker)", 85),
    Floor("ibkr_tui/core/orders/payloads.py", "tests/core/orders", 85),
]


def measure(floor: Floor) -> tuple[bool, str]:
    """Whether the floor is kept, and the report."""
    report = subprocess.run(
        [
            *(sys.executable, "-m", "coverage", "report", f"--include={floor.include}"),
            # The empty context is what runs when a file is imported, before any test.
            *("--ignore-errors", f"--contexts=^{floor.tests},^$", f"--fail-under={floor.percent}"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    return report.returncode == 0, report.stdout + report.stderr


def main() -> int:
    """All floors; 1 when one is missed."""
    failed = 0
    for floor in FLOORS:
        kept, words = measure(floor)
        total = words.strip().splitlines()[-1] if words.strip() else ""
        print(f"{'ok  ' if kept else 'FAIL'} {floor.include:36} floor {floor.percent} %  {total}")
        if not kept:
            failed = 1
            print(words)
    return failed


if __name__ == "__main__":
    sys.exit(main())

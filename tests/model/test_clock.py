"""The machine's clocks: aware, and honest about the time that the machine slept."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC

import pytest

from ibkr_tui.model.clock import SystemClock

SLEPT = "import time; from ibkr_tui.model.clock import SystemClock; print(SystemClock().monotonic() - time.monotonic())"


def test_the_time_of_a_sleep_counts() -> None:
    """Fault P10: for this process the machine has slept eight hours (the kernel's time namespace says so)."""
    words = ["unshare", "--map-root-user", "--time", "--boottime", "28800", sys.executable, "-c", SLEPT]
    try:
        ended = subprocess.run(words, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("the kernel grants no time namespace here")
    assert float(ended.stdout) == pytest.approx(28800, abs=5)


def test_wall_time_is_aware() -> None:
    assert SystemClock().now().tzinfo is UTC

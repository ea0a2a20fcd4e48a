"""What every test shares: no setting of the developer's own reaches a test, and hypothesis keeps no clock."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("default", deadline=None, max_examples=60)
settings.load_profile("default")


UNMEASURED = ("tests/sim/", "tests/tui/test_terminal.py", "tests/tui/test_untrusted.py", "(120, 40)", "size1")
"""The simulator's own tests, storms on a terminal, and what is shown at a second size."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Measuring doubles a test's time: what no floor needs goes without, and so do the pictures."""
    for item in items:
        if any(part in item.nodeid for part in UNMEASURED) or "snap_compare" in getattr(item, "fixturenames", ()):
            item.add_marker("no_cover")


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """A test of 16 MiB is not called by them: its name goes to every process and stands beside each line it reached."""
    return f"{argname}-of-{len(val)}" if isinstance(val, str | bytes) and len(val) > 100 else None


@pytest.fixture(autouse=True)
def clean_environment(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """No IBKR_ name of the developer's, and state and configuration directories of this test's own.

    TESTED_ROOM tells a child process, when it is measured, for which room's tests its lines count.
    """
    monkeypatch.setenv("TESTED_ROOM", request.node.nodeid.partition("::")[0])
    for name in list(os.environ):
        if name.startswith(("IBKR_", "OAUTH_")):
            monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("IBKR_TUI_STATE", str(home / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM", "TEXTUAL_COLOR_SYSTEM"):
        monkeypatch.delenv(name, raising=False)
    return home

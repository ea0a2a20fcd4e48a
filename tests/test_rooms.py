"""The walls between the rooms: what an import loads, and what the import contracts say."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

TOP = Path(__file__).resolve().parents[1]

# httpx loads click by itself, for a command of its own, so the core can't be without it; that ours does not import it
# is one of the contracts below.
LOADS_NOTHING_OF = {
    "ibkr_tui.core.broker": (
        "textual",
        "starlette",
        "uvicorn",
        "ibkr_tui.tui",
        "ibkr_tui.sim",
        "ibkr_tui.link",
    ),
    "ibkr_tui.link.server": ("textual", "starlette", "uvicorn", "click", "ibkr_tui.tui", "ibkr_tui.sim"),
    "ibkr_tui.link.client": ("textual", "click", "httpx", "ibkr_tui.core", "ibkr_tui.link.server"),
    "ibkr_tui.tui.app": ("ibkr_tui.core", "ibkr_tui.sim", "ibkr_tui.cli", "ibkr_tui.link.server", "starlette", "click"),
    "ibkr_tui.sim.server": (
        "ibkr_tui.core",
        "ibkr_tui.model",
        "ibkr_tui.link",
        "ibkr_tui.tui",
        "ibkr_tui.cli",
        "textual",
    ),
    "ibkr_tui.cli.main": (
        "textual",
        "httpx",
        "starlette",
        "websockets",
        "cryptography",
        "ibkr_tui.sim",
        "ibkr_tui.tui",
    ),
    "ibkr_tui.cli.call": ("textual", "starlette", "uvicorn", "ibkr_tui.sim"),
    "ibkr_tui.model.orders": ("textual", "httpx", "click", "asyncio", "ibkr_tui.core", "ibkr_tui.link"),
}


@pytest.mark.parametrize(("module", "strangers"), LOADS_NOTHING_OF.items(), ids=LOADS_NOTHING_OF.keys())
def test_an_import_loads_its_own_rooms_only(module: str, strangers: tuple[str, ...]) -> None:
    code = f"import sys, {module}; print(*sys.modules, sep='\\n')"
    found = subprocess.run([sys.executable, "-c", code], cwd=TOP, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    loaded = set(found.stdout.split())
    assert module in loaded
    assert loaded.isdisjoint(strangers)


def test_the_import_contracts_are_kept() -> None:
    code = "import sys; from importlinter.cli import lint_imports_command; lint_imports_command()"
    found = subprocess.run(
        [sys.executable, "-c", code, "--no-cache"], cwd=TOP, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout + found.stderr

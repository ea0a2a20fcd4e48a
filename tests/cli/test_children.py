"""Children: a scrubbed environment, settings through a pipe, and the one line that says ready."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ibkr_tui.cli.children import core_facts, scrubbed, settings_of, start_child
from ibkr_tui.model.errors import BrokerError

SECRET = "hunter2-hunter2"

CORE = """
import json, os, sys
words = dict(zip(sys.argv[1::2], map(int, sys.argv[2::2])))
settings = json.load(os.fdopen(words["--settings-fd"]))
seen = {"settings": settings, "environ": dict(os.environ), "session": os.getsid(0) == os.getpid()}
with os.fdopen(words["--ready-fd"], "w") as ready:
    print(json.dumps({"ok": True, "result": seen}), file=ready)
"""

LOOKS = """
import json, os, select, sys
words = {name: int(value) for name, value in zip(sys.argv[1::2], sys.argv[2::2])}
settings = os.read(words["--settings-fd"], 1 << 16)
ended = bool(select.select([words["--settings-fd"]], [], [], 0)[0])
os.write(words["--ready-fd"], json.dumps({"ok": True, "result": {"ended": ended}}).encode() + b"\\n")
while os.read(words["--settings-fd"], 1):
    pass
"""


def test_only_what_a_child_needs_is_kept() -> None:
    environ = {
        "PATH": "/bin", "LC_ALL": "C.UTF-8", "IBKR_TUI_STATE": "/s", "PYTHONPATH": f"x{os.pathsep}{os.pathsep}/y",
        "IBKR_ACCESS_TOKEN_SECRET": SECRET, "HTTPS_PROXY": "http://evil", "SSLKEYLOGFILE": "/k", "PYTHONINSPECT": "1",
        "LD_PRELOAD": "/evil.so", "AWS_SECRET_ACCESS_KEY": SECRET,
    }  # fmt: skip
    kept = scrubbed(environ)
    assert set(kept) == {"PATH", "LC_ALL", "IBKR_TUI_STATE", "PYTHONPATH"}
    assert kept["PYTHONPATH"].endswith(f"{Path.cwd() / 'x'}{os.pathsep}/y")
    assert settings_of(environ) == {"IBKR_TUI_STATE": "/s", "IBKR_ACCESS_TOKEN_SECRET": SECRET}


async def test_secrets_reach_a_core_through_the_pipe_alone() -> None:
    environ = os.environ | {"IBKR_ACCESS_TOKEN_SECRET": SECRET}
    child = start_child([sys.executable, "-c", CORE], environ, ready="--ready-fd")
    seen = await core_facts(child, 10)
    assert child.process.wait(10) == 0
    assert seen["settings"]["IBKR_ACCESS_TOKEN_SECRET"] == SECRET
    assert SECRET not in str(seen["environ"])
    assert SECRET not in str(child.process.args)
    assert seen["session"]


@pytest.mark.parametrize("early", [True, False])
async def test_the_settings_of_one_that_was_started_early_end_when_it_is_let_go(early: bool) -> None:
    child = start_child([sys.executable, "-c", LOOKS], os.environ, ready="--ready-fd", early=early)
    assert (await core_facts(child, 10))["ended"] is not early
    child.let_go()
    assert child.process.wait(10) == 0


@pytest.mark.parametrize(
    ("code", "expected", "says"),
    [
        ("import sys; sys.exit('the disk is on fire')", "CORE_UNREACHABLE", "the disk is on fire"),
        ("import os; os.read(0, 1)", "CORE_UNREACHABLE", "within 0.2 s"),
        (
            'import os, sys; os.write(int(sys.argv[2]), b\'{"ok": false, "error": {"code": "CORE_RUNNING", '
            '"message": "it runs", "retryable": false, "user_action": "x"}}\\n\')',
            "CORE_RUNNING",
            "it runs",
        ),
    ],
    ids=["dies", "hangs", "refuses"],
)
async def test_a_core_that_does_not_start_is_told_in_its_own_words(code: str, expected: str, says: str) -> None:
    child = start_child([sys.executable, "-c", code], os.environ, ready="--ready-fd", stdin=subprocess.PIPE)
    try:
        with pytest.raises(BrokerError) as refused:
            await core_facts(child, 0.2 if "os.read" in code else 10)
    finally:
        child.process.kill()
        child.process.communicate()
    assert refused.value.code == expected
    assert says in refused.value.message


def test_a_program_that_is_not_there_is_said() -> None:
    with pytest.raises(BrokerError) as refused:
        start_child(["/nonexistent/program"], os.environ)
    assert refused.value.code == "CORE_UNREACHABLE"

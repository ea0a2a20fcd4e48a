"""Exit statuses and messages: a BrokerError, a fault, a signal, a reader that goes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from ibkr_tui.cli.output import Exit, exit_status, result_status, table
from ibkr_tui.model.errors import BrokerError

WORK = """
import asyncio, sys
from ibkr_tui.cli.output import emit, emit_result, tell
from ibkr_tui.cli.running import guard, run_command
from ibkr_tui.model.errors import BrokerError
from decimal import Decimal
async def done(): emit_result({{"money": Decimal("1E+3"), "none": Decimal("NaN")}}); return 0
async def refused(): raise BrokerError("RISK_ORDER_QTY", "too \\x1b[31m many", details={{"limit": "5"}})
async def unknown(): raise BrokerError("IBKR_ORDER_UNKNOWN", "who knows", details={{"coid": "c1"}})
async def usage(): raise BrokerError("CONFIG_INVALID", "line 3: no")
async def fault():
    hidden = "hunter2" * 3
    raise ZeroDivisionError("inside")
async def wait():
    print("begun", flush=True)
    await asyncio.Event().wait()
async def flood():
    while True: emit("x" * 1000); await asyncio.sleep(0)
run_command({work}, json_errors={json})
"""


def run(work: str, *, json: bool = False) -> subprocess.CompletedProcess[str]:
    code = WORK.format(work=work, json=json)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("result", "status"),
    [
        ({"sent": 5, "failed": 2}, Exit.FAILED),
        ({"requested": 3, "failed": 0, "waiting": 1, "unread": "the list"}, Exit.DONE),
        ([{"failed": 1}], Exit.DONE),
    ],
)
def test_a_sweep_that_failed_in_part_is_not_done(result: object, status: Exit) -> None:
    assert result_status(result) is status


def test_a_result_is_one_document_with_plain_money() -> None:
    ended = run("done")
    assert ended.returncode == 0
    assert msgspec.json.decode(ended.stdout) == {"ok": True, "result": {"money": "1000", "none": None}}
    assert ended.stdout.count("\n") == 1
    assert ended.stderr == ""


@pytest.mark.parametrize(("work", "status"), [("refused", 1), ("unknown", 3), ("usage", 2)])
def test_a_refusal_has_its_status_and_says_code_and_next_step(work: str, status: int) -> None:
    ended = run(work)
    assert (ended.returncode, ended.stdout) == (status, "")
    assert "\x1b" not in ended.stderr
    assert "Traceback" not in ended.stderr
    envelope = run(work, json=True)
    assert envelope.returncode == status
    error = msgspec.json.decode(envelope.stdout)["error"]
    assert error["code"] in ended.stderr
    assert error["user_action"] in ended.stderr
    assert set(error) == {"code", "message", "retryable", "user_action", "details"}


def test_a_fault_leaves_frames_in_the_log_and_one_line_here(clean_environment: Path) -> None:
    ended = run("fault")
    assert ended.returncode == 1
    assert ended.stderr.startswith("ibkr-tui: a fault of this program (ZeroDivisionError)")
    log = (clean_environment / "state" / "commands.log").read_text()
    assert "in fault" in log
    assert "hunter2hunter2" not in log + ended.stderr
    assert "Traceback" not in ended.stderr
    assert msgspec.json.decode(run("fault", json=True).stdout)["error"]["code"] == "INTERNAL"


def test_a_fault_of_the_app_is_kept_with_its_frames(clean_environment: Path) -> None:
    code = (
        "from ibkr_tui.cli.running import keep_fault\n"
        "def paints():\n    secret = 'hunter2hunter2'\n    raise ZeroDivisionError(secret)\n"
        "try: paints()\nexcept ZeroDivisionError as error: print(keep_fault(error))\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    log = Path(ended.stdout.strip())
    assert (log, ended.stderr) == (clean_environment / "state" / "commands.log", "")
    assert "in paints" in log.read_text() and "hunter2" not in log.read_text()


def test_a_fault_without_a_place_for_the_log_is_still_one_line(
    clean_environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (clean_environment / "file").write_text("")
    monkeypatch.setenv("IBKR_TUI_STATE", str(clean_environment / "file" / "state"))
    ended = run("fault")
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_signals_have_their_statuses(sent: signal.Signals, status: int) -> None:
    code = WORK.format(work="wait", json=True)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        process.send_signal(sent)
        out, err = process.communicate(timeout=10)
    assert (process.returncode, out, err) == (status, b"", b"")


def test_a_reader_that_goes_is_no_error() -> None:
    code = WORK.format(work="flood", json=False)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        os.read(process.stdout.fileno(), 10)
        process.stdout.close()
        assert process.wait(10) == 0
        assert process.stderr is not None
        assert process.stderr.read() == b""


def test_statuses_follow_the_code() -> None:
    for code, status in (("IBKR_ORDER_UNKNOWN", 3), ("BAD_ARGUMENT", 2), ("CONFIG_NOT_FOUND", 2), ("BAD_TICKET", 1)):
        assert exit_status(BrokerError(code, "x")) == status
    assert Exit.INTERRUPTED == 130


def test_columns_are_aligned() -> None:
    assert table([{"a": "x", "b": "1"}, {"a": "long", "b": "2"}]) == "x     1\nlong  2"
    assert table([]) == ""

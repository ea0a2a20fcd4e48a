"""`ibkr-tui audit`: with no core, beside one that writes, and on journals that somebody has touched."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import sqlite3
import subprocess
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ibkr_tui.cli.main import main
from ibkr_tui.core.journal.intents import Intent, IntentState
from ibkr_tui.core.journal.journal import Journal, Turn
from ibkr_tui.model.clock import SystemClock
from ibkr_tui.model.orders import Side
from tests.cli.conftest import COMMAND

PROFILE = '[profiles.{0}]\nkind = "{0}"\naccount_id = "{1}"\n'
CONFIG = PROFILE.format("paper", "DU1234567") + PROFILE.format("live", "U1234567")


class Past(SystemClock):
    """A clock that is so many days behind."""

    def __init__(self, days: float) -> None:
        self._behind = timedelta(days=days)

    def now(self) -> datetime:
        return datetime.now(UTC) - self._behind


def write(state: Path, *coids: str, days: float = 0) -> None:
    """What a core wrote so many days ago: two rows an order."""

    async def work() -> None:
        clock = Past(days)
        journal = Journal(state, clock, "test")
        await journal.open()
        for coid in coids:
            order = Intent(
                coid, "DU1234567", 1, "AAPL", "AAPL", Side.BUY, Decimal(1), "limit", Decimal(188), "day", "h", "i",
                IntentState.SENDING, clock.now(),
            )  # fmt: skip
            await journal.begin(order, {"symbol": "AAPL", "qty": Decimal(1), "limit_price": Decimal("188.50")})
            await journal.record(coid, "DU1234567", [Turn("cancelled", {"text": "bye"}, IntentState.CANCELLED)])
        await journal.close()

    thread = threading.Thread(target=lambda: asyncio.run(work()))
    thread.start()
    thread.join()


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state" / "paper"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    (tmp_path / "config.toml").write_text(CONFIG)
    monkeypatch.setenv("IBKR_TUI_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.setenv("IBKR_TUI_STATE", str(tmp_path / "state"))

    def invoke(*words: str) -> Any:
        return CliRunner().invoke(main, ["audit", *words])

    return invoke


@pytest.fixture
def written(state: Path, run: Any) -> Path:
    """Rows 1 (opened), 2-3 of tA, 4-5 of tB."""
    write(state, "tA", "tB")
    return state


def tampered(state: Path, script: str) -> None:
    connection = sqlite3.connect(state / "journal.db")
    connection.executescript(f"DROP TRIGGER audit_no_update; DROP TRIGGER audit_no_delete; {script}")
    connection.close()


def test_a_whole_audit(run: Any, written: Path) -> None:
    ended = run("verify")
    assert (ended.exit_code, ended.stdout) == (0, "paper: the audit is whole: rows 1 to 5, anchored to row 5\n")
    said = json.loads(run("verify", "--json").stdout)
    assert (said["ok"], said["result"]["profile"], said["result"]["verdict"]["last"]) == (True, "paper", 5)
    copy = written.parent / "copy"
    shutil.copy(written / "audit.anchors", copy)
    assert run("verify", "--anchors", str(copy)).exit_code == 0
    assert run("verify", "--anchors", str(written / "none")).exit_code == 1


@pytest.mark.parametrize(
    ("script", "status", "expected"),
    [
        ("UPDATE audit SET payload = '{}' WHERE seq = 4", 10, ("broken_row", 4)),
        ("DELETE FROM audit WHERE seq > 3", 11, ("cut_tail", 4)),
        ("DELETE FROM audit WHERE seq = 3", 12, ("gap", 3)),
        ("UPDATE intents SET coid = 'tZ' WHERE coid = 'tA'", 13, ("orphan_intent", 0)),
    ],
)
def test_each_flaw_has_its_status(run: Any, written: Path, script: str, status: int, expected: Any) -> None:
    tampered(written, script)
    ended = run("verify", "--json")
    finding = json.loads(ended.stdout)["result"]["verdict"]["finding"]
    assert (ended.exit_code, (finding["flaw"], finding["seq"])) == (status, expected)
    seq = expected[1]
    shown = run("verify").stdout
    assert "NOT whole" in shown
    assert f"First bad row: {seq}." in shown if seq else "tZ" in shown
    for words in (("tail",), ("export",)):
        ended = run(*words)
        assert ended.exit_code == status, "what is shown all the same says what it is"
        assert "NOT whole" in ended.stderr
        assert ended.stdout


def test_a_journal_that_is_not_there(run: Any, written: Path) -> None:
    (written / "journal.db").unlink()
    assert run("verify").exit_code == 11
    shutil.rmtree(written)
    ended = run("verify", "--json")
    assert (ended.exit_code, json.loads(ended.stdout)["error"]["code"]) == (1, "JOURNAL_UNAVAILABLE")
    assert run("tail").exit_code == 1


def test_without_its_key_nothing_is_vouched_for(run: Any, written: Path) -> None:
    (written / "audit.key").unlink()
    ended = run("verify")
    assert ended.exit_code == 1
    assert "audit.key is gone" in ended.stderr


def test_the_newest_rows(run: Any, written: Path) -> None:
    shown = run("tail", "--count", "2").stdout.splitlines()
    assert [line.split()[0] for line in shown] == ["4", "5"]
    assert "intent" in shown[0] and "tB" in shown[0] and "limit_price=188.5" in shown[0]
    rows = [json.loads(line) for line in run("tail", "--json").stdout.splitlines()]
    assert [(row["seq"], row["coid"]) for row in rows] == [(1, ""), (2, "tA"), (3, "tA"), (4, "tB"), (5, "tB")]
    assert "DU1234567" not in run("tail").stdout


def test_it_follows_what_a_core_writes(run: Any, written: Path, line_of: Callable[..., str]) -> None:
    process = subprocess.Popen(
        [*COMMAND, "audit", "tail", "--count", "1", "--follow", "--json"], stdout=subprocess.PIPE
    )
    try:
        assert json.loads(line_of(process))["seq"] == 5
        write(written, "tC")
        assert process.stdout is not None
        assert json.loads(line_of(process))["kind"] == "intent"
        assert json.loads(process.stdout.readline())["kind"] == "cancelled"
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
    finally:
        process.kill()
        process.communicate()


def test_an_export_of_a_time(run: Any, state: Path, tmp_path: Path) -> None:
    write(state, "tA", days=10)
    write(state, "tB")
    day = (datetime.now(UTC) - timedelta(days=5)).date().isoformat()
    assert [json.loads(line)["coid"] for line in run("export", "--since", day).stdout.splitlines()] == ["tB", "tB"]
    out = tmp_path / "out.jsonl"
    ended = run("export", "--until", day, "--out", str(out), "--json")
    made = json.loads(ended.stdout)["result"]
    assert (ended.exit_code, made["rows"], made["last"]) == (0, 3, 3)
    assert [json.loads(line)["seq"] for line in out.read_text().splitlines()] == [1, 2, 3]
    again = run("export", "--out", str(out))
    assert (again.exit_code, "EXPORT_FAILED" in again.stderr) == (1, True)
    assert run("export", "--since", "yesterday").exit_code == 2
    assert run("verify", "--archive", str(out)).stdout.startswith(f"{out}: the audit is whole: rows 1 to 3")
    out.write_bytes(out.read_bytes().replace(b'"tA"', b'"tZ"'))
    ended = run("verify", "--archive", str(out), "--json")
    assert (ended.exit_code, json.loads(ended.stdout)["result"]["verdict"]["finding"]["seq"]) == (10, 2)


def test_a_purge_only_with_an_archive_and_only_of_the_old(run: Any, state: Path, tmp_path: Path) -> None:
    write(state, "tA", days=100)
    write(state, "tB")
    out = tmp_path / "out.jsonl"
    old, young = ((datetime.now(UTC) - timedelta(days=days)).date().isoformat() for days in (50, 5))
    assert run("export", "--purge", "--until", old).exit_code == 2
    ended = run("export", "--purge", "--until", young, "--out", str(out))
    assert (ended.exit_code, "AUDIT_RETENTION" in ended.stderr) == (1, True)
    ended = run("export", "--purge", "--until", old, "--out", str(out))
    assert (ended.exit_code, ended.stdout) == (0, f"exported and purged rows 1 to 3 (3): {out}\n")
    assert run("verify").stdout == (
        "paper: the audit is whole: rows 4 to 6, anchored to row 6; rows up to 3 are in an export\n"
    )
    tampered(state, "UPDATE audit SET payload = '{}' WHERE seq = 5")
    ended = run("export", "--purge", "--until", old, "--out", str(tmp_path / "second"))
    assert (ended.exit_code, (tmp_path / "second").exists()) == (10, False)


def test_live_rows_stay_for_seven_years(run: Any, tmp_path: Path) -> None:
    write(tmp_path / "state" / "live", "tA", days=2600)
    day = (datetime.now(UTC) - timedelta(days=2550)).date().isoformat()
    words = ["--profile", "live", "audit", "export", "--purge", "--until", day, "--out", str(tmp_path / "out")]
    ended = CliRunner().invoke(main, words)
    assert (ended.exit_code, "2555 days" in ended.stderr) == (1, True)


def test_beside_a_running_core(served: Any) -> None:
    order = ("symbol=AAPL", "side=buy", "qty=1", "order_type=limit", "limit_price=187", "--yes")
    status, said = served.call("place_order", *order)
    assert status == 0, said
    ended = served.run("audit", "verify", "--json")
    assert (ended.returncode, json.loads(ended.stdout)["ok"]) == (0, True)
    shown = served.run("audit", "tail").stdout
    assert "intent" in shown and "symbol=AAPL" in shown
    _, said = served.call("get_audit", "kind=intent")
    assert [row["facts"]["symbol"] for row in said["result"]["rows"]] == ["AAPL"]
    status, said = served.call("get_audit", "kind=nonsense")
    assert (status, said["error"]["code"]) == (2, "BAD_ARGUMENT")
    out = served.state / "out"
    ended = served.run("audit", "export", "--out", str(out), "--purge", "--until", "2020-01-01")
    assert (ended.returncode, "another process writes it" in ended.stderr) == (1, True)
    assert "ibkr-tui core stop" in ended.stderr
    ended = served.run("audit", "verify", "--anchors", str(served.state / "nowhere"))
    assert (ended.returncode, "Name a copy of audit.anchors" in ended.stderr) == (1, True)
    ended = served.run("audit", "export", "--since", "yesterday")
    assert (ended.returncode, "See `ibkr-tui audit export --help`." in ended.stderr) == (2, True), ended.stderr

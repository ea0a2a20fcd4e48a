"""`record FILE` beside a core, and `replay FILE`: what keeps it from starting, and a start on a terminal."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from ibkr_tui.cli.record import joined, new_file
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.table import TableDelta
from ibkr_tui.tui.replay.moments import Reader, read_moments


def test_a_file_that_is_no_recording_is_refused(shell: Any, tmp_path: Path) -> None:
    path = tmp_path / "day.jsonl"
    path.write_text('{"seq":1}\n')
    ended = shell.run("replay", str(path))
    assert ended.returncode == 1
    assert "line 1 of" in ended.stderr
    assert "audit export" in ended.stderr


def test_what_a_core_knows_is_recorded_and_replayed(served: Any, terminal: Any, tmp_path: Path) -> None:
    status, said = served.call("subscribe_tick", "symbol=AAPL")
    assert status == 0, said
    path = tmp_path / "day.jsonl"
    ended = served.run("record", str(path), "--every", "0.5", "--for", "1")
    assert ended.returncode == 0, ended.stderr
    assert path.stat().st_mode & 0o777 == 0o600
    reader, rows, logs = Reader(), dict[str, set[str]](), set[str]()
    for line in read_moments(path).lines:
        taken = reader.take(line.raw)
        if isinstance(taken, TableDelta):
            rows.setdefault(taken.table, set()).update(taken.rows)
        else:
            logs.add(taken.log)
    assert {"265598"} <= rows["quotes"] & rows["positions"]
    assert rows["account"] and rows["health"] and rows["guards"] and "audit" in logs
    assert json.loads(served.exchange.credentials.read_text())["account_id"].encode() not in path.read_bytes()
    environ = {key: value for key, value in os.environ.items() if not key.startswith("IBKR_")}
    shown = terminal("replay", str(path), environ=environ | {"IBKR_TUI_STATE": str(tmp_path / "elsewhere")})
    shown.until(b"REPLAY")
    shown.until(b"AAPL")
    shown.type(b"q")
    assert shown.wait() == 0


def test_two_changes_between_samples_are_one() -> None:
    def delta(rows: dict[str, int], *gone: str, full: bool = False) -> TableDelta[int]:
        return TableDelta("quotes", 1, full, rows, gone)

    assert joined(None, delta({"a": 1})) == delta({"a": 1})
    assert joined(delta({"a": 1, "b": 1}), delta({"b": 2}, "a")) == delta({"b": 2}, "a")
    assert joined(delta({}, "a"), delta({"a": 3})) == delta({"a": 3})
    assert joined(delta({"a": 1}, full=True), delta({"b": 2})) == delta({"a": 1, "b": 2}, full=True)
    assert joined(delta({"a": 1}), delta({"b": 2}, full=True)) == delta({"b": 2}, full=True)


def test_a_file_that_is_there_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "day.jsonl").write_text("yesterday")
    for path, words in (("day.jsonl", "is there already"), ("no/where", "cannot be written")):
        with pytest.raises(BrokerError, match=words) as refused:
            new_file(tmp_path / path)
        assert refused.value.code == "EXPORT_FAILED"
    assert (tmp_path / "day.jsonl").read_text() == "yesterday"


def table_of(raw: bytes) -> str:
    return str(json.loads(raw).get("table", ""))


def test_ctrl_c_ends_a_recording_and_leaves_it_whole(served: Any, tmp_path: Path) -> None:
    path = tmp_path / "day.jsonl"
    recording = served.start("record", str(path))
    while not path.exists() or path.read_bytes().count(b"\n") < 5:
        assert recording.poll() is None, recording.communicate()
        os.sched_yield()
    recording.send_signal(signal.SIGINT)
    assert recording.wait(10) == 130
    assert {"health", "account"} <= {table_of(line.raw) for line in read_moments(path).lines}

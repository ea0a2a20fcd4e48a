"""`record FILE` beside a core, and `replay FILE`: what keeps it from starting, and a start on a terminal."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

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
    assert served.call("place_order", "symbol=AAPL", "side=buy", "qty=1", "--yes")[0] == 0
    path = tmp_path / "day.jsonl"
    ended = served.run("record", str(path), "--every", "0.5", "--for", "2")
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
    assert rows["orders"] and rows["account"] and rows["health"] and {"fills", "audit"} <= logs
    assert served.call("get_account")[1]["result"]["account"].encode() not in path.read_bytes()
    again = served.run("record", str(path))
    assert (again.returncode, "is there already" in again.stderr) == (1, True)
    environ = {key: value for key, value in os.environ.items() if not key.startswith("IBKR_")}
    shown = terminal("replay", str(path), environ=environ | {"IBKR_TUI_STATE": str(tmp_path / "elsewhere")})
    shown.until(b"REPLAY")
    shown.until(b"AAPL")
    shown.type(b"q")
    assert shown.wait() == 0

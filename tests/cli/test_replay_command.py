"""`replay FILE`: what keeps it from starting, and a start on a terminal without a configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def test_a_file_that_is_no_recording_is_refused(shell: Any, tmp_path: Path) -> None:
    path = tmp_path / "day.jsonl"
    path.write_text('{"seq":1}\n')
    ended = shell.run("replay", str(path))
    assert ended.returncode == 1
    assert "line 1 of" in ended.stderr
    assert "audit export" in ended.stderr

"""A recording is read strictly: a mistake is named by its line, and nothing in it is believed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.tui.replay import recording
from ibkr_tui.tui.replay.recording import read_recording

LINE = (
    '{"seq":%d,"at":"2026-11-20T15:00:00+00:00","kind":"sent","coid":"t1","acct_tag":"ab","facts":{"attempt":1},'
    '"prev_mac":"00","mac":"11"}\n'
)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "day.jsonl"
    path.write_text(text)
    return path


def test_rows_come_in_their_sequence_and_once(tmp_path: Path) -> None:
    rows = read_recording(written(tmp_path, LINE % 2 + "\n" + LINE % 1 + LINE % 2))
    assert [row.seq for row in rows] == [1, 2]
    assert rows[0].at == datetime(2026, 11, 20, 15, tzinfo=UTC)
    assert rows[0].facts == {"attempt": 1}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "there is no row"),
        (LINE % 1 + "{", "line 2 .* is no row of an audit"),
        ("[]\n", "line 1 .* is no row"),
        ('{"seq":"1","at":"2026-11-20T15:00:00+00:00","kind":"sent"}\n', "line 1 .* is no row"),
        ('{"seq":1,"at":"2026-11-20T15:00:00","kind":"sent"}\n', "its time has no zone"),
        ("\xff\n", "line 1 .* is no row"),
        ("[" * 5000 + "\n", "line 1 .* is no row"),
        ("x" * 100_001, "line 1 .* longer than any row"),
    ],
    ids=["empty", "cut", "list", "text for a number", "no zone", "no utf", "deep", "long"],
)
def test_a_mistake_is_named_by_its_line(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "day.jsonl"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(BrokerError, match=words) as refused:
        read_recording(path)
    assert refused.value.code == "RECORDING_UNREADABLE"


def test_a_file_that_is_not_there_and_one_that_is_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BrokerError, match="cannot be read: No such file"):
        read_recording(tmp_path / "absent")
    monkeypatch.setattr(recording, "MOST_ROWS", 2)
    with pytest.raises(BrokerError, match="more than 2 rows"):
        read_recording(written(tmp_path, LINE % 1 + LINE % 2 + LINE % 3))


def test_escape_sequences_are_no_more_than_text(tmp_path: Path) -> None:
    bad = LINE.replace('"sent"', '"se\\u001b[2Jnt"').replace('"t1"', '"t\\u001b]52;c;x\\u0007"')
    (row,) = read_recording(written(tmp_path, bad % 1))
    assert "\x1b" not in row.kind + row.coid

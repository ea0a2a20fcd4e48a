"""The log as a face reads it: by level, newest last, following across rotations, whatever stands in the file."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from ibkr_tui.core import log_reading
from ibkr_tui.core.log_reading import read_log
from ibkr_tui.core.logs import RedactingFormatter
from ibkr_tui.model.core_log import LogLevel, LogTail
from ibkr_tui.model.errors import BrokerError

AT = "2026-11-20T15:42:10.123+00:00"


def line(text: str, level: str = "INFO") -> str:
    return f"{AT} {level} ibkr_tui.core.session.session: {text}\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "core.log"


def texts(tail: LogTail) -> list[str]:
    return [record.text for record in tail.records]


def rotate(path: Path) -> None:
    for number in (3, 2, 1):
        old = path.with_name(f"core.log.{number}")
        if old.exists():
            old.rename(path.with_name(f"core.log.{number + 1}"))
    path.rename(path.with_name("core.log.1"))


def test_a_record_is_what_the_log_wrote(path: Path) -> None:
    formatter = RedactingFormatter(["hunter2hunter2"])
    record = logging.LogRecord(
        "ibkr_tui.core.web.socket", logging.WARNING, "f", 1, "lost: %s", ("hunter2hunter2",), None
    )
    path.write_text(formatter.format(record) + "\n")
    (found,) = read_log(path, lines=10, level=LogLevel.DEBUG).records
    assert (found.level, found.source, found.text) == (LogLevel.WARNING, "core.web.socket", "lost: «redacted»")
    assert abs(found.at.timestamp() - record.created) < 0.002


def test_the_newest_of_a_level_are_last(path: Path) -> None:
    levels = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
    path.write_text("".join(line(f"{level} {n}", level) for n in range(3) for level in levels))
    assert texts(read_log(path, lines=3, level=LogLevel.ERROR)) == ["CRITICAL 1", "ERROR 2", "CRITICAL 2"]
    assert len(read_log(path, lines=100, level=LogLevel.DEBUG).records) == 15
    assert len(read_log(path, lines=100, level=LogLevel.WARNING).records) == 9
    assert read_log(path, lines=3, level=LogLevel.ERROR).cut
    assert not read_log(path, lines=100, level=LogLevel.DEBUG).cut


def test_a_traceback_belongs_to_its_record(path: Path) -> None:
    path.write_text(line("it failed", "ERROR") + 'Traceback (most recent call last):\n  File "x.py"\n' + line("on"))
    first, second = read_log(path, lines=10, level=LogLevel.INFO).records
    assert first.details == ("Traceback (most recent call last):", '  File "x.py"')
    assert second.details == ()


def test_following_brings_only_what_is_new(path: Path) -> None:
    path.write_text(line("one"))
    tail = read_log(path, lines=10, level=LogLevel.INFO)
    again = read_log(path, lines=10, level=LogLevel.INFO, after=tail.cursor)
    assert (texts(again), again.cursor, again.cut) == ([], tail.cursor, False)
    with path.open("a") as file:
        file.write(line("two") + line("three")[:40])
    again = read_log(path, lines=10, level=LogLevel.INFO, after=tail.cursor)
    assert texts(again) == ["two"]
    with path.open("a") as file:
        file.write(line("three")[40:])
    assert texts(read_log(path, lines=10, level=LogLevel.INFO, after=again.cursor)) == ["three"]


def test_following_across_rotations_misses_nothing(path: Path) -> None:
    path.write_text(line("one"))
    cursor = read_log(path, lines=10, level=LogLevel.INFO).cursor
    with path.open("a") as file:
        file.write(line("two"))
    rotate(path)
    path.write_text(line("three"))
    rotate(path)
    path.write_text(line("four"))
    again = read_log(path, lines=10, level=LogLevel.INFO, after=cursor)
    assert (texts(again), again.cut) == (["two", "three", "four"], False)
    assert texts(read_log(path, lines=10, level=LogLevel.INFO)) == ["one", "two", "three", "four"]


def test_a_file_that_is_gone_is_a_cut(path: Path) -> None:
    path.write_text(line("one"))
    cursor = read_log(path, lines=10, level=LogLevel.INFO).cursor
    path.rename(path.with_name("elsewhere"))
    path.write_text(line("two"))
    again = read_log(path, lines=10, level=LogLevel.INFO, after=cursor)
    assert (texts(again), again.cut) == (["two"], True)


def test_of_a_long_log_only_the_end_is_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_reading, "_FIRST_LOOK", 2_000)
    monkeypatch.setattr(log_reading, "MOST_BYTES", 20_000)
    path.write_text("".join(line(f"n {n}", "ERROR" if n < 5 else "INFO") for n in range(2000)))
    assert texts(read_log(path, lines=3, level=LogLevel.INFO)) == ["n 1997", "n 1998", "n 1999"]
    errors = read_log(path, lines=3, level=LogLevel.ERROR)
    assert (texts(errors), errors.cut) == ([], True)
    inode = path.stat().st_ino
    many = read_log(path, lines=1000, level=LogLevel.INFO, after=f"{inode}:0")
    assert many.cut
    assert texts(many)[-1] == "n 1999"


def test_what_stands_in_the_file_is_cleaned(path: Path) -> None:
    path.write_bytes(b"rest of a traceback\n" + line("a\x1b[31m\u202eb").encode() + b"\xff\xfe\n" + b"x" * 5000 + b"\n")
    (found,) = read_log(path, lines=10, level=LogLevel.INFO).records
    assert found.text == "a\ufffd[31m\ufffdb"
    assert all(len(detail) <= 400 for detail in found.details)


def test_no_file_is_no_record_and_a_cursor_is_checked(path: Path) -> None:
    assert read_log(path, lines=10, level=LogLevel.INFO) == LogTail((), "", False)
    with pytest.raises(BrokerError) as caught:
        read_log(path, lines=10, level=LogLevel.INFO, after="../../etc/passwd")
    assert caught.value.code == "BAD_ARGUMENT"


def test_a_log_that_cannot_be_read_is_said(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_text(line("one"))

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("ibkr_tui.core.log_reading.os.open", refuse)
    with pytest.raises(BrokerError) as caught:
        read_log(path, lines=10, level=LogLevel.INFO)
    assert (caught.value.code, "Permission denied" in caught.value.message) == ("STATE_UNUSABLE", True)


def test_a_link_in_the_place_of_the_log_is_not_followed(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.txt"
    other.write_text(line("not the log"))
    path.symlink_to(other)
    with pytest.raises(BrokerError):
        read_log(path, lines=10, level=LogLevel.INFO)

"""Reading the core's own log file: its end, or what came since, across a rotation.

A cursor names a file by its inode and a place in it, so that a file that was rotated away is still read to its end.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from ibkr_tui.core.logs import OLD_FILES
from ibkr_tui.model.core_log import LogLevel, LogRecord, LogTail
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.text import clean

MOST_BYTES: Final = 4_000_000
_FIRST_LOOK: Final = 256_000
_LONGEST_TEXT: Final = 2000
_LONGEST_DETAIL: Final = 400
_MOST_DETAILS: Final = 60
_HEAD: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00) ([A-Z]+) ([\w.]{1,100}): (.*)")
_CURSOR: Final = re.compile(r"([0-9]{1,20}):([0-9]{1,12})")
_LEVELS: Final = {
    "DEBUG": LogLevel.DEBUG, "INFO": LogLevel.INFO, "WARNING": LogLevel.WARNING, "ERROR": LogLevel.ERROR,
    "CRITICAL": LogLevel.ERROR,
}  # fmt: skip


def read_log(path: Path, *, lines: int, level: LogLevel, after: str = "") -> LogTail:
    """The newest `lines` records of at least `level`; with `after`, a cursor, only those that came since.

    A file that is not there has no records. Raises BrokerError BAD_ARGUMENT (no such cursor), STATE_UNUSABLE.
    """
    try:
        if after:
            return _since(path, after, lines, level)
        tail = _end(path, lines, level, _FIRST_LOOK)
        return tail if len(tail.records) >= lines or not tail.cut else _end(path, lines, level, MOST_BYTES)
    except OSError as error:
        raise BrokerError(
            "STATE_UNUSABLE", f"the core's log can't be read: {error.strerror or type(error).__name__}"
        ) from None


class _Piece(msgspec.Struct, frozen=True):
    """Whole lines of one file. `cursor` is their end; `lacks`: what comes before them was wanted, too."""

    raw: bytes
    cursor: str
    lacks: bool
    is_marked: bool


def _end(path: Path, lines: int, level: LogLevel, most: int) -> LogTail:
    """The newest records in the last `most` bytes of all the files."""
    return _tail(list(_pieces(path, None, most)), lines, level)


def _since(path: Path, after: str, lines: int, level: LogLevel) -> LogTail:
    found = _CURSOR.fullmatch(after)
    if found is None:
        raise BrokerError("BAD_ARGUMENT", "after: is not a cursor that get_log gave")
    pieces = list(_pieces(path, (int(found[1]), int(found[2])), MOST_BYTES))
    if not any(piece.is_marked for piece in pieces):
        pieces.append(_Piece(b"", "", lacks=True, is_marked=False))
    return _tail(pieces, lines, level)


def _pieces(path: Path, mark: tuple[int, int] | None, most: int) -> Iterator[_Piece]:
    """The end of the log and of the older files, newest first, back to `mark` (inode and place) or `most` bytes."""
    left = most
    for number in range(OLD_FILES + 1):
        file = path.with_name(f"{path.name}.{number}") if number else path
        if not file.is_file():
            continue
        piece = _read(file, mark, left)
        yield piece
        left -= len(piece.raw)
        if piece.is_marked or piece.lacks:
            return


def _read(path: Path, mark: tuple[int, int] | None, most: int) -> _Piece:
    """The last `most` bytes of the file, from `mark` on if it lies in it."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
        inode = os.fstat(file.fileno()).st_ino
        size = file.seek(0, os.SEEK_END)
        is_marked = mark is not None and mark[0] == inode
        first = min(mark[1], size) if is_marked and mark is not None else 0
        begin = max(first, size - max(0, most))
        file.seek(begin)
        raw = file.read(size - begin)
    whole = raw[: raw.rfind(b"\n") + 1]
    cursor = f"{inode}:{begin + len(whole)}"
    if begin > first:  # the first line may have lost its head
        whole = whole[whole.find(b"\n") + 1 :]
    return _Piece(whole, cursor, begin > first, is_marked)


def _tail(pieces: list[_Piece], lines: int, level: LogLevel) -> LogTail:
    text = b"".join(piece.raw for piece in reversed(pieces)).decode("utf-8", "replace")
    records = [record for record in _records(text) if record.level.weight >= level.weight]
    cut = any(piece.lacks for piece in pieces) or len(records) > lines
    return LogTail(tuple(records[-lines:]), pieces[0].cursor if pieces else "", cut)


def _records(text: str) -> Iterator[LogRecord]:
    """The records of `text`; lines that belong to none (a cut traceback) are left out."""
    head: re.Match[str] | None = None
    details: list[str] = []
    for line in text.split("\n"):
        found = _HEAD.match(line)
        if found is None:
            if line and len(details) < _MOST_DETAILS:
                details.append(_indented(line))
            continue
        if head is not None:
            yield _record(head, details)
        head, details = found, []
    if head is not None:
        yield _record(head, details)


def _indented(line: str) -> str:
    """A line of a traceback; its indentation says what belongs to what."""
    bare = line.lstrip(" ")
    return " " * min(8, len(line) - len(bare)) + clean(bare, limit=_LONGEST_DETAIL)


def _record(head: re.Match[str], details: list[str]) -> LogRecord:
    return LogRecord(
        at=datetime.fromisoformat(head[1]).astimezone(UTC),
        level=_LEVELS.get(head[2], LogLevel.INFO),
        source=head[3].removeprefix("ibkr_tui."),
        text=clean(head[4], limit=_LONGEST_TEXT),
        details=tuple(details),
    )

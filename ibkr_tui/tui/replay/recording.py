"""A recorded day: the JSON Lines of `ibkr-tui audit export`, read back. What stands in the file is untrusted."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from ibkr_tui.model.audit import AuditRow
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.text import clean
from ibkr_tui.model.unreadable import UNREADABLE

MOST_ROWS: Final = 200_000
_LONGEST_LINE: Final = 100_000


class _Line(msgspec.Struct, frozen=True):
    """The fields of a line that a replay needs; the seals are for `audit verify`."""

    seq: int
    at: datetime
    kind: str
    coid: str = ""
    acct_tag: str = ""
    facts: dict[str, Any] = {}


def read_recording(path: Path) -> tuple[AuditRow, ...]:
    """The rows, in their sequence.

    Raises BrokerError RECORDING_UNREADABLE: there is no such file, it is empty or too long, or a line, which is named,
    is no row of an audit.
    """
    rows: dict[int, AuditRow] = {}
    try:
        with path.open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(_LONGEST_LINE + 1), b""), 1):
                if line.strip():
                    row = _row(path, number, line)
                    rows[row.seq] = row
                if len(rows) > MOST_ROWS:
                    raise _unreadable(f"{path} has more than {MOST_ROWS:,} rows; export a shorter time")
    except OSError as error:
        raise _unreadable(f"{path} cannot be read: {error.strerror or 'no reason is given'}") from None
    if not rows:
        raise _unreadable(f"there is no row in {path}")
    return tuple(rows[seq] for seq in sorted(rows))


def _row(path: Path, number: int, line: bytes) -> AuditRow:
    if len(line) > _LONGEST_LINE:
        raise _unreadable(f"line {number} of {path} is longer than any row of an audit")
    try:
        found = msgspec.json.decode(line, type=_Line)
    except UNREADABLE as error:
        raise _unreadable(f"line {number} of {path} is no row of an audit: {clean(str(error), limit=120)}") from None
    if found.at.tzinfo is None:
        raise _unreadable(f"line {number} of {path} is no row of an audit: its time has no zone")
    coid, tag = clean(found.coid, limit=80), clean(found.acct_tag, limit=40)
    return AuditRow(found.seq, found.at, clean(found.kind, limit=40), coid, tag, found.facts)


def _unreadable(words: str) -> BrokerError:
    return BrokerError("RECORDING_UNREADABLE", words)

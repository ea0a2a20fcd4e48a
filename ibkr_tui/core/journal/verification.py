"""Whether the audit is whole: the chain row by row, its end against the anchors, every intent with its row.

Pure on rows and anchors; `examine` reads them from a connection. The first bad sequence number is named, so that
everything before it can be relied on.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Final

import msgspec

from ibkr_tui.core.journal.anchors import Anchor, AnchorFile
from ibkr_tui.core.journal.audit import FIRST, AuditChain, StoredRow

TAIL_ROWS: Final = 10_000


class Flaw(StrEnum):
    """What can be wrong."""

    BROKEN_ROW = "broken_row"
    CUT_TAIL = "cut_tail"
    GAP = "gap"
    ORPHAN_INTENT = "orphan_intent"


class Finding(msgspec.Struct, frozen=True):
    """The first thing that is wrong. `seq`: its row, 0 where it has none; `coid`: the order of an orphan."""

    flaw: Flaw
    seq: int
    text: str
    coid: str = ""


class Verdict(msgspec.Struct, frozen=True):
    """What was found. Rows `first` to `last` were looked at; `purged`: those up to there are in an export.

    `anchored`: the newest row that an anchor vouches for. `notes`: what is odd and no flaw.
    """

    first: int
    last: int
    head: str = ""
    anchored: int = 0
    purged: int = 0
    finding: Finding | None = None
    notes: tuple[str, ...] = ()


class Walk:
    """One pass over the rows."""

    def __init__(self, chain: AuditChain, anchors: Iterable[Anchor]) -> None:
        self._chain = chain
        self._anchors = {anchor.seq: anchor.mac for anchor in anchors}
        self.first = self.last = self.anchored = 0
        self._vouched = 0
        self.head = b""
        self.finding: Finding | None = None

    def over(self, rows: Iterable[StoredRow], expected: int, previous: bytes) -> None:
        """Go on until the first flaw."""
        self.last = self._vouched = expected - 1
        self.head = previous
        try:
            for row in rows:
                self.finding = self._flaw(row, self.last + 1, self.head)
                if self.finding is not None:
                    return
                self.first = self.first or row.seq
                self.last, self.head = row.seq, row.mac
        except sqlite3.DatabaseError as error:
            words = f"row {self.last + 1} cannot be read: {error}"
            self.finding = Finding(Flaw.BROKEN_ROW, self.last + 1, words)

    def _flaw(self, row: StoredRow, expected: int, previous: bytes) -> Finding | None:
        if row.seq != expected:
            missing = str(expected) if row.seq == expected + 1 else f"{expected} to {row.seq - 1}"
            return Finding(Flaw.GAP, expected, f"rows are missing: {missing}")
        if not self._chain.sealed(row):
            return Finding(Flaw.BROKEN_ROW, row.seq, f"row {row.seq} is not what was written")
        if row.prev_mac != previous:
            return Finding(Flaw.BROKEN_ROW, row.seq, f"row {row.seq} does not follow the row before it")
        anchored = self._anchors.get(row.seq)
        if anchored is not None and anchored != row.mac.hex():
            words = f"row {row.seq} is not the row that was anchored: the end was cut off after row {self._vouched} "
            return Finding(Flaw.CUT_TAIL, self._vouched + 1, words + "or later, and sealed anew")
        if anchored is not None:
            self.anchored = self._vouched = row.seq
        return None


def examine(
    connection: sqlite3.Connection,
    chain: AuditChain,
    anchors: AnchorFile,
    *,
    tail: int | None = None,
    anchors_expected: bool = True,
) -> Verdict:
    """The verdict on the journal at `connection`; with `tail` on its newest rows alone.

    Read `anchors` before the connection's view begins: none of them can be ahead of it then. `anchors_expected`: a
    missing file of anchors is a flaw.
    """
    last = _number(connection, "SELECT MAX(seq) FROM audit")
    begin = 1 if tail is None else max(1, last - tail)
    purge = purge_in(connection)
    notes = [f"line {number} of the anchors is unreadable" for number in anchors.unreadable]
    expected, previous = begin, FIRST
    if purge is not None and begin <= purge[0]:
        expected, previous = purge
    elif begin > 1:
        expected, previous = _after(connection, begin)
    walk = Walk(chain, anchors.anchors)
    walk.over(_rows(connection, expected), expected, previous)
    finding = walk.finding or _cut(connection, walk.last, anchors, expected=anchors_expected)
    orphan = _orphan(connection)
    if finding is None:
        finding = orphan
    return Verdict(
        first=walk.first,
        last=last,
        head=walk.head.hex() if last else "",
        anchored=walk.anchored,
        purged=0 if purge is None else purge[0] - 1,
        finding=finding,
        notes=tuple(notes),
    )


def seems_of_another_key(connection: sqlite3.Connection, chain: AuditChain) -> bool:
    """Whether the journal was begun with another key: it says so, and none of its first rows is this one's."""
    raw = connection.execute(
        f"SELECT {COLUMNS} FROM audit WHERE kind IN ('opened', 'purged') ORDER BY seq DESC LIMIT 1"  # noqa: S608
    ).fetchone()
    if raw is None or stored(raw).facts().get("key_id") in {None, chain.key_id}:
        return False
    rows = [row for _, row in zip(range(3), _rows(connection, 1), strict=False)]
    return len(rows) > 1 and not any(chain.sealed(row) for row in rows)


def stored(raw: tuple[object, ...]) -> StoredRow:
    """A row of the table; values of another type, which only tampering brings, become texts that no seal fits."""
    seq, ts, kind, coid, tag, payload, previous, mac = raw
    return StoredRow(
        seq if isinstance(seq, int) else 0,
        _text(ts),
        _text(kind),
        _text(coid),
        _text(tag),
        _text(payload),
        previous if isinstance(previous, bytes) else b"",
        mac if isinstance(mac, bytes) else b"",
    )


def _text(value: object) -> str:
    return value if isinstance(value, str) else repr(value)


COLUMNS: Final = "seq, ts, kind, coid, acct_tag, payload, prev_mac, mac"


def _rows(connection: sqlite3.Connection, begin: int) -> Iterator[StoredRow]:
    found = connection.execute(f"SELECT {COLUMNS} FROM audit WHERE seq >= ? ORDER BY seq", (begin,))  # noqa: S608
    return (stored(raw) for raw in found)


def _after(connection: sqlite3.Connection, seq: int) -> tuple[int, bytes]:
    """Where a look at the end begins: after row `seq`, which is taken on trust; from the first row if it is missing."""
    row = connection.execute("SELECT mac FROM audit WHERE seq = ?", (seq,)).fetchone()
    if row is None:
        return 1, FIRST
    return seq + 1, bytes(row[0])


def purge_in(connection: sqlite3.Connection) -> tuple[int, bytes] | None:
    """The number of the first row that a purge left, and the seal it follows: the row `purged` says it, and is itself
    part of the chain."""
    raw = connection.execute(
        f"SELECT {COLUMNS} FROM audit WHERE kind = 'purged' ORDER BY seq DESC LIMIT 1"  # noqa: S608
    ).fetchone()
    if raw is None:
        return None
    facts: Mapping[str, object] = stored(raw).facts()
    through, head = facts.get("through"), facts.get("head")
    try:
        return (through + 1, bytes.fromhex(head)) if isinstance(through, int) and isinstance(head, str) else None
    except ValueError:
        return None


def _cut(connection: sqlite3.Connection, last: int, anchors: AnchorFile, *, expected: bool) -> Finding | None:
    """Whether rows after `last` have been there."""
    if anchors.missing and expected:
        return Finding(Flaw.CUT_TAIL, last + 1, "the file of anchors is gone: nothing vouches for the end of the audit")
    known = max((anchor.seq for anchor in anchors.anchors), default=0)
    known = max(known, _number(connection, "SELECT seq FROM sqlite_sequence WHERE name = 'audit'"))
    if known <= last:
        return None
    return Finding(Flaw.CUT_TAIL, last + 1, f"the end was cut off after row {last}: there was a row {known}")


def _orphan(connection: sqlite3.Connection) -> Finding | None:
    """An intent without its row, or a row without its intent. They are one commit, so neither happens by itself."""
    row = connection.execute(
        "SELECT coid FROM intents WHERE NOT EXISTS "
        "(SELECT 1 FROM audit WHERE audit.coid = intents.coid AND audit.kind = 'intent') ORDER BY created_at LIMIT 1"
    ).fetchone()
    if row is not None:
        return Finding(Flaw.ORPHAN_INTENT, 0, f"the order {row[0]} was sent without a row in the audit", str(row[0]))
    row = connection.execute(
        "SELECT seq, coid FROM audit WHERE kind = 'intent' AND NOT EXISTS "
        "(SELECT 1 FROM intents WHERE intents.coid = audit.coid) ORDER BY seq LIMIT 1"
    ).fetchone()
    if row is None:
        return None
    words = f"row {row[0]} is of the order {row[1]}, which the journal does not know"
    return Finding(Flaw.ORPHAN_INTENT, int(row[0]), words, str(row[1]))


def _number(connection: sqlite3.Connection, sql: str) -> int:
    row = connection.execute(sql).fetchone()
    return int(row[0]) if row and row[0] is not None else 0

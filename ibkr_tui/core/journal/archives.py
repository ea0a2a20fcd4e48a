"""Whether an archive of the audit is what was written: its seals row by row, and where the journal goes on.

An archive holds each row as it was sealed, so that the key and the file are enough. Its first row is taken on trust
where it is not the first of all; its end is where the journal, a purge in it or an anchor says that it is.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from ibkr_tui.core.journal.anchors import ANCHORS_NAME, AnchorFile, read_anchors
from ibkr_tui.core.journal.audit import FIRST, AuditChain, StoredRow
from ibkr_tui.core.journal.database import reason
from ibkr_tui.core.journal.export import ArchivedRow
from ibkr_tui.core.journal.reading import DATABASE_NAME, other_key, reading
from ibkr_tui.core.journal.verification import Finding, Flaw, Verdict, Walk, purge_in
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.unreadable import UNREADABLE

_LONGEST_LINE: Final = 100_000
_canonical: Final = msgspec.json.Encoder(order="sorted")


def verify_archive(archive: Path, state_dir: Path, key: bytes, *, anchors: Path | None = None) -> Verdict:
    """The verdict on a file of `audit export`; `anchors`: a copy of the file of anchors, in the profile's place.

    Raises BrokerError ARCHIVE_UNREADABLE: it cannot be read, or was sealed with another key.
    """
    chain = AuditChain(key)
    try:
        known = read_anchors(anchors or state_dir / ANCHORS_NAME)
        begin = list(itertools.islice(_rows(archive), 3))
    except OSError as error:
        raise BrokerError("ARCHIVE_UNREADABLE", f"{archive} cannot be read: {reason(error)}") from None
    if known.missing and anchors is not None:
        raise BrokerError(
            "ARCHIVE_UNREADABLE", f"there is no file of anchors {anchors}", user_action="Name a copy of audit.anchors."
        )
    if not begin:
        return Verdict(0, 0, notes=(f"{archive} has no rows",))
    if len(begin) > 1 and not any(chain.sealed(row) for row in begin):
        raise other_key(chain)
    first = begin[0]
    walk = Walk(chain, known.anchors)
    walk.over(_rows(archive), max(first.seq, 1), FIRST if first.seq <= 1 else first.prev_mac)
    finding, notes = walk.finding, _unreadable(known)
    if finding is None:
        following = _following(state_dir, walk.last)
        if following is not None and following != walk.head:
            words = f"the journal does not go on after row {walk.last}: the end was cut off, or sealed anew"
            finding = Finding(Flaw.CUT_TAIL, walk.last + 1, words)
        elif following is None and walk.anchored < walk.last:
            notes = (*notes, f"nothing here vouches for its end after row {max(walk.anchored, walk.first)}")
    return Verdict(walk.first, walk.last, walk.head.hex(), walk.anchored, finding=finding, notes=notes)


def _unreadable(known: AnchorFile) -> tuple[str, ...]:
    return tuple(f"line {number} of the anchors is unreadable" for number in known.unreadable)


def _rows(archive: Path) -> Iterator[StoredRow]:
    """The rows as they were sealed. A line that is none becomes a row that no seal fits. Raises OSError."""
    last = 0
    with archive.open("rb") as file:
        for line in iter(lambda: file.readline(_LONGEST_LINE), b""):
            try:
                read = msgspec.json.decode(line, type=ArchivedRow)
                before, seal = bytes.fromhex(read.prev_mac), bytes.fromhex(read.mac)
                facts = _canonical.encode(read.facts).decode()
                row = StoredRow(read.seq, read.at, read.kind, read.coid, read.acct_tag, facts, before, seal)
            except (ValueError, *UNREADABLE):
                row = StoredRow(last + 1, "", "", "", "", "", b"", b"")
            last = row.seq
            yield row


def _following(state_dir: Path, last: int) -> bytes | None:
    """The seal that the journal says row `last` has; None where it says nothing of it."""
    try:
        with reading(state_dir / DATABASE_NAME) as connection:
            purge = purge_in(connection)
            if purge is not None and purge[0] == last + 1:
                return purge[1]
            row = connection.execute("SELECT prev_mac FROM audit WHERE seq = ?", (last + 1,)).fetchone()
            own = connection.execute("SELECT mac FROM audit WHERE seq = ?", (last,)).fetchone()
    except BrokerError:
        return None  # an archive is read where its journal is no more
    found = row or own
    return None if found is None or not isinstance(found[0], bytes) else found[0]

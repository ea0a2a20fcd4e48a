"""The audit read from its file, with or without a core that writes it: its rows, and whether it is whole.

Read-only connections to the same file: a writer is never held up, and nothing is written.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from ibkr_tui.core.journal.anchors import ANCHORS_NAME, read_anchors
from ibkr_tui.core.journal.audit import AuditChain, StoredRow
from ibkr_tui.core.journal.database import reason
from ibkr_tui.core.journal.schema import ANCHORED_SINCE, version_of
from ibkr_tui.core.journal.verification import COLUMNS, Finding, Flaw, Verdict, examine, seems_of_another_key, stored
from ibkr_tui.model.audit import AuditPage
from ibkr_tui.model.errors import BrokerError

DATABASE_NAME: Final = "journal.db"
_BUSY_S: Final = 2.0


@contextlib.contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to the journal at `path` that sees it as it is now, and can't write.

    Raises BrokerError JOURNAL_UNAVAILABLE: there is none, it is a newer program's, it can't be read.
    """
    try:
        if not path.is_file():
            raise BrokerError(
                "JOURNAL_UNAVAILABLE",
                f"there is no journal {path}",
                user_action="A core makes it when it starts. If one has run here, the file was moved or deleted.",
            )
        connection = sqlite3.connect(
            f"file:{quote(str(path))}?mode=ro", uri=True, timeout=_BUSY_S, isolation_level=None
        )
        try:
            version_of(connection)
            connection.execute("PRAGMA trusted_schema=OFF")
            connection.execute("PRAGMA query_only=ON")
            yield connection
        finally:
            connection.close()
    except (sqlite3.Error, OSError) as error:
        raise BrokerError("JOURNAL_UNAVAILABLE", f"the journal cannot be read: {reason(error)}") from None


def verify_file(state_dir: Path, key: bytes, *, anchors: Path | None = None, tail: int | None = None) -> Verdict:
    """The verdict on a profile's audit; `anchors`: a copy of the file of anchors, in its place.

    Raises BrokerError JOURNAL_UNAVAILABLE: it can't be read, was begun with another key, or there is no such copy.
    """
    chain = AuditChain(key)
    try:
        known = read_anchors(anchors or state_dir / ANCHORS_NAME)  # before the rows: they can only have grown since
    except OSError as error:
        raise BrokerError("JOURNAL_UNAVAILABLE", f"the anchors cannot be read: {reason(error)}") from None
    if known.missing and anchors is not None:
        raise BrokerError(
            "JOURNAL_UNAVAILABLE", f"there is no file of anchors {anchors}", user_action="Name a copy of audit.anchors."
        )
    with reading(state_dir / DATABASE_NAME) as connection:
        connection.execute("BEGIN")
        if seems_of_another_key(connection, chain):
            raise other_key(chain)
        since = version_of(connection)
        return examine(connection, chain, known, tail=tail, anchors_expected=since >= ANCHORED_SINCE)


def missing_journal(state_dir: Path) -> Verdict | None:
    """The verdict where a journal has been and is gone; None where there is one, or never was."""
    if (state_dir / DATABASE_NAME).exists():
        return None
    try:
        known = max((anchor.seq for anchor in read_anchors(state_dir / ANCHORS_NAME).anchors), default=0)
    except OSError:
        known = 0
    if not known:
        return None
    finding = Finding(Flaw.CUT_TAIL, 1, f"the journal is gone: there was a row {known}")
    return Verdict(first=0, last=0, finding=finding)


def other_key(chain: AuditChain) -> BrokerError:
    """The key is another one than the journal's."""
    return BrokerError(
        "JOURNAL_UNAVAILABLE",
        f"the audit was begun with another key than this one ({chain.key_id})",
        user_action="Put the key back that it was begun with: the file audit.key, or what the environment gave.",
    )


def stored_rows(
    connection: sqlite3.Connection,
    *,
    after: int = 0,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Iterator[StoredRow]:
    """Rows after number `after`, oldest first; of the time from `since` to before `until`."""
    for raw in connection.execute(f"SELECT {COLUMNS} FROM audit WHERE seq > ? ORDER BY seq", (after,)):  # noqa: S608
        row = stored(raw)
        if (since is None or row.at() >= since) and (until is None or row.at() < until):
            yield row


def newest(
    connection: sqlite3.Connection,
    *,
    count: int,
    coid: str = "",
    kinds: tuple[str, ...] = (),
    since: datetime | None = None,
    before: int | None = None,
) -> AuditPage:
    """The newest `count` rows that match, newest last: of an order, of these kinds, since a time, before a number."""
    wheres, values = ["1"], list[Any]()
    if coid:
        wheres.append("coid = ?")
        values.append(coid)
    if kinds:
        wheres.append(f"kind IN ({','.join('?' * len(kinds))})")
        values += kinds
    if since is not None:
        wheres.append("ts >= ?")
        values.append(since.isoformat())
    if before is not None:
        wheres.append("seq < ?")
        values.append(before)
    sql = f"SELECT {COLUMNS} FROM audit WHERE {' AND '.join(wheres)} ORDER BY seq DESC LIMIT ?"  # noqa: S608
    found = [stored(raw).told() for raw in connection.execute(sql, (*values, count + 1))]
    return AuditPage(tuple(reversed(found[:count])), len(found) > count)

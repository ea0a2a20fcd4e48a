"""The audit as JSON Lines for an archive, and the purge of what such an archive holds.

A line has every field of its row, the facts masked as everywhere, and the seals as hexadecimal, each with the one it
follows. Rows leave the journal only from its beginning, only once they stand in an archive that was read back, and
never before their time.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec

from ibkr_tui.core.journal.anchors import ANCHORS_NAME, Anchor, add_anchor
from ibkr_tui.core.journal.audit import AuditChain, StoredRow
from ibkr_tui.core.journal.database import Database
from ibkr_tui.core.journal.intents import NOT_DONE
from ibkr_tui.core.journal.reading import DATABASE_NAME
from ibkr_tui.core.journal.verification import COLUMNS, stored
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.live_gate import LEAST_RETENTION_DAYS
from ibkr_tui.model.unreadable import UNREADABLE

PAPER_DAYS: Final = 30
"""How long paper rows stay at least: the counts of a day and late fills need them for a while."""


class ArchivedRow(msgspec.Struct, frozen=True):
    """One line. `at` is the text that the seal covers."""

    seq: int
    at: str
    kind: str
    coid: str
    acct_tag: str
    facts: dict[str, Any]
    prev_mac: str
    mac: str


class Archive(msgspec.Struct, frozen=True):
    """What was written: rows `first` to `last` (0: none), so many, with this SHA-256 of the file."""

    file: str
    rows: int
    first: int
    last: int
    sha256: str


def archived(row: StoredRow) -> ArchivedRow:
    """The line of a row."""
    told = row.told()
    return ArchivedRow(
        told.seq, row.ts, told.kind, told.coid, told.acct_tag, told.facts, row.prev_mac.hex(), row.mac.hex()
    )


def write_archive(path: Path, rows: Iterable[StoredRow]) -> Archive:
    """A new file, the owner's alone, whole and on the disk when this returns.

    Raises BrokerError EXPORT_FAILED; an unfinished file is not left behind, one that is there is not touched.
    """
    digest, count, first, last = hashlib.sha256(), 0, 0, 0
    fresh = path.with_name(f".{path.name}.{os.getpid()}.new")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(fresh, flags, 0o600), "wb") as file:
            for row in rows:
                line = msgspec.json.encode(archived(row)) + b"\n"
                digest.update(line)
                file.write(line)
                count, first, last = count + 1, first or row.seq, row.seq
            file.flush()
            os.fsync(file.fileno())
        os.link(fresh, path, follow_symlinks=False)  # unlike a rename it leaves a file alone that is there already
    except FileExistsError as error:
        raise BrokerError("EXPORT_FAILED", f"{error.filename2 or path} is there already") from None
    except OSError as error:
        raise BrokerError("EXPORT_FAILED", f"{path} cannot be written: {error.strerror or 'no reason'}") from None
    finally:
        fresh.unlink(missing_ok=True)
    return Archive(str(path), count, first, last, digest.hexdigest())


def last_to_purge(
    connection: sqlite3.Connection, *, until: datetime, now: datetime, kind: str, configured_days: int
) -> int:
    """The number of the last row, from the beginning on, that is older than `until` and may go; 0 for none.

    An order that may still live keeps its rows and all after them. Raises BrokerError AUDIT_RETENTION when `until` is
    younger than the rows must stay: `kind` is the profile's, and no setting makes live rows go sooner.
    """
    days = max(LEAST_RETENTION_DAYS, configured_days) if kind == "live" else PAPER_DAYS
    if until > now - timedelta(days=days):
        raise BrokerError(
            "AUDIT_RETENTION",
            f"the audit of {kind} orders is kept for {days} days: nothing since {now - timedelta(days=days):%Y-%m-%d} "
            "is purged",
            details={"days": days},
        )
    young = _first(connection, "SELECT MIN(seq) FROM audit WHERE ts >= ?", [until.isoformat()])
    marks = ",".join("?" * len(NOT_DONE))
    alive = _first(
        connection,
        f"SELECT MIN(seq) FROM audit WHERE coid IN (SELECT coid FROM intents WHERE state IN ({marks}))",  # noqa: S608
        [str(state) for state in NOT_DONE],
    )
    bounds = [seq for seq in (young, alive) if seq]
    return min(bounds) - 1 if bounds else _first(connection, "SELECT MAX(seq) FROM audit", [])


def purge(connection: sqlite3.Connection, chain: AuditChain, archive: Path, through: int, now: datetime) -> int:
    """Remove the rows up to number `through` inside the caller's transaction, with their orders; how many there were.

    Each must stand in `archive`. The row `purged` says what the rest of the chain follows. Raises BrokerError
    EXPORT_FAILED when the archive lacks any.
    """
    rows = connection.execute(f"SELECT {COLUMNS} FROM audit WHERE seq <= ? ORDER BY seq", (through,))  # noqa: S608
    count, head, digest = 0, b"", hashlib.sha256()
    try:
        with archive.open("rb") as file:
            for raw in rows:
                row, line = stored(raw), file.readline()
                if not line or msgspec.json.decode(line, type=ArchivedRow) != archived(row):
                    raise BrokerError("EXPORT_FAILED", f"{archive} has not row {row.seq}: nothing is purged")
                digest.update(line)
                count, head = count + 1, row.mac
    except (OSError, *UNREADABLE):
        raise BrokerError("EXPORT_FAILED", f"{archive} cannot be read back: nothing is purged") from None
    if not count:
        return 0
    facts = {"through": through, "head": head.hex(), "export_hash": digest.hexdigest(), "key_id": chain.key_id}
    chain.append(connection, "purged", now, facts)  # before the others go: it continues their numbers
    gone = "SELECT coid FROM audit WHERE kind = 'intent' AND seq <= ?"
    for table in ("fills", "intents"):
        connection.execute(f"DELETE FROM {table} WHERE coid IN ({gone})", (through,))  # noqa: S608
    (trigger,) = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'audit_no_delete'").fetchone()
    connection.execute("DROP TRIGGER audit_no_delete")
    connection.execute("DELETE FROM audit WHERE seq <= ?", (through,))
    connection.execute(trigger)
    return count


async def archive_and_purge(
    state_dir: Path, chain: AuditChain, archive: Path, *, until: datetime, clock: Clock, kind: str, configured_days: int
) -> Archive:
    """Write every row that may go into the new file `archive`, read it back, and remove the rows.

    Holds the journal's lock: raises BrokerError JOURNAL_UNAVAILABLE while a core runs, and as the functions above.
    """
    database = Database(state_dir / DATABASE_NAME)
    try:
        await database.open()
    except BrokerError as error:
        todo = "Stop the core if it runs (`ibkr-tui core stop`): a purge has the journal to itself."
        raise BrokerError(error.code, error.message, user_action=todo) from None
    now = clock.now()

    def write(connection: sqlite3.Connection) -> Archive:
        through = last_to_purge(connection, until=until, now=now, kind=kind, configured_days=configured_days)
        rows = connection.execute(f"SELECT {COLUMNS} FROM audit WHERE seq <= ? ORDER BY seq", (through,))  # noqa: S608
        return write_archive(archive, (stored(raw) for raw in rows))

    def remove(connection: sqlite3.Connection) -> Anchor:
        purge(connection, chain, archive, written.last, now)
        seq, mac = connection.execute("SELECT seq, mac FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
        return Anchor(int(seq), bytes(mac).hex(), now)

    try:
        written = await database.read(write)
        if written.rows:
            add_anchor(state_dir / ANCHORS_NAME, await database.run(remove))
    finally:
        await database.close()
    return written


def _first(connection: sqlite3.Connection, sql: str, values: list[str]) -> int:
    (found,) = connection.execute(sql, values).fetchone()
    return int(found or 0)

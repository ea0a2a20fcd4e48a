"""One SQLite file with one writer thread off the event loop.

WAL with `synchronous=FULL`: what `run` has returned for is on the disk. After a failed write nothing more is written:
an fsync that failed once proves nothing when it succeeds later.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar

from ibkr_tui.model.errors import BrokerError

T = TypeVar("T")

SCHEMA_VERSION: Final = 2
COMMIT_DEADLINE: Final = 10.0
_BUSY_MS: Final = 2000

_SCHEMA: Final = """
CREATE TABLE intents (
    coid TEXT PRIMARY KEY,
    account TEXT NOT NULL,
    conid INTEGER NOT NULL,
    symbol TEXT NOT NULL,
    description TEXT NOT NULL,
    side TEXT NOT NULL,
    qty TEXT NOT NULL,
    order_type TEXT NOT NULL,
    limit_price TEXT,
    tif TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    instance TEXT NOT NULL,
    state TEXT NOT NULL,
    order_id TEXT NOT NULL DEFAULT '',
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX intents_by_state ON intents (state);

CREATE TABLE fills (
    execution_id TEXT PRIMARY KEY,
    coid TEXT NOT NULL,
    at TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    ts TEXT NOT NULL,
    kind TEXT NOT NULL,
    coid TEXT NOT NULL,
    acct_tag TEXT NOT NULL,
    payload TEXT NOT NULL,
    prev_mac BLOB NOT NULL,
    mac BLOB NOT NULL
);
CREATE INDEX audit_by_coid ON audit (coid);
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'audit rows are final'); END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'audit rows are final'); END;
"""


_STEPS: Final = {
    1: """
ALTER TABLE intents ADD COLUMN ticket TEXT;
ALTER TABLE intents ADD COLUMN group_id TEXT NOT NULL DEFAULT '';
ALTER TABLE intents ADD COLUMN role TEXT NOT NULL DEFAULT 'single';
ALTER TABLE intents ADD COLUMN parent TEXT NOT NULL DEFAULT '';
CREATE INDEX intents_by_group ON intents (group_id);
""",
}
"""What turns a journal of schema N into one of schema N + 1; a new file takes every step too."""


class Database:
    """The journal's file. `run` executes one transaction at a time, in the order of the calls."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        self._failure = "the journal is not open"

    @property
    def failure(self) -> str:
        """Why nothing can be written; empty while all is well."""
        return self._failure

    async def open(self) -> None:
        """Open or create the file. Raises BrokerError JOURNAL_UNAVAILABLE; the object then refuses every `run`."""
        try:
            await self._in_thread(self._open)
        except (sqlite3.Error, OSError) as error:
            self._failure = f"the journal cannot be opened: {_reason(error)}"
            raise BrokerError("JOURNAL_UNAVAILABLE", self._failure) from None
        except BrokerError as error:
            self._failure = error.message
            raise
        self._failure = ""

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """`work` in one transaction, committed to the disk when this returns.

        Raises BrokerError JOURNAL_UNAVAILABLE when it could not be committed; from then on every call is refused.
        """
        return await self.queue(work)

    def queue(self, work: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        """As `run`, but the transaction has its place in the sequence when this returns, before it is awaited."""
        return asyncio.ensure_future(self._settle(self._thread_future(lambda: self._transact(work))))

    async def _settle(self, future: asyncio.Future[T]) -> T:
        try:
            async with asyncio.timeout(COMMIT_DEADLINE):
                return await asyncio.shield(future)
        except TimeoutError:
            self._failure = f"the journal did not commit within {COMMIT_DEADLINE:g} s"
            raise BrokerError("JOURNAL_UNAVAILABLE", self._failure) from None
        except sqlite3.IntegrityError as error:
            raise BrokerError("JOURNAL_UNAVAILABLE", f"the journal refused a row: {_reason(error)}") from None
        except (sqlite3.Error, OSError) as error:
            self._failure = f"the journal cannot be written: {_reason(error)}"
            raise BrokerError("JOURNAL_UNAVAILABLE", self._failure) from None

    async def close(self) -> None:
        """Close the file and end the thread."""
        self._failure = "the journal is closed"
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                await self._in_thread(connection.close)
        self._thread.shutdown(wait=False)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.shield(self._thread_future(work))

    def _thread_future(self, work: Callable[[], T]) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _open(self) -> None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
        self.path.chmod(0o600)
        connection = sqlite3.connect(self.path, timeout=_BUSY_MS / 1000, isolation_level=None, check_same_thread=False)
        try:
            for pragma in (
                "journal_mode=WAL",
                "synchronous=FULL",
                "foreign_keys=ON",
                "trusted_schema=OFF",
                f"busy_timeout={_BUSY_MS}",
            ):
                connection.execute(f"PRAGMA {pragma}")
            if sys.platform == "darwin":
                connection.execute("PRAGMA fullfsync=ON")
            self._prepare_schema(connection)
        except BaseException:
            connection.close()
            raise
        self._inode = self.path.stat().st_ino
        self._connection = connection

    def _prepare_schema(self, connection: sqlite3.Connection) -> None:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            raise BrokerError(
                "JOURNAL_UNAVAILABLE",
                f"the journal was written by a newer version (schema {version}, this one knows {SCHEMA_VERSION})",
                user_action="Use the newer ibkr-tui, or another state directory.",
            )
        if version == 0:
            connection.executescript(f"BEGIN IMMEDIATE;{_SCHEMA}PRAGMA user_version=1;COMMIT;")
        for step in range(max(version, 1), SCHEMA_VERSION):
            connection.executescript(f"BEGIN IMMEDIATE;{_STEPS[step]}PRAGMA user_version={step + 1};COMMIT;")

    def _transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._connection
        if self._failure or connection is None:
            raise OSError(self._failure)
        if self.path.stat().st_ino != self._inode:
            raise OSError("its file was replaced while the core ran")
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = work(connection)
            connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise
        return result


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error)

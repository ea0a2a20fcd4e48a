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

from ibkr_tui.core.journal.guard import FileGuard
from ibkr_tui.core.journal.schema import migrate, version_of
from ibkr_tui.model.errors import BrokerError

T = TypeVar("T")

COMMIT_DEADLINE: Final = 10.0
_BUSY_MS: Final = 2000
_TROUBLES: Final = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_READONLY: "it is read-only",
    sqlite3.SQLITE_IOERR: "the disk reports an error",
    sqlite3.SQLITE_BUSY: "another program keeps it locked",
    sqlite3.SQLITE_LOCKED: "another program keeps it locked",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened",
    sqlite3.SQLITE_CORRUPT: "the file is damaged",
    sqlite3.SQLITE_NOTADB: "the file is no journal",
}


class Database:
    """The journal's file. `run` executes one transaction at a time, in the order of the calls.

    `version`: the schema that was found, 0 for a new file. `on_failure` is called once, on the loop, with the reason
    when a write fails.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.version = 0
        self.on_failure: Callable[[str], None] = lambda why: None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="journal")
        self._connection: sqlite3.Connection | None = None
        self._guard = FileGuard(path)
        self._failure = "the journal is not open"

    @property
    def failure(self) -> str:
        """Why nothing can be written; empty while all is well."""
        return self._failure

    async def open(self, prepare: Callable[[int], None] = lambda version: None) -> None:
        """Open or create the file. `prepare` gets its schema before anything is written into it.

        Raises BrokerError JOURNAL_UNAVAILABLE; the object then refuses every `run`.
        """
        try:
            await self._in_thread(lambda: self._open(prepare))
        except (sqlite3.Error, OSError) as error:
            self._failure = f"the journal cannot be opened: {reason(error)}"
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

    async def read(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """`work` in a transaction that only reads: also when nothing may be written any more.

        Raises BrokerError JOURNAL_UNAVAILABLE; a read that fails stops no write.
        """
        try:
            return await self._in_thread(lambda: self._look(work))
        except (sqlite3.Error, OSError) as error:
            raise BrokerError("JOURNAL_UNAVAILABLE", f"the journal cannot be read: {reason(error)}") from None

    async def _settle(self, future: asyncio.Future[T]) -> T:
        try:
            async with asyncio.timeout(COMMIT_DEADLINE):
                return await asyncio.shield(future)
        except TimeoutError:
            raise self._fail(f"the journal did not commit within {COMMIT_DEADLINE:g} s") from None
        except sqlite3.IntegrityError as error:
            raise BrokerError("JOURNAL_UNAVAILABLE", f"the journal refused a row: {reason(error)}") from None
        except (sqlite3.Error, OSError) as error:
            raise self._fail(f"the journal cannot be written: {reason(error)}") from None

    def _fail(self, why: str) -> BrokerError:
        if not self._failure:
            self._failure = why
            self.on_failure(why)
        return BrokerError("JOURNAL_UNAVAILABLE", self._failure)

    async def close(self) -> None:
        """Close the file and end the thread."""
        self._failure = "the journal is closed"
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                await self._in_thread(connection.close)
        self._guard.release()
        self._thread.shutdown(wait=False)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.shield(self._thread_future(work))

    def _thread_future(self, work: Callable[[], T]) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _open(self, prepare: Callable[[int], None]) -> None:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._guard.acquire()
        try:
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
            self._connection = self._connect(prepare)
            self._guard.remember()
        except BaseException:
            self._guard.release()
            raise

    def _connect(self, prepare: Callable[[int], None]) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=_BUSY_MS / 1000, isolation_level=None, check_same_thread=False)
        try:
            self.version = version_of(connection)  # before anything else: a newer one's file is left as it is
            self.path.chmod(0o600)
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
            prepare(self.version)
            migrate(connection, self.version)
            # A write that changes nothing: a disk that takes none is known now, and there is a -wal file to look at.
            connection.execute("BEGIN IMMEDIATE")
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            connection.execute(f"PRAGMA user_version={version}")
            connection.execute("COMMIT")
        except BaseException:
            connection.close()
            raise
        return connection

    def _transact(self, work: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._connection
        if self._failure or connection is None:
            raise OSError(self._failure)
        self._guard.check()
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = work(connection)
            connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise
        self._guard.check()  # what went into a file that nobody will find again is not on the disk
        return result

    def _look(self, work: Callable[[sqlite3.Connection], T]) -> T:
        connection = self._connection
        if connection is None:
            raise OSError(self._failure)
        connection.execute("BEGIN")
        try:
            return work(connection)
        finally:
            connection.execute("ROLLBACK")


def reason(error: Exception) -> str:
    """Why, in words for people."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[:1].lower() + error.strerror[1:]
    code = getattr(error, "sqlite_errorcode", None)
    known = _TROUBLES.get(code & 0xFF) if isinstance(code, int) else None
    return f"{known} ({error})" if known else str(error)

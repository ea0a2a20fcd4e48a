"""Whether the journal's files are still those that were opened, and this core's alone.

SQLite goes on writing into a file that was deleted or replaced, and every commit succeeds; after a crash the rows would
be gone. So the files are looked at before and after each commit. The lock is the kernel's: kill -9 frees it (F6).
"""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

_Identity = tuple[int, int]


class FileGuard:
    """Holds the lock on the journal at `path` and knows its files by device and inode."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock_path = path.with_name(f"{path.name}.lock")
        self._lock: int | None = None
        self._known: dict[Path, _Identity] = {}
        self._sizes: dict[Path, int] = {}

    def acquire(self) -> None:
        """Take the lock. Raises OSError at once when another process has it, or the file system knows no locks."""
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(self._lock_path, flags, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(handle)
            words = "another process writes it" if isinstance(error, BlockingIOError) else "it cannot be locked here"
            raise OSError(error.errno or errno.EIO, words) from None
        self._lock = handle
        self._known = {self._lock_path: _identity(self._lock_path.lstat())}

    def remember(self) -> None:
        """The files as they are now are the right ones: call it once the database has written something."""
        for path in (self._path, self._path.with_name(f"{self._path.name}-wal")):
            found = path.lstat()
            self._known[path], self._sizes[path] = _identity(found), found.st_size

    def check(self) -> None:
        """Raise OSError naming the file that was removed, replaced or cut since. SQLite never makes them smaller."""
        for path, known in self._known.items():
            try:
                found = path.lstat()
            except FileNotFoundError:
                raise OSError(errno.ENOENT, f"{path.name} was removed while the core ran") from None
            if _identity(found) != known:
                raise OSError(errno.ESTALE, f"{path.name} was replaced while the core ran")
            if path in self._sizes:
                if found.st_size < self._sizes[path]:
                    raise OSError(errno.ESTALE, f"{path.name} was cut short while the core ran")
                self._sizes[path] = found.st_size

    def release(self) -> None:
        """Give the lock back."""
        handle, self._lock = self._lock, None
        self._known, self._sizes = {}, {}
        if handle is not None:
            os.close(handle)


def _identity(found: os.stat_result) -> _Identity:
    return found.st_dev, found.st_ino

"""Small files that nobody else may read or write: opened without following a link, their mode checked, written whole.

A file that somebody else owns, can read or can write is refused, not mended: who could write it may have.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Final

from ibkr_tui.model.errors import BrokerError

PRIVATE: Final = 0o600
_LARGEST: Final = 1024 * 1024


def read_private(path: Path) -> bytes | None:
    """What stands in the file; None when there is none. Raises BrokerError STATE_UNUSABLE for one that is not ours
    alone."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        why = "is a symbolic link" if error.errno == errno.ELOOP else error.strerror or type(error).__name__
        raise _refused(path, why) from None
    with os.fdopen(handle, "rb") as file:
        facts = os.fstat(handle)
        if not stat.S_ISREG(facts.st_mode):
            raise _refused(path, "is not an ordinary file")
        if facts.st_uid != os.geteuid():
            raise _refused(path, "belongs to another user")
        if facts.st_mode & 0o077:
            raise _refused(path, f"is open to others (mode {stat.S_IMODE(facts.st_mode):04o})", "chmod 600 it")
        return file.read(_LARGEST)


def write_private(path: Path, content: bytes) -> None:
    """Put a file in the place of `path` in one step, for its owner alone. Raises BrokerError STATE_UNUSABLE."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        fresh.unlink(missing_ok=True)
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, PRIVATE)
        with os.fdopen(handle, "wb") as file:
            os.fchmod(handle, PRIVATE)
            file.write(content)
            file.flush()
            os.fsync(handle)
        fresh.rename(path)
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        raise _refused(path, f"cannot be written: {error.strerror or type(error).__name__}") from None


def _refused(path: Path, why: str, remedy: str = "see who can write there") -> BrokerError:
    return BrokerError(
        "STATE_UNUSABLE", f"{path} {why}", user_action=f"Look at what happened to that file, and {remedy}."
    )

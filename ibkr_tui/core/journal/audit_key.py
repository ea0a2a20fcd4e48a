"""The chain's key: at least 32 random bytes, from the environment or from a file that only its owner can read.

Without either a file is made, but only for a journal that has no rows yet: a key that went missing is put back, never
replaced. Changing it means a new journal.
"""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path
from typing import Final

from ibkr_tui.core.environment import AUDIT_SECRET
from ibkr_tui.core.secrets import Secret
from ibkr_tui.model.errors import BrokerError

KEY_BYTES: Final = 32
ENVIRONMENT_NAME: Final = f"IBKR_{AUDIT_SECRET}"
_LONGEST: Final = 4096
_LEAST_VARIETY: Final = 10  # of 32 random bytes fewer than ten different ones do not happen


def load_key(path: Path, given: Secret | None = None, *, create: bool = True) -> bytes:
    """The key: `given` by the environment, else the file's, which `create` makes when there is none.

    Raises BrokerError JOURNAL_UNAVAILABLE.
    """
    if given is not None:
        return _checked(_from_text(given.reveal()), f"{ENVIRONMENT_NAME} cannot be the audit key")
    try:
        if create:
            _make(path)
        return _checked(_read(path), "the audit key cannot be used")
    except FileNotFoundError:
        words = f"the audit key {path.name} is gone, and without it the audit cannot be checked or continued"
        raise BrokerError("JOURNAL_UNAVAILABLE", words, user_action="Put the key file back (chmod 600).") from None
    except OSError as error:
        words = (error.strerror or "no reason given").lower()
        raise BrokerError("JOURNAL_UNAVAILABLE", f"the audit key cannot be used: {words}") from None


def _make(path: Path) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    fresh = path.with_name(f"{path.name}.new")
    if os.path.lexists(path):
        return
    fresh.unlink(missing_ok=True)  # left by a core that was killed right here: the name below is what counts
    with os.fdopen(os.open(fresh, flags, 0o600), "wb") as file:
        file.write(secrets.token_bytes(KEY_BYTES))
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _read(path: Path) -> bytes:
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        found = os.fstat(file.fileno())
        why = ""
        if not stat.S_ISREG(found.st_mode):
            why = "it is no file"
        elif found.st_uid != os.geteuid():
            why = "it belongs to another user"
        elif found.st_mode & 0o077:
            why = "others can read it (chmod 600)"
        if why:
            raise BrokerError("JOURNAL_UNAVAILABLE", f"the audit key cannot be used: {why}")
        return file.read(_LONGEST)


def _from_text(text: str) -> bytes:
    """Hexadecimal digits are read as such; any other text is its bytes."""
    try:
        return bytes.fromhex(text)
    except ValueError:
        return text.encode()


def _checked(key: bytes, what: str) -> bytes:
    if len(key) < KEY_BYTES:
        words = f"{what}: it has {len(key)} bytes, and {KEY_BYTES} are the least"
    elif len(set(key)) < _LEAST_VARIETY:
        words = f"{what}: it is not random"
    else:
        return key
    raise BrokerError("JOURNAL_UNAVAILABLE", words)

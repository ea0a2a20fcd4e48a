"""The few things a key store does to the disk, each fsynced and each in one place, so that tests can interrupt it.

Power may fail between any two of them: a file's bytes are safe after `create` returns, its name only after
`sync_directory` of where it stands.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

DIRECTORY_MODE: Final = 0o700
FILE_MODE: Final = 0o600


class FileOperations:
    """The disk. Every method raises OSError."""

    def make_directory(self, path: Path) -> None:
        """A new directory that only its owner may use."""
        path.mkdir(mode=DIRECTORY_MODE)
        path.chmod(DIRECTORY_MODE)

    def create(self, path: Path, content: bytes) -> None:
        """A new file that only its owner may read; its bytes are on the disk. One that is there already is an error."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        handle = os.open(path, flags, FILE_MODE)
        try:
            os.fchmod(handle, FILE_MODE)
            self.write(handle, content)
            self.sync(handle)
        finally:
            os.close(handle)

    def append(self, path: Path, content: bytes) -> None:
        """Add to a file, made when it is not there; the bytes are on the disk."""
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
        try:
            self.write(handle, content)
            self.sync(handle)
        finally:
            os.close(handle)

    def write(self, handle: int, content: bytes) -> None:
        """All of it, however many writes that takes."""
        view = memoryview(content)
        while view:
            view = view[os.write(handle, view) :]

    def sync(self, handle: int) -> None:
        """Wait until the disk has it."""
        os.fsync(handle)

    def sync_directory(self, path: Path) -> None:
        """Wait until the disk has the names in `path`."""
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            self.sync(handle)
        finally:
            os.close(handle)

    def link(self, target: str, path: Path) -> None:
        """A new symbolic link."""
        path.symlink_to(target)

    def rename(self, source: Path, target: Path) -> None:
        """One step: whoever looks sees the old or the new, never nothing."""
        source.rename(target)

    def remove(self, path: Path) -> None:
        """Take a file or a link away; one that is not there is fine."""
        path.unlink(missing_ok=True)

    def remove_directory(self, path: Path) -> None:
        """Take an empty directory away."""
        path.rmdir()

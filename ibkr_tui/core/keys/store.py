"""A profile's key store: whole sets side by side, and pointers that say which one is in charge (design 8).

    keys/<profile>/  versions/<id>/ …  current -> versions/<id>  previous -> …  staged -> …  rotation.journal  .lock

Nothing is ever moved or written over: a new set is written beside the others, and one rename of a pointer puts it in
charge. So a reader finds the old set or the new one, whole, whenever the power fails.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from ibkr_tui.core.keys.file_operations import FileOperations
from ibkr_tui.core.keys.manifest import (
    CREDENTIALS,
    MANIFEST,
    MATERIAL,
    Manifest,
    digest,
    packed,
    read_manifest,
    verified,
)
from ibkr_tui.core.keys.rotation_journal import JOURNAL, Entry, Mark, RotationJournal
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.errors import BrokerError

VERSIONS: Final = "versions"
CURRENT: Final = "current"
PREVIOUS: Final = "previous"
STAGED: Final = "staged"
UPLOAD: Final = "upload"
POINTERS: Final = (CURRENT, PREVIOUS, STAGED)
SPACE_NEEDED: Final = 1024 * 1024
_DIGITS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class KeyStore:
    """The store at `place`. Reading needs no lock; every change is made under `locked`."""

    def __init__(self, place: Path, clock: Clock, files: FileOperations | None = None) -> None:
        self.place = place
        self._clock = clock
        self._files = files or FileOperations()
        self.journal = RotationJournal(place, self._files)

    def pointed(self, pointer: str) -> str:
        """The version that a pointer names; empty when there is none."""
        try:
            return (self.place / pointer).readlink().name
        except OSError:
            return ""

    def path_of(self, version: str) -> Path:
        """Where a version stands."""
        return self.place / VERSIONS / version

    def manifest(self, version: str) -> Manifest:
        """What it says of itself. Raises IBKR_KEY_NOT_FOUND or IBKR_KEY_INVALID."""
        return read_manifest(self.path_of(version))

    def versions(self) -> list[str]:
        """Every finished version, oldest first: their names sort by the time they were made."""
        try:
            return sorted(entry.name for entry in os.scandir(self.place / VERSIONS) if not entry.name.startswith("."))
        except OSError:
            return []

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only one who changes the store; what a crash left half done is put right first.

        Raises ROTATION_BUSY when another process changes it, KEY_STORE_UNUSABLE when the disk does not let us.
        """
        with _said(self.place):
            self._prepare()
            handle = os.open(self.place / ".lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise BrokerError("ROTATION_BUSY", f"another program changes the keys in {self.place}") from None
            with _said(self.place):
                self._recover()
                yield
        finally:
            os.close(handle)

    def recover(self) -> None:
        """Put right what a crash left half done, if nobody is changing the store now. For the start of a core."""
        if not (self.place / JOURNAL).is_file():  # nothing was ever changed here
            return
        with contextlib.suppress(BrokerError), self.locked():
            pass

    def write(self, content: Mapping[str, bytes], fingerprints: tuple[str, str], parent: str = "") -> str:
        """A new version with these files; it is whole on the disk, and nothing points at it. Raises OSError."""
        version = new_version(self._clock.now())
        self._note(Mark.BEGIN, version)
        half = self.place / VERSIONS / f".{version}.tmp"
        self._files.make_directory(half)
        for name, data in content.items():
            self._files.create(half / name, data)
        manifest = Manifest(
            version=version,
            created=self._clock.now(),
            parent=parent,
            signature=fingerprints[0],
            encryption=fingerprints[1],
            files={name: digest(data) for name, data in content.items()},
        )
        self._files.create(half / MANIFEST, packed(manifest))
        self._files.sync_directory(half)
        self._files.rename(half, self.path_of(version))
        self._files.sync_directory(self.place / VERSIONS)
        return version

    def write_upload(self, version: str, content: Mapping[str, bytes]) -> None:
        """The public files for the portal, in a directory of the version's own. Raises OSError."""
        place = self.path_of(version) / UPLOAD
        self._files.make_directory(place)
        for name, data in content.items():
            self._files.create(place / name, data)
        self._files.sync_directory(place)
        self._files.sync_directory(place.parent)

    def complete(self, version: str, credentials: bytes) -> Manifest:
        """Give a version its credentials, in place of any it has. Its keys stay as they are. Raises OSError."""
        place = self.path_of(version)
        old = verified(place) if not self.manifest(version).is_complete else self.manifest(version)
        new = Manifest(
            version=version,
            created=old.created,
            parent=old.parent,
            signature=old.signature,
            encryption=old.encryption,
            files={**{name: old.files[name] for name in MATERIAL}, CREDENTIALS: digest(credentials)},
        )
        for name, data in ((CREDENTIALS, credentials), (MANIFEST, packed(new))):
            self._replace(place / name, data)
        self._files.sync_directory(place)
        return verified(place)

    def keep(self, version: str, name: str, content: bytes) -> None:
        """A file beside a version's own, in place of any of that name; it is no part of the set. Raises OSError."""
        place = self.path_of(version)
        self._replace(place / name, content)
        self._files.sync_directory(place)

    def forget(self, version: str, name: str) -> None:
        """Take such a file away. Raises OSError."""
        place = self.path_of(version)
        if (place / name).exists():
            self._files.remove(place / name)
            self._files.sync_directory(place)

    def point(self, pointer: str, version: str) -> None:
        """Let a pointer name a version: one rename. For `current` this is the commit. Raises OSError."""
        fresh = self.place / f".{pointer}.tmp"
        self._files.remove(fresh)
        self._files.link(f"{VERSIONS}/{version}", fresh)
        self._files.rename(fresh, self.place / pointer)
        self._files.sync_directory(self.place)

    def unpoint(self, pointer: str) -> None:
        """Take a pointer away. Raises OSError."""
        self._files.remove(self.place / pointer)
        self._files.sync_directory(self.place)

    def drop(self, version: str) -> None:
        """Take a version off the disk, unless something points at it. Raises OSError."""
        if version in {self.pointed(pointer) for pointer in POINTERS}:
            return
        place = self.path_of(version)
        gone = self.place / VERSIONS / f".{version}.tmp"
        self._files.rename(place, gone)
        self._files.sync_directory(self.place / VERSIONS)
        self._sweep(gone)

    def note(self, mark: Mark, version: str, text: str = "", code: str = "") -> None:
        """A line in the journal. Raises OSError."""
        self._note(mark, version, text, code)

    def check_space(self) -> None:
        """Raise KEY_STORE_UNUSABLE unless there is room for another set."""
        facts = os.statvfs(self.place)
        if facts.f_bavail * facts.f_frsize < SPACE_NEEDED:
            raise BrokerError("KEY_STORE_UNUSABLE", f"the disk of {self.place} is full; a new key set needs 1 MiB")

    def _replace(self, path: Path, content: bytes) -> None:
        """Whoever reads finds the old bytes or the new ones."""
        half = path.with_name(f".{path.name}.tmp")
        self._files.remove(half)
        self._files.create(half, content)
        self._files.rename(half, path)

    def _note(self, mark: Mark, version: str, text: str = "", code: str = "") -> None:
        self.journal.write(Entry(self._clock.now(), mark, version, text, code))

    def _prepare(self) -> None:
        """The directories: ours, private, on one disk, and no links in their place."""
        for path in (self.place, self.place / VERSIONS):
            if not os.path.lexists(path):
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._files.make_directory(path)
                self._files.sync_directory(path.parent)
            facts = path.lstat()
            problem = ""
            if not stat.S_ISDIR(facts.st_mode):
                problem = "is not a directory of its own"
            elif facts.st_uid != os.geteuid():
                problem = "belongs to another user"
            elif facts.st_mode & 0o077:
                problem = f"is open to others (mode {stat.S_IMODE(facts.st_mode):04o}); run `chmod 700 {path}`"
            if problem:
                raise BrokerError("IBKR_KEY_INVALID", f"the key store's {path} {problem}")
        if self.place.stat().st_dev != (self.place / VERSIONS).stat().st_dev:
            raise BrokerError(
                "IBKR_KEY_INVALID", f"{self.place / VERSIONS} is on another disk; a set cannot be swapped"
            )

    def _recover(self) -> None:
        """Idempotent. What was half written goes, a commit that was made is noted, a damaged current set gives way."""
        self._adopt()
        for path in [*(self.place / VERSIONS).iterdir(), *(self.place / VERSIONS).glob("*/.*.tmp")]:
            if path.name.startswith("."):
                self._sweep(path)
        for pointer in POINTERS:
            self._files.remove(self.place / f".{pointer}.tmp")
        for pointer in (PREVIOUS, STAGED):
            if os.path.lexists(self.place / pointer) and not self.path_of(self.pointed(pointer)).is_dir():
                self.unpoint(pointer)
        current, staged = self.pointed(CURRENT), self.pointed(STAGED)
        if current and self._is_damaged(current) and (previous := self.pointed(PREVIOUS)):
            if not self._is_damaged(previous):
                self.point(CURRENT, previous)
                self._note(Mark.ROLLED_BACK, current, "its files are not as they were written", "IBKR_KEY_INVALID")
        elif current and current == staged:
            self._note(Mark.COMMITTED, current, "completed after an interruption")
            self.unpoint(STAGED)
        held = {self.pointed(pointer) for pointer in POINTERS}
        for version in self.versions():
            last = self.journal.last(version)
            if version not in held and last is not None and last.mark in {Mark.BEGIN, Mark.ABORTED}:
                self.drop(version)

    def _adopt(self) -> None:
        """A `current` directory that a person made by hand becomes a version, and `current` a pointer to it."""
        plain = self.place / CURRENT
        if plain.is_dir() and not plain.is_symlink():
            version = new_version(self._clock.now())
            self._note(Mark.ADOPTED, version)
            self._files.rename(plain, self.path_of(version))
            self._files.sync_directory(self.place / VERSIONS)
        if not os.path.lexists(plain):
            adopted = [entry for entry in self.journal.entries() if entry.mark is Mark.ADOPTED]
            if adopted and self.path_of(adopted[-1].version).is_dir() and not self.pointed(CURRENT):
                self.point(CURRENT, adopted[-1].version)

    def _is_damaged(self, version: str) -> bool:
        """A set without a manifest was made by hand: it is taken as it is."""
        place = self.path_of(version)
        if place.is_dir() and not (place / MANIFEST).exists():
            return False
        try:
            return not verified(place).is_complete
        except BrokerError:
            return True

    def _sweep(self, place: Path) -> None:
        """Take away what was half written, or half taken away. A link that was planted goes; what it names stays."""
        if place.is_symlink() or not place.is_dir():
            self._files.remove(place)
            return
        for path in list(place.iterdir()):
            self._sweep(path)
        self._files.remove_directory(place)


def new_version(at: datetime) -> str:
    """A name that sorts by time: 48 bits of milliseconds and 80 random ones, in 26 letters and digits."""
    number = (int(at.timestamp() * 1000) << 80) | secrets.randbits(80)
    return "".join(_DIGITS[number >> shift & 31] for shift in range(125, -1, -5))


@contextlib.contextmanager
def _said(place: Path) -> Iterator[None]:
    """A disk that refuses is an error in words: before a pointer has moved nothing has changed."""
    try:
        yield
    except OSError as error:
        why = os.strerror(error.errno or 0)
        raise BrokerError(
            "KEY_STORE_UNUSABLE", f"the key store {place}: {why}; the keys in charge are as they were"
        ) from None

"""`rotation.journal`: what a rotation was about to do and what it had done, a JSON line each, so that it can go on."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

from ibkr_tui.core.keys.file_operations import FileOperations
from ibkr_tui.model.unreadable import UNREADABLE

JOURNAL: Final = "rotation.journal"
_KEPT: Final = 200


class Mark(StrEnum):
    """The steps of a rotation that a recovery must tell apart (faults section 3)."""

    BEGIN = "begin"
    STAGED = "staged"
    RENEWED = "renewed"
    PROBING = "probing"
    REFUSED = "refused"
    PROBED = "probed"
    COMMITTED = "committed"
    ROLLED_BACK = "rolled_back"
    ABORTED = "aborted"
    ADOPTED = "adopted"
    PRUNED = "pruned"


class Entry(msgspec.Struct, frozen=True):
    """One line: which version, and words for people. Never a key or a token."""

    at: datetime
    mark: Mark
    version: str
    text: str = ""
    code: str = ""


class RotationJournal:
    """Appends, and reads. A last line that power cut off is not there."""

    def __init__(self, place: Path, files: FileOperations) -> None:
        self._path = place / JOURNAL
        self._files = files

    def write(self, entry: Entry) -> None:
        """Add a line; it is on the disk when this returns. Raises OSError."""
        head = b"" if self._ends_well() else b"\n"
        self._files.append(self._path, head + msgspec.json.encode(entry) + b"\n")

    def entries(self) -> list[Entry]:
        """All lines that can be read, oldest first."""
        try:
            lines = self._path.read_bytes().splitlines()
        except OSError:
            return []
        found: list[Entry] = []
        for line in lines[-_KEPT:]:
            try:
                found.append(msgspec.json.decode(line, type=Entry))
            except UNREADABLE:
                continue
        return found

    def last(self, version: str, *marks: Mark) -> Entry | None:
        """The newest line about `version`, of one of `marks` if any are given."""
        for entry in reversed(self.entries()):
            if entry.version == version and (not marks or entry.mark in marks):
                return entry
        return None

    def _ends_well(self) -> bool:
        try:
            with self._path.open("rb") as file:
                file.seek(-1, 2)
                return file.read(1) == b"\n"
        except OSError:
            return True

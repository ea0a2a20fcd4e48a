"""Anchors: the chain's head, noted from time to time in a file beside the journal.

The chain alone cannot see its own end cut off, nor a cut that was sealed anew with the current key: the anchors can.
Each is a line of JSON that is on the disk before it counts; a copy kept elsewhere (another disk, another machine) is
worth more than the file itself, and `ibkr-tui audit verify --anchors FILE` reads it.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from ibkr_tui.model.unreadable import UNREADABLE

ANCHORS_NAME: Final = "audit.anchors"
EVERY_ROWS: Final = 100
EVERY_SECONDS: Final = 60.0


class Anchor(msgspec.Struct, frozen=True):
    """Row `seq` had this `mac` (hexadecimal) at that time."""

    seq: int
    mac: str
    at: datetime


class AnchorFile(msgspec.Struct, frozen=True):
    """What a file of anchors says. `unreadable`: the numbers of lines that are no anchors; `missing`: no file."""

    anchors: tuple[Anchor, ...] = ()
    unreadable: tuple[int, ...] = ()
    missing: bool = False


def make_anchors(path: Path) -> None:
    """The file, empty, unless it is there: from then on its absence means something. Raises OSError."""
    _append(path, b"")
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def add_anchor(path: Path, anchor: Anchor) -> None:
    """Note a head that is committed. Raises OSError."""
    _append(path, msgspec.json.encode(anchor) + b"\n")


def read_anchors(path: Path) -> AnchorFile:
    """Every anchor in `path`. A last line without its end was cut off by a crash, and never counted. Raises OSError."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            lines = file.read().split(b"\n")
    except FileNotFoundError:
        return AnchorFile(missing=True)
    found, unreadable = [], []
    for number, line in enumerate(lines[:-1], 1):
        if not line:
            continue
        try:
            found.append(msgspec.json.decode(line, type=Anchor))
        except UNREADABLE:
            unreadable.append(number)
    return AnchorFile(tuple(found), tuple(unreadable))


def _append(path: Path, line: bytes) -> None:
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o600), "rb+", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        if line and size and os.pread(file.fileno(), 1, size - 1) != b"\n":
            file.write(b"\n")  # the line that a crash cut off: it stays unreadable, the next one does not join it
        file.write(line)
        os.fsync(file.fileno())

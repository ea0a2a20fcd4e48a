"""What kind of file system a directory is on: a journal in memory is gone with the machine, one on a network may lie.

Linux tells it; elsewhere it is not known.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

_MOUNTS: Final = Path("/proc/self/mounts")
_MEMORY: Final = {"tmpfs", "ramfs"}
_NETWORK: Final = {"nfs", "nfs4", "cifs", "smb3", "9p", "fuse.sshfs", "afs", "ceph"}


def place_of(directory: Path, mounts: Path = _MOUNTS) -> str:
    """`disk`, `memory` or `network`; empty when it is not known."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
        where = directory.resolve()
    except OSError:
        return ""
    kind = _kind_at(where, lines)
    if kind in _MEMORY:
        return "memory"
    if kind in _NETWORK:
        return "network"
    return "disk" if kind else ""


def _kind_at(where: Path, lines: Iterable[str]) -> str:
    """The file system of the deepest mount that holds `where`; a later mount hides an earlier one."""
    found, depth = "", -1
    for line in lines:
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        mount = Path(fields[1].replace("\\040", " "))
        if where.is_relative_to(mount) and len(mount.parts) >= depth:
            found, depth = fields[2], len(mount.parts)
    return found

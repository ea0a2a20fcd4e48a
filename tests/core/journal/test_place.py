"""What kind of file system the journal is on."""

from __future__ import annotations

from pathlib import Path

import pytest

from ibkr_tui.core.journal.place import place_of

MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
tmpfs {0}/memory tmpfs rw 0 0
server:/x {0}/net\\040work nfs4 rw 0 0
/dev/sdb1 {0}/memory/disk xfs rw 0 0
broken
"""


@pytest.mark.parametrize(
    ("folder", "place"),
    [(".", "disk"), ("memory/state", "memory"), ("net work/state", "network"), ("memory/disk/state", "disk")],
)
def test_the_deepest_mount_decides(tmp_path: Path, folder: str, place: str) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(MOUNTS.format(tmp_path.resolve()))
    assert place_of(tmp_path / folder, mounts) == place


def test_where_the_system_does_not_tell_nothing_is_said(tmp_path: Path) -> None:
    assert place_of(tmp_path, tmp_path / "none") == ""

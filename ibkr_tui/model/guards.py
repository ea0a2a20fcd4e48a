"""What stands guard over orders, as a row for faces: the kill switch and the limits in force."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Guards(msgspec.Struct, frozen=True):
    """One profile's guards. `kill_since` and the words are those of the file; `limits` in plain words by name,
    `tightened` the names of those that are tighter than the configuration says."""

    profile: str
    kill_switch: bool
    kill_by: str = ""
    kill_reason: str = ""
    kill_since: datetime | None = None
    limits: dict[str, str] = {}
    tightened: tuple[str, ...] = ()

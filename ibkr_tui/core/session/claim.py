"""Whose session competes with ours: perhaps that of a core of this profile that ended without logging out.

A file in the state directory is touched while a core holds the brokerage session, and removed when it logs out. A core
that starts within three minutes of the last touch takes its predecessor's session back; nobody else's, ever.
"""

from __future__ import annotations

import logging
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from ibkr_tui.model.clock import Clock

LEFT_BEHIND_FOR: Final = timedelta(minutes=3)
_log = logging.getLogger(__name__)


class Claim:
    """The file at `path`. A disk that refuses it costs the taking back, nothing else."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._left_behind = self._is_fresh()

    def take_back(self) -> bool:
        """Whether the session of a predecessor may be taken; True at most once."""
        taken, self._left_behind = self._left_behind, False
        return taken

    def hold(self) -> None:
        """We have the session, as of now."""
        now = self._clock.now().timestamp()
        try:
            os.close(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
            os.utime(self._path, (now, now), follow_symlinks=False)
        except OSError as error:
            _log.warning("the claim on the session could not be written: %s", error.strerror)

    def drop(self) -> None:
        """We logged out."""
        try:
            self._path.unlink(missing_ok=True)
        except OSError as error:
            _log.warning("the claim on the session could not be removed: %s", error.strerror)

    def _is_fresh(self) -> bool:
        try:
            held = datetime.fromtimestamp(self._path.lstat().st_mtime, UTC)
        except (OSError, OverflowError, ValueError):
            return False
        return timedelta(0) <= self._clock.now() - held <= LEFT_BEHIND_FOR

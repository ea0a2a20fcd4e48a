"""The kill switch: a file in the state directory whose presence is the truth (design 6.8).

Anything can make it, `touch` included; what stands in it is only for people. It needs no core: the command line and the
core read and write the same file. Where its place can't be looked at, the switch is on.
"""

from __future__ import annotations

import contextlib
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from ibkr_tui.model.clock import Clock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.text import clean
from ibkr_tui.model.unreadable import UNREADABLE

KILL_NAME: Final = "KILL"
_MOST_BYTES: Final = 4096


class Trip(msgspec.Struct, frozen=True):
    """Who turned the switch on, when and why; all empty when the file says nothing of it."""

    by: str = ""
    reason: str = ""
    since: datetime | None = None


class KillSwitch:
    """The switch of the profile whose state directory this is."""

    def __init__(self, state_dir: Path, clock: Clock) -> None:
        self.path = state_dir / KILL_NAME
        self._clock = clock

    @property
    def is_on(self) -> bool:
        """Whether the file is there. One look at the file system, no cache."""
        try:
            self.path.lstat()
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return True

    def read(self) -> Trip | None:
        """What the file says; None when the switch is off. A file of any other content is a switch that is on."""
        if not self.is_on:
            return None
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb") as file:
                found = msgspec.json.decode(file.read(_MOST_BYTES), type=Trip)
        except (OSError, *UNREADABLE):
            return Trip(since=self._changed())
        since = found.since.astimezone(UTC) if found.since is not None and found.since.tzinfo else self._changed()
        return Trip(clean(found.by, limit=40), clean(found.reason, limit=200), since)

    def turn_on(self, by: str, reason: str) -> bool:
        """Make the file, whole, whatever was there before; whether the switch was off.

        Raises BrokerError STATE_UNUSABLE when it can't be made.
        """
        was_off = not self.is_on
        if not was_off:
            return False
        content = msgspec.json.encode(Trip(by, reason, self._clock.now()))
        try:
            descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            # From here on it is on: what follows are only words.
            with os.fdopen(descriptor, "wb") as file, contextlib.suppress(OSError):
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            self._sync()
        except OSError as error:
            if not self.is_on:
                raise _unusable(self.path, error) from None
        return True

    def turn_off(self) -> bool:
        """Remove the file; whether it was there. Raises BrokerError STATE_UNUSABLE when it stays."""
        was_on = self.is_on
        try:
            self.path.unlink(missing_ok=True)
            self._sync()
        except OSError as error:
            if self.is_on:
                raise _unusable(self.path, error) from None
        return was_on

    def check(self) -> None:
        """Raise BrokerError KILL_SWITCH_ON while the switch is on."""
        if not self.is_on:
            return
        trip = self.read() or Trip()
        why = f": {trip.reason}" if trip.reason else ""
        by = f" by {trip.by}" if trip.by else ""
        raise BrokerError(
            "KILL_SWITCH_ON",
            f"the kill switch was turned on{by}{why}",
            details={"by": trip.by, "reason": trip.reason, "since": trip.since.isoformat() if trip.since else ""},
        )

    def _changed(self) -> datetime | None:
        try:
            return datetime.fromtimestamp(self.path.lstat().st_mtime, UTC)
        except OSError:
            return None

    def _sync(self) -> None:
        """The directory's entry on the disk: the switch outlives a power cut."""
        handle = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _unusable(path: Path, error: OSError) -> BrokerError:
    return BrokerError("STATE_UNUSABLE", f"{path}: {error.strerror or type(error).__name__}")

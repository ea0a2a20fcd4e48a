"""The alerts of a profile between runs: one file of its own in the state directory, written whole or not at all."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

import msgspec

from ibkr_tui.model.alerts import Alert
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.unreadable import UNREADABLE

NAME: Final = "alerts.json"
VERSION: Final = 1


class _Kept(msgspec.Struct, frozen=True):
    """What stands in the file."""

    version: int
    alerts: tuple[Alert, ...] = ()


class AlertFile:
    """Reads once and writes often. A write is under way one at a time: the caller sees to that."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / NAME

    def read(self) -> tuple[Alert, ...]:
        """The kept alerts; none where there is no file.

        Raises BrokerError STATE_UNUSABLE. A file that can't be understood is put aside, so that nothing writes over it.
        """
        try:
            kept = msgspec.json.decode(self._path.read_bytes(), type=_Kept)
        except FileNotFoundError:
            return ()
        except OSError as error:
            raise BrokerError("STATE_UNUSABLE", f"{self._path}: {error.strerror or 'cannot be read'}") from None
        except UNREADABLE:
            raise self._put_aside("it is damaged") from None
        if kept.version != VERSION:
            raise self._put_aside(f"it is of version {kept.version}")
        return kept.alerts

    def write(self, alerts: tuple[Alert, ...]) -> None:
        """Replace what is kept, durably. Raises BrokerError STATE_UNUSABLE; the former content stays then."""
        part = self._path.with_suffix(".part")
        try:
            handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(msgspec.json.format(msgspec.json.encode(_Kept(VERSION, alerts)), indent=1))
                file.flush()
                os.fsync(file.fileno())
            part.replace(self._path)
            directory = os.open(self._path.parent, os.O_RDONLY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        except OSError as error:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
            raise BrokerError("STATE_UNUSABLE", f"{self._path}: {error.strerror or 'cannot be written'}") from None

    def _put_aside(self, why: str) -> BrokerError:
        aside = self._path.with_suffix(".unread")
        try:
            self._path.replace(aside)
        except OSError as error:
            return BrokerError("STATE_UNUSABLE", f"{self._path}: {why}; {error.strerror or 'it cannot be moved'}")
        return BrokerError(
            "STATE_UNUSABLE",
            f"the alerts could not be read: {why}",
            user_action=f"The file is kept as {aside.name} in the state directory; set the alerts anew.",
        )

"""The core's log file as a face reads it: records with their level, and where the reading ended."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec


class LogLevel(StrEnum):
    """From everything to what is broken."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"

    @property
    def weight(self) -> int:
        """Its place: what weighs as much or more is shown."""
        return list(LogLevel).index(self)


class LogRecord(msgspec.Struct, frozen=True):
    """One record; `details` are the lines of its traceback. All text is cleaned, and redacted since it was written."""

    at: datetime
    level: LogLevel
    source: str
    text: str
    details: tuple[str, ...] = ()


class LogTail(msgspec.Struct, frozen=True):
    """Records, newest last. `cursor` continues the reading; `cut`: there was more before them than is here."""

    records: tuple[LogRecord, ...]
    cursor: str = ""
    cut: bool = False

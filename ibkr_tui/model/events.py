"""What happened, for people: the rows of the event log."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec


class Severity(StrEnum):
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Event(msgspec.Struct, frozen=True):
    """One sentence with its time. `order_key` ties it to an order."""

    at: datetime
    text: str
    severity: Severity = Severity.INFO
    code: str = ""
    order_key: str = ""

"""Days as the broker writes them: 20270115 as a number or a text (reference 4.2, 4.7)."""

from __future__ import annotations

from datetime import date
from typing import Any


def read_day(value: Any) -> date | None:
    """The day in YYYYMMDD; None for anything else."""
    text = str(value)
    if isinstance(value, bool) or len(text) != 8 or not (text.isascii() and text.isdigit()):
        return None
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None

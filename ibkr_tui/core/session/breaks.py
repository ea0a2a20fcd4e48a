"""IBKR's planned breaks, told by the time in New York and by what fails then (reference 3 and 5, requirement A-061).

Each night around midnight or one o'clock the sessions are reset; from Saturday evening the systems are looked after.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta, timezone, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from ibkr_tui.model.errors import BrokerError

_SYMPTOMS: Final = {"IBKR_UNAVAILABLE", "IBKR_NO_SESSION", "IBKR_SESSION_MINT_FAILED"}
_SATURDAY: Final = 5


def _new_york() -> tzinfo:
    try:
        return ZoneInfo("America/New_York")
    except ZoneInfoNotFoundError:  # a machine without a time zone database: an hour off in summer
        return timezone(timedelta(hours=-5))


NEW_YORK: Final = _new_york()


class Break(msgspec.Struct, frozen=True):
    """One planned break; `ends` is in New York's time."""

    name: str
    ends: datetime


def planned_break(now: datetime) -> Break | None:
    """The break that `now` lies in: every night 23:45-01:30, on weekends Saturday 18:00 to Sunday 06:00."""
    here = now.astimezone(NEW_YORK)
    if here.weekday() == _SATURDAY and here.hour >= 18:
        return Break("weekend maintenance", _at(here + timedelta(days=1), time(6)))
    if here.weekday() == (_SATURDAY + 1) % 7 and here.hour < 6:
        return Break("weekend maintenance", _at(here, time(6)))
    if here.time() >= time(23, 45):
        return Break("nightly reset", _at(here + timedelta(days=1), time(1, 30)))
    if here.time() < time(1, 30):
        return Break("nightly reset", _at(here, time(1, 30)))
    return None


def named(error: BrokerError, now: datetime) -> BrokerError:
    """`error`, or IBKR_MAINTENANCE when it is what such a break looks like; `until` is its end at the latest."""
    found = planned_break(now) if error.code in _SYMPTOMS else None
    if found is None:
        return error
    return BrokerError(
        "IBKR_MAINTENANCE",
        f"IBKR's {found.name}, over by {found.ends:%H:%M} New York time ({error.message})",
        details=error.details | {"until": found.ends.isoformat()},
    )


def _at(day: datetime, moment: time) -> datetime:
    return datetime.combine(day.date(), moment, NEW_YORK)

"""A recorded day: what the tables held and the logs said, moment by moment, one JSON object a line. Pure.

The first line says what it is. A moment of a table names rows by key with the fields that changed since the moment
before; a row that was not there is whole. Seconds of the monotonic clock are seconds since 1970 here, so that ages can
be told from the moment's own time. Account ids are masked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any, Final

import msgspec

from ibkr_tui.model.masking import mask_accounts
from ibkr_tui.model.plain_values import plain_value

FORMAT: Final = 1
AT_ONCE: Final = ("orders", "questions", "guards", "alerts")
"""Tables of which every change is kept."""
SAMPLED: Final = ("quotes", "depth", "positions", "account", "pnl", "health")
"""Tables that are kept as they stand every few seconds."""
LOGS_KEPT: Final = ("fills", "events", "audit")
_MONO: Final = ("changed_mono", "last_frame_mono")
_TIMES: Final = "times"
Zoned = Annotated[datetime, msgspec.Meta(tz=True)]


class Beginning(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first line. `recording` is the version of the format, `kind` paper or live."""

    recording: int
    at: Zoned
    profile: str
    kind: str
    version: str = ""


class Moment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What changed at `at`: rows of a `table` and keys that went (`full`: there is no other), or a log's entries."""

    at: Zoned
    table: str = ""
    rows: dict[str, dict[str, Any]] = {}
    gone: tuple[str, ...] = ()
    full: bool = False
    log: str = ""
    entries: tuple[dict[str, Any], ...] = ()


def line(value: Beginning | Moment) -> bytes:
    """One line of the file, account ids masked, with its end."""
    return mask_accounts(msgspec.json.encode(value).decode()).encode() + b"\n"


class Recorder:
    """Turns what a watcher hears into moments. `epoch` gives the seconds since 1970 of a monotonic second."""

    def __init__(self, epoch: Callable[[float], float]) -> None:
        self._epoch = epoch
        self._kept: dict[str, dict[str, dict[str, Any]]] = {}

    def table(self, name: str, at: datetime, rows: Mapping[str, Any], gone: tuple[str, ...], *, full: bool) -> Moment:
        """The moment of a table: only what differs from what is kept already."""
        before = self._kept.setdefault(name, {})
        now = {key: self._plain(row) for key, row in rows.items()}
        if full:
            before.clear()
        changed = {key: row if key not in before else _differing(before[key], row) for key, row in now.items()}
        left = tuple(key for key in gone if before.pop(key, None) is not None)
        before.update(now)
        return Moment(at, name, {key: row for key, row in changed.items() if row}, left, full)

    def log(self, name: str, at: datetime, entries: tuple[Any, ...]) -> Moment:
        """The moment of a log."""
        return Moment(at, log=name, entries=tuple(plain_value(entry) for entry in entries))

    def _plain(self, row: Any) -> dict[str, Any]:
        found: dict[str, Any] = plain_value(row)
        for name in _MONO:
            if (seconds := found.get(name)) is not None:
                found[name] = round(self._epoch(seconds), 1)
        if times := found.get(_TIMES):
            found[_TIMES] = {name: round(self._epoch(seconds), 1) for name, seconds in times.items()}
        return found


def _differing(before: Mapping[str, Any], row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in before or before[name] != value}

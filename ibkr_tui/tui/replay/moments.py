"""What `ibkr-tui record` wrote, read back and turned into what a feed takes. What stands in the file is untrusted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec

from ibkr_tui.model.boards import LOGS, TABLES
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.log import LogPage
from ibkr_tui.model.quotes import Quote
from ibkr_tui.model.recording import FORMAT, LOGS_KEPT, Beginning, Moment
from ibkr_tui.model.table import TableDelta
from ibkr_tui.model.text import clean
from ibkr_tui.model.unreadable import UNREADABLE

LARGEST: Final = 256 * 1024 * 1024
_LONGEST_LINE: Final = 16 * 1024 * 1024
_moment: Final = msgspec.json.Decoder(Moment)


class Line(msgspec.Struct, frozen=True):
    """A moment as it stands in the file; it is read when it is due."""

    at: datetime
    raw: bytes


class Recording(msgspec.Struct, frozen=True):
    """What it is, its moments in their sequence, and the instruments that have a price somewhere in it."""

    beginning: Beginning
    lines: tuple[Line, ...]
    instruments: tuple[Instrument, ...]


class Reader:
    """Follows rows through their changes: `take` makes of each moment the whole rows that changed."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, dict[str, Any]]] = {}
        self._at: dict[str, int] = {}

    def take(self, raw: bytes) -> TableDelta[Any] | LogPage[Any]:
        """Raises msgspec.MsgspecError for what is no moment of a recording."""
        moment = _moment.decode(raw)
        if moment.log:
            return self._log(moment)
        kind = TABLES.get(moment.table)
        if kind is None:
            raise msgspec.ValidationError("it names no table")
        known = self._rows.setdefault(moment.table, {})
        if moment.full:
            known.clear()
        rows: dict[str, Any] = {}
        for name, changes in moment.rows.items():
            key = clean(name, limit=80)
            known[key] = known.get(key, {}) | _cleaned(changes)
            rows[key] = _sound(msgspec.convert(known[key], kind))
        gone = tuple(clean(name, limit=80) for name in moment.gone)
        for key in gone:
            known.pop(key, None)
        return TableDelta(moment.table, 1, moment.full, rows, gone)

    def _log(self, moment: Moment) -> LogPage[Any]:
        if moment.log not in LOGS_KEPT:
            raise msgspec.ValidationError("it names no log")
        first = self._at.get(moment.log, 1)
        kind = LOGS[moment.log]
        entries = tuple(msgspec.convert(_cleaned(entry), kind) for entry in moment.entries)
        self._at[moment.log] = first + len(entries)
        return LogPage(moment.log, first, _sound(entries))


def is_recording(path: Path) -> bool:
    """Whether the file begins as a recording does. One that cannot be read is none: whoever reads it next says why."""
    try:
        with path.open("rb") as file:
            return file.read(13) == b'{"recording":'
    except OSError:
        return False


def read_moments(path: Path) -> Recording:
    """The whole recording, each line of it tried.

    Raises BrokerError RECORDING_UNREADABLE: there is no such file, it is too long, or a line, which is named, is none.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise _unreadable(f"{path} has more than {LARGEST // 2**20} MiB; record a shorter time, or less often")
        with path.open("rb") as file:
            raws = list(iter(lambda: file.readline(_LONGEST_LINE), b""))
    except OSError as error:
        raise _unreadable(f"{path} cannot be read: {error.strerror or 'no reason is given'}") from None
    beginning: Beginning = _tried(path, 1, lambda: msgspec.json.decode(raws[0], type=Beginning))
    if beginning.recording != FORMAT:
        raise _unreadable(f"{path} is in format {beginning.recording}; this program reads format {FORMAT}")
    if raws and not raws[-1].endswith(b"\n"):
        del raws[-1]  # what a full disk or a kill cut off
    reader, lines, found, at = Reader(), [], dict[str, Instrument](), beginning.at
    for number, raw in enumerate(raws[1:], 2):
        taken = _tried(path, number, lambda raw=raw: reader.take(raw))  # type: ignore[misc]
        at = max(at, _moment.decode(raw).at)  # a clock that was set back does not turn the day round
        lines.append(Line(at, raw))
        if isinstance(taken, TableDelta) and taken.table == "quotes":
            found |= {key: _instrument(quote) for key, quote in taken.rows.items() if key not in found}
    if not lines:
        raise _unreadable(f"nothing was recorded in {path}")
    return Recording(beginning, tuple(lines), tuple(found.values()))


def _instrument(quote: Quote) -> Instrument:
    return Instrument(quote.conid, quote.symbol, quote.description, "", "", "", "")


def _tried(path: Path, number: int, work: Callable[[], Any]) -> Any:
    try:
        return work()
    except UNREADABLE as error:
        raise _unreadable(f"line {number} of {path} is no moment: {clean(str(error), limit=120)}") from None


def _sound(value: Any) -> Any:
    """The same, once it is sure that its times have zones and its numbers are numbers. Raises ValidationError."""
    if isinstance(value, Decimal) and not value.is_finite():
        raise msgspec.ValidationError("a number in it is none")
    if isinstance(value, datetime) and value.tzinfo is None:
        raise msgspec.ValidationError("a time in it has no zone")
    if isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            _sound(getattr(value, name))
    elif isinstance(value, tuple):
        for item in value:
            _sound(item)
    return value


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value, limit=4000, lines=True)
    if isinstance(value, dict):
        return {clean(key, limit=80): _cleaned(item) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [_cleaned(item) for item in value]
    return value


def _unreadable(words: str) -> BrokerError:
    return BrokerError("RECORDING_UNREADABLE", words)

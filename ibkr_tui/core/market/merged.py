"""What is known of one instrument: `smd` deltas, kept as they came and taken in when somebody wants to know.

A frame holds only what changed (reference 6, smd). Some thousand come a second and a screen looks ten times: of what
waits only the newest word is read, with the time when it began to be said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Any, Final

from ibkr_tui.core.market.fields import GREEKS, NUMBERS, PERCENTAGES, PRICES, QUIET, UNDERLYING, VOLUMES
from ibkr_tui.model.increments import decimals
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.numbers import NumberError, parse_wire
from ibkr_tui.model.text import clean

ROUGH_VOLUME: Final = "87"
MOST_WAITING: Final = 16
"""So many frames wait at most, for an instrument that nobody reads."""

_OPTIONS: Final = {"OPT", "FOP", "WAR"}
_PLAIN: Final = PRICES | NUMBERS | {"7296": "session_close"}
_NAMES: Final = {True: _PLAIN | GREEKS, False: _PLAIN | UNDERLYING}
"""What each code is called in `values`, for an option and for anything else."""
_NEVER: Final = object()
Frames = list[tuple[float, Mapping[str, Any]]]
"""Frames with the monotonic second when each came."""


class Merged:
    """One conid's values by name, with the monotonic second of each one's last change in `times`.

    `changed` is the second when anything last changed (`changed_at` the same in UTC), `updated` the broker's own time
    of the newest frame; `confirmed` and `renewed` say how far the subscription may be believed. `garbled` counts values
    that are no numbers.
    """

    __slots__ = (
        "_names", "_precise_volume", "_said", "_waiting", "availability", "changed", "changed_at", "confirmed",
        "garbled", "halted", "instrument", "key", "places", "prior_close", "renewed", "times", "updated", "values",
    )  # fmt: skip

    def __init__(self, instrument: Instrument, now: float) -> None:
        self.instrument = instrument
        self.key = str(instrument.conid)
        self.values: dict[str, Decimal | None] = {}
        self.times: dict[str, float] = {}
        self.places = decimals(instrument.increments, Decimal(1)) if len(instrument.increments) < 2 else None
        self.availability = ""
        self.halted = False
        self.prior_close = False
        self.updated = 0
        self.changed: float | None = None
        self.changed_at: datetime | None = None
        self.confirmed = False
        self.renewed = now
        self.garbled = 0
        self._names = _NAMES[instrument.sec_type in _OPTIONS]
        self._waiting: Frames = []
        self._said: dict[str, Any] = {}
        self._precise_volume = False

    def hear(self, fields: Mapping[str, Any], now: float) -> bool:
        """A frame came. Whether too many wait."""
        self._waiting.append((now, fields))
        return len(self._waiting) >= MOST_WAITING

    def absorb(self) -> bool:
        """Take in what waits; whether it changed anything. What came and went unread was never there."""
        if not self._waiting:
            return False
        frames, self._waiting = self._waiting, []
        words = frames[0][1] if len(frames) == 1 else _newest(frames)
        names, said = self._names, self._said
        changes = []
        for code, word in words.items():
            name = names.get(code)
            if name is not None and said.get(name, _NEVER) != word and self._number(name, code, word, frames):
                changes.append(self.times[name])
        volume = self._volume(words)
        if volume is not None and self._number("volume", volume, words[volume], frames):
            changes.append(self.times["volume"])
        changes += self._marks(words, frames)
        if changes:
            self.changed = max(changes)
        return bool(changes)

    def _marks(self, words: Mapping[str, Any], frames: Frames) -> list[float]:
        """What is said beside the numbers; when it changed, if it did."""
        before = (self.availability, self.halted)
        if "31" in words:
            last = words["31"]
            mark = last[:1] if isinstance(last, str) else ""
            self.prior_close, self.halted = mark == "C", mark == "H"
        if "6509" in words:
            letters = next((word for word, _ in _history("6509", frames) if isinstance(word, str)), self.availability)
            self.availability = clean(letters, limit=8)
        return [] if before == (self.availability, self.halted) else [frames[-1][0]]

    def _volume(self, words: Mapping[str, Any]) -> str | None:
        """The most precise of the codes that say the volume, if it says something new."""
        for code in VOLUMES:
            if code in words:
                self._precise_volume = self._precise_volume or code != ROUGH_VOLUME
                is_rough = code == ROUGH_VOLUME and self._precise_volume
                return None if is_rough or self._said.get("volume", _NEVER) == words[code] else code
        return None

    def _number(self, name: str, code: str, word: Any, frames: Frames) -> bool:
        """Whether the value changed. What is no number leaves the one before it in place."""
        since = frames[0][0]
        try:
            number = _READ.get(code, parse_wire)(word)
            if len(frames) > 1:
                _, since = next(_history(code, frames))
        except NumberError:
            self.garbled += 1
            found = next(self._numbers_before(code, frames), None)
            if found is None:
                return False
            word, since, number = found
        self._said[name] = word
        if self.values.get(name) == number:
            return False
        self.values[name] = number
        self.times[name] = since
        return True

    def _numbers_before(self, code: str, frames: Frames) -> Iterator[tuple[Any, float, Decimal | None]]:
        """What was said before it, and is a number."""
        for word, since in islice(_history(code, frames), 1, None):
            try:
                yield word, since, _READ.get(code, parse_wire)(word)
            except NumberError:
                self.garbled += 1


def _newest(frames: Frames) -> Mapping[str, Any]:
    """The newest word of each code."""
    words: dict[str, Any] = {}
    for _, fields in frames:
        words.update(fields)
    return words


def _history(code: str, frames: Frames) -> Iterator[tuple[Any, float]]:
    """What was said under `code`, the newest first, each with the time when it began to be said."""
    word, since = _NEVER, 0.0
    for at, fields in reversed(frames):
        found = fields.get(code, _NEVER)
        if found is _NEVER:
            continue
        if found != word and word is not _NEVER:
            yield word, since
        word, since = found, at
    if word is not _NEVER:
        yield word, since


def _price(word: Any) -> Decimal | None:
    """A price of which zero and less mean that there is none."""
    number = parse_wire(word)
    return None if number is not None and number <= 0 else number


def _last(word: Any) -> Decimal | None:
    """The last price, without the mark before it (reference 4.8)."""
    return _price(word[1:] if isinstance(word, str) and word[:1] in {"C", "H"} else word)


def _percent(word: Any) -> Decimal | None:
    return parse_wire(word[:-1] if isinstance(word, str) and word[-1:] == "%" else word)


_READ: Final[Mapping[str, Callable[[Any], Decimal | None]]] = (
    dict.fromkeys(QUIET, _price) | dict.fromkeys(PERCENTAGES, _percent) | {"31": _last}
)
"""How a code's word is read; those that are not here are plain numbers. All raise NumberError."""

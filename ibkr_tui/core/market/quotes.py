"""Quotes: `smd` deltas merged into rows, and the one judgement whether a row may be called live (design 7).

A frame holds only what changed (reference 6, smd): it is merged, never put in place of the row. Fresh means changed, or
confirmed by a heartbeat on a subscription that answered since it was last made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from ibkr_tui.core.market.fields import FIELDS, GREEKS, NUMBERS, PRICES, QUIET, UNDERLYING, VOLUMES
from ibkr_tui.core.market.pulse import Pulse
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.increments import decimals
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.numbers import NumberError, parse_wire
from ibkr_tui.model.quotes import Quote, QuoteStatus
from ibkr_tui.model.table import Table
from ibkr_tui.model.text import clean

__all__ = ["FIELDS", "QuoteBoard"]

_AVAILABILITY: Final = {
    "R": (QuoteStatus.LIVE, ""),
    "D": (QuoteStatus.DELAYED, "delayed data: no real-time subscription for this exchange"),
    "Z": (QuoteStatus.FROZEN, "frozen: the last prices of a closed market"),
    "Y": (QuoteStatus.FROZEN, "frozen delayed data"),
    "N": (QuoteStatus.NO_DATA, "no market data subscription (IBKR_NO_MARKET_DATA_SUBSCRIPTION)"),
    "O": (QuoteStatus.NO_DATA, "the market data agreement is not signed"),
}
_OPTIONS: Final = {"OPT", "FOP", "WAR"}
_PLAIN: Final = PRICES | NUMBERS | {"7296": "session_close"}
_NAMES: Final = {True: _PLAIN | GREEKS, False: _PLAIN | UNDERLYING}
"""What each code is called in `values`, for an option and for anything else."""
_NEVER: Final = object()
_UNSAID: Final = (QuoteStatus.NO_DATA, "the broker does not say whether these prices are live")


class _Merged:
    """What is known of one conid."""

    __slots__ = (
        "availability", "changed_at", "changed_mono", "confirmed", "halted", "instrument", "key", "names", "places",
        "precise_volume", "prior_close", "renewed", "said", "times", "updated", "values",
    )  # fmt: skip

    def __init__(self, instrument: Instrument, now: float) -> None:
        self.instrument = instrument
        self.key = str(instrument.conid)
        self.names = _NAMES[instrument.sec_type in _OPTIONS]
        self.values: dict[str, Decimal | None] = {}
        self.times: dict[str, float] = {}
        self.said: dict[str, Any] = {}
        self.places = decimals(instrument.increments, Decimal(1)) if len(instrument.increments) < 2 else None
        self.availability = ""
        self.halted = False
        self.prior_close = False
        self.precise_volume = False
        self.updated = 0
        self.changed_at: datetime | None = None
        self.changed_mono: float | None = None
        self.confirmed = False
        self.renewed = now


class QuoteBoard:
    """The `quotes` table: merges frames, and marks what is not fresh.

    Frames that were not used are counted: `late` ones are older than what is known, `repeated` ones say nothing new,
    `stray` ones belong to nothing that is subscribed, `garbled` values are no numbers. `on_change` is told of every
    quote that a frame changed.
    """

    def __init__(self, table: Table[Quote], clock: Clock, pulse: Pulse | None = None) -> None:
        self._table = table
        self._clock = clock
        self._merged: dict[int, _Merged] = {}
        self.pulse = pulse or Pulse(clock)
        self.on_change: list[Callable[[Quote], None]] = []
        self.late = 0
        self.repeated = 0
        self.stray = 0
        self.garbled = 0

    def __contains__(self, conid: int) -> bool:
        return conid in self._merged

    @property
    def dropped(self) -> int:
        """Frames and values that were not used, whatever for."""
        return self.late + self.stray + self.garbled

    def expect(self, instrument: Instrument) -> None:
        """A subscription was made or renewed; a row that was never confirmed says that it waits."""
        now = self._clock.monotonic()
        merged = self._merged.get(instrument.conid)
        if merged is None:
            merged = self._merged[instrument.conid] = _Merged(instrument, now)
        merged.renewed = now
        self._show(merged)

    def forget(self, conid: int) -> None:
        """The subscription is gone, and its row with it."""
        self._merged.pop(conid, None)
        self._table.remove(str(conid))

    def heard(self) -> None:
        """A frame or heartbeat came over a live stream: what is subscribed and confirmed is fresh."""
        self.pulse.heard()

    def connected(self) -> None:
        """The stream is there. Nothing is fresh before its own first frame."""
        self.pulse.connected()
        for merged in self._merged.values():
            merged.confirmed = False
            merged.updated = 0

    def polled(self) -> None:
        """A snapshot came: prices are as fresh as that, and marked as polled."""
        self.pulse.polled()

    def lost(self) -> None:
        """The stream is gone; five seconds later every row says so."""
        self.pulse.lost()

    def merge(self, conid: int, fields: Mapping[str, Any]) -> bool:
        """Take a delta in. False when it was dropped: not subscribed, or older than what is known."""
        merged = self._merged.get(conid)
        updated = fields.get("_updated", 0)
        if merged is None or not isinstance(updated, int):
            self.stray += 1
            return False
        if 0 < updated < merged.updated:
            self.late += 1
            return False
        is_same_time = 0 < updated == merged.updated
        merged.updated = updated or merged.updated
        merged.confirmed = True
        if self.pulse.is_polled:
            merged.renewed = self._clock.monotonic()
        now = self._clock.monotonic()
        changed = self._absorb(merged, fields, now)
        if changed:
            merged.changed_mono = now
            merged.changed_at = self._clock.now()
        elif is_same_time:
            self.repeated += 1
        quote = self._show(merged)
        if changed:
            for tell in self.on_change:
                tell(quote)
        return True

    def review(self) -> None:
        """Judge every row again, because time passed. Called about once a second."""
        for merged in self._merged.values():
            self._show(merged)

    def review_one(self, conid: int) -> None:
        """Judge one row again, now: whoever acts on it must not read a judgement of a second ago."""
        merged = self._merged.get(conid)
        if merged is not None:
            self._show(merged)

    def confirmed_age(self, conid: int) -> float | None:
        """Seconds since the quote was last known to be right: its last change, or a heartbeat while it is live."""
        merged = self._merged.get(conid)
        if merged is None or merged.changed_mono is None:
            return None
        newest, heard = merged.changed_mono, self.pulse.heard_at
        if not self.pulse.is_polled and heard is not None and self._fresh(merged):
            newest = max(newest, heard)
        return self._clock.monotonic() - newest

    def _absorb(self, merged: _Merged, fields: Mapping[str, Any], now: float) -> bool:
        """Whether anything changed. Runs some thousand times a second: most values are as they were, or plain text."""
        before = (merged.availability, merged.halted)
        names, said = merged.names, merged.said
        changed = False
        for code, value in fields.items():
            name = names.get(code)
            if name is None:
                if code == "6509" and isinstance(value, str):
                    merged.availability = clean(value, limit=8)
                continue
            text = self._last(merged, value) if code == "31" else value
            if said.get(name, _NEVER) != text:
                changed |= self._number(merged, name, text, now, is_none_below=code in QUIET)
        for code in VOLUMES:
            if code in fields and not (code == "87" and merged.precise_volume):
                merged.precise_volume = merged.precise_volume or code != "87"
                if said.get("volume", _NEVER) != fields[code]:
                    changed |= self._number(merged, "volume", fields[code], now)
                break
        return changed or before != (merged.availability, merged.halted)

    def _last(self, merged: _Merged, value: Any) -> Any:
        """The last price without its mark: C is the close before, H a halt (reference 4.8)."""
        merged.prior_close = merged.halted = False
        if isinstance(value, str) and value[:1] in {"C", "H"}:
            merged.prior_close, merged.halted = value[0] == "C", value[0] == "H"
            return value[1:]
        return value

    def _number(self, merged: _Merged, name: str, said: Any, now: float, *, is_none_below: bool = False) -> bool:
        """Whether the value changed. With `is_none_below`, zero and less mean that there is none."""
        try:
            number = parse_wire(said[:-1] if isinstance(said, str) and said[-1:] == "%" else said)
        except NumberError:
            self.garbled += 1
            return False
        if is_none_below and number is not None and number <= 0:
            number = None
        merged.said[name] = said
        if merged.values.get(name) == number:
            return False
        merged.values[name] = number
        merged.times[name] = now
        return True

    def _fresh(self, merged: _Merged) -> bool:
        return self.pulse.vouches(confirmed=merged.confirmed, renewed=merged.renewed)

    def _judge(self, merged: _Merged) -> tuple[QuoteStatus, str]:
        known = merged.values.get
        prices = known("last") is not None or known("bid") is not None or known("ask") is not None
        if not prices and not merged.availability:
            return QuoteStatus.NO_DATA, "waiting for the first price"
        if not self._fresh(merged):
            return QuoteStatus.STALE, "the stream is lost" if self.pulse.lost_at is not None else "not confirmed"
        status, problem = _AVAILABILITY.get(merged.availability[:1], _UNSAID)
        if status is not QuoteStatus.NO_DATA and not prices:
            return QuoteStatus.NO_DATA, "no price yet"
        if status is not QuoteStatus.NO_DATA and merged.halted:
            return QuoteStatus.HALTED, "trading is halted"
        if self.pulse.is_polled and not problem:
            problem = "single snapshots: the stream is off"
        elif merged.prior_close and not problem:
            problem = "last is the previous close"
        return status, problem

    def _show(self, merged: _Merged) -> Quote:
        status, problem = self._judge(merged)
        instrument = merged.instrument
        values: dict[str, Any] = merged.values.copy()
        close, session_close = values.pop("close", None), values.pop("session_close", None)
        places = merged.places
        if places is None:
            price = values.get("last") or values.get("bid") or close or Decimal(1)
            places = decimals(instrument.increments, price)
        quote = Quote(
            conid=instrument.conid,
            symbol=instrument.symbol,
            description=instrument.description,
            status=status,
            close=close or session_close,
            availability=merged.availability,
            decimals=places,
            changed_at=merged.changed_at,
            changed_mono=merged.changed_mono,
            problem=problem,
            halted=merged.halted,
            delayed=merged.availability[:1] in {"D", "Y"},
            times=merged.times.copy(),
            **values,
        )
        self._table.put(merged.key, quote)
        return quote

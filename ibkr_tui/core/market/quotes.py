"""Quotes: `smd` deltas merged into rows, and the one judgement whether a row may be called live (design 7).

A frame holds only what changed (reference 6, smd): it is merged, never put in place of the row. Fresh means changed, or
confirmed by a heartbeat on a subscription that answered since it was last made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from ibkr_tui.core.market.fields import FIELDS
from ibkr_tui.core.market.merged import Merged
from ibkr_tui.core.market.pulse import Pulse
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.increments import decimals
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.quotes import Quote, QuoteStatus
from ibkr_tui.model.table import Table

__all__ = ["FIELDS", "QuoteBoard"]

_AVAILABILITY: Final = {
    "R": (QuoteStatus.LIVE, ""),
    "D": (QuoteStatus.DELAYED, "delayed data: no real-time subscription for this exchange"),
    "Z": (QuoteStatus.FROZEN, "frozen: the last prices of a closed market"),
    "Y": (QuoteStatus.FROZEN, "frozen delayed data"),
    "N": (QuoteStatus.NO_DATA, "no market data subscription (IBKR_NO_MARKET_DATA_SUBSCRIPTION)"),
    "O": (QuoteStatus.NO_DATA, "the market data agreement is not signed"),
}
_UNSAID: Final = (QuoteStatus.NO_DATA, "the broker does not say whether these prices are live")


class QuoteBoard:
    """The `quotes` table: merges frames, and marks what is not fresh. A row is written when it is read.

    Frames that were not used are counted: `late` ones are older than what is known, `repeated` ones say nothing new,
    `stray` ones belong to nothing that is subscribed, `garbled` values are no numbers. `on_change` is told of every
    frame's change, of those instruments that `is_followed`.
    """

    def __init__(self, table: Table[Quote], clock: Clock, pulse: Pulse | None = None) -> None:
        self._table = table
        self._clock = clock
        self._merged: dict[int, Merged] = {}
        self.pulse = pulse or Pulse(clock)
        self.on_change: list[Callable[[Quote], None]] = []
        self.is_followed: Callable[[int], bool] = lambda conid: True
        self.late = 0
        self.repeated = 0
        self.stray = 0
        self._garbled_before = 0
        self._polled_words = ""
        table.write = lambda key: self.review_one(int(key))

    def __contains__(self, conid: int) -> bool:
        return conid in self._merged

    @property
    def garbled(self) -> int:
        """Values that are no numbers."""
        self._table.settle()
        return self._garbled_before + sum(merged.garbled for merged in self._merged.values())

    @property
    def dropped(self) -> int:
        """Frames and values that were not used, whatever for."""
        return self.late + self.stray + self.garbled

    def expect(self, instrument: Instrument) -> None:
        """A subscription was made or renewed; a row that was never confirmed says that it waits."""
        now = self._clock.monotonic()
        merged = self._merged.get(instrument.conid)
        if merged is None:
            merged = self._merged[instrument.conid] = Merged(instrument, now)
        merged.renewed = now
        self._show(merged)

    def forget(self, conid: int) -> None:
        """The subscription is gone, and its row with it."""
        merged = self._merged.pop(conid, None)
        if merged is not None:
            merged.absorb()
            self._garbled_before += merged.garbled
        self._table.remove(str(conid))

    def heard(self) -> None:
        """Another frame or a heartbeat came over a live stream: what is subscribed and confirmed is fresh."""
        self.pulse.heard()

    def connected(self) -> None:
        """The stream is there. Nothing is fresh before its own first frame."""
        self.pulse.connected()
        for merged in self._merged.values():
            merged.confirmed = False
            merged.updated = 0

    def polled(self, words: str = "single snapshots: the stream is off") -> None:
        """A snapshot came: prices are as fresh as that, and marked as polled, in those words."""
        self._polled_words = words
        self.pulse.polled()

    def lost(self) -> None:
        """The stream is gone; five seconds later every row says so."""
        self.pulse.lost()

    def merge(self, conid: int, fields: Mapping[str, Any]) -> bool:
        """Take a delta in, which is heard too. False when it was dropped: not subscribed, or older than the newest."""
        now = self.pulse.heard_at = self._clock.monotonic()
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
            merged.renewed = now
        if is_same_time or (self.on_change and self.is_followed(conid)):
            self._follow(merged, fields, now, is_same_time=is_same_time)
        else:
            if merged.hear(fields, now):
                self._absorb(merged)
            self._table.touch(merged.key)
        return True

    def _follow(self, merged: Merged, fields: Mapping[str, Any], now: float, *, is_same_time: bool) -> None:
        """Take a frame in at once, and tell."""
        self._absorb(merged)
        merged.hear(fields, now)
        changed = self._absorb(merged)
        if is_same_time and not changed:
            self.repeated += 1
        quote = self._show(merged)
        if changed:
            for tell in self.on_change:
                tell(quote)

    def _absorb(self, merged: Merged) -> bool:
        """Take in what waits; whether it changed anything."""
        changed = merged.absorb()
        if changed and merged.changed is not None:
            age = self._clock.monotonic() - merged.changed
            merged.changed_at = self._clock.now() - timedelta(seconds=age)
        return changed

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
        if merged is not None:
            self._absorb(merged)
        if merged is None or merged.changed is None:
            return None
        newest, heard = merged.changed, self.pulse.heard_at
        if not self.pulse.is_polled and heard is not None and self._fresh(merged):
            newest = max(newest, heard)
        return self._clock.monotonic() - newest

    def _fresh(self, merged: Merged) -> bool:
        return self.pulse.vouches(confirmed=merged.confirmed, renewed=merged.renewed)

    def _judge(self, merged: Merged) -> tuple[QuoteStatus, str]:
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
            problem = self._polled_words
        elif merged.prior_close and not problem:
            problem = "last is the previous close"
        return status, problem

    def _show(self, merged: Merged) -> Quote:
        """Write the row, from all that came until now."""
        self._absorb(merged)
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
            changed_mono=merged.changed,
            problem=problem,
            halted=merged.halted,
            delayed=merged.availability[:1] in {"D", "Y"},
            times=merged.times.copy(),
            **values,
        )
        self._table.put(merged.key, quote)
        return quote

"""Quotes: `smd` deltas merged into rows, and the one judgement whether a row may be called live (design 7).

A frame holds only what changed (reference 6, smd): it is merged, never put in place of the row. Fresh means changed, or
confirmed by a heartbeat on a subscription that answered since it was last made.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from ibkr_tui.model.clock import Clock
from ibkr_tui.model.increments import decimals
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.numbers import NumberError, parse_wire
from ibkr_tui.model.quotes import Quote, QuoteStatus
from ibkr_tui.model.table import Table
from ibkr_tui.model.text import clean

LOST_AFTER: Final = 5.0
HEARTBEAT_WITHIN: Final = 25.0
RENEWED_WITHIN: Final = 660.0

_PRICES: Final = {"31": "last", "84": "bid", "86": "ask", "70": "high", "71": "low", "7295": "open", "7741": "close"}
_NUMBERS: Final = {"85": "ask_size", "88": "bid_size", "7059": "last_size", "82": "change", "83": "change_pct"}
_VOLUMES: Final = ("7762", "87_raw", "87")
_QUIET: Final = frozenset({"31", "84", "86"})
FIELDS: Final = tuple(sorted({*_PRICES, *_NUMBERS, "7762", "87", "7296", "6509", "55"}, key=int))
"""The codes that are asked for (reference 4.8)."""

_AVAILABILITY: Final = {
    "R": (QuoteStatus.LIVE, ""),
    "D": (QuoteStatus.DELAYED, "delayed data: no real-time subscription for this exchange"),
    "Z": (QuoteStatus.FROZEN, "frozen: the last prices of a closed market"),
    "Y": (QuoteStatus.FROZEN, "frozen delayed data"),
    "N": (QuoteStatus.NO_DATA, "no market data subscription (IBKR_NO_MARKET_DATA_SUBSCRIPTION)"),
    "O": (QuoteStatus.NO_DATA, "the market data agreement is not signed"),
}
_UNSAID: Final = (QuoteStatus.NO_DATA, "the broker does not say whether these prices are live")


class _Merged:
    """What is known of one conid."""

    __slots__ = (
        "availability", "changed_at", "changed_mono", "confirmed", "halted", "instrument", "precise_volume",
        "prior_close", "renewed", "updated", "values",
    )  # fmt: skip

    def __init__(self, instrument: Instrument, now: float) -> None:
        self.instrument = instrument
        self.values: dict[str, Decimal | None] = {}
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
    """The `quotes` table: merges frames, and marks what is not fresh. `dropped` counts frames that were not used."""

    def __init__(self, table: Table[Quote], clock: Clock) -> None:
        self._table = table
        self._clock = clock
        self._merged: dict[int, _Merged] = {}
        self._lost_at: float | None = clock.monotonic()
        self._heard: float | None = None
        self._polled = False
        self.dropped = 0

    def __contains__(self, conid: int) -> bool:
        return conid in self._merged

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
        self._heard = self._clock.monotonic()

    def connected(self) -> None:
        """The stream is there. Nothing is fresh before its own first frame."""
        self._lost_at = None
        self._polled = False
        self.heard()
        for merged in self._merged.values():
            merged.confirmed = False
            merged.updated = 0

    def polled(self) -> None:
        """A snapshot came: prices are as fresh as that, and marked as polled."""
        self._lost_at = None
        self._polled = True
        self.heard()

    def lost(self) -> None:
        """The stream is gone; five seconds later every row says so."""
        if self._lost_at is None:
            self._lost_at = self._clock.monotonic()

    def merge(self, conid: int, fields: Mapping[str, Any]) -> bool:
        """Take a delta in. False when it was dropped: not subscribed, or older than what is known."""
        merged = self._merged.get(conid)
        updated = fields.get("_updated", 0)
        if merged is None or not isinstance(updated, int) or 0 < updated < merged.updated:
            self.dropped += 1
            return False
        merged.updated = updated or merged.updated
        merged.confirmed = True
        if self._polled:
            merged.renewed = self._clock.monotonic()
        if self._absorb(merged, fields):
            merged.changed_mono = self._clock.monotonic()
            merged.changed_at = self._clock.now()
        self._show(merged)
        return True

    def review(self) -> None:
        """Judge every row again, because time passed. Called about once a second."""
        for merged in self._merged.values():
            self._show(merged)

    def confirmed_age(self, conid: int) -> float | None:
        """Seconds since the quote was last known to be right: its last change, or a heartbeat while it is live."""
        merged = self._merged.get(conid)
        if merged is None or merged.changed_mono is None:
            return None
        newest = merged.changed_mono
        if not self._polled and self._fresh(merged) and self._heard is not None:
            newest = max(newest, self._heard)
        return self._clock.monotonic() - newest

    def _absorb(self, merged: _Merged, fields: Mapping[str, Any]) -> bool:
        before = (dict(merged.values), merged.availability, merged.halted)
        for code, value in fields.items():
            if code in _PRICES:
                self._price(merged, code, value)
            elif code in _NUMBERS:
                self._number(merged, _NUMBERS[code], value)
            elif code == "7296":
                self._number(merged, "session_close", value)
            elif code == "6509" and isinstance(value, str):
                merged.availability = clean(value, limit=8)
        for code in _VOLUMES:
            if code in fields and not (code == "87" and merged.precise_volume):
                merged.precise_volume = merged.precise_volume or code != "87"
                self._number(merged, "volume", fields[code])
                break
        return before != (merged.values, merged.availability, merged.halted)

    def _price(self, merged: _Merged, code: str, value: Any) -> None:
        if code == "31":
            merged.prior_close = merged.halted = False
            if isinstance(value, str) and value[:1] in {"C", "H"}:
                merged.prior_close, merged.halted = value[0] == "C", value[0] == "H"
                value = value[1:]
        self._number(merged, _PRICES[code], value)
        name = _PRICES[code]
        found = merged.values.get(name)
        # IBKR says -1 or 0 for "no price".
        if code in _QUIET and found is not None and found <= 0:
            merged.values[name] = None

    def _number(self, merged: _Merged, name: str, value: Any) -> None:
        if isinstance(value, str):
            value = value.removesuffix("%")
        try:
            merged.values[name] = parse_wire(value)
        except NumberError:
            self.dropped += 1

    def _fresh(self, merged: _Merged) -> bool:
        now = self._clock.monotonic()
        if self._lost_at is not None:
            return merged.confirmed and now - self._lost_at <= LOST_AFTER
        heard = self._heard is not None and now - self._heard <= HEARTBEAT_WITHIN
        return merged.confirmed and heard and now - merged.renewed <= RENEWED_WITHIN

    def _judge(self, merged: _Merged) -> tuple[QuoteStatus, str]:
        prices = any(merged.values.get(name) is not None for name in ("last", "bid", "ask"))
        if not prices and not merged.availability:
            return QuoteStatus.NO_DATA, "waiting for the first price"
        if not self._fresh(merged):
            return QuoteStatus.STALE, "the stream is lost" if self._lost_at is not None else "not confirmed"
        status, problem = _AVAILABILITY.get(merged.availability[:1], _UNSAID)
        if status is not QuoteStatus.NO_DATA and not prices:
            return QuoteStatus.NO_DATA, "no price yet"
        if status is not QuoteStatus.NO_DATA and merged.halted:
            return QuoteStatus.HALTED, "trading is halted"
        if self._polled and not problem:
            problem = "single snapshots: the stream is off"
        elif merged.prior_close and not problem:
            problem = "last is the previous close"
        return status, problem

    def _show(self, merged: _Merged) -> None:
        status, problem = self._judge(merged)
        values, instrument = merged.values, merged.instrument
        price = values.get("last") or values.get("bid") or values.get("close") or Decimal(1)
        self._table.put(
            str(instrument.conid),
            Quote(
                conid=instrument.conid,
                symbol=instrument.symbol,
                description=instrument.description,
                status=status,
                last=values.get("last"),
                bid=values.get("bid"),
                ask=values.get("ask"),
                last_size=values.get("last_size"),
                bid_size=values.get("bid_size"),
                ask_size=values.get("ask_size"),
                change=values.get("change"),
                change_pct=values.get("change_pct"),
                volume=values.get("volume"),
                open=values.get("open"),
                high=values.get("high"),
                low=values.get("low"),
                close=values.get("close") or values.get("session_close"),
                availability=merged.availability,
                decimals=decimals(instrument.increments, price),
                changed_at=merged.changed_at,
                changed_mono=merged.changed_mono,
                problem=problem,
            ),
        )

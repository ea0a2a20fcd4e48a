"""Alerts: what a person wants to be told of, and the pure rules that say when (edges, never levels)."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

import msgspec

from ibkr_tui.model.numbers import plain
from ibkr_tui.model.quotes import Quote, QuoteStatus

MOST_ALERTS: Final = 200
_BELIEVED: Final = frozenset({QuoteStatus.LIVE, QuoteStatus.DELAYED})


class AlertKind(StrEnum):
    """`price`: the last price (else the middle) against a price. `change`: the day's change in percent.
    `staleness`: seconds without a price that was confirmed."""

    PRICE = "price"
    CHANGE = "change"
    STALENESS = "staleness"


class Direction(StrEnum):
    ABOVE = "above"
    BELOW = "below"


class AlertState(StrEnum):
    """`fired` is an alert that was to tell once, and has."""

    ARMED = "armed"
    FIRED = "fired"


class Alert(msgspec.Struct, frozen=True):
    """One alert. `holds` is whether its condition was true when it was last judged: None before the first judgement,
    which never tells. `repeat` arms it again once the condition has become false."""

    id: str
    conid: int
    symbol: str
    kind: AlertKind
    level: Decimal
    direction: Direction
    created_at: datetime
    note: str = ""
    repeat: bool = False
    state: AlertState = AlertState.ARMED
    holds: bool | None = None
    fired_at: datetime | None = None
    fired_value: Decimal | None = None
    times_fired: int = 0
    problem: str = ""

    @property
    def words(self) -> str:
        """What it waits for: `AAPL price above 190`."""
        unit = {AlertKind.CHANGE: " %", AlertKind.STALENESS: " s"}.get(self.kind, "")
        if self.kind is AlertKind.STALENESS:
            return f"{self.symbol} without a fresh price for {plain(self.level)}{unit}"
        return f"{self.symbol} {self.kind} {self.direction} {plain(self.level)}{unit}"


def observed(alert: Alert, quote: Quote, stale_for: float | None) -> Decimal | None:
    """The value that `alert` looks at; None when nothing that may be believed is known. `stale_for`: seconds since the
    quote was last confirmed."""
    if alert.kind is AlertKind.STALENESS:
        return None if stale_for is None else Decimal(str(round(stale_for, 1)))
    if quote.status not in _BELIEVED:
        return None
    return quote.change_pct if alert.kind is AlertKind.CHANGE else quote.last or quote.mid


def judge(alert: Alert, value: Decimal | None, now: datetime) -> tuple[Alert, bool]:
    """The alert after `value` was seen at `now`, and whether it is to be told: only when its condition became true."""
    if value is None or alert.state is AlertState.FIRED:
        return alert, False
    holds = value >= alert.level if alert.direction is Direction.ABOVE else value <= alert.level
    if holds == alert.holds:
        return alert, False
    if not holds or alert.holds is None:
        return msgspec.structs.replace(alert, holds=holds), False
    state = AlertState.ARMED if alert.repeat else AlertState.FIRED
    fired = msgspec.structs.replace(
        alert, holds=True, state=state, fired_at=now, fired_value=value, times_fired=alert.times_fired + 1
    )
    return fired, True


def told(alert: Alert, value: Decimal, quote_is_delayed: bool) -> str:
    """The sentence for people: `AAPL price above 190: 190.02 (delayed)`."""
    shown = plain(value) + {AlertKind.CHANGE: " %", AlertKind.STALENESS: " s"}.get(alert.kind, "")
    late = " (delayed)" if quote_is_delayed and alert.kind is not AlertKind.STALENESS else ""
    note = f" — {alert.note}" if alert.note else ""
    return f"{alert.words}: {shown}{late}{note}"

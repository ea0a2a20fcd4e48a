"""Bars for charts: the generated past, the recorded minutes since the start, and their sums at any bar size."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from ibkr_tui.sim.past import MINUTE, Bar, History
from ibkr_tui.sim.walk import Walk

DAY, WEEK, MONTH, YEAR = 86_400, 7 * 86_400, 30 * 86_400, 365 * 86_400
_UNITS = {"min": 60, "h": 3_600, "d": DAY, "w": WEEK, "m": MONTH, "y": YEAR}
_LIMITS = {"min": 30, "h": 8, "d": 1000, "w": 792, "m": 182, "y": 15}
_BARS = {
    name: int(name.rstrip("minhdw")) * _UNITS[name.lstrip("0123456789")]
    for name in (
        "1min",
        "2min",
        "3min",
        "5min",
        "10min",
        "15min",
        "30min",
        "1h",
        "2h",
        "3h",
        "4h",
        "8h",
        "1d",
        "1w",
        "1m",
    )
}
# The table of reference section 4.8: periods up to the first figure allow bars from the second to the third.
_PERMITTED = (
    (60, 60, 60, 60),
    (DAY, 60, 8 * 3600, 60),
    (WEEK, 600, WEEK, 900),
    (MONTH, 1800, MONTH, 1800),
    (3 * MONTH, 7200, MONTH, DAY),
    (6 * MONTH, 4 * 3600, MONTH, DAY),
    (YEAR, 8 * 3600, MONTH, DAY),
    (2 * YEAR, DAY, MONTH, DAY),
    (3 * YEAR, DAY, MONTH, WEEK),
    (15 * YEAR + DAY * 10, WEEK, MONTH, WEEK),
)
MINUTES_KEPT = 6_000


@dataclass(frozen=True)
class Span:
    """A chart request understood: how far back, and how long a bar is, in seconds."""

    period: int
    bar: int


def parse_span(period: str, bar: str) -> Span | None:
    """Read ``period`` and ``bar``; a bar that the period does not permit becomes the period's default one."""
    digits = len(period) - len(period.lstrip("0123456789"))
    unit = period[digits:]
    if not digits or unit not in _UNITS or not 1 <= int(period[:digits]) <= _LIMITS[unit]:
        return None
    length = int(period[:digits]) * _UNITS[unit]
    for limit, smallest, largest, default in _PERMITTED:
        if length <= limit:
            asked = _BARS.get(bar, 0)
            return Span(length, asked if smallest <= asked <= largest else default)
    return Span(length, WEEK)


class Recorder:
    """Minute bars since the start, and the finished days."""

    def __init__(self) -> None:
        self.minutes: deque[Bar] = deque(maxlen=MINUTES_KEPT)
        self.days: list[Bar] = []
        self._volume_before = 0.0

    def tick(self, walk: Walk, moment: float) -> None:
        """Take in the walk's last price at an exchange moment."""
        start = moment - moment % MINUTE
        last = walk.last
        traded = max(0.0, walk.day.volume - self._volume_before)
        self._volume_before = walk.day.volume
        if self.minutes and self.minutes[-1].start == start:
            bar = self.minutes[-1]
            self.minutes[-1] = Bar(start, bar.open, max(bar.high, last), min(bar.low, last), last, bar.volume + traded)
        else:
            before = self.minutes[-1].close if self.minutes else last
            self.minutes.append(Bar(start, before, max(before, last), min(before, last), last, traded))

    def begin_day(self, volume: float) -> None:
        """Count volume from a new day's figure."""
        self._volume_before = volume

    def end_day(self, walk: Walk, opened: float) -> None:
        """Keep the finished day."""
        day = walk.day
        self.days.append(Bar(opened, day.open, day.high, day.low, walk.last, day.volume))


def bars(past: History, recorder: Recorder, walk: Walk, day_start: float, span: Span) -> list[Bar]:
    """The bars of a chart, oldest first, the last one still running."""
    if span.bar >= DAY:
        return _daily(past, recorder, walk, day_start, span)
    minutes_a_day = walk.instrument.venue.minutes
    wanted = max(1, int(span.period / 60)) if span.period < DAY else int(span.period / DAY * minutes_a_day)
    if span.period >= WEEK:
        wanted = wanted * 5 // 7
    recent = [*past.today, *recorder.minutes]
    chunks: list[list[Bar]] = [recent]
    have, index = len(recent), 0
    while have < wanted:
        older = past.minutes(index)
        if not older:
            break
        chunks.append(older)
        have += len(older)
        index += 1
    flat = [bar for chunk in reversed(chunks) for bar in chunk][-wanted:]
    first = next((i for i, bar in enumerate(flat) if bar.start % span.bar == 0), 0)
    return _merge(flat[first:], lambda bar: bar.start - bar.start % span.bar)


def _daily(past: History, recorder: Recorder, walk: Walk, day_start: float, span: Span) -> list[Bar]:
    day = walk.day
    recent = [*recorder.days, Bar(day_start, day.open, day.high, day.low, walk.last, day.volume)]
    wanted = max(1, int(span.period / DAY) if span.period < WEEK else round(span.period / DAY * 5 / 7))
    older: list[Bar] = []
    for index in range(wanted - len(recent)):
        found = past.day(index)
        if found is None:
            break
        older.append(found[1])
    days = [*reversed(older), *recent][-wanted:]
    if span.bar == DAY:
        return days
    return _merge(days, _week if span.bar == WEEK else _month)


def _week(bar: Bar) -> float:
    calendar = datetime.fromtimestamp(bar.start, UTC).isocalendar()
    return calendar.year * 100 + calendar.week


def _month(bar: Bar) -> float:
    moment = datetime.fromtimestamp(bar.start, UTC)
    return moment.year * 100 + moment.month


def _merge(items: Iterable[Bar], key: Callable[[Bar], float]) -> list[Bar]:
    merged: list[Bar] = []
    current = math.nan
    for bar in items:
        group = key(bar)
        if group == current:
            last = merged[-1]
            merged[-1] = Bar(
                last.start,
                last.open,
                max(last.high, bar.high),
                min(last.low, bar.low),
                bar.close,
                last.volume + bar.volume,
            )
        else:
            merged.append(bar)
            current = group
    return merged

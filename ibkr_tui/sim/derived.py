"""The past of an instrument whose price follows another's: options, and the later months of a future.

It is the leader's past put through the valuation, so a chart of a call and one of its stock tell the same story.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ibkr_tui.sim.charts import Recorder
from ibkr_tui.sim.hours import Session
from ibkr_tui.sim.instruments import Instrument
from ibkr_tui.sim.past import MAX_SESSIONS, Bar, History
from ibkr_tui.sim.walk import Walk


@dataclass(frozen=True)
class Follows:
    """How an instrument follows its leader.

    ``value`` is its price for a price of the leader at an exchange moment; ``falling`` says that it falls when the
    leader rises; ``share`` is its volume for one unit of the leader's; ``sessions`` is how long its past is.
    """

    leader: int
    value: Callable[[float, float], float]
    falling: bool
    share: float
    sessions: int


class DerivedPast:
    """What happened before somebody asked for the instrument."""

    def __init__(self, follows: Follows, walk: Walk, leader: Walk, past: History, recorder: Recorder) -> None:
        self._follows = follows
        self._tick, self._leader_tick, self._grain = float(walk.tick), float(leader.tick), walk.instrument.grain
        self._venue = leader.instrument.venue
        self._past = past
        self._days = list(recorder.days[::-1])
        self._minutes = list(recorder.minutes)
        began = max((session.liquid_close for session, _ in map(self._recorded, range(len(self._days)))), default=0.0)
        live = [bar for bar in self._minutes if bar.start >= began]
        self.today = [self._bar(bar, bar.start) for bar in (*([] if self._days else past.today), *live)]
        last = self.day(0)
        self.last_close = last[1].close if last else walk.last

    def day(self, index: int) -> tuple[Session, Bar] | None:
        """The session ``index`` sessions before the running one."""
        found = self._source(index)
        if found is None:
            return None
        session, bar = found
        return session, self._bar(bar, session.liquid_close)

    def minutes(self, index: int) -> list[Bar]:
        """The minutes of that session, valued as its close is, so that they add up to its bar."""
        found = self._source(index)
        if found is None:
            return []
        session, _ = found
        if index < len(self._days):
            bars = [bar for bar in self._minutes if session.liquid_open <= bar.start < session.liquid_close]
        else:
            bars = self._past.minutes(index - len(self._days))
        return [self._bar(bar, session.liquid_close) for bar in bars]

    def _source(self, index: int) -> tuple[Session, Bar] | None:
        if index >= self._follows.sessions:
            return None
        return self._recorded(index) if index < len(self._days) else self._past.day(index - len(self._days))

    def _recorded(self, index: int) -> tuple[Session, Bar]:
        bar = self._days[index]
        session = self._venue.session_near(bar.start)
        if session is None:
            raise ValueError(f"no session at {bar.start}")
        return session, bar

    def _bar(self, bar: Bar, moment: float) -> Bar:
        high, low = (bar.low, bar.high) if self._follows.falling else (bar.high, bar.low)
        opening, high, low, close = (self._ticks(ticks, moment) for ticks in (bar.open, high, low, bar.close))
        return Bar(bar.start, opening, high, low, close, float(int(bar.volume * self._follows.share)))

    def _ticks(self, leader: int, moment: float) -> int:
        ticks = self._follows.value(leader * self._leader_tick, moment) / self._tick
        grain = self._grain(ticks)
        return max(1, round(ticks / grain)) * grain


def next_month(item: Instrument, first: Instrument) -> Follows:
    """How a later month of a future follows the first one: at its price and the carry between their ends."""
    ratio = float(item.base / first.base)
    share = item.average_volume / first.average_volume
    return Follows(first.conid, lambda price, moment: price * ratio, False, share, MAX_SESSIONS)

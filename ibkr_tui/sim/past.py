"""The past of an instrument: days and minutes before the start, made from the seed and ending at the first live price.

Every scale agrees with every other: a day's minutes run from its open to its close and touch its high and its low, so
a daily bar is always the sum of its minutes.
"""

from __future__ import annotations

import math
from random import Random
from typing import NamedTuple, Protocol

from ibkr_tui.sim.hours import Session
from ibkr_tui.sim.instruments import Instrument

MINUTE = 60.0
SESSIONS_AT_FIRST, SESSIONS_A_CHUNK = 4, 260
WALKS_TRIED = 6
CALM_STRETCH = 1.4
MAX_SESSIONS = 15 * 262


class Bar(NamedTuple):
    """One bar: exchange time of its start, prices in ticks, volume in units traded."""

    start: float
    open: int
    high: int
    low: int
    close: int
    volume: float


class History(Protocol):
    """A past as charts read it: the running day's minutes, and finished sessions counted back from it."""

    today: list[Bar]
    last_close: int

    def day(self, index: int) -> tuple[Session, Bar] | None:
        """A finished session and its bar."""

    def minutes(self, index: int) -> list[Bar]:
        """The minutes of that session."""


class Past:
    """What happened before the simulator started."""

    def __init__(self, instrument: Instrument, seed: int, start: float, price: int) -> None:
        self._instrument = instrument
        self._seed = seed
        self._random = Random(f"{seed}:{instrument.conid}:past")
        self._daily_sigma = instrument.volatility / 16
        self._days: list[tuple[Session, Bar]] = []
        self._sessions: list[Session] = []
        self._minutes: dict[int, list[Bar]] = {}
        self._start = start
        self.today, opening = self._partial_day(start, price)
        self._next_open = opening
        self._make_day()
        self.last_close = self._days[0][1].close

    def _partial_day(self, start: float, price: int) -> tuple[list[Bar], int]:
        """The minutes from today's open to the start, and today's opening price."""
        session = self._instrument.venue.session_near(start)
        count = max(0, int((start - session.liquid_open) // MINUTE)) if session else 0
        if session is None or count == 0:
            return [], price
        length = min(1.0, count / self._instrument.venue.minutes)
        opening = max(1, round(price / (1 + self._random.gauss(0.001, self._daily_sigma) * math.sqrt(length))))
        high, low = self._extremes(opening, price, math.sqrt(length))
        volume = self._instrument.average_volume * length * self._random.uniform(0.9, 1.3)
        whole = Bar(session.liquid_open, opening, high, low, price, volume)
        return _bridge(whole, count, Random(f"{self._seed}:{self._instrument.conid}:today")), opening

    def day(self, index: int) -> tuple[Session, Bar] | None:
        """The finished session ``index`` sessions before the first one the simulator traded in; 0 is the last one."""
        if index >= MAX_SESSIONS:
            return None
        while len(self._days) <= index:
            self._make_day()
        return self._days[index]

    def minutes(self, index: int) -> list[Bar]:
        """The minute bars of that session."""
        if index not in self._minutes:
            found = self.day(index)
            if found is None:
                return []
            session, bar = found
            count = int((session.liquid_close - session.liquid_open) // MINUTE)
            draw = Random(f"{self._seed}:{self._instrument.conid}:{session.day.toordinal()}")
            self._minutes[index] = _bridge(bar, count, draw)
            while len(self._minutes) > 40:
                self._minutes.pop(next(iter(self._minutes)))
        return self._minutes[index]

    def _make_day(self) -> None:
        index = len(self._days)
        if index >= len(self._sessions):
            # A start needs only the last close; the years before it are made when a chart asks for them.
            oldest = self._sessions[-1].liquid_open if self._sessions else self._first_boundary()
            count = SESSIONS_A_CHUNK if self._sessions else SESSIONS_AT_FIRST
            self._sessions += self._instrument.venue.previous_sessions(oldest, count)[::-1]
        session = self._sessions[index]
        draw = self._random
        close = max(2, round(self._next_open / (1 + draw.gauss(0.0, 0.25) * self._daily_sigma)))
        opening = max(2, round(close / (1 + draw.gauss(0.0004, 0.9) * self._daily_sigma)))
        high, low = self._extremes(opening, close, 1.0)
        volume = self._instrument.average_volume * draw.lognormvariate(0.0, 0.25)
        self._days.append((session, Bar(session.liquid_open, opening, high, low, close, float(int(volume)))))
        self._next_open = opening

    def _first_boundary(self) -> float:
        session = self._instrument.venue.session_near(self._start)
        return session.liquid_open if session else self._start

    def _extremes(self, opening: int, close: int, scale: float) -> tuple[int, int]:
        reach = self._daily_sigma * scale * 0.5
        high = round(max(opening, close) * (1 + abs(self._random.gauss(0.0, reach))))
        low = round(min(opening, close) * (1 - abs(self._random.gauss(0.0, reach))))
        return high, max(1, low)


def _bridge(day: Bar, count: int, draw: Random) -> list[Bar]:
    """``count`` minutes from the day's open to its close that reach its high and its low and stay between them."""
    if count <= 0:
        return []
    sigma = max(1.0, (day.high - day.low) / 2) / math.sqrt(count)
    path = _walk(day, count, sigma, draw)
    weights = [draw.uniform(0.4, 1.6) * (1.0 + 1.2 * abs(2 * i / count - 1) ** 3) for i in range(count)]
    total = sum(weights)
    top = max(range(count), key=lambda i: max(path[i], path[i + 1]))
    bottom = min(range(count), key=lambda i: min(path[i], path[i + 1]))
    bars = []
    wiggle = max(1, round(sigma / 2))
    for i in range(count):
        opening, close = path[i], path[i + 1]
        high = day.high if i == top else min(day.high, max(opening, close) + draw.randint(0, wiggle))
        low = day.low if i == bottom else max(day.low, min(opening, close) - draw.randint(0, wiggle))
        volume = float(int(day.volume * weights[i] / total))
        bars.append(Bar(day.start + i * MINUTE, opening, high, low, close, volume))
    return bars


def _walk(day: Bar, count: int, sigma: float, draw: Random) -> list[int]:
    """A bridge from open to close, stretched so that the walk itself touches high and low: no lone wick reaches there.

    A walk that had to be stretched much would jump; of a few the calmest is taken.
    """
    line = [day.open + (day.close - day.open) * i / count for i in range(count + 1)]
    best: tuple[float, list[int]] = (math.inf, [])
    for _ in range(WALKS_TRIED):
        noise = [0.0]
        for _ in range(count):
            noise.append(noise[-1] + draw.gauss(0.0, sigma))
        swing = [noise[i] - noise[-1] * i / count for i in range(count + 1)]
        up = min(((day.high - at) / by for at, by in zip(line, swing, strict=True) if by > 0), default=0.0)
        down = min(((day.low - at) / by for at, by in zip(line, swing, strict=True) if by < 0), default=0.0)
        walked = [at + by * (up if by > 0 else down) for at, by in zip(line, swing, strict=True)]
        path = [min(day.high, max(day.low, round(price))) for price in walked]
        if max(up, down) < best[0]:
            best = (max(up, down), path)
        if max(up, down) <= CALM_STRETCH:
            break
    return best[1]

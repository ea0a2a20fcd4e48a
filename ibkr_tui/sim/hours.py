"""Trading hours by venue: when it trades, when it stops, on which days it does not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from functools import lru_cache
from zoneinfo import ZoneInfo

from ibkr_tui.sim import calendars


class Phase(Enum):
    """What a venue does at a moment."""

    OPEN = "open"
    EXTENDED = "extended"
    CLOSED = "closed"


@dataclass(frozen=True)
class Session:
    """One trading day of a venue in epoch seconds; the extended span encloses the liquid one."""

    day: date
    extended_open: float
    liquid_open: float
    liquid_close: float
    extended_close: float


@dataclass(frozen=True)
class Venue:
    """Opening hours as minutes from local midnight; a negative opening lies on the evening before.

    On ``half_days`` both spans end at the minutes of ``early``.
    """

    name: str
    zone: str
    liquid: tuple[int, int]
    extended: tuple[int, int]
    holidays: calendars.Days = calendars.nobody
    half_days: calendars.Days = calendars.nobody
    early: tuple[int, int] = (0, 0)

    @property
    def minutes(self) -> int:
        """Length of the liquid session."""
        return self.liquid[1] - self.liquid[0]

    def session(self, day: date) -> Session | None:
        """The session that belongs to ``day``; weekends have none."""
        return _session(self, day)

    def session_near(self, moment: float) -> Session | None:
        """The session whose extended span holds ``moment``."""
        local = self.local_date(moment)
        for day in (local, local + timedelta(days=1), local - timedelta(days=1)):
            session = self.session(day)
            if session and session.extended_open <= moment < session.extended_close:
                return session
        return None

    def local_date(self, moment: float) -> date:
        return datetime.fromtimestamp(moment, UTC).astimezone(_zone(self.zone)).date()

    def phase(self, moment: float) -> Phase:
        """Open, extended or closed."""
        session = self.session_near(moment)
        if session is None:
            return Phase.CLOSED
        return Phase.OPEN if session.liquid_open <= moment < session.liquid_close else Phase.EXTENDED

    def next_change(self, moment: float) -> float:
        """The next moment at which the phase changes."""
        local = self.local_date(moment)
        edges: list[float] = []
        for offset in range(-1, 9):
            session = self.session(local + timedelta(days=offset))
            if session:
                edges += [session.extended_open, session.liquid_open, session.liquid_close, session.extended_close]
        return min(edge for edge in edges if edge > moment)

    def previous_sessions(self, moment: float, count: int) -> list[Session]:
        """The last ``count`` sessions that had opened before ``moment``, oldest first."""
        found: list[Session] = []
        day = self.local_date(moment) + timedelta(days=1)
        while len(found) < count:
            session = self.session(day)
            if session and session.liquid_open < moment:
                found.append(session)
            day -= timedelta(days=1)
        return found[::-1]

    def following_sessions(self, moment: float, count: int) -> list[Session]:
        """The session of ``moment`` and the next ones, oldest first."""
        found: list[Session] = []
        day = self.local_date(moment) - timedelta(days=1)
        while len(found) < count:
            session = self.session(day)
            if session and session.extended_close > moment:
                found.append(session)
            day += timedelta(days=1)
        return found


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


@lru_cache(maxsize=20_000)
def _session(venue: Venue, day: date) -> Session | None:
    if day.weekday() > 4 or day in venue.holidays(day.year):
        return None
    midnight = datetime(day.year, day.month, day.day, tzinfo=_zone(venue.zone))

    def at(minutes: int) -> float:
        return (midnight + timedelta(minutes=minutes)).timestamp()

    closes = venue.early if day in venue.half_days(day.year) else (venue.liquid[1], venue.extended[1])
    return Session(day, at(venue.extended[0]), at(venue.liquid[0]), at(closes[0]), at(closes[1]))


def _at(hour: int, minute: int = 0) -> int:
    return hour * 60 + minute


_US = (calendars.us_holidays, calendars.us_half_days)
_US_FUTURES = (calendars.futures_holidays, calendars.futures_half_days)
US_STOCKS = Venue("US", "US/Eastern", (_at(9, 30), _at(16)), (_at(4), _at(20)), *_US, (_at(13), _at(17)))
US_OPTIONS = Venue("OPRA", "US/Eastern", (_at(9, 30), _at(16)), (_at(9, 30), _at(16)), *_US, (_at(13), _at(13)))
CME = Venue("CME", "US/Central", (_at(8, 30), _at(15)), (-_at(7), _at(16)), *_US_FUTURES, (_at(12), _at(12)))
NYMEX = Venue("NYMEX", "US/Eastern", (_at(9), _at(14, 30)), (-_at(6), _at(17)), *_US_FUTURES, (_at(13), _at(13)))
COMEX = Venue("COMEX", "US/Eastern", (_at(8, 20), _at(13, 30)), (-_at(6), _at(17)), *_US_FUTURES, (_at(13), _at(13)))
FOREX = Venue("IDEALPRO", "US/Eastern", (-_at(6, 45), _at(17)), (-_at(6, 45), _at(17)), calendars.currency_holidays)
MEXICO = Venue("MEXI", "America/Mexico_City", (_at(8, 30), _at(15)), (_at(8, 30), _at(15)), calendars.mexican_holidays)
SWISS = Venue("EBS", "Europe/Zurich", (_at(9), _at(17, 30)), (_at(9), _at(17, 30)), calendars.european_holidays)
XETRA = Venue("IBIS", "Europe/Berlin", (_at(9), _at(17, 30)), (_at(9), _at(17, 30)), calendars.european_holidays)
LONDON = Venue("LSE", "Europe/London", (_at(8), _at(16, 30)), (_at(8), _at(16, 30)), calendars.european_holidays)
TORONTO = Venue("TSE", "America/Toronto", (_at(9, 30), _at(16)), (_at(9, 30), _at(16)), calendars.toronto_holidays)

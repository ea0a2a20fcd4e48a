"""Trading hours by venue: when it trades, when it stops, and the schedule a client can ask for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from functools import lru_cache
from zoneinfo import ZoneInfo


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
    """Opening hours as minutes from local midnight; a negative opening lies on the evening before."""

    name: str
    zone: str
    liquid: tuple[int, int]
    extended: tuple[int, int]

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
        for offset in range(-1, 5):
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
    if day.weekday() > 4:
        return None
    midnight = datetime(day.year, day.month, day.day, tzinfo=_zone(venue.zone))

    def at(minutes: int) -> float:
        return (midnight + timedelta(minutes=minutes)).timestamp()

    return Session(day, at(venue.extended[0]), at(venue.liquid[0]), at(venue.liquid[1]), at(venue.extended[1]))


US_STOCKS = Venue("US", "US/Eastern", (9 * 60 + 30, 16 * 60), (4 * 60, 20 * 60))
US_OPTIONS = Venue("OPRA", "US/Eastern", (9 * 60 + 30, 16 * 60), (9 * 60 + 30, 16 * 60))
CME = Venue("CME", "US/Central", (8 * 60 + 30, 15 * 60), (-7 * 60, 16 * 60))
FOREX = Venue("IDEALPRO", "US/Eastern", (-6 * 60 - 45, 17 * 60), (-6 * 60 - 45, 17 * 60))
MEXICO = Venue("MEXI", "America/Mexico_City", (8 * 60 + 30, 15 * 60), (8 * 60 + 30, 15 * 60))
SWISS = Venue("EBS", "Europe/Zurich", (9 * 60, 17 * 60 + 30), (9 * 60, 17 * 60 + 30))
TORONTO = Venue("TSE", "America/Toronto", (9 * 60 + 30, 16 * 60), (9 * 60 + 30, 16 * 60))

"""The market engine: every walk, moved in one loop by the exchange's clock."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random

from ibkr_tui.sim.chains import Chains, level, terms_of
from ibkr_tui.sim.charts import Recorder, Span, bars
from ibkr_tui.sim.clock import Clock, ExchangeTime
from ibkr_tui.sim.derived import DerivedPast, Follows, next_month
from ibkr_tui.sim.expiries import third_friday
from ibkr_tui.sim.hours import US_STOCKS, Phase, Venue
from ibkr_tui.sim.instruments import Instrument, catalogue
from ibkr_tui.sim.listing import Listing
from ibkr_tui.sim.past import Bar, History, Past
from ibkr_tui.sim.pricing import Greeks, greeks
from ibkr_tui.sim.scale import NORMAL, Scale, enlarged
from ibkr_tui.sim.walk import Day, Walk

FOLLOWERS_EVERY = 4
FINE_STEPS = 40
COARSE_S = 60.0
COARSEST_STEPS = 2_880
# Rates for currencies without a pair of their own in the catalogue.
_FIXED_RATES = {"MXN": Decimal("0.058616")}


class _Clockwork:
    """What one venue is doing, looked up again only when its phase ends."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self.phase = Phase.CLOSED
        self.changes_at = 0.0
        self.day_start = 0.0

    def at(self, moment: float) -> Phase:
        if moment >= self.changes_at:
            self.phase = self.venue.phase(moment)
            self.changes_at = self.venue.next_change(moment)
        return self.phase


class _Walks(dict[int, Walk]):
    """The walks by conid. Iterating gives those that move; asking for an instrument's walk begins it."""

    def __init__(self, begin: Callable[[int], Walk]) -> None:
        super().__init__()
        self._begin = begin

    def __missing__(self, conid: int) -> Walk:
        return self._begin(conid)


class Market:
    """All instruments and their prices."""

    def __init__(self, clock: Clock, time: ExchangeTime, seed: int, scale: Scale = NORMAL) -> None:
        self._clock = clock
        self.time = time
        self._seed = seed
        self._scale = scale
        start = time.now()
        today = datetime.fromtimestamp(start, UTC).date()
        self._shared = Random(f"{seed}:market")
        items = enlarged(catalogue(today), scale.instruments, seed)
        stocks = [item for item in items if item.sec_type == "STK" and item.is_us and not item.made_up]
        self.chains = Chains(stocks, third_friday(today + timedelta(days=45)))
        self.instruments = Listing(items, self._option)
        self.walks: dict[int, Walk] = _Walks(self._begin)
        self._follows: dict[int, Follows] = {}
        self._past: dict[int, History] = {}
        self._recorders: dict[int, Recorder] = {}
        self._venues: dict[Venue, _Clockwork] = {}
        self._moved_to = start
        self._round = 0
        self._moved = asyncio.Event()
        self._halts: dict[int, float] = {}
        self._listeners: list[Callable[[], None]] = []
        self._day_listeners: list[Callable[[], None]] = []
        for item in items:
            self._begin(item.conid)
        self._pairs = {item.symbol: item.conid for item in items if item.sec_type == "CASH"}

    @property
    def today(self) -> date:
        """The date of the exchange's present, in UTC."""
        return datetime.fromtimestamp(self.time.now(), UTC).date()

    def _option(self, conid: int) -> Instrument | None:
        return self.chains.contract(conid, self.today)

    def _begin(self, conid: int) -> Walk:
        """Let an instrument's prices begin: its past, its day so far, and its walk from now on."""
        item, moment = self.instruments[conid], self._moved_to
        follows = self._following(item)
        if follows is None:
            walk = Walk(item, self._seed, item.base, self._scale.idle)
            past: History = Past(item, self._seed, moment, walk.last)
        else:
            leader = self.walks[follows.leader]
            price = follows.value(float(leader.mark), moment)
            start = max(1, round(price / float(item.tick))) * item.tick
            walk = Walk(item, self._seed, start, self._scale.idle)
            past = DerivedPast(follows, walk, leader, self._past[follows.leader], self._recorders[follows.leader])
            self._follows[conid] = follows
        before = past.today
        opening = before[0].open if before else walk.last
        walk.day = Day(
            opening,
            max([walk.last, *(bar.high for bar in before)]),
            min([walk.last, *(bar.low for bar in before)]),
            past.last_close,
            sum(bar.volume for bar in before),
        )
        recorder = Recorder()
        recorder.begin_day(walk.day.volume)
        venue = self._venues.setdefault(item.venue, _Clockwork(item.venue))
        if venue.day_start == 0.0:
            current = item.venue.session_near(moment)
            venue.day_start = current.liquid_open if current else moment
            venue.at(moment)
        if venue.phase is Phase.OPEN:
            recorder.tick(walk, moment)
        self.walks[item.conid] = walk
        self._past[item.conid] = past
        self._recorders[item.conid] = recorder
        return walk

    def _following(self, item: Instrument) -> Follows | None:
        if item.sec_type == "OPT":
            return self.chains.follows(item, self.instruments[item.underlying])
        if item.leader:
            return next_month(item, self.instruments[item.leader])
        return None

    def on_step(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` after each step of the market."""
        self._listeners.append(listener)

    def on_new_day(self, listener: Callable[[], None]) -> None:
        """Call ``listener`` at the end of each US trading day, before prices of the next one appear."""
        self._day_listeners.append(listener)

    async def run(self) -> None:
        """Move the market until cancelled, at its period whatever a step costs."""
        period = self._scale.period
        due = self._clock.monotonic() + period
        while True:
            now = self._clock.monotonic()
            if due < now - period:
                due = now
            await self._clock.sleep(max(0.0, due - now))
            due += period
            self.advance()

    async def next_step(self) -> None:
        """Wait until the market has moved once more."""
        await self._moved.wait()

    def advance(self) -> None:
        """Move every walk to the exchange's present."""
        gap = self.time.now() - self._moved_to
        if gap <= 0:
            self._moved_to = min(self._moved_to, self.time.now())
            return
        if gap <= FINE_STEPS * COARSE_S / 4:
            steps = max(1, min(FINE_STEPS, round(gap / self._scale.period)))
        else:
            steps = min(COARSEST_STEPS, math.ceil(gap / COARSE_S))
        dt = gap / steps
        for _ in range(steps):
            self._step(self._moved_to + dt, dt)
        for listener in self._listeners:
            listener()
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    def halt(self, conid: int, halted: bool, seconds: float | None = None) -> None:
        """Halt an instrument, until it is let go or for so many exchange seconds."""
        walk = self.walks[conid]
        walk.halted = halted
        walk.version += 1
        self._halts.pop(conid, None)
        if halted and seconds is not None:
            self._halts[conid] = self.time.now() + seconds

    def _end_halts(self, moment: float) -> None:
        for conid in [conid for conid, until in self._halts.items() if moment >= until]:
            self.halt(conid, False)

    def _step(self, moment: float, dt: float) -> None:
        self._moved_to = moment
        if self._halts:
            self._end_halts(moment)
        shared = self._shared.gauss(0.0, 1.0)
        phases = {venue: self._phase(work, moment) for venue, work in self._venues.items()}
        self._round += 1
        for conid, walk in self.walks.items():
            phase = phases[walk.instrument.venue]
            if phase is Phase.CLOSED or walk.halted or walk.frozen:
                walk.printed = 0
                continue
            follows = self._follows.get(conid)
            if follows is None:
                walk.step(dt, shared, 1.0 if phase is Phase.OPEN else 0.3)
            elif dt >= 1 or (conid + self._round) % FOLLOWERS_EVERY == 0:
                # Formulas cost more than steps, and there can be thousands of options: each has its turn.
                price = follows.value(float(self.walks[follows.leader].mark), moment)
                walk.follow(price, dt if dt >= 1 else dt * FOLLOWERS_EVERY)
            else:
                walk.printed = 0
                continue
            if phase is Phase.OPEN:
                self._recorders[conid].tick(walk, moment)

    def _phase(self, work: _Clockwork, moment: float) -> Phase:
        """The venue's phase; when its next session begins, its instruments start a new day."""
        if moment < work.changes_at:
            return work.phase
        phase = work.at(moment)
        session = work.venue.session_near(moment)
        if session and session.liquid_open > work.day_start:
            for listener in self._day_listeners if work.venue is US_STOCKS else ():
                listener()
            for conid, walk in self.walks.items():
                if walk.instrument.venue is work.venue:
                    self._recorders[conid].end_day(walk, work.day_start)
                    walk.new_day()
                    self._recorders[conid].begin_day(0.0)
            work.day_start = session.liquid_open
        return phase

    def phase(self, conid: int) -> Phase:
        """What the instrument's venue does now."""
        return self._venues[self.instruments[conid].venue].at(self.time.now())

    def day_start(self, conid: int) -> float:
        """Exchange time at which the running (or last) session of the instrument opened."""
        return self._venues[self.instruments[conid].venue].day_start

    def greeks(self, conid: int) -> Greeks:
        """Value, delta, gamma, theta and vega of an option at its underlying's present price."""
        item = self.instruments[conid]
        spot = float(self.walks[item.underlying].mark)
        scale = level(spot, float(self.instruments[item.underlying].base))
        return greeks(terms_of(item), spot, self.time.now(), scale)

    def implied_volatility(self, conid: int) -> float:
        """An option's own, or a stock's as its options at the money tell it; as a fraction of one a year."""
        item = self.instruments[conid]
        stock = self.instruments[item.underlying] if item.sec_type == "OPT" else item
        return item.volatility * level(float(self.walks[stock.conid].mark), float(stock.base))

    def bars(self, conid: int, span: Span) -> list[Bar]:
        """Chart bars of an instrument."""
        walk = self.walks[conid]
        return bars(self._past[conid], self._recorders[conid], walk, self.day_start(conid), span)

    def closes(self, conid: int, count: int) -> list[Decimal]:
        """The last ``count`` closes of finished sessions, the newest first; fewer for a short past."""
        walk = self.walks[conid]
        found = [bar.close for bar in reversed(self._recorders[conid].days)]
        while len(found) < count and (older := self._past[conid].day(len(found) - len(self._recorders[conid].days))):
            found.append(older[1].close)
        return [walk.price(ticks) for ticks in found[:count]] or [walk.price(walk.day.previous_close)]

    def year_range(self, conid: int) -> tuple[Decimal, Decimal]:
        """Low and high of about a year."""
        walk = self.walks[conid]
        low, high = walk.day.low, walk.day.high
        for index in range(0, 252, 6):
            found = self._past[conid].day(index)
            if found:
                low, high = min(low, found[1].low), max(high, found[1].high)
        return walk.price(low), walk.price(high)

    def rate(self, currency: str) -> Decimal:
        """What one unit of ``currency`` is worth in US dollars."""
        if currency == "USD":
            return Decimal(1)
        if f"{currency}.USD" in self._pairs:
            return self.walks[self._pairs[f"{currency}.USD"]].mark
        if f"USD.{currency}" in self._pairs:
            return 1 / self.walks[self._pairs[f"USD.{currency}"]].mark
        return _FIXED_RATES[currency]

    def by_symbol(self, symbol: str) -> Iterable[Instrument]:
        """Every contract with that symbol."""
        return (item for item in self.instruments.values() if item.symbol == symbol.upper())

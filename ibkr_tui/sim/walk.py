"""The random walk of one instrument: mid price, spread, sizes, prints, and what the day has seen so far.

Prices are whole numbers of ticks inside, so a step costs a few microseconds; ``Decimal`` appears when someone asks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from random import Random

from ibkr_tui.sim.instruments import Instrument

# How often a step leaves a quote as it is.
USUAL_IDLE = 0.7
YEAR_S = 252 * 390 * 60.0


@dataclass
class Day:
    """Figures of the running trading day, prices in ticks."""

    open: int
    high: int
    low: int
    previous_close: int
    volume: float


class Walk:
    """Quotes of one instrument, moved by :meth:`step`."""

    def __init__(
        self, instrument: Instrument, seed: int, start: Decimal | None = None, idle: float = USUAL_IDLE
    ) -> None:
        self.instrument = instrument
        self.tick = instrument.tick
        self._random = Random(f"{seed}:{instrument.conid}:live")
        self.mid = float((start if start is not None else instrument.base) / instrument.tick)
        self._anchor = self.mid
        self._sigma = instrument.volatility / math.sqrt(YEAR_S)
        self._per_second = instrument.average_volume / (instrument.venue.minutes * 60)
        self._idle = idle
        self.bid = self.ask = self.last = 0
        self.bid_size = self.ask_size = self.last_size = instrument.lot
        self.printed = 0
        self.halted = False
        self.frozen = False
        self.book_state = "normal"
        self.feed = instrument.feed
        self.version = 0
        self._requote()
        self.last = self._on_grain(self.mid)
        self.day = Day(self.last, self.last, self.last, self.last, 0.0)

    def step(self, dt: float, market: float, activity: float = 1.0) -> None:
        """Move on by ``dt`` exchange seconds; ``market`` is the standard move that all instruments share."""
        draw = self._random
        root = math.sqrt(dt)
        own = draw.gauss(0.0, 1.0)
        move = self._sigma * root * activity * (0.55 * self.instrument.beta * market + 0.75 * own)
        pull = min(1.0, 0.00002 * dt) * (self._anchor - self.mid)
        self._advance(max(1.0, self.mid * (1.0 + move) + pull), dt, activity)

    def follow(self, price: float, dt: float) -> None:
        """Move to a theoretical ``price``, for an instrument derived from another one."""
        self._advance(max(1.0, price / float(self.tick)), dt, 1.0)

    def _advance(self, mid: float, dt: float, activity: float) -> None:
        self.mid = mid
        self.printed = 0
        self.day.volume += self._per_second * dt * activity * activity * self._random.uniform(0.5, 1.5)
        if self._random.random() < self._idle and self.bid <= mid <= self.ask:
            return
        self._requote()
        if self._random.random() < 0.6 * activity:
            self._print()
        self.version += 1

    def _requote(self) -> None:
        draw = self._random
        grain = self.grain
        spread = grain * (self.instrument.spread + (1 if draw.random() < 0.2 else 0))
        self.bid = max(1, math.floor((self.mid - spread / 2) / grain + 0.5)) * grain
        self.ask = self.bid + spread
        lot = self.instrument.lot
        self.bid_size = lot * draw.randint(1, 9)
        self.ask_size = lot * draw.randint(1, 9)

    def _on_grain(self, ticks: float) -> int:
        return max(1, round(ticks / self.grain)) * self.grain

    def _print(self) -> None:
        self.last = self.ask if self._random.random() < 0.5 else self.bid
        self.last_size = max(1, self.instrument.lot * self._random.randint(1, 5))
        self.printed = self.last_size
        self.day.high = max(self.day.high, self.last)
        self.day.low = min(self.day.low, self.last)

    def place_at(self, price: Decimal) -> None:
        """Put the market at ``price`` at once (the control URL's way to make an order fill)."""
        self.mid = self._anchor = float(price / self.tick)
        self._requote()
        self._print()
        self.version += 1

    def new_day(self) -> None:
        """Open the next trading day a little away from the last close."""
        close = self.last
        self.mid = max(1.0, close * (1.0 + self._random.gauss(0.0, 0.2) * self.instrument.volatility / 16))
        self._anchor = self.mid
        self._requote()
        self.last = self._on_grain(self.mid)
        self.day = Day(self.last, self.last, self.last, close, 0.0)
        self.version += 1

    @property
    def grain(self) -> int:
        """The price increment at the market's level, in ticks."""
        return self.instrument.grain(self.mid)

    def price(self, ticks: int) -> Decimal:
        """A number of ticks as a price."""
        return ticks * self.tick

    @property
    def last_price(self) -> Decimal:
        return self.last * self.tick

    @property
    def bid_price(self) -> Decimal:
        return self.bid * self.tick

    @property
    def ask_price(self) -> Decimal:
        return self.ask * self.tick

    @property
    def mark(self) -> Decimal:
        """The price positions are valued at."""
        return (self.bid + self.ask) * self.tick / 2

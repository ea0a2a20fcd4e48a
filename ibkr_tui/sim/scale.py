"""A larger and faster market than the usual one, when it is asked for: made-up stocks, and updates a second."""

from __future__ import annotations

import string
from dataclasses import dataclass, replace
from decimal import Decimal
from random import Random

from ibkr_tui.sim.hours import US_STOCKS
from ibkr_tui.sim.instruments import Instrument
from ibkr_tui.sim.walk import USUAL_IDLE

USUAL_PERIOD_S = 0.25
SHORTEST_S, LONGEST_S = 0.02, 1.0
FIRST_CONID = 900_000_000
# About as many instruments as the catalogue has.
CATALOGUED = 72


@dataclass(frozen=True)
class Scale:
    """``instruments`` in all (0: the catalogue); every ``period`` seconds each moves, but for the share ``idle``."""

    instruments: int = 0
    period: float = USUAL_PERIOD_S
    idle: float = USUAL_IDLE

    @property
    def fast(self) -> bool:
        """Whether somebody asked for so many updates a second: then nothing may lag behind a step."""
        return self.period != USUAL_PERIOD_S


NORMAL = Scale()


def scale_for(instruments: int, updates: int) -> Scale:
    """The scale at which ``updates`` quotes a second change, over all instruments; 0 leaves the usual pace."""
    if updates <= 0:
        return Scale(instruments)
    period = max(instruments, CATALOGUED) / updates
    if period > LONGEST_S:
        return Scale(instruments, LONGEST_S, 1 - LONGEST_S / period)
    return Scale(instruments, max(SHORTEST_S, period), 0.0)


def enlarged(items: list[Instrument], count: int, seed: int) -> list[Instrument]:
    """The catalogue with made-up stocks until there are ``count`` instruments."""
    draw = Random(f"{seed}:enlarged")
    taken = {item.symbol for item in items}
    like = next(item for item in items if item.sec_type == "STK")
    made: list[Instrument] = []
    while len(items) + len(made) < count:
        symbol = "".join(draw.choice(string.ascii_uppercase) for _ in range(4))
        if symbol in taken:
            continue
        taken.add(symbol)
        base = Decimal(round(draw.lognormvariate(4.2, 0.9), 2)).quantize(Decimal("0.01")) + 2
        made.append(
            replace(
                like,
                conid=FIRST_CONID + len(made),
                symbol=symbol,
                name=f"{symbol} HOLDINGS INC",
                exchange=draw.choice(("NASDAQ", "NYSE")),
                venue=US_STOCKS,
                base=base,
                volatility=round(draw.uniform(0.15, 0.6), 2),
                beta=round(draw.uniform(0.5, 1.7), 1),
                spread=1 if base < 100 else 2,
                average_volume=draw.randint(1, 40) * 1_000_000,
                industry="Industrial",
                category="Various",
                made_up=True,
            )
        )
    return [*items, *made]

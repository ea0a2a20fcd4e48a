"""Black-Scholes: what an option is worth and how its value moves."""

from __future__ import annotations

import math
from typing import NamedTuple

RATE = 0.045
YEAR_S = 365 * 86_400.0
# Close to its expiry an option's figures run away; the last hours count as this many seconds.
SHORTEST_S = 6 * 3600.0


class Terms(NamedTuple):
    """One option for the formula: ``volatility`` a year, ``expires`` in epoch seconds, ``sign`` +1 call, -1 put."""

    strike: float
    volatility: float
    expires: float
    sign: float


class Greeks(NamedTuple):
    """Value, and its change for a point of the underlying, a day, and a point of volatility."""

    value: float
    delta: float
    gamma: float
    theta: float
    vega: float


def value(terms: Terms, spot: float, moment: float, level: float = 1.0) -> float:
    """The value at a price of the underlying; ``level`` scales all volatilities."""
    strike, volatility, expires, sign = terms
    if moment >= expires:
        return max(0.0, sign * (spot - strike))
    years = max(SHORTEST_S, expires - moment) / YEAR_S
    root = volatility * level * math.sqrt(years)
    d1 = (math.log(spot / strike) + RATE * years) / root + root / 2
    discounted = strike * math.exp(-RATE * years)
    return sign * (spot * _normal(sign * d1) - discounted * _normal(sign * (d1 - root)))


def greeks(terms: Terms, spot: float, moment: float, level: float = 1.0) -> Greeks:
    """Everything at once."""
    strike, volatility, expires, sign = terms
    worth = value(terms, spot, moment, level)
    if moment >= expires:
        return Greeks(worth, sign if worth > 0 else 0.0, 0.0, 0.0, 0.0)
    years = max(SHORTEST_S, expires - moment) / YEAR_S
    sigma, root_years = volatility * level, math.sqrt(years)
    root = sigma * root_years
    d1 = (math.log(spot / strike) + RATE * years) / root + root / 2
    density = math.exp(-d1 * d1 / 2) / math.sqrt(2 * math.pi)
    carried = sign * RATE * strike * math.exp(-RATE * years) * _normal(sign * (d1 - root))
    theta = (-spot * density * sigma / (2 * root_years) - carried) / 365
    return Greeks(worth, sign * _normal(sign * d1), density / (spot * root), theta, spot * density * root_years / 100)


def _normal(x: float) -> float:
    return 0.5 * (1.0 + math.erf(x / math.sqrt(2.0)))

"""The days before the simulator started: an account's value by day, and how its opening positions were bought.

The value of a past day is what the opening positions and cash were worth at that day's closes, so performance agrees
with the charts of what is held. Each opening position was bought in two parts on days of the last quarter.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from ibkr_tui.sim.hours import US_STOCKS
from ibkr_tui.sim.instruments import Instrument
from ibkr_tui.sim.market import Market
from ibkr_tui.sim.portfolio import Portfolio

NEWEST, OLDEST = 3, 58


@dataclass(frozen=True)
class Booking:
    """A purchase (or short sale) on a day, ``moment`` in exchange seconds, ``quantity`` signed."""

    moment: float
    quantity: Decimal
    price: Decimal


def opening_bookings(market: Market, item: Instrument, quantity: Decimal, cost: Decimal) -> list[Booking]:
    """How a position of ``quantity`` that cost ``cost`` in all came about, oldest first."""
    first = OLDEST - item.conid % 23
    second = NEWEST + item.conid % 19
    sessions = US_STOCKS.previous_sessions(market.time.start, OLDEST + 1)[::-1]
    half = (quantity / 2).to_integral_value()
    price = (cost / quantity / item.multiplier / item.tick).to_integral_value() * item.tick
    parts = [(first, quantity - half), (second, half)]
    return [Booking(sessions[ago].liquid_open + 5_400, part, price) for ago, part in parts if part]


def values_by_day(market: Market, book: Portfolio, count: int) -> list[tuple[date, Decimal]]:
    """The account's value at the closes of the last ``count`` sessions and now, oldest first."""
    past = US_STOCKS.previous_sessions(market.time.now(), count + 1)
    today = market.time.now()
    if past and past[-1].liquid_close > today:
        past = past[:-1]
    values: list[tuple[date, Decimal]] = []
    held = [(item, holding) for item, holding in book.open_positions()]
    closes = {item.conid: market.closes(item.conid, count + 1) for item, _ in held}
    for ago, session in enumerate(reversed(past[-count:])):
        value = book.total_cash
        for item, holding in held:
            prices = closes[item.conid]
            price = prices[min(ago, len(prices) - 1)]
            worth = holding.quantity * price * item.multiplier
            worth -= holding.cost if item.sec_type == "FUT" else Decimal(0)
            value += worth * market.rate(item.currency)
        values.append((session.day, value))
    return [*reversed(values), (US_STOCKS.local_date(today), book.net_liquidation)]

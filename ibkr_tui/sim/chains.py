"""The option chains: every US stock has one. A contract is made when somebody asks for it, and found by its conid.

A conid holds what the contract is, so it means the same after a restart: stock, week of expiry, strike and right.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal

from ibkr_tui.sim.derived import Follows
from ibkr_tui.sim.expiries import on_trading_day, option_expiries
from ibkr_tui.sim.hours import US_OPTIONS
from ibkr_tui.sim.instruments import CENT, Instrument
from ibkr_tui.sim.pricing import Terms, value

FIRST_CONID = 700_000_000
# A contract was listed about this many sessions ago: its past is short.
OPTION_SESSIONS = 60
_EPOCH = date(2020, 1, 3)
_WEEKS, _STRIKES = 1 << 10, 1 << 9
_A_STOCK = _WEEKS * _STRIKES * 2
MULTIPLIER = 100
RIGHTS = ("C", "P")
# How far from the stock's first price strikes are listed, and in which steps: below a price, the step.
REACH = Decimal("0.28")
_STEPS = ((15, "0.5"), (60, "1"), (200, "2.5"), (10**9, "5"))
_PENNY_EVERYWHERE = frozenset({"SPY", "QQQ", "IWM"})
# Contracts with the conids they have at the real broker, which the opening positions use.
_KNOWN = {
    ("AAPL", Decimal(190), "C"): 684233891,
    ("AAPL", Decimal(180), "P"): 684233902,
    ("SPY", Decimal(490), "P"): 690114455,
    ("TSLA", Decimal(200), "C"): 690114499,
}


class Chains:
    """All option contracts on ``stocks``; ``known`` is the expiry of the contracts with conids of their own."""

    def __init__(self, stocks: Iterable[Instrument], known: date) -> None:
        self._stocks = list(stocks)
        self._index = {item.conid: number for number, item in enumerate(self._stocks)}
        self._known_expiry = known
        self._by_symbol = {item.symbol: item for item in self._stocks}
        self._known: Mapping[int, tuple[str, Decimal, str]] = {conid: terms for terms, conid in _KNOWN.items()}

    def has(self, conid: int) -> bool:
        """Whether there are options on the instrument."""
        return conid in self._index

    def expiries(self, today: date) -> list[date]:
        """Listed on a day, for every stock the same."""
        return sorted({*option_expiries(today), *([self._known_expiry] if self._known_expiry >= today else [])})

    def strikes(self, conid: int) -> list[Decimal]:
        """Every listed strike of a stock, for every expiry the same."""
        item = self._stocks[self._index[conid]]
        step = _step(item.base)
        lowest = math.ceil(item.base * (1 - REACH) / step)
        highest = math.floor(item.base * (1 + REACH) / step)
        return [number * step for number in range(max(1, lowest), highest + 1)]

    def conid_of(self, conid: int, expiry: date, strike: Decimal, right: str) -> int:
        """The contract's conid."""
        item = self._stocks[self._index[conid]]
        if expiry == self._known_expiry and (item.symbol, strike, right) in _KNOWN:
            return _KNOWN[item.symbol, strike, right]
        week = (_friday(expiry) - _EPOCH).days // 7 % _WEEKS
        number = int(strike / _step(item.base))
        place = (week * _STRIKES + number) * 2 + RIGHTS.index(right)
        return FIRST_CONID + self._index[conid] * _A_STOCK + place

    def contract(self, conid: int, today: date) -> Instrument | None:
        """The contract with a conid, if it is listed today."""
        if conid in self._known:
            symbol, strike, right = self._known[conid]
            return self._make(conid, self._by_symbol[symbol], self._known_expiry, strike, right)
        number, place = divmod(conid - FIRST_CONID, _A_STOCK)
        if not 0 <= number < len(self._stocks):
            return None
        item = self._stocks[number]
        week, rest = divmod(place, _STRIKES * 2)
        expiry = on_trading_day(_EPOCH + timedelta(weeks=week))
        strike = rest // 2 * _step(item.base)
        if expiry not in self.expiries(today) or strike not in self.strikes(item.conid):
            return None
        right = RIGHTS[rest % 2]
        if self.conid_of(item.conid, expiry, strike, right) != conid:
            return None
        return self._make(conid, item, expiry, strike, right)

    def follows(self, option: Instrument, stock: Instrument) -> Follows:
        """How an option's price follows its stock's. Volatility rises a little when the stock falls."""
        terms, base = terms_of(option), float(stock.base)
        return Follows(
            stock.conid,
            lambda spot, moment: value(terms, spot, moment, level(spot, base)),
            option.right == "P",
            option.average_volume / stock.average_volume,
            OPTION_SESSIONS,
        )

    def _make(self, conid: int, stock: Instrument, expiry: date, strike: Decimal, right: str) -> Instrument:
        distance = abs(math.log(float(strike / stock.base))) / stock.volatility
        return Instrument(
            conid,
            stock.symbol,
            stock.name,
            "OPT",
            "SMART",
            US_OPTIONS,
            "USD",
            Decimal(1),
            CENT,
            _smile(stock, strike),
            1.0,
            5,
            1 if stock.symbol in _PENNY_EVERYWHERE else 2,
            max(200, int(stock.average_volume / 1_500 * math.exp(-4 * distance))),
            MULTIPLIER,
            underlying=stock.conid,
            expiry=expiry,
            strike=strike,
            right=right,
            kind="OPT",
            wide_from=None if stock.symbol in _PENNY_EVERYWHERE else Decimal(3),
            wide=5,
        )


def terms_of(option: Instrument) -> Terms:
    """An option as the pricing formula wants it."""
    if option.strike is None or option.expiry is None:
        raise ValueError(f"{option.symbol} is no option")
    session = option.venue.session(option.expiry)
    if session is None:
        raise ValueError(f"{option.local_symbol} ends on a day without trading")
    sign = 1.0 if option.right == "C" else -1.0
    return Terms(float(option.strike), option.volatility, session.liquid_close, sign)


def level(spot: float, base: float) -> float:
    """By how much all volatilities of a stock are scaled at a price."""
    return min(1.6, max(0.6, math.pow(base / spot, 0.8)))


def _step(base: Decimal) -> Decimal:
    return next(Decimal(step) for limit, step in _STEPS if base < limit)


def _friday(day: date) -> date:
    return day + timedelta(days=(4 - day.weekday()) % 7)


def _smile(stock: Instrument, strike: Decimal) -> float:
    """Volatility of a strike: more below the money than above it, and more far away."""
    moneyness = math.log(float(strike / stock.base))
    return stock.volatility * (1.0 - 0.6 * moneyness + 1.5 * moneyness * moneyness)

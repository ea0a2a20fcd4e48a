"""The instruments the simulator trades: a fixed catalogue, with derivatives dated from the simulator's start."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

from ibkr_tui.sim.expiries import months
from ibkr_tui.sim.hours import (
    CME,
    COMEX,
    FOREX,
    LONDON,
    MEXICO,
    NYMEX,
    SWISS,
    TORONTO,
    US_STOCKS,
    XETRA,
    Venue,
)

CENT = Decimal("0.01")


@dataclass(frozen=True)
class Instrument:
    """One contract. ``base`` is its price at the start, ``volatility`` is annual, ``lot`` its usual print."""

    conid: int
    symbol: str
    name: str
    sec_type: str
    exchange: str
    venue: Venue
    currency: str
    base: Decimal
    tick: Decimal = CENT
    volatility: float = 0.25
    beta: float = 1.0
    lot: int = 100
    spread: int = 1
    average_volume: int = 20_000_000
    multiplier: int = 1
    industry: str = ""
    category: str = ""
    kind: str = "COMMON"
    underlying: int = 0
    expiry: date | None = None
    strike: Decimal | None = None
    right: str = ""
    feed: str = "RpB"
    # The conid of the instrument whose price this one follows; 0 if it moves by itself.
    leader: int = 0
    made_up: bool = False
    # From this price on the increment is ``wide`` ticks instead of one (options outside the penny programme).
    wide_from: Decimal | None = None
    wide: int = 1

    @property
    def is_us(self) -> bool:
        return self.currency == "USD" and self.sec_type in ("STK", "OPT", "FUT")

    @property
    def decimals(self) -> int:
        """Digits behind the point in a price."""
        exponent = self.tick.normalize().as_tuple().exponent
        return max(0, -int(exponent))

    def grain(self, ticks: float) -> int:
        """The price increment at a price, both in ticks."""
        return self.wide if self.wide_from is not None and ticks * float(self.tick) >= float(self.wide_from) else 1

    def increment(self, price: Decimal) -> Decimal:
        """The price increment at a price."""
        return next(step for edge, step in reversed(self.increments) if price >= edge)

    @property
    def increments(self) -> list[tuple[Decimal, Decimal]]:
        """Price increments: from which price on, which increment."""
        steps = [(Decimal(0), self.tick)]
        if self.wide_from is not None:
            steps.append((self.wide_from, self.tick * self.wide))
        return steps

    @property
    def local_symbol(self) -> str:
        """The exchange's own name of the contract."""
        if self.sec_type == "FUT" and self.expiry:
            return f"{self.symbol}{_FUTURE_MONTHS[self.expiry.month]}{self.expiry.year % 10}"
        if self.sec_type == "OPT" and self.expiry and self.strike is not None:
            return f"{self.symbol:<6}{self.expiry:%y%m%d}{self.right}{int(self.strike * 1000):08d}"
        return self.symbol

    @property
    def description(self) -> str:
        """How position and order rows name the contract."""
        if self.sec_type == "OPT" and self.expiry:
            month = f"{self.expiry:%b%Y} {self.strike} {self.right}"
            return f"{self.symbol}   {month} [{self.local_symbol} {self.multiplier}]"
        if self.sec_type == "FUT" and self.expiry:
            return f"{self.symbol}       {self.expiry:%b%Y}"
        return self.symbol

    @property
    def listing_exchange(self) -> str:
        return "NASDAQ.NMS" if self.exchange == "NASDAQ" else self.exchange


_FUTURE_MONTHS = dict(zip(range(1, 13), "FGHJKMNQUVXZ", strict=True))

# conid, symbol, name, exchange, price, volatility, beta, average daily volume in millions, industry, category
_STOCKS = """
265598|AAPL|APPLE INC|NASDAQ|189.43|0.24|1.1|58|Technology|Computers
272093|MSFT|MICROSOFT CORP|NASDAQ|402.10|0.23|1.0|24|Technology|Software
4815747|NVDA|NVIDIA CORP|NASDAQ|694.52|0.48|1.7|45|Technology|Semiconductors
3691937|AMZN|AMAZON.COM INC|NASDAQ|171.81|0.32|1.2|48|Communications|Internet
208813719|GOOGL|ALPHABET INC-CL A|NASDAQ|143.54|0.28|1.1|27|Communications|Internet
208813720|GOOG|ALPHABET INC-CL C|NASDAQ|144.93|0.28|1.1|20|Communications|Internet
107113386|META|META PLATFORMS INC-CLASS A|NASDAQ|468.11|0.36|1.3|18|Communications|Internet
76792991|TSLA|TESLA INC|NASDAQ|187.29|0.52|1.8|99|Consumer, Cyclical|Auto Manufacturers
4391|AMD|ADVANCED MICRO DEVICES|NASDAQ|172.48|0.46|1.6|62|Technology|Semiconductors
15124833|NFLX|NETFLIX INC|NASDAQ|561.32|0.35|1.1|4|Communications|Internet
270639|INTC|INTEL CORP|NASDAQ|43.28|0.36|1.1|45|Technology|Semiconductors
268084|CSCO|CISCO SYSTEMS INC|NASDAQ|50.32|0.20|0.8|19|Communications|Telecommunications
272800|ORCL|ORACLE CORP|NYSE|115.92|0.28|0.9|9|Technology|Software
41077247|CRM|SALESFORCE INC|NYSE|287.60|0.30|1.1|6|Technology|Software
72063691|BRK B|BERKSHIRE HATHAWAY INC-CL B|NYSE|397.63|0.15|0.7|4|Financial|Insurance
1520593|JPM|JPMORGAN CHASE & CO|NYSE|175.43|0.20|0.9|9|Financial|Banks
10098|BAC|BANK OF AMERICA CORP|NYSE|33.13|0.26|1.1|42|Financial|Banks
4627828|GS|GOLDMAN SACHS GROUP INC|NYSE|384.17|0.24|1.1|2|Financial|Banks
49462172|V|VISA INC-CLASS A SHARES|NYSE|277.84|0.17|0.8|6|Financial|Commercial Services
38685693|MA|MASTERCARD INC - A|NYSE|463.27|0.18|0.8|3|Financial|Commercial Services
13824|WMT|WALMART INC|NYSE|169.31|0.16|0.5|8|Consumer, Cyclical|Retail
8894|KO|COCA-COLA CO/THE|NYSE|59.56|0.13|0.5|14|Consumer, Non-cyclical|Beverages
11017|PEP|PEPSICO INC|NASDAQ|168.92|0.15|0.5|6|Consumer, Non-cyclical|Beverages
8719|JNJ|JOHNSON & JOHNSON|NYSE|156.74|0.15|0.5|8|Consumer, Non-cyclical|Pharmaceuticals
10190|PFE|PFIZER INC|NYSE|27.43|0.24|0.6|38|Consumer, Non-cyclical|Pharmaceuticals
13977|XOM|EXXON MOBIL CORP|NYSE|103.12|0.22|0.7|18|Energy|Oil&Gas
5684|CVX|CHEVRON CORP|NYSE|151.20|0.22|0.7|8|Energy|Oil&Gas
4762|BA|BOEING CO/THE|NYSE|209.20|0.34|1.2|8|Industrial|Aerospace/Defense
6459|DIS|WALT DISNEY CO/THE|NYSE|110.54|0.26|1.0|14|Communications|Media
9599491|F|FORD MOTOR CO|NYSE|12.68|0.34|1.2|56|Consumer, Cyclical|Auto Manufacturers
8314|IBM|INTL BUSINESS MACHINES CORP|NYSE|184.21|0.19|0.7|5|Technology|Computers
7930|HD|HOME DEPOT INC|NYSE|362.34|0.20|0.9|3|Consumer, Cyclical|Retail
444857009|PLTR|PALANTIR TECHNOLOGIES INC-A|NYSE|24.38|0.60|1.7|70|Technology|Software
88385324|UBER|UBER TECHNOLOGIES INC|NYSE|69.24|0.38|1.3|20|Technology|Internet
756733|SPY|SPDR S&P 500 ETF TRUST|ARCA|501.20|0.13|1.0|78|Funds|Equity Fund
320227571|QQQ|INVESCO QQQ TRUST SERIES 1|NASDAQ|436.05|0.18|1.2|44|Funds|Equity Fund
9579970|IWM|ISHARES RUSSELL 2000 ETF|ARCA|199.62|0.22|1.2|34|Funds|Equity Fund
73128548|DIA|SPDR DJIA TRUST|ARCA|386.90|0.12|0.9|4|Funds|Equity Fund
15547841|TLT|ISHARES 20+ YEAR TREASURY BD|NASDAQ|93.86|0.16|-0.3|38|Funds|Debt Fund
51529211|GLD|SPDR GOLD SHARES|ARCA|187.42|0.13|0.1|6|Funds|Commodity Fund
4215220|XLF|FINANCIAL SELECT SECTOR SPDR|ARCA|39.11|0.16|0.9|36|Funds|Equity Fund
"""

# Other listings of AAPL: a plain symbol is ambiguous, and the US line is not the first one in the answers. The others
# are there because this user sees their prices late, or not at all.
_ABROAD = (
    Instrument(
        38708077,
        "AAPL",
        "APPLE INC",
        "STK",
        "MEXI",
        MEXICO,
        "MXN",
        Decimal("3231.50"),
        Decimal("0.5"),
        0.25,
        1.1,
        10,
        4,
        12_000,
        industry="Technology",
        category="Computers",
    ),
    Instrument(
        273982664,
        "AAPL",
        "APPLE INC",
        "STK",
        "EBS",
        SWISS,
        "CHF",
        Decimal("165.60"),
        Decimal("0.02"),
        0.25,
        1.1,
        10,
        4,
        3_000,
        industry="Technology",
        category="Computers",
    ),
    Instrument(
        532640894,
        "AAPL",
        "APPLE INC-CDR",
        "STK",
        "TSE",
        TORONTO,
        "CAD",
        Decimal("27.91"),
        CENT,
        0.25,
        1.1,
        100,
        2,
        160_000,
        industry="Technology",
        category="Computers",
        feed="DPB",
    ),
    Instrument(
        14204,
        "SAP",
        "SAP SE",
        "STK",
        "IBIS",
        XETRA,
        "EUR",
        Decimal("162.48"),
        Decimal("0.02"),
        0.24,
        1.0,
        10,
        1,
        1_900_000,
        industry="Technology",
        category="Software",
        feed="N",
    ),
    Instrument(
        29612193,
        "VOD",
        "VODAFONE GROUP PLC",
        "STK",
        "LSE",
        LONDON,
        "GBP",
        Decimal("0.6742"),
        Decimal("0.0002"),
        0.26,
        0.6,
        1_000,
        1,
        60_000_000,
        industry="Communications",
        category="Telecommunications",
        feed="O",
    ),
)


class _Future(NamedTuple):
    """One root: the first month's conid and price, and every how many months there is an expiry."""

    conid: int
    symbol: str
    name: str
    exchange: str
    venue: Venue
    price: str
    tick: str
    multiplier: int
    volatility: float
    underlying: int
    every: int
    months: int
    industry: str


CARRY = 0.045
_MONTHS_FROM = 515_400_000
_FUTURES = (
    _Future(495512572, "ES", "E-mini S&P 500", "CME", CME, "5018.25", "0.25", 50, 0.13, 11004968, 3, 4, "Indices"),
    _Future(495512563, "NQ", "E-mini NASDAQ 100", "CME", CME, "17862.5", "0.25", 20, 0.18, 11004958, 3, 4, "Indices"),
    _Future(495512576, "RTY", "E-mini Russell 2000", "CME", CME, "2002.4", "0.1", 50, 0.22, 11004977, 3, 4, "Indices"),
    _Future(
        304037447, "CL", "Light Sweet Crude", "NYMEX", NYMEX, "77.84", "0.01", 1000, 0.34, 17340715, 1, 6, "Energy"
    ),
    _Future(356039019, "GC", "Gold", "COMEX", COMEX, "2031.5", "0.1", 100, 0.14, 17340718, 1, 4, "Metals"),
)

_FOREX = (
    (12087792, "EUR", "USD", "1.07845", "0.00005", 0.07),
    (12087797, "GBP", "USD", "1.26290", "0.00005", 0.08),
    (14433401, "AUD", "USD", "0.65210", "0.00005", 0.10),
    (15016059, "USD", "JPY", "149.265", "0.005", 0.09),
    (15016062, "USD", "CAD", "1.34610", "0.00005", 0.06),
    (12087820, "USD", "CHF", "0.87480", "0.00005", 0.07),
)


def catalogue(today: date) -> list[Instrument]:
    """Every instrument but the options; futures expire after ``today``."""
    return [*_stocks(), *_ABROAD, *_currencies(), *_futures(today)]


def _stocks() -> Iterable[Instrument]:
    for line in _STOCKS.strip().splitlines():
        conid, symbol, name, exchange, price, vol, beta, millions, industry, category = line.split("|")
        fund = industry == "Funds"
        base = Decimal(price)
        yield Instrument(
            int(conid),
            symbol,
            name,
            "STK",
            exchange,
            US_STOCKS,
            "USD",
            base,
            CENT,
            float(vol),
            float(beta),
            spread=1 if base < 100 or fund else 2 if base < 300 else 4,
            average_volume=int(millions) * 1_000_000,
            industry=industry,
            category=category,
            kind="ETF" if fund else "COMMON",
        )


def _currencies() -> Iterable[Instrument]:
    for conid, base, quote, price, tick, vol in _FOREX:
        yield Instrument(
            conid,
            f"{base}.{quote}",
            f"{base}.{quote}",
            "CASH",
            "IDEALPRO",
            FOREX,
            quote,
            Decimal(price),
            Decimal(tick),
            vol,
            0.05,
            250_000,
            1,
            2_000_000_000,
        )


def _futures(today: date) -> Iterable[Instrument]:
    """Several months of each future. The first one moves by itself, the others follow it at its price and carry."""
    for number, root in enumerate(_FUTURES):
        dates = [day for day in months(today, root.months + 1, root.every) if day >= today + timedelta(days=10)]
        for place, expiry in enumerate(dates[: root.months]):
            carry = 1 + CARRY * (expiry - dates[0]).days / 365
            price = (Decimal(root.price) * Decimal(carry) / Decimal(root.tick)).to_integral_value() * Decimal(root.tick)
            yield Instrument(
                root.conid if place == 0 else _MONTHS_FROM + number * 1_000 + (expiry.year - 2020) * 12 + expiry.month,
                root.symbol,
                root.name,
                "FUT",
                root.exchange,
                root.venue,
                "USD",
                price,
                Decimal(root.tick),
                root.volatility,
                root.volatility / 0.13 if root.venue is CME else 0.2,
                max(1, 3 - place),
                1 if place == 0 else 2,
                1_500_000 // 4**place,
                root.multiplier,
                underlying=root.underlying,
                expiry=expiry,
                industry=root.industry,
                kind="FUT",
                leader=0 if place == 0 else root.conid,
            )

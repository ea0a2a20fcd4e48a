"""Performance and transactions: ``/pa`` (reference section 4.2)."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from ibkr_tui.sim.bookings import opening_bookings, values_by_day
from ibkr_tui.sim.calls import Call, Problem, post
from ibkr_tui.sim.clock import NEW_YORK
from ibkr_tui.sim.text import number

SESSIONS_KEPT = 262
PERIODS = ("1D", "7D", "MTD", "1M", "3M", "6M", "12M", "1Y", "YTD")
_DAYS = {"1D": 1, "7D": 7, "1M": 30, "3M": 91, "6M": 182, "12M": 365, "1Y": 365}
MAX_DAYS, USUAL_DAYS = 3_650, 90


def _accounts(call: Call) -> list[str]:
    """The accounts asked for: none is a 400, a stranger's a 500."""
    wanted = call.object().get("acctIds")
    if not isinstance(wanted, list) or not wanted:
        raise Problem(400, "Bad Request: acctIds required")
    if not set(map(str, wanted)) <= set(call.login.user.accounts):
        raise Problem(500, "unknown account")
    return [str(account) for account in wanted]


def _since(period: str, today: date) -> date:
    """The last day before the period."""
    if period == "MTD":
        return today.replace(day=1) - timedelta(days=1)
    if period == "YTD":
        return today.replace(month=1, day=1) - timedelta(days=1)
    return today - timedelta(days=_DAYS[period])


class _Series:
    """The values of one account in one period; ``start`` is the value before its first day."""

    def __init__(self, call: Call, account: str, period: str) -> None:
        days = values_by_day(call.sim.market, call.sim.broker.portfolios[account], SESSIONS_KEPT)
        since = _since(period, days[-1][0])
        # The start is the last value up to that day; a period that begins on a weekend starts from Friday.
        place = max((i for i, (day, _) in enumerate(days[:-1]) if day <= since), default=0)
        self.start_day, self.start = days[place]
        self.days = [day for day, _ in days[place + 1 :]]
        self.values = [value for _, value in days[place + 1 :]]

    @property
    def dates(self) -> list[str]:
        return [f"{day:%Y%m%d}" for day in self.days]

    @property
    def returns(self) -> list[float]:
        """Cumulative fractions."""
        return [float(round(value / self.start - 1, 8)) for value in self.values]

    def monthly(self) -> dict[str, float]:
        """The return of each month in the period."""
        ends = {f"{day:%Y%m}": value for day, value in zip(self.days, self.values, strict=True)}
        found, before = {}, self.start
        for month, value in ends.items():
            found[month] = float(round(value / before - 1, 8))
            before = value
        return found


def _performance(call: Call) -> Any:
    accounts, period = _accounts(call), str(call.object().get("period", ""))
    if period not in PERIODS:
        raise Problem(400, f"Bad Request: invalid period {period}")
    series = {account: _Series(call, account, period) for account in accounts}
    one = series[accounts[0]]

    def rows(name: str, of: Any) -> list[dict[str, Any]]:
        return [
            {
                "id": account,
                "idType": "acctid",
                "start": one.dates[0],
                "end": one.dates[-1],
                name: of(line),
                "baseCurrency": "USD",
            }
            for account, line in series.items()
        ]

    navs = rows("navs", lambda line: [number(value) for value in line.values])
    for row in navs:
        line = series[row["id"]]
        row["startNAV"] = {"date": f"{line.start_day:%Y%m%d}", "val": number(line.start)}
    return {
        "currencyType": "base",
        "pm": "TWR",
        "nd": (one.days[-1] - one.start_day).days,
        "id": "getPerformanceData",
        "included": accounts,
        "cps": {"freq": "D", "dates": one.dates, "data": rows("returns", lambda line: line.returns)},
        "tpps": {
            "freq": "M",
            "dates": list(one.monthly()),
            "data": rows("returns", lambda line: list(line.monthly().values())),
        },
        "nav": {"freq": "D", "dates": one.dates, "data": navs},
    }


def _all_periods(call: Call) -> Any:
    accounts = _accounts(call)
    answer: dict[str, Any] = {
        "pm": "TWR",
        "nd": 365,
        "id": "getPerformanceAllPeriods",
        "currencyType": "base",
        "view": accounts,
        "included": accounts,
    }
    for account in accounts:
        periods = [period for period in PERIODS if period != "12M"]
        series = {period: _Series(call, account, period) for period in periods}
        year = series["1Y"]
        answer[account] = {
            **{
                period: {
                    "freq": "D",
                    "startNAV": {"date": f"{line.start_day:%Y%m%d}", "val": number(line.start)},
                    "dates": line.dates,
                    "nav": [number(value) for value in line.values],
                    "cps": line.returns,
                }
                for period, line in series.items()
            },
            "baseCurrency": "USD",
            "start": year.dates[0],
            "end": year.dates[-1],
            "periods": periods,
            "lastSuccessfulUpdate": f"{datetime.fromtimestamp(call.sim.clock.now(), UTC):%Y-%m-%d %H:%M:%S}",
        }
    return answer


def _transactions(call: Call) -> Any:
    """What was bought and sold of one instrument, in wall time: before the start, and since."""
    accounts, body = _accounts(call), call.object()
    conids = body.get("conids")
    if not isinstance(conids, list) or len(conids) != 1:
        raise Problem(400, "Bad Request: conids required, one at a time")
    conid, currency = call.conid(str(conids[0])), str(body.get("currency") or "USD").upper()
    try:
        days = int(body.get("days", USUAL_DAYS))
        rate = 1 / call.sim.market.rate(currency)
    except (ValueError, TypeError, KeyError):
        raise Problem(400, "Bad Request: days or currency") from None
    if not 1 <= days <= MAX_DAYS:
        raise Problem(400, "Bad Request: days")
    now = call.sim.clock.now()
    since = now - days * 86_400
    rows = [row for account in accounts for row in _rows(call, account, conid, rate) if row[0] >= since]
    realized = sum((_realized(call, account, conid) for account in accounts), Decimal(0)) * rate
    lines = [line for _, line in sorted(rows, key=lambda row: row[0])]
    return {
        "rc": 0,
        "nd": days,
        "rpnl": {"data": _realized_rows(accounts, conid, currency, realized, now), "amt": f"{number(realized)}"},
        "currency": currency,
        "from": int(since * 1000),
        "id": "getTransactions",
        "to": int(now * 1000),
        "includesRealTime": True,
        "transactions": lines,
    }


def _rows(call: Call, account: str, conid: int, rate: Decimal) -> list[tuple[float, dict[str, Any]]]:
    market, item = call.sim.market, call.sim.market.instruments[conid]
    found: list[tuple[float, Decimal, Decimal]] = []
    quantity, cost = call.sim.broker.portfolios[account].opening.get(conid, (Decimal(0), Decimal(0)))
    if quantity:
        for booking in opening_bookings(market, item, quantity, cost):
            found.append((market.time.to_wall(booking.moment), booking.quantity, booking.price))
    for execution in call.sim.broker.executions:
        if execution.order.account == account and execution.order.instrument.conid == conid:
            found.append((execution.moment, execution.order.sign * execution.quantity, execution.price))
    rows = []
    for moment, amount, price in found:
        day = datetime.fromtimestamp(moment, NEW_YORK)
        paid = -amount * price * item.multiplier
        rows.append(
            (
                moment,
                {
                    "cur": item.currency,
                    "date": f"{day:%a %b %d} 00:00:00 {day.tzname()} {day:%Y}",
                    "rawDate": f"{day:%Y%m%d}",
                    "fxRate": float(round(market.rate(item.currency) * rate, 6)),
                    "pr": float(price),
                    "qty": float(amount),
                    "acctid": account,
                    "amt": number(paid),
                    "conid": conid,
                    "type": "Buy" if amount > 0 else "Sell",
                    "desc": item.name,
                },
            )
        )
    return rows


def _realized(call: Call, account: str, conid: int) -> Decimal:
    holding = call.sim.broker.portfolios[account].holdings.get(conid)
    currency = call.sim.market.instruments[conid].currency
    return holding.realized * call.sim.market.rate(currency) if holding else Decimal(0)


def _realized_rows(accounts: list[str], conid: int, currency: str, amount: Decimal, now: float) -> list[dict[str, Any]]:
    if not amount:
        return []
    day = datetime.fromtimestamp(now, NEW_YORK)
    return [
        {
            "date": f"{day:%Y%m%d}",
            "cur": currency,
            "fxRate": 1,
            "side": "L" if amount < 0 else "G",
            "acctid": accounts[0],
            "amt": f"{number(amount)}",
            "conid": str(conid),
        }
    ]


ROUTES = [
    post("/pa/performance", _performance),
    post("/pa/allperiods", _all_periods),
    post("/pa/transactions", _transactions),
]

"""Performance over time and bookings by instrument (reference 4.2, pa). IBKR answers each once in fifteen minutes, so
that every answer is kept that long."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Protocol, TypeVar

import msgspec

from ibkr_tui.core.market.contracts import Recent
from ibkr_tui.core.web.days import read_day
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.numbers import NumberError, parse_wire, parse_wire_or_none
from ibkr_tui.model.orders import Fill, Side
from ibkr_tui.model.performance import Performance, PerformancePoint, Transaction
from ibkr_tui.model.text import clean

KEPT: Final = 900.0
LONGEST: Final = "12M"
PERIODS: Final = ("1D", "7D", "MTD", "1M", "3M", "6M", "12M", "YTD")
MOST_DAYS: Final = 90
_FINE: Final = Decimal("0.00000001")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

Value = TypeVar("Value")


class ReportReads(Protocol):
    """The reads this module needs."""

    async def performance(self, account: str, period: str) -> Mapping[str, Any]: ...
    async def transactions(self, account: str, conid: int, currency: str, days: int) -> Mapping[str, Any]: ...


class Reports:
    """Reads reports of one account, sparingly."""

    def __init__(self, reads: ReportReads, account: str, clock: Clock) -> None:
        self._reads = reads
        self._account = account
        self._clock = clock
        self._kept: Recent[Any] = Recent(clock, size=64, seconds=KEPT)
        self._lock = asyncio.Lock()

    async def performance(self, period: str) -> Performance:
        """Net value and returns. One year is read, and every shorter period is a part of it: so that looking at another
        one needs no other call. Raises BrokerError BAD_ARGUMENT, IBKR_RATE_LIMITED with its wait in the details."""
        word = {"1Y": "12M", "1W": "7D"}.get(period.strip().upper(), period.strip().upper())
        if word not in PERIODS:
            raise BrokerError("BAD_ARGUMENT", f"period is one of {', '.join(PERIODS)}, not “{clean(period, limit=20)}”")

        async def read() -> Performance:
            return read_performance(self._account, LONGEST, await self._reads.performance(self._account, LONGEST))

        return cut(await self._once(("performance",), read), word, self._clock.now().date())

    async def transactions(self, conid: int, currency: str, days: int) -> list[Transaction]:
        """The bookings of the last `days` days, newest first. All there are to be had are read, so that another number
        of days needs no other call. Raises as `performance`."""
        if not 1 <= days <= MOST_DAYS:
            raise BrokerError("BAD_ARGUMENT", f"days: IBKR gives the bookings of 1 to {MOST_DAYS} days")

        async def read() -> list[Transaction]:
            answer = await self._reads.transactions(self._account, conid, currency, MOST_DAYS)
            return read_transactions(self._account, answer)

        booked = await self._once(("transactions", conid, currency), read)
        first = self._clock.now().date() - timedelta(days=days)
        return [booking for booking in booked if booking.day >= first]

    async def _once(self, key: Hashable, read: Callable[[], Awaitable[Value]]) -> Value:
        async with self._lock:
            known: Value | None = self._kept.get(key)
            if known is None:
                known = await read()
                self._kept.put(key, known)
            return known


def cut(year: Performance, period: str, today: date) -> Performance:
    """The part of `year` that `period` means, with returns from its own beginning: they are time-weighted, so that
    those of a part follow from those of the whole."""
    begin = _begin(period, today)
    if begin is None:
        return year
    points = tuple(point for point in year.points if point.day >= begin)
    before = [point for point in year.points if point.day < begin]
    if not before:
        return msgspec.structs.replace(year, period=period, points=points)
    base = next((point.total_return for point in reversed(before) if point.total_return is not None), Decimal(0))

    def rebased(point: PerformancePoint) -> PerformancePoint:
        if point.total_return is None or base <= -1:
            return msgspec.structs.replace(point, total_return=None)
        whole = (1 + point.total_return) / (1 + base) - 1
        return msgspec.structs.replace(point, total_return=whole.quantize(_FINE))

    start = next((point.nav for point in reversed(before) if point.nav is not None), None)
    return msgspec.structs.replace(year, period=period, points=tuple(map(rebased, points)), start_nav=start)


def _begin(period: str, today: date) -> date | None:
    """The first day of `period`; None for the longest one."""
    if period == "MTD":
        return today.replace(day=1)
    if period == "YTD":
        return today.replace(month=1, day=1)
    days = {"1D": 0, "7D": 6, "1M": 30, "3M": 91, "6M": 182}.get(period)
    return None if days is None else today - timedelta(days=days)


def read_performance(account: str, period: str, answer: Mapping[str, Any]) -> Performance:
    """Days with net value and cumulative return. Raises BrokerError IBKR_RESPONSE_INVALID."""
    returns, series = _series(answer.get("cps"), "returns", account)
    values, nav = _series(answer.get("nav"), "navs", account)
    if not returns and not values:
        raise BrokerError("IBKR_RESPONSE_INVALID", f"the performance of {period} came without days")
    start = nav.get("startNAV")
    days = sorted({*returns, *values})
    return Performance(
        account=account,
        period=period,
        currency=clean(str(nav.get("baseCurrency") or series.get("baseCurrency") or ""), limit=8),
        points=tuple(PerformancePoint(day, values.get(day), returns.get(day)) for day in days),
        start_nav=parse_wire_or_none(start.get("val")) if isinstance(start, Mapping) else None,
    )


def _series(block: Any, name: str, account: str) -> tuple[dict[date, Decimal], Mapping[str, Any]]:
    """The numbers of `name` by day, and the row they stand in; days without a number are left out."""
    if not isinstance(block, Mapping):
        return {}, {}
    rows = [row for row in block.get("data") or [] if isinstance(row, Mapping)]
    row = next((row for row in rows if row.get("id") == account), rows[0] if len(rows) == 1 else None)
    if row is None or row.get("id") not in {account, None, ""}:
        return {}, {}
    days = [read_day(day) for day in block.get("dates") or []]
    numbers = [parse_wire_or_none(number) for number in row.get(name) or []]
    if len(days) != len(numbers):
        raise BrokerError("IBKR_RESPONSE_INVALID", "the performance has not one number for each day")
    return {day: number for day, number in zip(days, numbers, strict=True) if day and number is not None}, row


def read_transactions(account: str, answer: Mapping[str, Any]) -> list[Transaction]:
    """The bookings of `account`, newest first. Raises BrokerError IBKR_RESPONSE_INVALID: money is read or refused."""
    rows = answer.get("transactions")
    if not isinstance(rows, list):
        raise BrokerError("IBKR_RESPONSE_INVALID", "the transactions came without their list")
    found = [_transaction(account, row) for row in rows if isinstance(row, Mapping)]
    mine = [booking for booking in found if booking.account in {account, ""}]
    return sorted(mine, key=lambda booking: booking.day, reverse=True)


def booked_fill(booking: Transaction, instrument: Instrument, until: date) -> Fill | None:
    """A trade of before `until` as a fill; its time is the beginning of its day, for the broker tells no other."""
    if not booking.qty or booking.price is None or booking.day >= until or booking.conid != instrument.conid:
        return None
    return Fill(
        execution_id="",
        account=booking.account,
        conid=booking.conid,
        symbol=instrument.description,
        side=Side.BUY if booking.qty > 0 else Side.SELL,
        qty=abs(booking.qty),
        price=booking.price,
        at=datetime(booking.day.year, booking.day.month, booking.day.day, tzinfo=UTC),
    )


def _transaction(account: str, row: Mapping[str, Any]) -> Transaction:
    day = read_day(row.get("rawDate")) or _spelled(row.get("date"))
    conid = str(row.get("conid") or 0)
    try:
        amount, qty, price = (parse_wire(row.get(name)) for name in ("amt", "qty", "pr"))
    except NumberError:
        raise BrokerError("IBKR_RESPONSE_INVALID", "a transaction has an amount that is no number") from None
    if day is None or amount is None or not conid.isdigit():
        raise BrokerError("IBKR_RESPONSE_INVALID", "a transaction came without its day, conid or amount")
    return Transaction(
        day=day,
        account=clean(str(row.get("acctid") or ""), limit=20),
        conid=int(conid),
        kind=clean(str(row.get("type") or ""), limit=40),
        text=clean(str(row.get("desc") or ""), limit=120),
        currency=clean(str(row.get("cur") or ""), limit=8),
        amount=amount,
        qty=qty,
        price=price,
        fx_rate=parse_wire_or_none(row.get("fxRate")),
    )


def _spelled(value: Any) -> date | None:
    """The day in `Tue Mar 31 00:00:00 EDT 2026`."""
    words = str(value).split()
    if len(words) != 6 or words[1] not in _MONTHS or not (words[2].isdigit() and words[5].isdigit()):
        return None
    try:
        return datetime(int(words[5]), _MONTHS.index(words[1]) + 1, int(words[2]), tzinfo=UTC).date()
    except ValueError:
        return None

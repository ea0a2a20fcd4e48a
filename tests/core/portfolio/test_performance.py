"""Performance and bookings: read exactly or refused, and asked for once in fifteen minutes."""

from __future__ import annotations

from datetime import date
from decimal import Decimal as D
from typing import Any

import pytest

from ibkr_tui.core.portfolio.performance import KEPT, Reports, booked_fill, cut, read_performance, read_transactions
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.orders import Side
from ibkr_tui.model.performance import Performance, PerformancePoint

ACCOUNT = "DU1"
AAPL = Instrument(265598, "AAPL", "AAPL", "APPLE INC", "STK", "SMART", "USD")
GOOD: dict[str, Any] = {
    "cps": {
        "freq": "D", "dates": ["20260401", "20260402"],
        "data": [{"id": ACCOUNT, "idType": "acctid", "returns": [0.0, 0.0125], "baseCurrency": "USD"}],
    },
    "nav": {
        "freq": "D", "dates": ["20260401", "20260402"],
        "data": [{"id": ACCOUNT, "startNAV": {"date": "20260331", "val": 1000000.0}, "navs": [1000500.5, 1012500.0]}],
    },
}  # fmt: skip
BOUGHT = {
    "cur": "USD", "date": "Tue Mar 31 00:00:00 EDT 2026", "rawDate": "20260331", "fxRate": 1.0, "pr": 180.1,
    "qty": 10, "acctid": ACCOUNT, "amt": -1801.0, "conid": 265598, "type": "Buy", "desc": "APPLE INC",
}  # fmt: skip


class Reads:
    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    async def performance(self, account: str, period: str) -> dict[str, Any]:
        self.calls.append((account, period))
        return GOOD

    async def transactions(self, account: str, conid: int, currency: str, days: int) -> dict[str, Any]:
        self.calls.append((account, conid, currency, days))
        return {"transactions": [BOUGHT]}


def test_days_with_value_and_return() -> None:
    found = read_performance(ACCOUNT, "1M", GOOD)
    assert (found.currency, found.start_nav) == ("USD", D("1000000.0"))
    assert [(p.day, p.nav, p.total_return) for p in found.points] == [
        (date(2026, 4, 1), D("1000500.5"), D("0.0")),
        (date(2026, 4, 2), D("1012500.0"), D("0.0125")),
    ]


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"cps": 7, "nav": []},
        {"cps": {"dates": ["20260401"], "data": [{"id": ACCOUNT, "returns": [0.1, 0.2]}]}},
        {"cps": {"dates": ["20260401"], "data": [{"id": "DU2", "returns": [0.1]}]}},
    ],
)
def test_a_performance_that_cannot_be_read(answer: dict[str, Any]) -> None:
    with pytest.raises(BrokerError) as caught:
        read_performance(ACCOUNT, "1M", answer)
    assert caught.value.code == "IBKR_RESPONSE_INVALID"


def test_bookings_newest_first_and_ours_only() -> None:
    spelled = {k: v for k, v in BOUGHT.items() if k != "rawDate"} | {"date": "Wed Apr 01 00:00:00 EDT 2026", "qty": -4}
    found = read_transactions(ACCOUNT, {"transactions": [BOUGHT, spelled, BOUGHT | {"acctid": "DU2"}]})
    assert [(t.day, t.qty, t.amount) for t in found] == [
        (date(2026, 4, 1), D(-4), D("-1801.0")),
        (date(2026, 3, 31), D(10), D("-1801.0")),
    ]
    dividend = BOUGHT | {"type": "Dividend", "qty": 0, "pr": None, "amt": 12.5}
    assert read_transactions(ACCOUNT, {"transactions": [dividend]})[0].price is None


@pytest.mark.parametrize(
    "change", [{"amt": None}, {"amt": "many"}, {"rawDate": "x", "date": "yesterday"}, {"conid": "x"}]
)
def test_a_booking_that_cannot_be_read_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(BrokerError) as caught:
        read_transactions(ACCOUNT, {"transactions": [BOUGHT | change]})
    assert caught.value.code == "IBKR_RESPONSE_INVALID"


def test_a_booked_trade_as_a_fill() -> None:
    (booking,) = read_transactions(ACCOUNT, {"transactions": [BOUGHT]})
    fill = booked_fill(booking, AAPL, date(2026, 4, 1))
    assert fill is not None
    assert (fill.side, fill.qty, fill.price, fill.at.date()) == (Side.BUY, D(10), D("180.1"), date(2026, 3, 31))
    assert booked_fill(booking, AAPL, date(2026, 3, 31)) is None, "that day the trades themselves tell"
    (fee,) = read_transactions(ACCOUNT, {"transactions": [BOUGHT | {"qty": 0}]})
    assert booked_fill(fee, AAPL, date(2026, 4, 1)) is None


async def test_an_answer_is_kept_as_long_as_ibkr_wants(fake_clock: Any) -> None:
    reads = Reads()
    reports = Reports(reads, ACCOUNT, fake_clock)
    for _ in range(3):
        await reports.performance("12m")
        await reports.performance("1Y")
        assert (await reports.performance("7d")).period == "7D"
        await reports.transactions(265598, "USD", 90)
    assert reads.calls == [(ACCOUNT, "12M"), (ACCOUNT, 265598, "USD", 90)]
    await fake_clock.advance(KEPT + 1)
    await reports.performance("12M")
    assert len(reads.calls) == 3


YEAR = Performance(
    ACCOUNT,
    "12M",
    "USD",
    tuple(
        PerformancePoint(day, D(nav), D(whole))
        for day, nav, whole in (
            (date(2025, 12, 31), 1000, "0.10"),
            (date(2026, 2, 27), 1100, "0.21"),
            (date(2026, 3, 2), 1050, "0.155"),
            (date(2026, 3, 10), 1155, "0.2705"),
        )
    ),
    D(900),
)


@pytest.mark.parametrize(
    ("period", "days", "start", "last"),
    [
        ("12M", 4, "900", "0.2705"),
        ("YTD", 3, "1000", "0.155"),
        ("MTD", 2, "1100", "0.05"),
        ("7D", 1, "1050", "0.1"),
        ("1D", 1, "1050", "0.1"),
        ("3M", 4, "900", "0.2705"),
    ],
)
def test_a_part_of_the_year_begins_anew(period: str, days: int, start: str, last: str) -> None:
    part = cut(YEAR, period, date(2026, 3, 10))
    assert (part.period, len(part.points), part.start_nav) == (period, days, D(start))
    assert part.points[-1].total_return == D(last)


def test_after_a_total_loss_there_is_no_return() -> None:
    lost = [PerformancePoint(date(2025, 12, 31), D(0), D(-1)), PerformancePoint(date(2026, 1, 2), D(5), D(-1))]
    part = cut(Performance(ACCOUNT, "12M", "USD", tuple(lost)), "YTD", date(2026, 3, 10))
    assert part.points[0].total_return is None
    assert cut(Performance(ACCOUNT, "12M", "USD", ()), "1D", date(2026, 3, 10)).points == ()


@pytest.mark.parametrize("period", ["", "2M", "forever"])
async def test_a_period_that_is_not_there(fake_clock: Any, period: str) -> None:
    with pytest.raises(BrokerError, match="1D, 7D, MTD") as caught:
        await Reports(Reads(), ACCOUNT, fake_clock).performance(period)
    assert caught.value.code == "BAD_ARGUMENT"


@pytest.mark.parametrize("days", [0, 91])
async def test_days_that_are_too_many(fake_clock: Any, days: int) -> None:
    with pytest.raises(BrokerError, match="1 to 90 days"):
        await Reports(Reads(), ACCOUNT, fake_clock).transactions(1, "USD", days)

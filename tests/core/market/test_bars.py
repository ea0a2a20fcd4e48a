"""Bars, with volume in shares, and the market's hours."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from typing import Any

import pytest

from ibkr_tui.core.market.bars import check_period, read_bars
from ibkr_tui.core.market.contracts import Contracts
from ibkr_tui.core.market.hours import RETRY_EVERY, MarketClock
from ibkr_tui.core.web.wire import Span, TradingSchedule
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.instruments import Instrument

SPY = Instrument(756733, "SPY", "SPY", "", "STK", "ARCA", "USD")
TORONTO = Instrument(1, "RY", "RY", "", "STK", "TSE", "CAD")
BAR = {"o": 646.42, "c": 646.86, "h": 647.47, "l": 646.38, "v": 17219.125, "t": 1775136600000}


def test_prices_are_exact_and_in_order() -> None:
    first, second = read_bars({"data": [{**BAR, "t": 1775136660000}, BAR]}, SPY)
    assert first.at == datetime(2026, 4, 2, 13, 30, tzinfo=UTC)
    assert second.at - first.at == timedelta(minutes=1)
    assert (first.open, first.high, first.low, first.close) == (D("646.42"), D("647.47"), D("646.38"), D("646.86"))


@pytest.mark.parametrize(
    ("factor", "instrument", "volume"),
    [(40, SPY, D("688765")), (1, SPY, D("1721912.5")), (1, TORONTO, D("17219.125")), (None, SPY, D("1721912.5"))],
)
def test_volume_is_in_shares(factor: int | None, instrument: Instrument, volume: D) -> None:
    (bar,) = read_bars({"volumeFactor": factor, "data": [BAR]}, instrument)
    assert bar.volume == volume


def test_a_placeholder_bar_is_no_bar() -> None:
    assert read_bars({"points": 0, "data": [{"o": None, "t": 1775136600000}]}, SPY) == []


@pytest.mark.parametrize("answer", [{}, {"data": [{**BAR, "o": "x"}]}, {"data": [{**BAR, "t": None}]}, {"data": [3]}])
def test_what_cannot_be_read_is_said(answer: dict[str, Any]) -> None:
    with pytest.raises(BrokerError) as caught:
        read_bars(answer, SPY)
    assert caught.value.code == "IBKR_RESPONSE_INVALID"


@pytest.mark.parametrize(
    ("period", "bar"),
    [("1d", "5min"), ("30min", "1min"), ("30min", "8h"), ("1000d", "1d"), ("15y", "1m"), ("5d", "1min"), ("2w", "1m")],
)
def test_periods_the_broker_knows(period: str, bar: str) -> None:
    check_period(period, bar)


@pytest.mark.parametrize(
    ("period", "bar"),
    [
        *(("31min", "1min"), ("9h", "1min"), ("0d", "1d"), ("1d", "7min"), ("", "1d"), ("16y", "1w")),
        *(("1d", "1w"), ("1w", "5min"), ("1y", "4h"), ("15y", "1d")),
    ],
)
def test_periods_it_does_not_know(period: str, bar: str) -> None:
    with pytest.raises(BrokerError) as caught:
        check_period(period, bar)
    assert caught.value.code == "BAD_ARGUMENT"


class ScheduleReads:
    """A schedule, or trouble."""

    def __init__(self, now: datetime) -> None:
        self.fails = True
        self.span = Span(now - timedelta(hours=1), now + timedelta(hours=1))

    async def trading_schedule(self, conid: int) -> TradingSchedule:
        if self.fails:
            raise BrokerError("IBKR_UNAVAILABLE", "no answer")
        return TradingSchedule("US/Eastern", (self.span,), ())


class OneContract:
    """Knows SPY."""

    async def stocks(self, symbol: str) -> dict[str, Any]:
        return {symbol: [{"contracts": [{"conid": 756733, "exchange": "ARCA", "isUS": True}]}]}

    async def search(self, symbol: str, sec_type: str = "") -> list[dict[str, Any]]:
        return []

    async def contract(self, conid: int) -> dict[str, Any]:
        return {"con_id": conid, "symbol": "SPY", "currency": "USD", "instrument_type": "STK"}


async def test_the_market_clock_tries_again_and_knows_the_next_change(fake_clock: Any) -> None:
    reads = ScheduleReads(fake_clock.now())
    clock = MarketClock(reads, Contracts(OneContract(), fake_clock, ["US"]), fake_clock)
    running = asyncio.create_task(clock.run())
    await fake_clock.advance(1)
    assert clock.hours() is None
    reads.fails = False
    await fake_clock.advance(RETRY_EVERY)
    hours = clock.hours()
    assert hours is not None
    assert (hours.is_open, hours.next_change) == (True, reads.span.closing)
    await fake_clock.advance(3600)
    hours = clock.hours()
    assert hours is not None
    assert not hours.is_open
    running.cancel()

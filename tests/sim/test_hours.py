"""Closed days, half days, and the two forms of a schedule."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from ibkr_tui.sim.calendars import us_half_days, us_holidays
from ibkr_tui.sim.clock import ExchangeTime
from ibkr_tui.sim.hours import CME, FOREX, LONDON, TORONTO, US_STOCKS, Phase

NEW_YORK = ZoneInfo("America/New_York")


def at(*parts):
    return datetime(*parts, tzinfo=NEW_YORK).timestamp()


def test_the_holidays_of_new_york_2026():
    assert us_holidays(2026) == {
        date(2026, 1, 1),
        date(2026, 1, 19),
        date(2026, 2, 16),
        date(2026, 4, 3),
        date(2026, 5, 25),
        date(2026, 6, 19),
        date(2026, 7, 3),
        date(2026, 9, 7),
        date(2026, 11, 26),
        date(2026, 12, 25),
    }
    assert us_half_days(2026) == {date(2026, 11, 27), date(2026, 12, 24)}
    assert date(2021, 12, 31) not in us_holidays(2021), "New Year on a Saturday is not kept on Friday"
    assert date(2023, 1, 2) in us_holidays(2023)


@pytest.mark.parametrize(
    ("venue", "moment", "phase"),
    [
        (US_STOCKS, at(2026, 11, 26, 11, 0), Phase.CLOSED),
        (CME, at(2026, 11, 26, 11, 0), Phase.OPEN),
        (CME, at(2026, 11, 26, 13, 30), Phase.CLOSED),
        (US_STOCKS, at(2026, 11, 27, 12, 59), Phase.OPEN),
        (US_STOCKS, at(2026, 11, 27, 13, 1), Phase.EXTENDED),
        (US_STOCKS, at(2026, 11, 27, 17, 1), Phase.CLOSED),
        (CME, at(2026, 12, 25, 11, 0), Phase.CLOSED),
        (FOREX, at(2026, 12, 25, 11, 0), Phase.CLOSED),
        (LONDON, at(2026, 4, 6, 6, 0), Phase.CLOSED),
        (TORONTO, at(2026, 7, 1, 11, 0), Phase.CLOSED),
    ],
)
def test_closed_and_half_days(venue, moment, phase):
    assert venue.phase(moment) is phase


def test_the_next_change_is_found_across_a_long_weekend():
    assert US_STOCKS.next_change(at(2026, 4, 2, 20, 30)) == at(2026, 4, 6, 4, 0)
    assert (
        LONDON.next_change(at(2026, 4, 2, 20, 30))
        == datetime(2026, 4, 7, 8, tzinfo=ZoneInfo("Europe/London")).timestamp()
    )


def test_a_fresh_exchange_does_not_start_on_a_holiday():
    class Stopped:
        def now(self):
            return at(2026, 11, 26, 15, 0)

        monotonic = now

    started = datetime.fromtimestamp(ExchangeTime(Stopped()).now(), UTC).astimezone(NEW_YORK)
    assert (started.date(), started.hour) == (date(2026, 11, 25), 10)


async def test_the_weekday_form_names_ordinary_days_and_exceptions(start, fake_clock):
    fake_clock.moment = at(2026, 11, 25, 10, 5)
    client = await (await start(clock=fake_clock)).login()
    entries = await client.get("/trsrv/secdef/schedule", assetClass="STK", symbol="AAPL", exchangeFilter="NASDAQ")
    assert len(entries) == 1 and entries[0]["exchange"] == "NASDAQ"
    days = {day["tradingScheduleDate"]: day for day in entries[0]["schedules"]}
    assert days["20000101"]["sessions"] == days["20000102"]["sessions"] == []
    monday = days["20000103"]
    assert monday["sessions"] == [{"openingTime": "0930", "closingTime": "1600", "prop": "LIQUID"}]
    assert monday["tradingtimes"][0]["openingTime"] == "0400"
    assert days["20261126"]["sessions"] == [] and days["20261127"]["sessions"][0]["closingTime"] == "1300"
    every = await client.get("/trsrv/secdef/schedule", assetClass="STK", symbol="AAPL")
    assert {entry["exchange"] for entry in every} == {"NASDAQ", "MEXI", "EBS", "TSE"}
    assert await client.get("/trsrv/secdef/schedule", assetClass="STK", symbol="ZZZZ") == []
    assert (await client.call("GET", "/trsrv/secdef/schedule", symbol="AAPL")).status_code == 400


async def test_the_day_form_leaves_closed_days_out(start, fake_clock):
    fake_clock.moment = at(2026, 11, 25, 10, 5)
    client = await (await start(clock=fake_clock)).login()
    told = await client.get("/contract/trading-schedule", conid="265598")
    assert list(told["schedules"])[:3] == ["20261125", "20261127", "20261130"]
    half = told["schedules"]["20261127"]["liquid_hours"][0]
    assert half["closing"] - half["opening"] == 3.5 * 3600

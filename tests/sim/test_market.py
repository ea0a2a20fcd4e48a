"""Prices, hours, charts: deterministic from the seed, consistent with each other."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from ibkr_tui.sim.charts import parse_span
from ibkr_tui.sim.clock import ExchangeTime, ShiftedClock, WallClock
from ibkr_tui.sim.hours import CME, FOREX, US_STOCKS, Phase
from ibkr_tui.sim.market import Market
from ibkr_tui.sim.text import volume_text

AAPL, SPY, ES = 265598, 756733, 495512572
NEW_YORK = ZoneInfo("America/New_York")


class SetClock:
    """A wall clock that a test sets."""

    def __init__(self, moment):
        self.moment = moment

    def now(self):
        return self.moment

    monotonic = now

    async def sleep(self, seconds):
        raise AssertionError("nothing waits here")


def at(*parts):
    return datetime(*parts, tzinfo=NEW_YORK).timestamp()


def market_at(moment, seed=7):
    clock = SetClock(moment)
    return clock, Market(clock, ExchangeTime(clock), seed)


@pytest.mark.parametrize(
    "moment",
    [
        at(2026, 11, 21, 3, 12),
        at(2026, 11, 22, 23, 59),
        at(2026, 3, 8, 12, 0),
        at(2026, 7, 1, 0, 0),
        at(2027, 1, 1, 9, 0),
    ],
)
def test_a_fresh_exchange_starts_at_ten_on_a_weekday(moment):
    started = datetime.fromtimestamp(ExchangeTime(SetClock(moment)).now(), UTC).astimezone(NEW_YORK)
    assert started.weekday() < 5
    assert (started.hour, started.minute) == (10, datetime.fromtimestamp(moment, UTC).minute)
    assert (ExchangeTime(SetClock(moment)).now() - moment) % 300 == 0


def test_speed_and_jumps_move_the_exchange_clock():
    clock = SetClock(at(2026, 11, 18, 12, 0))
    exchange = ExchangeTime(clock, speed=10.0)
    start = exchange.now()
    clock.moment += 60
    assert exchange.now() == pytest.approx(start + 600)
    assert exchange.to_wall(exchange.now()) == pytest.approx(clock.moment)
    exchange.jump(100)
    assert exchange.now() == pytest.approx(start + 700)


def test_hours():
    assert US_STOCKS.phase(at(2026, 11, 20, 9, 29)) is Phase.EXTENDED
    assert US_STOCKS.phase(at(2026, 11, 20, 9, 30)) is Phase.OPEN
    assert US_STOCKS.phase(at(2026, 11, 20, 20, 0)) is Phase.CLOSED
    assert US_STOCKS.phase(at(2026, 11, 21, 12, 0)) is Phase.CLOSED
    assert FOREX.phase(at(2026, 11, 22, 18, 0)) is Phase.OPEN, "Sunday evening belongs to Monday"
    assert FOREX.phase(at(2026, 11, 20, 17, 1)) is Phase.CLOSED
    assert CME.phase(at(2026, 11, 18, 20, 0)) is Phase.EXTENDED
    assert US_STOCKS.next_change(at(2026, 11, 20, 21, 0)) == at(2026, 11, 23, 4, 0)


def test_the_same_seed_gives_the_same_prices():
    runs = []
    for seed in (7, 7, 8):
        clock, market = market_at(at(2026, 11, 18, 3, 0), seed)
        for _ in range(40):
            clock.moment += 0.25
            market.advance()
        runs.append([(walk.bid, walk.ask, walk.last, int(walk.day.volume)) for walk in market.walks.values()])
    assert runs[0] == runs[1] and runs[0] != runs[2]


def test_quotes_are_sane_for_a_whole_day():
    clock, market = market_at(at(2026, 11, 18, 3, 0))
    for _ in range(60):
        clock.moment += 360
        market.advance()
        for walk in market.walks.values():
            assert 0 < walk.bid < walk.ask
            assert walk.day.low <= walk.last <= walk.day.high
            assert walk.bid_size > 0 and walk.ask_size > 0
    assert len(market.walks) >= 48


def test_a_closed_market_stands_still_and_opens_a_new_day():
    clock, market = market_at(at(2026, 11, 18, 3, 0))
    clock.moment += 10 * 3600
    market.advance()
    walk = market.walks[AAPL]
    assert market.phase(AAPL) is Phase.CLOSED
    before = (walk.version, walk.last)
    clock.moment += 3600
    market.advance()
    assert (walk.version, walk.last) == before
    clock.moment += 13 * 3600
    market.advance()
    assert market.phase(AAPL) is Phase.OPEN
    assert walk.day.previous_close == before[1] and walk.version > before[0]


@pytest.mark.parametrize(
    ("period", "bar", "seconds", "least"),
    [
        ("1d", "5min", 300, 75),
        ("1w", "15min", 900, 120),
        ("1m", "1d", 86_400, 20),
        ("1y", "1d", 86_400, 255),
        ("5y", "1w", 604_800, 255),
        ("1h", "1min", 60, 59),
        ("6m", "", 86_400, 120),
    ],
)
def test_charts_reach_the_live_price_without_holes_in_price(period, bar, seconds, least):
    clock, market = market_at(at(2026, 11, 18, 3, 0))
    clock.moment += 400
    market.advance()
    span = parse_span(period, bar)
    assert span.bar == seconds
    bars = market.bars(AAPL, span)
    assert len(bars) >= least
    assert bars[-1].close == market.walks[AAPL].last
    for one in bars:
        assert one.low <= min(one.open, one.close) <= max(one.open, one.close) <= one.high and one.volume >= 0
    for one, two in pairwise(bars):
        assert two.start > one.start and abs(two.open / one.close - 1) < 0.12


def test_a_day_is_the_sum_of_its_minutes():
    _, market = market_at(at(2026, 11, 18, 3, 0))
    past = market._past[AAPL]
    for index in range(25):
        _, day = past.day(index)
        minutes = past.minutes(index)
        assert (minutes[0].open, minutes[-1].close) == (day.open, day.close)
        assert (max(m.high for m in minutes), min(m.low for m in minutes)) == (day.high, day.low)
        assert sum(m.volume for m in minutes) == pytest.approx(day.volume, rel=0.001)


def test_every_live_tick_is_in_the_running_bar():
    clock, market = market_at(at(2026, 11, 18, 3, 0))
    seen = []
    for _ in range(120):
        clock.moment += 0.25
        market.advance()
        seen.append(market.walks[AAPL].last)
    bars = market.bars(AAPL, parse_span("1h", "1min"))[-2:]
    assert max(seen) <= max(b.high for b in bars) and min(seen) >= min(b.low for b in bars)


@pytest.mark.parametrize("period", ["", "1", "d", "0d", "9h", "31min", "1001d", "xd"])
def test_nonsense_periods(period):
    assert parse_span(period, "1d") is None


@pytest.mark.parametrize(("value", "text"), [(912, "912"), (845_300, "845K"), (12_200_000, "12.2M"), (2e9, "2B")])
def test_volume_text(value, text):
    assert volume_text(value) == text


def test_an_idle_market_is_cheap():
    """48 instruments at 4 ticks a second must cost under 3 % of a core."""
    clock = ShiftedClock(WallClock())
    exchange = ExchangeTime(clock)
    market = Market(clock, exchange, 1)
    used = time.process_time()
    for _ in range(40):
        exchange.jump(0.25)
        market.advance()
    assert time.process_time() - used < 0.03 * 10


async def test_snapshot_needs_a_preflight(client):
    async def snapshot():
        return await client.get("/iserver/marketdata/snapshot", conids="265598,495512572", fields="31,84,86,85,87,55")

    first = await snapshot()
    assert set(first[0]) == {"conidEx", "conid", "_updated", "server_id", "6119"}
    async with asyncio.timeout(3):
        while "31" not in (row := (await snapshot())[0]):
            await asyncio.sleep(0.05)
    assert row["55"] == "AAPL" and row["6509"] == "RpB" and row["87"].endswith("M") and row["87_raw"] > 1e6
    assert float(row["84"]) < float(row["86"]) and row["85"].isdigit()
    assert "," in (await snapshot())[1]["84"], "an index future has a thousands comma"
    assert (await client.call("GET", "/iserver/marketdata/snapshot")).status_code == 400


async def test_snapshot_before_accounts_is_empty(start):
    client = await start()
    await client.mint()
    await client.post("/iserver/auth/ssodh/init", {"publish": True, "compete": True})
    assert await client.get("/iserver/marketdata/snapshot", conids="265598", fields="31") == []


async def test_closed_and_halted_prices_are_marked(client):
    await client.get("/iserver/marketdata/snapshot", conids="265598", fields="31")
    await client.control("market", {"conid": AAPL, "halted": True})
    await client.control("clock", {"seconds": 1})
    halted = await client.call("GET", "/iserver/marketdata/snapshot", conids="265598", fields="31")
    assert halted.json()[0]["31"].startswith("H")
    await client.control("market", {"conid": AAPL, "halted": False})
    await client.control("clock", {"exchange_seconds": 10 * 3600})
    closed = (await client.call("GET", "/iserver/marketdata/snapshot", conids="265598", fields="31")).json()[0]
    assert closed["31"].startswith("C") and closed["6509"].startswith("Z")


async def test_history_over_http(client):
    answer = await client.get("/iserver/marketdata/history", conid="265598", period="1d", bar="5min")
    assert answer["barLength"] == 300 and answer["points"] == len(answer["data"]) - 1 and answer["priceFactor"] == 100
    assert answer["data"][-1]["t"] <= time.time() * 1000 < answer["data"][-1]["t"] + 301_000
    assert all(bar["t"] % 300_000 == 0 for bar in answer["data"])
    top = max(answer["data"], key=lambda bar: bar["h"])
    assert answer["high"].split("/")[0] == f"{top['h'] * 100:.0f}"
    spy = await client.get("/iserver/marketdata/history", conid="756733", period="1m", bar="1d")
    assert spy["volumeFactor"] == 40
    assert "error" in await client.get("/iserver/marketdata/history", conid="265598", period="1x")


async def test_the_market_is_open_now_whatever_the_hour(client):
    answer = await client.get("/contract/trading-schedule", conid="265598")
    spans = [day["liquid_hours"][0] for day in answer["schedules"].values()]
    assert len(spans) == 6
    now = time.time()
    opening = datetime.fromtimestamp(
        next(span["opening"] for span in spans if span["opening"] <= now), ZoneInfo(answer["exchange_time_zone"])
    )
    assert f"{opening:%H:%M}" == "09:30", "in the zone it names, the exchange opens when it says"
    current = [span for span in spans if span["opening"] <= now < span["closing"]]
    assert len(current) == 1 and current[0]["closing"] - current[0]["opening"] == 23_400
    assert 1_800 <= now - current[0]["opening"] < 5_460


async def test_a_wall_clock_that_jumps_back_leaves_the_charts_whole(client):
    before = await client.get("/iserver/marketdata/history", conid="265598", period="1h", bar="1min")
    await client.control("clock", {"seconds": -240})
    after = (await client.call("GET", "/iserver/marketdata/history", conid="265598", period="1h", bar="1min")).json()
    assert before["data"][-1]["t"] - after["data"][-1]["t"] in (240_000, 180_000)
    assert all(two["t"] > one["t"] for one, two in pairwise(after["data"]))


async def test_options_have_greeks_and_positions_their_own_fields(client):
    fields = "31,7308,7309,7310,7311,73,74,75,76,80,6457,82,83,7294,7762"
    await client.get("/iserver/marketdata/snapshot", conids="684233891,8894", fields=fields)
    await client.control("clock", {"seconds": 1})
    call, coke = await client.get("/iserver/marketdata/snapshot", conids="684233891,8894", fields=fields)
    assert 0.2 < float(call["7308"]) < 0.9 and float(call["7310"]) < 0 < float(call["7311"])
    assert call["6457"] == "265598" and call["76"] == "5" and call["74"] == "7.85"
    value = 5 * 100 * float(call["31"])
    assert float(call["73"].replace(",", "")) == pytest.approx(value, rel=0.1)
    assert "7308" not in coke and "73" not in coke and coke["83"].endswith("%")
    assert float(coke["7294"]) >= float(coke["31"])


async def test_unsubscribing(client):
    await client.get("/iserver/marketdata/snapshot", conids="265598", fields="31")
    assert await client.post("/iserver/marketdata/unsubscribe", {"conid": 265598}) == {"success": True}
    assert (await client.call("POST", "/iserver/marketdata/unsubscribe", {"conid": 265598})).status_code == 500
    assert await client.get("/iserver/marketdata/unsubscribeall") == {"unsubscribed": True}


async def test_an_instrument_without_permission_has_no_prices(client):
    await client.control("market", {"conid": AAPL, "feed": "N"})
    await client.get("/iserver/marketdata/snapshot", conids="265598", fields="31,55")
    await client.control("clock", {"seconds": 1})
    row = (await client.get("/iserver/marketdata/snapshot", conids="265598", fields="31,55"))[0]
    assert "31" not in row and row["55"] == "AAPL" and row["6509"] == "N"


def test_weeks_and_months_are_sums_of_days():
    _, market = market_at(at(2026, 11, 18, 3, 0))
    days = market.bars(SPY, parse_span("3y", "1d"))
    for bar in ("1w", "1m"):
        longer = market.bars(SPY, parse_span("3y", bar))
        assert sum(b.volume for b in longer) == pytest.approx(sum(d.volume for d in days), rel=1e-9)
        assert max(b.high for b in longer) == max(d.high for d in days)
        assert longer[0].open == days[0].open and longer[-1].close == days[-1].close

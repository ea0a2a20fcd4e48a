"""Option chains: search, months, strikes, contracts, and prices that belong together."""

from __future__ import annotations

import asyncio
import math
from datetime import date
from decimal import Decimal
from itertools import pairwise

import pytest

from ibkr_tui.sim.chains import Chains
from ibkr_tui.sim.charts import parse_span
from ibkr_tui.sim.clock import ExchangeTime
from ibkr_tui.sim.expiries import option_expiries, third_friday
from ibkr_tui.sim.instruments import catalogue
from ibkr_tui.sim.market import Market
from ibkr_tui.sim.pricing import YEAR_S, Terms, greeks, value

AAPL, CALL, ES_INDEX = 265598, 684233891, 11004968


class SetClock:
    def __init__(self, moment):
        self.moment = moment

    def now(self):
        return self.moment

    monotonic = now

    async def sleep(self, seconds):
        raise AssertionError("nothing waits here")


def market_at(moment=1_763_600_000.0):
    clock = SetClock(moment)
    return clock, Market(clock, ExchangeTime(clock), 7)


def test_a_textbook_value_and_its_greeks():
    """Hull's example: 42 spot, 40 strike, 20 % volatility, half a year; at our rate of 4.5 % a year."""
    call, put = Terms(40.0, 0.2, YEAR_S / 2, 1.0), Terms(40.0, 0.2, YEAR_S / 2, -1.0)
    discount = math.exp(-0.045 * 0.5)
    assert value(call, 42.0, 0.0) - value(put, 42.0, 0.0) == pytest.approx(42.0 - 40.0 * discount)
    assert 4.0 < value(call, 42.0, 0.0) < 4.8
    told, small = greeks(call, 42.0, 0.0), 1e-4
    slope = (value(call, 42.0 + small, 0.0) - value(call, 42.0 - small, 0.0)) / (2 * small)
    assert told.delta == pytest.approx(slope, rel=1e-5)
    above, below = greeks(call, 42.0 + small, 0.0).delta, greeks(call, 42.0 - small, 0.0).delta
    assert told.gamma == pytest.approx((above - below) / (2 * small), rel=1e-4)
    assert told.theta == pytest.approx(value(call, 42.0, 86_400.0) - value(call, 42.0, 0.0), rel=0.01)
    more = value(call._replace(volatility=0.21), 42.0, 0.0) - value(call, 42.0, 0.0)
    assert told.vega == pytest.approx(more, rel=0.01)


def test_at_its_end_an_option_is_worth_what_it_is_in_the_money():
    put = Terms(40.0, 0.2, 1_000.0, -1.0)
    assert (value(put, 35.0, 1_000.0), value(put, 45.0, 2_000.0)) == (5.0, 0.0)
    assert greeks(put, 35.0, 1_000.0)[1:] == (-1.0, 0.0, 0.0, 0.0)


def test_expiries_are_trading_days():
    assert third_friday(date(2026, 6, 1)) == date(2026, 6, 18), "Juneteenth"
    assert third_friday(date(2025, 4, 1)) == date(2025, 4, 17), "Good Friday"
    days = option_expiries(date(2026, 11, 20))
    assert date(2026, 11, 20) in days and date(2026, 12, 18) in days and date(2027, 12, 17) in days
    assert len(days) >= 10 and days == sorted(set(days))


def test_every_contract_is_found_again_by_its_conid():
    today = date(2026, 11, 20)
    stocks = [item for item in catalogue(today) if item.sec_type == "STK" and item.is_us]
    chains, seen = Chains(stocks, third_friday(date(2027, 1, 4))), set()
    for stock in stocks[::7]:
        for expiry in chains.expiries(today):
            for strike in chains.strikes(stock.conid):
                for right in "CP":
                    conid = chains.conid_of(stock.conid, expiry, strike, right)
                    item = chains.contract(conid, today)
                    assert (item.underlying, item.expiry, item.strike, item.right) == (
                        stock.conid,
                        expiry,
                        strike,
                        right,
                    )
                    assert conid not in seen and conid < 2**31
                    seen.add(conid)
    assert chains.contract(CALL, today).local_symbol == "AAPL  270115C00190000"
    assert chains.contract(700_000_001, today) is None and chains.contract(5, today) is None


def test_prices_of_a_chain_are_ordered_and_follow_the_stock():
    clock, market = market_at()
    chains, expiry = market.chains, market.chains.expiries(market.today)[5]
    strikes = chains.strikes(AAPL)
    calls = [market.walks[chains.conid_of(AAPL, expiry, strike, "C")] for strike in strikes]
    assert len(strikes) > 30 and all(a.mark >= b.mark for a, b in pairwise(calls))
    middle = calls[len(calls) // 2]
    before = middle.mark
    market.walks[AAPL].place_at(Decimal(210))
    clock.moment += 2
    market.advance()
    assert middle.mark > before + 8
    told = market.greeks(middle.instrument.conid)
    assert 0.7 < told.delta <= 1 and told.gamma > 0 and told.theta < 0 and told.vega > 0


def test_a_quote_keeps_the_increments_of_its_class():
    clock, market = market_at()
    chains, expiry = market.chains, market.chains.expiries(market.today)[5]
    walks = [market.walks[chains.conid_of(AAPL, expiry, strike, "P")] for strike in chains.strikes(AAPL)]
    for _ in range(40):
        clock.moment += 1
        market.advance()
        for walk in walks:
            assert 0 < walk.bid < walk.ask
            if walk.mid > 305:
                assert walk.bid % 5 == walk.ask % 5 == 0
    assert walks[0].instrument.increments == [(0, Decimal("0.01")), (3, Decimal("0.05"))]


def test_a_chart_of_an_option_ends_where_it_trades_and_its_minutes_add_up():
    clock, market = market_at()
    for _ in range(120):
        clock.moment += 1
        market.advance()
    conid = market.chains.conid_of(AAPL, market.chains.expiries(market.today)[6], Decimal("187.5"), "P")
    days = market.bars(conid, parse_span("1m", "1d"))
    walk = market.walks[conid]
    assert days[-1].close == walk.last and 15 < len(days) < 24
    assert abs(walk.last / days[-2].close - 1) < 0.8
    minutes = market._past[conid].minutes(3)
    day = market._past[conid].day(3)[1]
    assert max(bar.high for bar in minutes) == day.high and min(bar.low for bar in minutes) == day.low
    assert len(market.bars(conid, parse_span("1y", "1d"))) <= 61, "an option has a short past"


async def test_search_strikes_info(client):
    assert await client.get("/iserver/secdef/strikes", conid=str(AAPL), sectype="OPT", month="JAN27") == {
        "call": [],
        "put": [],
    }, "not searched for yet"
    found = await client.get("/iserver/secdef/search", symbol="AAPL")
    us = next(row for row in found if row["conid"] == str(AAPL))
    months = next(section for section in us["sections"] if section["secType"] == "OPT")["months"].split(";")
    assert len(months) > 5 and len(set(months)) == len(months)
    month = months[2]
    strikes = await client.get("/iserver/secdef/strikes", conid=str(AAPL), sectype="OPT", month=month)
    assert strikes["call"] == strikes["put"] and 190.0 in strikes["call"]
    asked = {"conid": str(AAPL), "sectype": "OPT", "month": month, "strike": "190"}
    both = await client.get("/iserver/secdef/info", **asked)
    assert {row["right"] for row in both} == {"C", "P"}
    calls = await client.get("/iserver/secdef/info", right="C", **asked)
    assert calls and all(row["strike"] == 190.0 and row["multiplier"] == "100" for row in calls)
    assert calls[0]["desc2"].endswith(" 190 Call)")
    assert await client.get("/iserver/secdef/info", **{**asked, "strike": "191.37"}) == []
    for bad in ({"month": "SMARCH"}, {"strike": "x"}, {"right": "Q"}):
        assert (await client.call("GET", "/iserver/secdef/info", **{**asked, **bad})).status_code == 400
    gone = await client.get("/iserver/secdef/strikes", conid=str(AAPL), sectype="OPT", month="JAN19")
    assert gone == {"call": [], "put": []}
    info = await client.get(f"/iserver/contract/{calls[0]['conid']}/info")
    assert info["multiplier"] == "100" and info["underlying_con_id"] == AAPL


async def test_an_option_is_quoted_streamed_and_traded(client, frame_of):
    market = client.running.sim.market
    expiry = market.chains.expiries(market.today)[6]
    conid = market.chains.conid_of(AAPL, expiry, Decimal(190), "C")
    fields = "31,84,86,7308,7309,7310,7311,7633,7635,6509,201,6073"
    await client.get("/iserver/marketdata/snapshot", conids=str(conid), fields=fields)
    await asyncio.sleep(0.45)
    row = (await client.get("/iserver/marketdata/snapshot", conids=str(conid), fields=fields))[0]
    assert 0 < float(row["7308"]) < 1 and float(row["7309"]) > 0 and float(row["7310"]) < 0 < float(row["7311"])
    assert row["7633"].endswith("%") and 10 < float(row["7633"].rstrip("%")) < 60
    assert row["201"] == "C" and row["6073"] == f"{expiry:%Y%m%d}"
    socket = await client.connect()
    await socket.send(f'smd+{conid}+{{"fields":["31","84","86","7308"]}}')
    frame = await frame_of(socket, lambda frame: frame.get("topic") == f"smd+{conid}")
    assert float(frame["84"]) < float(frame["86"]) and "7308" in frame
    await socket.close()
    before = (await client.state())["accounts"][client.account]
    answer = await client.place(conid=conid, quantity=2)
    while "order_id" not in answer[0]:
        answer = await client.post(f"/iserver/reply/{answer[0]['id']}", {"confirmed": True})
    state = await client.wait_state(lambda state: state["executions"])
    after, fill = state["accounts"][client.account], state["executions"][0]
    assert after["positions"][str(conid)] == "2"
    paid = Decimal(before["cash"]["USD"]) - Decimal(after["cash"]["USD"])
    assert paid == Decimal(fill["price"]) * 200 + Decimal(state["executions"][0]["commission"])


async def test_an_option_from_three_dollars_on_trades_in_nickels(client):
    market = client.running.sim.market
    conid = market.chains.conid_of(AAPL, market.chains.expiries(market.today)[6], Decimal(190), "C")
    rules = (await client.get(f"/iserver/contract/{conid}/info-and-rules"))["rules"]
    assert rules["incrementRules"] == [{"lowerEdge": 0.0, "increment": 0.01}, {"lowerEdge": 3.0, "increment": 0.05}]
    odd = await client.place(conid=conid, orderType="LMT", price=3.01)
    assert "minimum price variation" in odd["error"]
    for price in (2.99, 3.05):
        assert "minimum price variation" not in str(await client.place(conid=conid, orderType="LMT", price=price))


async def test_futures_have_several_months(client):
    rows = (await client.get("/trsrv/futures", symbols="ES,CL"))["ES"]
    assert len(rows) == 4 and rows[0]["conid"] == 495512572
    assert [row["expirationDate"] for row in rows] == sorted({row["expirationDate"] for row in rows})
    assert all(row["underlyingConid"] == ES_INDEX for row in rows)
    found = await client.get("/iserver/secdef/search", symbol="ES", secType="IND")
    months = next(section for section in found[0]["sections"] if section["secType"] == "FUT")["months"].split(";")
    assert len(found) == 1 and len(months) == 4
    second = await client.get("/iserver/secdef/info", conid=str(ES_INDEX), sectype="FUT", month=months[1])
    assert second[0]["conid"] == rows[1]["conid"] and second[0]["multiplier"] == "50"
    assert (await client.call("GET", "/trsrv/futures")).status_code == 400
    market = client.running.sim.market
    near, far = (market.walks[row["conid"]].mark for row in rows[:2])
    assert Decimal("1.005") < far / near < Decimal("1.03")


def test_later_months_follow_the_first():
    clock, market = market_at()
    months = [market.walks[item.conid] for item in market.instruments.values() if item.symbol == "CL"]
    near, far = months[0], months[-1]
    ratio = far.mark / near.mark
    near.place_at(Decimal(90))
    clock.moment += 2
    market.advance()
    assert far.mark / near.mark == pytest.approx(ratio, rel=Decimal("0.001"))

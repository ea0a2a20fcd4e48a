"""Performance, transactions and scanners: figures that agree with positions, charts and prices."""

from __future__ import annotations

from datetime import datetime

import pytest

AAPL, MSFT = 265598, 272093
ACCOUNT = "DU1234567"


async def test_performance_ends_at_the_net_liquidation(client):
    told = await client.post("/pa/performance", {"acctIds": [ACCOUNT], "period": "1M"})
    assert told["currencyType"] == "base" and told["pm"] == "TWR" and told["included"] == [ACCOUNT]
    nav, cps = told["nav"]["data"][0], told["cps"]["data"][0]
    assert len(nav["navs"]) == len(cps["returns"]) == len(told["cps"]["dates"]) >= 19
    assert told["cps"]["dates"] == sorted(set(told["cps"]["dates"]))
    assert all(datetime.strptime(day, "%Y%m%d").weekday() < 5 for day in told["cps"]["dates"])
    summary = await client.get(f"/portfolio/{ACCOUNT}/summary")
    assert nav["navs"][-1] == pytest.approx(summary["netliquidation"]["amount"], rel=0.002)
    start = nav["startNAV"]["val"]
    assert cps["returns"][-1] == pytest.approx(nav["navs"][-1] / start - 1, abs=1e-6)
    months = told["tpps"]["data"][0]["returns"]
    total = 1.0
    for month in months:
        total *= 1 + month
    assert len(months) == len(told["tpps"]["dates"]) and total - 1 == pytest.approx(cps["returns"][-1], abs=1e-6)


@pytest.mark.parametrize("period", ["1D", "7D", "MTD", "3M", "6M", "12M", "1Y", "YTD"])
async def test_every_period_begins_where_it_says(client, period):
    told = await client.post("/pa/performance", {"acctIds": [ACCOUNT], "period": period})
    data = told["nav"]["data"][0]
    assert data["startNAV"]["date"] < told["nav"]["dates"][0] and data["navs"]


async def test_what_performance_is_refused_for(client):
    for body, status in (
        ({"acctIds": [ACCOUNT], "period": "2W"}, 400),
        ({"period": "1M"}, 400),
        ({"acctIds": ["U9"], "period": "1M"}, 500),
    ):
        assert (await client.call("POST", "/pa/performance", body)).status_code == status
    told = await client.post("/pa/allperiods", {"acctIds": [ACCOUNT]})
    assert set(told[ACCOUNT]["periods"]) < set(told[ACCOUNT]) and told[ACCOUNT]["1D"]["cps"]


async def test_transactions_hold_the_past_and_what_happens_now(client):
    async def told(conid, **more):
        return await client.post("/pa/transactions", {"acctIds": [ACCOUNT], "conids": [conid], **more})

    before = await told(AAPL)
    assert before["id"] == "getTransactions" and before["rpnl"] == {"data": [], "amt": "0.0"}
    assert sum(row["qty"] for row in before["transactions"]) == 400
    assert all(row["pr"] == 180.1 and row["type"] == "Buy" for row in before["transactions"])
    first = before["transactions"][0]
    assert first["amt"] == pytest.approx(-first["qty"] * first["pr"]) and first["rawDate"] == f"{day_of(first):%Y%m%d}"
    await client.place(side="SELL", quantity=10)
    await client.wait_state(lambda state: state["executions"])
    after = await told(AAPL)
    assert len(after["transactions"]) == len(before["transactions"]) + 1
    assert after["transactions"][-1]["qty"] == -10 and after["transactions"][-1]["type"] == "Sell"
    assert float(after["rpnl"]["amt"]) > 0 and after["rpnl"]["data"][0]["side"] == "G"
    assert len((await told(AAPL, days=1))["transactions"]) == 1
    assert (await told(4391))["transactions"] == []
    for body in ({"acctIds": [ACCOUNT]}, {"acctIds": [ACCOUNT], "conids": [AAPL, MSFT]}, {"conids": [AAPL]}):
        assert (await client.call("POST", "/pa/transactions", body)).status_code == 400


def day_of(row):
    parts = row["date"].split()
    return datetime.strptime(f"{parts[1]} {parts[2]} {parts[5]}", "%b %d %Y")


async def test_a_scan_sorts_and_filters(client):
    params = await client.get("/iserver/scanner/params")
    codes = {row["code"] for row in params["scan_type_list"]}
    assert {"TOP_PERC_GAIN", "TOP_PERC_LOSE", "MOST_ACTIVE"} <= codes
    assert {row["type"] for row in params["instrument_list"]} >= {"STK", "FUT.US"}
    market = client.running.sim.market
    walk = market.walks[MSFT]
    await client.control("market", {"conid": MSFT, "price": str(float(walk.last_price) * 1.4), "frozen": True})
    wanted = {"instrument": "STK", "type": "TOP_PERC_GAIN", "location": "STK.US.MAJOR", "filter": []}
    rows = (await client.post("/iserver/scanner/run", wanted))["contracts"]
    assert rows[0]["con_id"] == MSFT and rows[0]["column_name"] == "Chg%" and "column_name" not in rows[1]
    assert rows[0]["listing_exchange"] == "NASDAQ.NMS" and len(rows) > 20
    shares = [float(row["scan_data"].rstrip("%")) for row in rows]
    assert shares == sorted(shares, reverse=True)
    wanted["filter"] = [{"code": "priceAbove", "value": 400}, {"code": "priceBelow", "value": "700"}]
    few = (await client.post("/iserver/scanner/run", wanted))["contracts"]
    assert MSFT in {row["con_id"] for row in few} and len(few) < len(rows)
    futures = {"instrument": "FUT.US", "type": "MOST_ACTIVE", "location": "FUT.CME"}
    found = (await client.post("/iserver/scanner/run", futures))["contracts"]
    assert {row["sec_type"] for row in found} == {"FUT"} and {row["symbol"] for row in found} == {"ES", "NQ", "RTY"}
    await client.control("market", {"conid": AAPL, "halted": True})
    halted = {"instrument": "STK", "type": "HALTED", "location": "STK.US"}
    assert [row["symbol"] for row in (await client.post("/iserver/scanner/run", halted))["contracts"]] == ["AAPL"]


@pytest.mark.parametrize(
    "change",
    [
        {"type": "TOP_RUMOURS"},
        {"instrument": "ART"},
        {"location": "MARS"},
        {"filter": [{"code": "colour", "value": 3}]},
        {"filter": [{"code": "priceAbove", "value": "x"}]},
        {"filter": "all"},
    ],
)
async def test_a_scan_that_does_not_exist(client, change):
    body = {"instrument": "STK", "type": "MOST_ACTIVE", "location": "STK.US.MAJOR", "filter": [], **change}
    assert (await client.call("POST", "/iserver/scanner/run", body)).status_code == 500

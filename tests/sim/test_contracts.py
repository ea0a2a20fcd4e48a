"""Finding contracts: a plain symbol is ambiguous, ids change type, price increments are told."""

from __future__ import annotations

import pytest


async def test_aapl_has_four_listings_and_the_us_one_is_not_first(client):
    stocks = await client.get("/trsrv/stocks", symbols="AAPL,NONE")
    listings = [contract for company in stocks["AAPL"] for contract in company["contracts"]]
    assert len(listings) == 4 and stocks["NONE"] == []
    assert [c["conid"] for c in listings if c["isUS"]] == [265598] and listings[0]["conid"] != 265598
    found = await client.get("/iserver/secdef/search", symbol="AAPL")
    assert len(found) == 4 and found[0]["conid"] != "265598"
    us = next(row for row in found if row["conid"] == "265598")
    assert us["companyHeader"] == "APPLE INC - NASDAQ"
    assert [section["secType"] for section in us["sections"]] == ["STK", "OPT", "BAG"]


async def test_search_by_prefix_by_name_and_by_post(client):
    prefix = await client.get("/iserver/secdef/search", symbol="GO")
    assert {row["symbol"] for row in prefix} == {"GOOG", "GOOGL"}
    named = await client.post("/iserver/secdef/search", {"symbol": "nvidia", "name": True})
    assert [row["symbol"] for row in named] == ["NVDA"]
    assert (await client.get("/iserver/secdef/search", symbol="EUR"))[0]["conid"] == "12087792"
    assert await client.get("/iserver/secdef/search", symbol="ZZZZ") == []


async def test_definitions(client):
    rows = (await client.get("/trsrv/secdef", conids="265598,495512572,999"))["secdef"]
    assert [row["conid"] for row in rows] == [265598, 495512572]
    assert rows[0]["listingExchange"] == "NASDAQ" and rows[1]["assetClass"] == "FUT" and rows[1]["expiry"]
    future = (await client.get("/trsrv/futures", symbols="ES"))["ES"][0]
    assert future["conid"] == 495512572 and future["expirationDate"] == int(rows[1]["expiry"])


@pytest.mark.parametrize(
    ("conid", "increment", "digits"),
    [
        (265598, 0.01, 2),
        (495512572, 0.25, 2),
        (12087792, 0.00005, 5),
        (38708077, 0.5, 1),
    ],
)
async def test_price_increments(client, conid, increment, digits):
    rules = (await client.get(f"/iserver/contract/{conid}/info-and-rules"))["rules"]
    assert (rules["increment"], rules["incrementDigits"]) == (increment, digits)
    assert rules["canTradeAcctIds"] == ["DU1234567"]
    assert (await client.post("/iserver/contract/rules", {"conid": conid, "isBuy": True}))["increment"] == increment
    assert (await client.call("GET", "/iserver/contract/1/info")).status_code == 400


async def test_currency_pairs_and_rates(client):
    pairs = (await client.get("/iserver/currency/pairs", currency="USD"))["USD"]
    assert {"symbol": "EUR.USD", "conid": 12087792, "ccyPair": "EUR"} in pairs
    rate = (await client.get("/iserver/exchangerate", source="EUR", target="USD"))["rate"]
    assert rate == pytest.approx(1.078, abs=0.02)
    inverse = (await client.get("/iserver/exchangerate", source="USD", target="EUR"))["rate"]
    assert rate * inverse == pytest.approx(1, abs=0.001)

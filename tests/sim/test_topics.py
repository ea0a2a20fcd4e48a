"""History, account summary and ledger over the stream, the limit of lines, several accounts in a login."""

from __future__ import annotations

import json

import pytest

from ibkr_tui.sim.options import SimOptions

AAPL, ES = 265598, 495512572
ACCOUNT = "DU1234567"


def topic(name):
    return lambda frame: frame.get("topic") == name


def failed(frame):
    return "error" in frame


async def connected(client, next_frame):
    socket = await client.connect()
    await next_frame(socket, topic("sts"))
    return socket


async def test_history_is_answered_once_and_ended_by_its_server_id(client, frame_of):
    socket = await connected(client, frame_of)
    wanted = {"period": "2h", "bar": "5min", "outsideRth": False, "source": "trades", "format": "%o/%c/%h/%l/%v"}
    await socket.send(f"smh+{AAPL}+{json.dumps(wanted)}")
    answer = await frame_of(socket, topic(f"smh+{AAPL}"))
    over_rest = await client.get("/iserver/marketdata/history", conid=str(AAPL), period="2h", bar="5min")
    assert answer["timePeriod"] == "7200s" and answer["barLength"] == 300 and answer["symbol"] == "AAPL"
    assert [bar["t"] for bar in answer["data"]] == [bar["t"] for bar in over_rest["data"]]
    assert answer["data"][0] == over_rest["data"][0]
    await socket.send(f"umh+{answer['serverId']}")
    assert (await frame_of(socket, lambda frame: "message" in frame))["message"] == f"Unsubscribed {answer['serverId']}"
    await socket.send(f"umh+{answer['serverId']}")
    assert "no history stream" in (await frame_of(socket, failed))["error"]
    await socket.close()


async def test_what_history_is_refused_for(client, frame_of):
    socket = await connected(client, frame_of)
    for text, words in (
        (f'smh+{AAPL}+{{"period":"9q"}}', "invalid period: 9q"),
        (f'smh+{AAPL}+{{"period":"1d","source":"rumours"}}', "invalid source: rumours"),
        ("smh+12+{}", "unknown contract 12"),
    ):
        await socket.send(text)
        assert (await frame_of(socket, failed))["error"] == words
    for conid in (AAPL, ES, 272093, 4815747, 3691937, 4391):
        await socket.send(f'smh+{conid}+{{"period":"1d","bar":"1h"}}')
    refused = await frame_of(socket, failed)
    assert refused["topic"] == "smh+4391" and "max number" in refused["error"]
    await socket.close()


async def test_the_summary_comes_every_ten_seconds_and_names_what_has_not_changed(start, frame_of, fake_clock):
    client = await (await start(clock=fake_clock)).login()
    socket = await connected(client, frame_of)
    options = {"keys": ["NetLiquidation-S", "AccruedCash", "AccountCode"], "fields": ["currency", "monetaryValue"]}
    await socket.send(f"ssd+{ACCOUNT}+{json.dumps(options)}")
    first = (await frame_of(socket, topic(f"ssd+{ACCOUNT}")))["result"]
    assert [entry["key"] for entry in first] == options["keys"]
    assert first[0]["currency"] == "USD" and 900_000 < first[0]["monetaryValue"] < 1_100_000
    assert set(first[0]) == {"key", "timestamp", "currency", "monetaryValue"}
    assert "ssd" in (await client.state())["ws"]["open"][0]["topics"]
    await client.control("market", {"conid": AAPL, "price": "150.00"})
    await fake_clock.advance(10.5)
    second = (await frame_of(socket, topic(f"ssd+{ACCOUNT}")))["result"]
    assert second[0]["monetaryValue"] < first[0]["monetaryValue"] - 5_000
    assert set(second[1]) == {"key", "timestamp"} and second[1]["timestamp"] >= first[1]["timestamp"] + 10
    await socket.send(f"usd+{ACCOUNT}+{{}}")
    assert (await frame_of(socket, lambda frame: "result" in frame))["result"] == "unsubscribed from summary"
    await client.wait_state(lambda state: state["ws"]["open"][0]["topics"] == [])
    await socket.close()


async def test_a_summary_without_keys_is_whole(client, frame_of):
    socket = await connected(client, frame_of)
    await socket.send(f"ssd+{ACCOUNT}+{{}}")
    entries = {entry["key"]: entry for entry in (await frame_of(socket, topic(f"ssd+{ACCOUNT}")))["result"]}
    assert entries["AccountCode"]["value"] == ACCOUNT and "monetaryValue" in entries["BuyingPower"]
    over_rest = await client.get(f"/portfolio/{ACCOUNT}/summary")
    assert {key.lower() for key in entries} == set(over_rest)
    await socket.send("ssd+U1+{}")
    assert "unknown account" in (await frame_of(socket, failed))["error"]
    await socket.close()


async def test_the_ledger_is_streamed_by_currency(client, frame_of):
    socket = await connected(client, frame_of)
    options = {"keys": ["LedgerListBASE", "LedgerListEUR"], "fields": ["cashBalance", "exchangeRate"]}
    await socket.send(f"sld+{ACCOUNT}+{json.dumps(options)}")
    base, euro = (await frame_of(socket, topic(f"sld+{ACCOUNT}")))["result"]
    assert base["key"] == "LedgerListBASE" and base["exchangeRate"] == 1.0
    assert euro["cashBalance"] == 25_000.0 and euro["exchangeRate"] == pytest.approx(1.078, abs=0.02)
    assert set(euro) == {"key", "timestamp", "cashBalance", "exchangeRate"}
    await socket.send(f"uld+{ACCOUNT}+{{}}")
    assert (await frame_of(socket, lambda frame: "result" in frame))["result"] == "unsubscribed from ledger"
    await socket.close()


async def test_account_figures_need_no_brokerage_session(start, frame_of):
    client = await start()
    await client.mint()
    client.session = (await client.post("/tickle"))["session"]
    socket = await connected(client, frame_of)
    await socket.send(f"sld+{ACCOUNT}+{{}}")
    assert {row["key"] for row in (await frame_of(socket, topic(f"sld+{ACCOUNT}")))["result"]} == {
        "LedgerListBASE",
        "LedgerListUSD",
        "LedgerListEUR",
    }
    await socket.send(f"smh+{AAPL}+{{}}")
    assert (await frame_of(socket, failed))["error"] == "no bridge"
    await socket.close()


async def test_lines_are_counted(start, frame_of, monkeypatch):
    client = await (await start(instruments=120)).login()
    assert client.running.sim.options.lines == 120
    monkeypatch.setattr(SimOptions, "lines", 100)
    stocks = list(client.running.sim.market.instruments)
    socket = await connected(client, frame_of)
    for conid in stocks[:101]:
        await socket.send(f'smd+{conid}+{{"fields":["31"]}}')
    refused = await frame_of(socket, failed)
    assert refused["topic"] == f"smd+{stocks[100]}" and "max number of market data lines (100)" in refused["error"]
    await socket.send(f"umd+{stocks[0]}+{{}}")
    await socket.send(f'smd+{stocks[100]}+{{"fields":["31"]}}')
    assert (await frame_of(socket, topic(f"smd+{stocks[100]}")))["31"]
    await socket.close()


async def test_switching_the_account(start, frame_of):
    client = await (await start(accounts=2)).login()
    told = await client.get("/iserver/accounts")
    assert told["accounts"] == [ACCOUNT, "DU1234568"] and told["selectedAccount"] == ACCOUNT
    assert [row["id"] for row in await client.get("/portfolio/accounts")] == told["accounts"]
    first = await client.get(f"/portfolio/{ACCOUNT}/summary")
    second = await client.get("/portfolio/DU1234568/summary")
    assert first["netliquidation"]["amount"] > second["netliquidation"]["amount"] > 400_000
    assert await client.post("/iserver/account", {"acctId": ACCOUNT}) == {"success": "Account already set"}
    assert await client.post("/iserver/account", {"acctId": "DU1234568"}) == {"set": True, "acctId": "DU1234568"}
    assert (await client.get("/iserver/accounts"))["selectedAccount"] == "DU1234568"
    await client.get("/iserver/account/pnl/partitioned")
    assert list((await client.get("/iserver/account/pnl/partitioned"))["upnl"]) == ["DU1234568.Core"]
    assert (await client.call("POST", "/iserver/account", {"acctId": "U9"})).status_code == 500
    assert (await client.call("POST", "/iserver/account", {})).status_code == 400
    held = {row["conid"] for row in await client.get("/portfolio/DU1234568/positions/0")}
    assert held == {272093, 51529211, 15547841}
    assert (await client.call("GET", "/portfolio/U9/summary")).status_code == 401

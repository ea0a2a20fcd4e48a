"""A larger and faster market: as many instruments as asked for, and each step moves every quote."""

from __future__ import annotations

import asyncio

import pytest

from ibkr_tui.sim.scale import CATALOGUED, LONGEST_S, NORMAL, SHORTEST_S, scale_for


def topic(name):
    return lambda frame: frame.get("topic") == name


def test_the_pace_follows_from_instruments_and_updates():
    assert scale_for(0, 0) == NORMAL and not NORMAL.fast
    fast = scale_for(500, 5_000)
    assert (fast.period, fast.idle) == (0.1, 0.0) and fast.fast
    slow = scale_for(500, 250)
    assert (slow.period, slow.idle) == (LONGEST_S, 0.5)
    assert scale_for(0, 1_000_000).period == SHORTEST_S
    assert scale_for(10, CATALOGUED * 10).period == 0.1, "the catalogue is there in any case"


async def test_every_quote_moves_at_each_step(start, fake_clock):
    client = await (await start(clock=fake_clock, instruments=200, updates=2_000)).login()
    market = client.running.sim.market
    stocks = [item.symbol for item in market.instruments.values() if item.made_up]
    assert len(set(stocks)) == len(stocks) > 100
    assert sum(item.sec_type != "OPT" for item in market.instruments.values()) == 200
    free = [walk for conid, walk in market.walks.items() if market.instruments[conid].sec_type != "OPT"]
    us = [walk for walk in free if walk.instrument.is_us and not walk.instrument.leader]
    before = {walk.instrument.conid: walk.version for walk in us}
    await fake_clock.advance(1.05)
    assert {walk.version - before[walk.instrument.conid] for walk in us} == {10}
    assert all(0 < walk.bid < walk.ask for walk in free)


async def test_every_step_is_streamed(start, frame_of):
    client = await (await start(instruments=150, updates=1_500)).login()
    market = client.running.sim.market
    made = [conid for conid, item in market.instruments.items() if item.made_up]
    found = await client.get("/trsrv/stocks", symbols=market.instruments[made[0]].symbol)
    assert next(iter(found.values()))[0]["contracts"][0]["conid"] == made[0]
    socket = await client.connect()
    await frame_of(socket, topic("sts"))
    for conid in made:
        await socket.send(f'smd+{conid}+{{"fields":["31","84","85","86","88"]}}')
    conid = made[-1]
    await frame_of(socket, topic(f"smd+{conid}"))
    first = market.walks[conid].version
    seen = 0
    async with asyncio.timeout(10):
        while seen < 5:
            await frame_of(socket, topic(f"smd+{conid}"))
            seen += 1
    assert market.walks[conid].version - first == pytest.approx(5, abs=2), "no step is left out"
    await socket.close()

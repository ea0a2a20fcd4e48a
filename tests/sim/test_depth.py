"""The book: ten levels a side behind the quote, streamed as ladder rows, dropped an account at a time."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from random import Random

import pytest

from ibkr_tui.sim.depth import LEVELS, book_of, ladder
from ibkr_tui.sim.instruments import Instrument, catalogue
from ibkr_tui.sim.market_control import command
from ibkr_tui.sim.walk import Walk

AAPL, MSFT, SPY, ES = 265598, 272093, 756733, 495512572
ACCOUNT = "DU1234567"


def topic(name):
    return lambda frame: frame.get("topic") == name


async def connected(client, next_frame):
    socket = await client.connect()
    await next_frame(socket, topic("sts"))
    return socket


@pytest.fixture(scope="module")
def items() -> dict[int, Instrument]:
    from datetime import date

    return {item.conid: item for item in catalogue(date(2026, 11, 20))}


@pytest.mark.parametrize("conid", [AAPL, MSFT, ES, 12087792])
def test_a_book_is_sorted_whole_and_agrees_with_the_quote(items, conid):
    walk, draw = Walk(items[conid], 3), Random(1)  # noqa: S311
    for _ in range(200):
        walk.step(0.25, draw.gauss(0, 1))
        book = book_of(walk)
        assert (book.bids[0].price, book.bids[0].size) == (walk.bid, walk.bid_size)
        assert (book.asks[0].price, book.asks[0].size) == (walk.ask, walk.ask_size)
        assert len(book.bids) == len(book.asks) == LEVELS
        assert all(before.price > after.price for before, after in pairwise(book.bids))
        assert all(before.price < after.price for before, after in pairwise(book.asks))
        assert all(level.size > 0 for level in (*book.bids, *book.asks))


def test_levels_keep_their_size_while_the_market_moves_past_them(items):
    walk = Walk(items[AAPL], 3)
    before = {level.price: level.size for level in book_of(walk).bids[1:]}
    walk.bid -= 1
    after = {level.price: level.size for level in book_of(walk).bids[1:]}
    common = before.keys() & after.keys()
    assert len(common) == 8
    assert all(abs(before[price] - after[price]) <= walk.instrument.lot for price in common)


def test_rows_run_from_the_highest_price_down_and_mark_the_last_trade(items):
    walk = Walk(items[MSFT], 3)
    walk.bid, walk.ask, walk.last, walk.last_size = 40_208, 40_212, 40_210, 300
    rows = ladder(walk)
    assert [row["row"] for row in rows] == list(range(21))
    last = rows[10]
    assert last == {"row": 10, "focus": 1, "price": "300 @ 402.10", "bid": "", "ask": ""}
    assert rows[9]["price"] == "402.12" and "bid" not in rows[9] and int(rows[9]["ask"].replace(",", "")) > 0
    walk.last = 40_208
    rows = ladder(walk)
    assert len(rows) == 20 and rows[10]["price"] == "300 @ 402.08" and rows[10]["bid"] == f"{walk.bid_size:,}"
    assert sum(row["focus"] for row in rows) == 1


def test_books_that_are_empty_one_sided_or_crossed(items):
    walk = Walk(items[AAPL], 3)
    walk.book_state = "empty"
    assert ladder(walk) == []
    walk.book_state = "one_sided"
    assert all("ask" not in row or row["ask"] == "" for row in ladder(walk))
    walk.book_state = "crossed"
    book = book_of(walk)
    assert book.bids[0].price > book.asks[0].price


async def test_the_streamed_book_is_the_simulators_book(client, frame_of):
    socket = await connected(client, frame_of)
    name = f"sbd+{ACCOUNT}+{AAPL}"
    await socket.send(f"{name}+NASDAQ")
    first = await frame_of(socket, topic(name))
    assert set(first) == {"topic", "data"} and len(first["data"]) in (20, 21)
    second = await frame_of(socket, topic(name))
    assert second["data"] != first["data"], "it moves"
    told = (await client.control("market", {"conid": AAPL, "price": "200.00", "frozen": True}))["instruments"][0]
    async with asyncio.timeout(5):
        while True:
            rows = (await frame_of(socket, topic(name)))["data"]
            bids = [[price_of(row), row["bid"].replace(",", "")] for row in rows if row.get("bid")]
            asks = [[price_of(row), row["ask"].replace(",", "")] for row in rows if row.get("ask")]
            if (bids, asks[::-1]) == (told["bids"], told["asks"]):
                break
    assert 199.9 < float(told["bid"]) < float(told["ask"]) < 200.1
    await socket.close()


def price_of(row):
    return row["price"].rpartition(" @ ")[2].rstrip("0").rstrip(".")


async def test_ubd_ends_every_book_of_the_account(client, frame_of):
    socket = await connected(client, frame_of)
    for conid in (AAPL, MSFT, ES):
        await socket.send(f"sbd+{ACCOUNT}+{conid}")
    await client.wait_state(lambda state: state["ws"]["open"][0]["sbd"] == sorted([AAPL, MSFT, ES]))
    await socket.send(f"ubd+{ACCOUNT}")
    await client.wait_state(lambda state: state["ws"]["open"][0]["sbd"] == [])
    await socket.close()


async def test_what_a_book_is_refused_for(client, frame_of):
    socket = await connected(client, frame_of)

    async def refusal(target):
        await socket.send(f"sbd+{target}")
        return (await frame_of(socket, lambda frame: "error" in frame))["error"]

    assert "unknown account" in await refusal(f"U1+{AAPL}")
    assert "unknown contract" in await refusal(f"{ACCOUNT}+77")
    assert "unknown account" in await refusal("")
    await client.control("market", {"conid": SPY, "feed": "N"})
    assert "permissions" in await refusal(f"{ACCOUNT}+{SPY}")
    for conid in (AAPL, MSFT, ES):
        await socket.send(f"sbd+{ACCOUNT}+{conid}")
    assert "max number" in await refusal(f"{ACCOUNT}+4391")
    await socket.close()


async def test_depth_needs_the_brokerage_session(start, frame_of):
    client = await start()
    await client.mint()
    client.session = (await client.post("/tickle"))["session"]
    socket = await connected(client, frame_of)
    await socket.send(f"sbd+{ACCOUNT}+{AAPL}")
    assert (await frame_of(socket, lambda frame: "error" in frame))["error"] == "no bridge"
    await socket.close()


async def test_halts_begin_and_end(start, frame_of, fake_clock):
    client = await (await start(clock=fake_clock)).login()
    sim = client.running.sim
    await client.control("market", {"conids": [AAPL, MSFT], "halted": True, "seconds": 300})
    before = sim.market.walks[AAPL].last
    await client.control("clock", {"exchange_seconds": 299})
    assert sim.market.walks[AAPL].halted and sim.market.walks[AAPL].last == before
    await client.control("clock", {"exchange_seconds": 2})
    assert not sim.market.walks[AAPL].halted and not sim.market.walks[MSFT].halted
    told = await client.control("market", {"conids": "all", "halted": True})
    assert all(row["halted"] for row in told["instruments"])


async def test_the_control_url_says_what_is_wrong(client):
    for body in ({"conid": 1}, {"conid": AAPL, "book": "odd"}, {"conid": AAPL, "price": "NaN"}, {"x": 1}, []):
        with pytest.raises(ValueError):
            command(client.running.sim, body)

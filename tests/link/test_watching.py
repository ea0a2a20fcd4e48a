"""Watchers over a real socket: deltas, tombstones, logs, and a watcher that stops reading."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec.msgpack import decode

from ibkr_tui.link.client import watch
from ibkr_tui.link.frames import PROTOCOL, Farewell, Hello, TableFrame, Watch, core_decoder, pack, read_body
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.events import Event
from ibkr_tui.model.log import LogPage
from ibkr_tui.model.quotes import Quote
from ibkr_tui.model.table import Mirror, TableDelta


async def following(items: AsyncIterator[Any]) -> Any:
    async with asyncio.timeout(5):
        return await anext(items)


def event(text: str) -> Event:
    return Event(datetime(2026, 1, 1, tzinfo=UTC), text)


async def test_deltas_begin_full_and_go_on_with_changes_and_tombstones(
    served: Any, me: dict[str, Any], quote: Any
) -> None:
    quotes = served.core.tables["quotes"]
    quotes.put("1", quote(1, "10.50"))
    mirror: Mirror[Quote] = Mirror("quotes")
    async with aclosing(watch(served.path, tables=["quotes"], **me)) as items:
        first = await following(items)
        assert isinstance(first, TableDelta)
        assert first.full
        assert first.rows == {"1": quote(1, "10.50")}
        mirror.apply(first)
        quotes.put("2", quote(2))
        quotes.remove("1")
        second = await following(items)
        assert (second.full, set(second.rows), second.gone) == (False, {"2"}, ("1",))
        mirror.apply(second)
    assert mirror.rows == quotes.rows()


async def test_a_new_epoch_begins_with_everything(served: Any, me: dict[str, Any], quote: Any) -> None:
    quotes = served.core.tables["quotes"]
    quotes.put("1", quote(1))
    mirror: Mirror[Quote] = Mirror("quotes")
    async with aclosing(watch(served.path, tables=["quotes"], **me)) as items:
        mirror.apply(await following(items))
        quotes.epoch += 1
        quotes.put("2", quote(2))
        delta = await following(items)
        assert (delta.epoch, delta.full, set(delta.rows)) == (quotes.epoch, True, {"1", "2"})
        mirror.apply(delta)
        quotes.put("3", quote(3))
        delta = await following(items)
        assert (delta.full, set(delta.rows)) == (False, {"3"})
        mirror.apply(delta)
    assert mirror.rows == quotes.rows()


async def test_a_burst_conflates(served: Any, me: dict[str, Any], quote: Any) -> None:
    quotes = served.core.tables["quotes"]
    async with aclosing(watch(served.path, tables=["quotes"], **me)) as items:
        await following(items)
        for n in range(1000):
            quotes.put("1", quote(1, str(n)))
            if n % 100 == 0:
                await asyncio.sleep(0)
        seen = 0
        last = None
        while last != 999:
            delta = await following(items)
            last = delta.rows["1"].last
            seen += 1
    assert seen <= 3


async def test_every_table_and_log_of_a_watcher_arrives(served: Any, me: dict[str, Any], quote: Any) -> None:
    core = served.core
    async with aclosing(watch(served.path, tables=["quotes", "orders"], logs={"events": 0, "fills": 0}, **me)) as items:
        assert {(await following(items)).table for _ in range(2)} == {"quotes", "orders"}
        for n in range(700):
            core.tables["quotes"].put("1", quote(1, str(n)))
            core.logs["events"].append(event(str(n)))
        texts: list[str] = []
        newest = None
        missed = 0
        while len(texts) + missed < 700 or newest != 699:
            item = await following(items)
            if isinstance(item, LogPage):
                assert item.log == "events"
                assert item.first == len(texts) + missed + item.missed + 1
                missed += item.missed
                texts += [entry.text for entry in item.entries]
            else:
                newest = item.rows["1"].last
    assert missed == 600
    assert texts == [str(n) for n in range(600, 700)]


async def test_a_log_can_begin_at_its_end(served: Any, me: dict[str, Any]) -> None:
    events = served.core.logs["events"]
    events.append(event("old"))
    async with aclosing(watch(served.path, tables=["orders"], logs={"events": -1}, **me)) as items:
        await following(items)
        events.append(event("new"))
        page = await following(items)
    assert [entry.text for entry in page.entries] == ["new"]
    assert page.missed == 0


async def test_an_unknown_table_is_refused_with_the_names(served: Any, me: dict[str, Any]) -> None:
    with pytest.raises(BrokerError, match="quotes orders") as refused:
        async for _ in watch(served.path, tables=["quotse"], **me):
            pass
    assert refused.value.code == "UNKNOWN_TABLE"


async def test_two_faces_see_the_same(served: Any, me: dict[str, Any], quote: Any) -> None:
    other = me | {"face_id": "two"}
    async with (
        aclosing(watch(served.path, tables=["quotes"], **me)) as mine,
        aclosing(watch(served.path, tables=["quotes"], **other)) as theirs,
    ):
        await following(mine)
        await following(theirs)
        served.core.tables["quotes"].put("1", quote(1))
        assert (await following(mine)).rows == (await following(theirs)).rows == {"1": quote(1)}


async def test_a_watcher_that_leaves_is_forgotten(served: Any, me: dict[str, Any], until: Any) -> None:
    async with aclosing(watch(served.path, tables=["quotes"], **me)) as items:
        await following(items)
        assert served.core.tables["quotes"]._watchers
    await until(lambda: not served.core.tables["quotes"]._watchers)
    await until(lambda: served.core.left == ["one"])


async def test_a_core_that_leaves_says_farewell(place: Path, me: dict[str, Any], serve: Any) -> None:
    async with serve(place) as served:
        items = watch(served.path, tables=["quotes"], **me)
        await following(items)
        served.server.refuse_calls("stopped by a signal")
    assert await following(items) == Farewell("stopped by a signal")
    with pytest.raises(StopAsyncIteration):
        await following(items)


async def test_a_watcher_that_reads_nothing_costs_a_dirty_set_and_is_caught_up(
    served: Any, until: Any, quote: Any
) -> None:
    """100,000 changes for a watcher that does not read: one delta waits, and then only the newest values come."""
    reader, writer = await asyncio.open_unix_connection(served.path)
    writer.transport.pause_reading()
    writer.write(pack(Hello(PROTOCOL, served.fingerprint, "test", "stalled")) + pack(Watch(("quotes",))))
    quotes = served.core.tables["quotes"]
    await until(lambda: bool(quotes._watchers))
    (watcher,) = quotes._watchers
    conids = range(2000)
    waits: list[int] = []
    for n in range(50):
        for conid in conids:
            quotes.put(str(conid), quote(conid, str(n)))
        await asyncio.sleep(0.003)
        waits.append(len(watcher._dirty))
    transports = [c for c in asyncio.all_tasks() if c.get_name() == "link-connection"]
    assert len(transports) == 1
    assert waits[-1] == 2000
    buffered = transports[0].get_coro().cr_frame.f_locals["self"]._writer.transport.get_write_buffer_size()
    assert 0 < buffered < 3_000_000

    writer.transport.resume_reading()
    mirror: dict[str, Decimal | None] = {}
    received = 0
    async with asyncio.timeout(10):
        while len(mirror) < 2000 or any(last != 49 for last in mirror.values()):
            body = await read_body(reader)
            assert body is not None
            frame = core_decoder.decode(body)
            if isinstance(frame, TableFrame):
                received += len(frame.rows)
                mirror.update({key: decode(raw, type=Quote).last for key, raw in frame.rows.items()})
    writer.close()
    assert received <= 4 * 2000

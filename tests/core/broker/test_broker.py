"""Brokers that start, stop and start again, with and without keys, journal and stream, against a real simulator."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ibkr_tui.core.config import load
from ibkr_tui.core.journal.reading import DATABASE_NAME, newest, reading
from ibkr_tui.core.supervision import CALM_AFTER, supervise
from ibkr_tui.model.health import SessionState, StreamState
from ibkr_tui.model.orders import OrderState
from ibkr_tui.model.quotes import QuoteStatus

APPLE = {"symbol": "AAPL", "side": "buy", "qty": "3", "order_type": "limit", "limit_price": "187.5"}
Until = Callable[..., Awaitable[None]]


async def test_a_core_that_died_with_an_open_intent_finds_its_order(
    running: Any, simulator: Any, tmp_path: Path, until: Until, control: Any
) -> None:
    async with running(simulator, tmp_path) as first:
        await first.call("get_account")
        order = await first.call("place_order", **APPLE)
        await until(lambda: first.state(order.coid) is OrderState.WORKING)
        await first.broker.orders.recorder.settled()
        # As kill -9 between the commit and the answer leaves it.
        await first.broker.journal._database.run(
            lambda c: c.execute("UPDATE intents SET state = 'sending', order_id = ''").rowcount
        )
    async with running(simulator, tmp_path) as again:
        assert again.state(order.coid) in {None, OrderState.UNKNOWN}
        await until(lambda: again.state(order.coid) is OrderState.WORKING, 20.0)
        found = again.broker.orders.book.find(order.coid)
        assert found is not None
        assert found.order_id == order.order_id
        assert "working" in await again.kinds(order.coid)
        await again.settle(until)


async def test_a_filled_order_is_audited_once_across_restarts(
    running: Any, simulator: Any, tmp_path: Path, until: Until, control: Any
) -> None:
    async with running(simulator, tmp_path) as first:
        await first.call("get_account")
        order = await first.call("place_order", symbol="AAPL", side="sell", qty="1")
        await until(lambda: first.state(order.coid) is OrderState.FILLED)
        await until(lambda: any(f.coid == order.coid for f in first.broker.logs["fills"].entries()))
        assert (await first.kinds(order.coid)).count("filled") == 1
    async with running(simulator, tmp_path) as again:
        await until(lambda: any(f.coid == order.coid for f in again.broker.logs["fills"].entries()), 20.0)
        assert (await again.kinds(order.coid)).count("filled") == 1
        assert not any(text.startswith("filled") for text in again.said)


async def test_without_a_stream_snapshots_serve(
    running: Any, simulator: Any, tmp_path: Path, until: Until, control: Any
) -> None:
    market = msgspec.structs.replace(load(simulator.config, {}, "paper").profile.market, ws_enabled=False)
    async with running(simulator, tmp_path, market=market) as desk:
        await desk.call("subscribe_tick", symbol="AAPL")
        quotes = desk.broker.tables["quotes"]
        await until(lambda: quotes.rows()["265598"].status is QuoteStatus.LIVE, 10.0)
        assert "single snapshots" in quotes.rows()["265598"].problem
        assert (await desk.call("get_tick", symbol="MSFT")).last > 0
        assert (await desk.call("health")).stream is StreamState.OFF
        problem = await desk.refused("get_depth", symbol="AAPL")
        assert (problem.code, "ws_enabled" in problem.user_action) == ("STREAM_OFF", True)
        looks = await desk.call("look_at", quotes=[265598], depth=[265598])
        assert (looks.quotes, looks.depth) == ((265598,), ())
        assert looks.refused[0].code == "STREAM_OFF"


async def test_after_a_lost_stream_quotes_and_books_come_back(
    running: Any, fresh_simulator: Any, tmp_path: Path, until: Until
) -> None:
    async with running(fresh_simulator, tmp_path) as desk:
        await desk.call("subscribe_tick", symbol="MSFT")
        book = await desk.call("get_depth", symbol="AAPL", rows=1)
        await desk.call("look_at", quotes=[book.conid], depth=[book.conid])
        tables = desk.broker.tables

        def live() -> bool:
            rows = [*tables["quotes"].rows().values(), *tables["depth"].rows().values()]
            return len(rows) == 3 and all(row.status is QuoteStatus.LIVE for row in rows)

        await until(live, 10.0)
        before = desk.broker.stream.connections
        await fresh_simulator.control("ws", {"do": "abort"})
        await until(lambda: desk.broker.stream.connections > before, 10.0)
        await until(live, 10.0)
        assert (await desk.call("health")).reconnects == 1
        await desk.call("get_depth", symbol="MSFT")
        await desk.call("unsubscribe", symbol="MSFT")  # ends every book at the broker; the other one is asked for again
        shown = tables["depth"].rows()[str(book.conid)]
        await until(lambda: tables["depth"].rows()[str(book.conid)].changed_mono != shown.changed_mono, 10.0)


async def test_a_rehearsal_checks_everything_and_sends_nothing(
    running: Any, simulator: Any, tmp_path: Path, control: Any
) -> None:
    received = len((await simulator.state())["orders_received"])
    async with running(simulator, tmp_path, orders="dry_run") as desk:
        problem = await desk.refused("place_order", **APPLE)
        assert problem.code == "ORDERS_REFUSED"
        assert "rehearses" in problem.message
        preview = await desk.call("preview_order", **APPLE)
        assert any("rehearses" in words for words in preview.warnings)
    assert len((await simulator.state())["orders_received"]) == received


async def test_without_keys_the_core_runs_and_says_what_is_missing(
    running: Any, simulator: Any, tmp_path: Path, until: Until
) -> None:
    async with running(simulator, tmp_path, credentials_file=tmp_path / "none.json") as desk:
        await until(lambda: desk.broker.session.state is SessionState.BLOCKED)
        health = await desk.call("health")
        assert health.code == "IBKR_KEY_NOT_FOUND"
        assert "none.json" in health.message
        assert (await desk.refused("get_account")).code == "IBKR_KEY_NOT_FOUND"
        assert (await desk.call("environment_info"))["paper"]


async def test_without_a_journal_the_core_reads_and_refuses_orders(
    running: Any, simulator: Any, tmp_path: Path, control: Any
) -> None:
    (tmp_path / "audit.key").write_bytes(b"short")
    async with running(simulator, tmp_path) as desk:
        assert (await desk.call("get_account")).net_liquidation > 0
        assert (await desk.refused("place_order", **APPLE)).code == "JOURNAL_UNAVAILABLE"
        assert (await desk.call("health")).code == "JOURNAL_UNAVAILABLE"
        assert any("no order is sent" in text for text in desk.said)


async def test_a_core_that_stops_takes_no_orders(running: Any, simulator: Any, tmp_path: Path) -> None:
    async with running(simulator, tmp_path) as desk:
        await desk.call("get_account")
        await desk.broker.stop()
        assert (await desk.refused("place_order", **APPLE)).code == "CORE_UNREACHABLE"


async def test_a_core_that_stops_waits_for_the_answer_to_an_order(running: Any, simulator: Any, tmp_path: Path) -> None:
    """Fault P1: what has left has its answer written down before the core ends."""
    async with running(simulator, tmp_path) as desk:
        await desk.call("get_open_orders")
        await simulator.control("faults", {"method": "POST", "path": "/orders$", "do": "delay", "seconds": 0.7})
        placing = asyncio.create_task(desk.call("place_order", **APPLE))
        while not any(fault["struck"] for fault in (await simulator.state())["faults"]):
            await asyncio.sleep(0.02)
        await desk.broker.stop()
        order = await placing
        await simulator.clear_faults()
        assert desk.state(order.coid) is OrderState.WORKING
    with reading(tmp_path / DATABASE_NAME) as connection:
        assert "accepted" in [row.kind for row in newest(connection, count=20, coid=order.coid).rows]


async def test_a_failing_part_restarts_with_growing_waits(fake_clock: Any, caplog: pytest.LogCaptureFixture) -> None:
    begun: list[float] = []
    told: list[str] = []
    lasting = False

    async def part() -> None:
        secret = "s3cret-in-a-local"  # noqa: F841 - must not reach the log
        begun.append(fake_clock.monotonic())
        if lasting:
            await fake_clock.sleep(CALM_AFTER + 1)
        raise ZeroDivisionError

    with caplog.at_level(logging.ERROR):
        task = asyncio.create_task(supervise("part", part, told.append, fake_clock))
        await fake_clock.advance(8)
        assert [at - begun[0] for at in begun] == [0, 1, 3, 7]
        assert told[0] == "part failed (ZeroDivisionError) and starts again; the log has the details"
        assert "s3cret" not in caplog.text
        lasting = True
        await fake_clock.advance(8)
        await fake_clock.advance(CALM_AFTER + 1 + 1)
        assert begun[-1] - begun[-2] == pytest.approx(CALM_AFTER + 2), "a part that went well waits little again"
    task.cancel()


async def test_a_part_that_ends_is_done(fake_clock: Any) -> None:
    async def part() -> None:
        return

    await supervise("part", part, lambda text: None, fake_clock)

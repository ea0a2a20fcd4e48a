"""The audit of a running core: every row on the link's log, read back by order and kind; a journal that fails."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from ibkr_tui.core.journal.journal import DATABASE_NAME
from ibkr_tui.model.orders import OrderState

pytestmark = pytest.mark.asyncio(loop_scope="module")
Until = Callable[..., Awaitable[None]]
LIMIT = {"symbol": "AAPL", "side": "buy", "qty": "3", "order_type": "limit", "limit_price": "187.5"}


async def test_every_row_is_told_and_can_be_read_again(desk: Any, until: Until) -> None:
    order = await desk.call("place_order", **LIMIT)
    await until(lambda: desk.state(order.coid) is OrderState.WORKING)
    await desk.broker.orders.recorder.settled()
    page = await desk.call("get_audit", coid=order.coid)
    kinds = [row.kind for row in page.rows]
    assert kinds[:2] == ["intent", "sent"]
    assert "accepted" in kinds
    assert page.rows[0].facts["symbol"] == "AAPL"
    told = {row.seq: row for row in desk.broker.logs["audit"].entries()}
    assert sorted(told) == list(range(1, desk.broker.journal.rows + 1)), "none is missing, none twice"
    assert [told[row.seq] for row in page.rows] == list(page.rows)
    assert [row.kind for row in (await desk.call("get_audit", coid=order.coid, kinds=["sent"])).rows] == ["sent"]
    newest = await desk.call("get_audit", count=1)
    assert newest.more
    before = await desk.call("get_audit", count=1, before=newest.rows[0].seq)
    assert before.rows[0].seq == newest.rows[0].seq - 1
    assert not (await desk.call("get_audit", since="2999-01-01")).rows
    assert (await desk.refused("get_audit", since="soon")).code == "BAD_ARGUMENT"
    assert (await desk.refused("get_audit", kind="gossip")).code == "BAD_ARGUMENT"
    await desk.settle(until)


async def test_a_group_says_its_symbol_its_legs_and_its_name(desk: Any, until: Until) -> None:
    prices = {"entry_price": "187", "stop_loss": "180", "take_profit": "200"}
    group = await desk.call("place_bracket_order", symbol="AAPL", side="buy", qty="1", **prices)
    rows = (await desk.call("get_audit", kind="intent")).rows
    mine = [row for row in rows if row.facts.get("group_id") == group.group_id]
    told = [(row.facts["symbol"], row.facts["legs_count"], row.facts["kind"]) for row in mine]
    assert told == [("AAPL", 3, "bracket")] * 3
    await desk.call("cancel_order", coid=mine[0].coid)
    await until(lambda: {desk.state(row.coid) for row in mine} == {OrderState.CANCELLED})


async def test_a_journal_that_fails_stops_orders_trips_the_switch_and_lets_cancels_pass(
    running: Any, start_simulator: Any, tmp_path: Path, until: Until
) -> None:
    state = tmp_path / "state"
    with start_simulator(tmp_path / "simulator") as simulator:
        async with running(simulator, state) as desk:
            await desk.call("get_open_orders")
            order = await desk.call("place_order", **LIMIT)
            await until(lambda: desk.state(order.coid) is OrderState.WORKING)
            received = len((await simulator.state())["orders_received"])
            (state / DATABASE_NAME).rename(tmp_path / "away.db")
            problem = await desk.refused("place_order", **(LIMIT | {"qty": "4"}))
            assert problem.code == "JOURNAL_UNAVAILABLE"
            assert desk.broker.switch.is_on, "at once"
            assert "was removed" in desk.broker.switch.read().reason
            assert len((await simulator.state())["orders_received"]) == received, "nothing left"
            await desk.call("cancel_order", coid=order.coid)
            await until(lambda: desk.state(order.coid) is OrderState.CANCELLED)
            assert (await desk.refused("set_kill_switch", on=False)).code == "JOURNAL_UNAVAILABLE"

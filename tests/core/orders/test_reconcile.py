"""Looking for orders: first reads prove nothing, unknown ones are looked for every six seconds (faults R32–R35, W5)."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from unittest.mock import AsyncMock

import pytest

from ibkr_tui.core.web.answer import AnswerLost
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.orders import OrderState


def row(coid: str = "", **changes: Any) -> dict[str, Any]:
    return {
        "acct": "DU1234567", "orderId": 5, "conid": 265598, "side": "BUY", "totalSize": 10.0, "status": "Submitted",
        "ticker": "AAPL", "order_ref": coid,
    } | changes  # fmt: skip


def trade(coid: str, at: Any, number: int = 1, qty: int = 10) -> dict[str, Any]:
    return {
        "execution_id": f"x{number}", "conid": 265598, "symbol": "AAPL", "side": "B", "size": qty, "price": "188.00",
        "trade_time_r": int(at.timestamp() * 1000), "order_ref": coid, "account": "DU1234567", "order_id": 5,
    }  # fmt: skip


@pytest.fixture
async def looking(order_desk: Any) -> Any:
    task = asyncio.create_task(order_desk.reconciler.run())
    yield order_desk
    task.cancel()


async def lose(desk: Any) -> str:
    desk.script.fails(AnswerLost("lost"))
    with pytest.raises(BrokerError) as caught:
        await desk.buy()
    return str(caught.value.details["coid"])


async def test_an_empty_first_read_is_read_again(looking: Any) -> None:
    waiting = asyncio.create_task(looking.reconciler.first_read(8))
    await looking.clock.advance(1)
    assert looking.script.read_calls == ["orders", "trades"]
    looking.script.reads["orders"] = [[row()]]
    await looking.clock.advance(6)
    assert looking.script.read_calls == ["orders", "trades", "trades", "orders"]
    await waiting
    assert [order.order_id for order in looking.book] == ["5"]


async def test_a_read_that_never_comes_is_said(order_desk: Any) -> None:
    waiting = asyncio.create_task(order_desk.reconciler.first_read(8))
    await order_desk.clock.advance(9)
    with pytest.raises(BrokerError, match="not been read"):
        await waiting


async def test_a_quiet_desk_reads_once_a_minute(looking: Any) -> None:
    looking.script.reads = {"orders": [[row()]], "trades": [[]], "status": []}
    await looking.clock.advance(10)
    before = len(looking.script.read_calls)
    await looking.clock.advance(130)
    assert len(looking.script.read_calls) - before == 2


async def test_an_unknown_order_is_looked_for_and_found_in_the_list(looking: Any) -> None:
    await looking.clock.advance(20)
    coid = await lose(looking)
    looking.reconciler.look()
    looking.script.read_calls.clear()
    await looking.clock.advance(25)
    assert looking.script.read_calls in (
        ["orders", "trades", "orders", "trades", "orders"],
        ["trades", "orders", "trades", "orders", "trades"],
    )
    assert looking.book.find(coid).state is OrderState.UNKNOWN, "no list without it proves anything"
    looking.script.reads["orders"] = [[row(coid)]]
    await looking.clock.advance(13)
    assert looking.book.find(coid).state is OrderState.WORKING


async def test_hours_without_sight_change_nothing(looking: Any) -> None:
    coid = await lose(looking)
    await looking.clock.advance(3600)
    assert looking.book.find(coid).state is OrderState.UNKNOWN


async def test_a_fill_missed_by_the_stream_is_told_once(looking: Any) -> None:
    coid = await lose(looking)
    at = looking.clock.now()
    looking.script.reads["trades"] = [[trade(coid, at)]]
    await looking.clock.advance(40)
    assert looking.book.find(coid).state is OrderState.FILLED
    assert len(looking.fills.entries()) == 1
    await looking.recorder.settled()
    told = [text for text in looking.said if text.startswith("filled BUY 10 AAPL @ 188")]
    assert len(told) == 1
    assert "gap" in told[0]
    kinds = await looking.audit()
    assert kinds.count("filled") == 1


async def test_old_fills_of_others_are_logged_and_not_announced(looking: Any) -> None:
    old = looking.clock.now() - timedelta(days=2)
    looking.script.reads["trades"] = [[trade("", old)]]
    await looking.clock.advance(20)
    assert len(looking.fills.entries()) == 1
    assert not any("filled" in text for text in looking.said)


async def test_an_order_that_the_lists_leave_out_is_asked_for(looking: Any) -> None:
    looking.script.reads["orders"] = [[row()]]
    await looking.clock.advance(20)
    looking.script.reads["orders"] = [[row(orderId=6)]]
    looking.script.reads["status"] = [{"order_id": 5, "order_status": "Cancelled", "conid": 265598, "side": "B"}]
    await looking.clock.advance(400)
    assert "status 5" in looking.script.read_calls
    assert looking.book.find("5").state is OrderState.CANCELLED


async def test_a_status_that_cannot_be_read_changes_nothing(looking: Any) -> None:
    looking.script.reads["orders"] = [[row()]]
    await looking.clock.advance(20)
    looking.script.reads["orders"] = [[row(orderId=6)]]
    looking.script.reads["status"] = [BrokerError("IBKR_UNAVAILABLE", "503")]
    await looking.clock.advance(400)
    assert looking.book.find("5").state is OrderState.WORKING


async def test_failed_reads_are_tried_again(looking: Any) -> None:
    looking.script.reads["orders"] = [BrokerError("IBKR_UNAVAILABLE", "no answer"), []]
    await looking.clock.advance(20)
    await looking.reconciler.first_read(1)
    looking.script.reads["orders"] = [BrokerError("IBKR_UNAVAILABLE", "no answer"), [row()]]
    await looking.clock.advance(130)
    assert [order.order_id for order in looking.book] == ["5"]


async def test_after_a_gap_orders_and_trades_are_both_read(looking: Any) -> None:
    await looking.clock.advance(20)
    looking.script.read_calls.clear()
    looking.reconciler.look_everywhere()
    await looking.clock.advance(1)
    assert looking.script.read_calls == ["orders", "trades"]


async def test_a_gap_is_closed_only_by_two_good_reads_and_an_empty_one_is_repeated(looking: Any) -> None:
    looking.script.reads["orders"] = [[row()]]
    await looking.clock.advance(20)
    looking.script.read_calls.clear()
    trades, looking.script.trades = looking.script.trades, AsyncMock(side_effect=BrokerError("IBKR_UNAVAILABLE", "no"))
    looking.reconciler.look_everywhere()
    await looking.clock.advance(1)
    assert looking.script.read_calls == ["orders"]
    looking.script.trades = trades
    looking.script.reads["orders"] = [[]]
    looking.script.read_calls.clear()
    await looking.clock.advance(13)
    assert looking.script.read_calls == ["orders", "trades", "trades", "orders"]


async def test_callers_at_once_share_a_trade_read(order_desk: Any) -> None:
    order_desk.script.reads["trades"] = [[], [trade("", order_desk.clock.now())]]
    asking = asyncio.gather(*(order_desk.reconciler.trades(7) for _ in range(3)))
    await order_desk.clock.advance(6)
    found = await asking
    assert [len(rows) for rows in found] == [1, 1, 1]
    assert order_desk.script.read_calls == ["trades", "trades"], "the first of a session is empty"
    await order_desk.clock.advance(6)
    await order_desk.reconciler.trades(7)
    assert len(order_desk.script.read_calls) == 3

"""The first calls of a core that has just logged in: nothing is judged or denied on tables that were not read."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec

from ibkr_tui.model.orders import OrderState

LARGE = {"symbol": "AAPL", "side": "buy", "qty": "300", "order_type": "limit", "limit_price": "187.5"}


async def test_a_cold_core_knows_orders_trades_and_risk(simulator: Any, running: Any, tmp_path: Path) -> None:
    await simulator.clear_faults()
    async with running(simulator, tmp_path / "first") as desk:
        before = await desk.call("preview_order", **LARGE)
        order = await desk.call("place_order", **LARGE)
        assert order.state is OrderState.WORKING
        limits = desk.broker.profile.limits
    share = before.leverage_after - before.leverage_before
    tight = msgspec.structs.replace(limits, max_leverage=before.leverage_after + share / 2)
    async with running(simulator, tmp_path / "second", limits=tight) as desk:
        found, refused, *activities = await asyncio.gather(
            desk.call("get_order", order_id=order.order_id),
            desk.refused("place_order", **LARGE),
            *(desk.call("get_activities") for _ in range(3)),
        )
        assert found.order_id == order.order_id
        assert refused.code == "RISK_LEVERAGE"
        assert activities[0] == activities[1] == activities[2]
        await desk.call("cancel_order", order_id=order.order_id)

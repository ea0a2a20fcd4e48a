"""What a broker does when its session is another program's, and when its clock is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

ORDER = {"symbol": "AAPL", "side": "buy", "qty": "1", "order_type": "limit", "limit_price": "1.00"}


async def test_a_broker_that_starts_into_a_competing_session_reads_and_places_nothing(
    running: Any, fresh_simulator: Any, tmp_path: Path, until: Callable[..., Any]
) -> None:
    await fresh_simulator.control("session", {"do": "hold"})
    async with running(fresh_simulator, tmp_path) as desk:
        await until(lambda: desk.broker.session.state == "competing", 20)
        assert (await desk.call("get_account")).account == fresh_simulator.account
        await until(desk.broker.tables["positions"].rows, 20)
        assert (await desk.refused("place_order", **ORDER)).code == "IBKR_COMPETING_SESSION"
        assert (await desk.refused("take_over", confirm="take-over")).code == "CONFIRMATION_REQUIRED"
        assert (await fresh_simulator.state())["orders_received"] == []
        assert await desk.call("take_over", confirm="TAKE-OVER") == {"taken": True, "session": "ready"}
        assert (await desk.call("list_accounts"))[0]["account"] == fresh_simulator.account


async def test_no_order_goes_out_while_the_clock_is_wrong(
    running: Any, simulator: Any, tmp_path: Path, until: Callable[..., Any]
) -> None:
    async with running(simulator, tmp_path) as desk:
        await desk.call("get_account")
        transport = desk.broker.transport
        transport._skew_measured = desk.broker.clock.monotonic() + 3600  # so that no answer measures it anew
        transport.clock_skew_s = -45.0
        refused = await desk.refused("place_order", **ORDER)
        assert refused.code == "CLOCK_SKEW"
        assert "45 s ahead of IBKR's" in refused.message
        assert (await desk.call("health")).code == "CLOCK_SKEW"
        assert (await desk.call("get_account")).account == simulator.account

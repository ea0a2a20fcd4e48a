"""Live orders, end to end on the simulator's live account: nothing leaves until every condition is met."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from ibkr_tui.core.config import load
from ibkr_tui.core.dispatch import Caller
from ibkr_tui.model.live_gate import LiveCheck, LiveGateName
from ibkr_tui.model.orders import OrderState

pytestmark = pytest.mark.asyncio(loop_scope="module")
LIMIT = {"symbol": "AAPL", "side": "buy", "qty": "1", "order_type": "limit", "limit_price": "187.5"}
MARKET = {"symbol": "AAPL", "side": "buy", "qty": "1"}
SCRIPT = Caller("call", "face-2", False)


@pytest.fixture(scope="module")
def armed(simulator: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The live profile of a configuration that meets every condition but the checklist."""
    text = simulator.config.read_text()
    account = load(simulator.config, {}, "live").profile.account_id
    assert text.count("[profiles.live]") == 1
    text = text.replace(
        "[profiles.live]", '[profiles.live]\nlive_trading = true\nrisk_policy = "tight"\norders = "send"'
    )
    text += (
        f'\n[safety]\nlive_trading_enabled = true\nallowed_accounts = ["{account}"]\n'
        "[risk_policies.tight]\nmax_order_qty = 5\n"
    )
    path = simulator.config.with_name("armed.toml")
    path.write_text(text)
    return load(path, {}, "live").profile


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def live(
    simulator: Any, armed: Any, running: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Any]:
    fields = {name: getattr(armed, name) for name in armed.__struct_fields__}
    async with running(simulator, tmp_path_factory.mktemp("live"), **fields) as made:
        await made.call("get_open_orders")
        yield made


async def count(simulator: Any) -> int:
    return len((await simulator.state())["orders_received"])


async def approved(live: Any, **order: Any) -> str:
    preview = await live.call("preview_order", **order)
    assert preview.needs_approval
    return str((await live.call("approve_order", preview_id=preview.preview_id)).approval)


async def test_the_order_leaves_only_when_all_is_open(live: Any, simulator: Any, until: Any) -> None:
    before = await count(simulator)
    for item in LiveCheck:
        found = await live.call("get_live_gate")
        assert [gate.name for gate in found.closed] == [LiveGateName.CHECKLIST]
        error = await live.refused("place_order", **LIMIT, approval=await approved(live, **LIMIT))
        assert error.code == "LIVE_GATE_CLOSED"
        assert (await live.call("preview_order", **LIMIT)).refused_by == ("LIVE_GATE_CLOSED",)
        assert (await live.refused("acknowledge_live", item=str(item), typed="yes")).code == "CONFIRMATION_REQUIRED"
        by_script = await live.refused("acknowledge_live", SCRIPT, item=str(item), typed=item.word)
        assert by_script.code == "CONFIRMATION_REQUIRED"
        found = await live.call("acknowledge_live", item=str(item), typed=item.word)
    assert found.is_open
    assert any("LIVE TRADING is open" in words for words in live.said)
    assert (await live.refused("place_order", **LIMIT)).code == "APPROVAL_REQUIRED"
    assert (await live.refused("place_order", **MARKET)).code == "LIVE_MARKET_ORDER"
    assert (await live.refused("place_order", **LIMIT | {"qty": "6"})).code == "RISK_ORDER_QTY"
    assert await count(simulator) == before
    order = await live.call("place_order", **LIMIT, approval=await approved(live, **LIMIT))
    assert order.state is OrderState.WORKING
    assert await count(simulator) == before + 1
    await live.settle(until)


async def test_groups_need_their_approval_too(live: Any, simulator: Any, until: Any) -> None:
    for item in LiveCheck:
        await live.call("acknowledge_live", item=str(item), typed=item.word)
    bracket = {"symbol": "AAPL", "side": "buy", "qty": "1", "entry_price": "187.5", "stop_loss": "180",
               "take_profit": "200"}  # fmt: skip
    before = await count(simulator)
    assert (await live.refused("place_bracket_order", **bracket)).code == "APPROVAL_REQUIRED"
    assert await count(simulator) == before
    approval = await approved(live, **bracket, kind="bracket")
    placed = await live.call("place_bracket_order", **bracket, approval=approval)
    assert await count(simulator) > before
    await live.call("cancel_order", group_id=placed.group_id)


async def test_a_position_is_closed_at_a_limit_where_market_orders_are_not_allowed(live: Any, simulator: Any) -> None:
    for item in LiveCheck:
        await live.call("acknowledge_live", item=str(item), typed=item.word)
    held = next(row for row in await live.call("get_positions") if row.symbol == "AAPL")
    before = await count(simulator)
    error = await live.refused("close_position", conid=held.conid)
    assert (error.code, error.details["field"]) == ("LIVE_MARKET_ORDER", "limit_price")
    assert "Set risk_policies.tight.allow_market = true" in error.user_action
    everything = await live.refused("close_all_positions", confirm="CLOSE-ALL")
    assert (everything.code, "at_limit=true" in everything.user_action) == ("LIVE_MARKET_ORDER", True)
    assert await count(simulator) == before
    far = str((held.market_price * Decimal("1.02")).quantize(Decimal("0.01")))  # IBKR asks about 3 %
    close = {"conid": held.conid, "qty": "1", "limit_price": far}
    order = await live.call("close_position", **close, approval=await approved(live, **close, kind="close"))
    assert (order.order_type, order.state) == ("limit", OrderState.WORKING)
    await live.call("cancel_order", coid=order.coid)


async def test_a_gate_that_closes_refuses_new_orders_and_no_cancel(
    live: Any, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for item in LiveCheck:
        await live.call("acknowledge_live", item=str(item), typed=item.word)
    order = await live.call("place_order", **LIMIT | {"limit_price": "187.4"},
                            approval=await approved(live, **LIMIT | {"limit_price": "187.4"}))  # fmt: skip
    closed = msgspec.structs.replace(live.broker.profile, live_trading=False)
    monkeypatch.setattr(live.broker.live, "_profile", closed)
    assert (await live.refused("amend_order", coid=order.coid, qty="2")).code == "LIVE_GATE_CLOSED"
    assert (await live.refused("close_all_positions", confirm="CLOSE-ALL")).code == "LIVE_GATE_CLOSED"
    await live.call("cancel_order", coid=order.coid)
    await until(lambda: live.state(order.coid) is OrderState.CANCELLED)


async def test_by_default_live_refuses_and_reads(live: Any, simulator: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live.broker.live, "_profile", load(simulator.config, {}, "live").profile)
    assert (await live.refused("place_order", **LIMIT)).code == "ORDERS_REFUSED"
    assert (await live.call("get_account")).account == live.broker.profile.account_id

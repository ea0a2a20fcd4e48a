"""A broker on a real simulator's paper account, called as a face calls it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from ibkr_tui.core.broker import Broker
from ibkr_tui.core.config import load
from ibkr_tui.core.dispatch import Caller
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.orders import OrderState
from tests.core.hasty_clock import HastyClock

PERSON = Caller("app", "face-1", True)


class Desk:
    """A running broker, called as a face calls it."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.simulator: Any = None

    async def call(self, operation: str, caller: Caller = PERSON, **arguments: Any) -> Any:
        return await self.broker.dispatcher.call(operation, arguments, caller)

    async def refused(self, operation: str, caller: Caller = PERSON, **arguments: Any) -> BrokerError:
        with pytest.raises(BrokerError) as caught:
            await self.call(operation, caller, **arguments)
        return caught.value

    def state(self, coid: str) -> OrderState | None:
        order = self.broker.orders.book.find(coid)
        return order.state if order else None

    async def kinds(self, coid: str) -> list[str]:
        """The audit of one order."""
        await self.broker.orders.recorder.settled()
        sql = "SELECT kind FROM audit WHERE coid = ? ORDER BY seq"
        rows = await self.broker.journal._database.run(lambda c: c.execute(sql, (coid,)).fetchall())
        return [kind for (kind,) in rows]

    @property
    def said(self) -> list[str]:
        return [event.text for event in self.broker.logs["events"].entries()]

    async def settle(self, until: Callable[..., Any]) -> None:
        """Cancel what the test left working."""
        for order in list(self.broker.orders.book):
            if not order.key.startswith("ib:") and not order.state.is_done and order.order_id:
                await self.call("cancel_order", coid=order.coid)
                await until(lambda coid=order.coid: self.state(coid) is OrderState.CANCELLED)


@asynccontextmanager
async def run_broker(simulator: Any, state: Path, **changes: Any) -> AsyncIterator[Desk]:
    """A broker on the simulator's paper account until the block ends."""
    profile = msgspec.structs.replace(load(simulator.config, {}, "paper").profile, **changes)
    broker = Broker(profile, state, HastyClock(), "0.1.0")
    task = asyncio.create_task(broker.run())
    try:
        yield Desk(broker)
    finally:
        await broker.stop()
        await task


@pytest.fixture(scope="session")
def running() -> Callable[..., AbstractAsyncContextManager[Desk]]:
    """`async with running(simulator, state_dir, **changes_of_the_profile) as desk:`."""
    return run_broker


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def own_desk(
    start_simulator: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Desk]:
    """One broker for the tests of a module, on a simulator of their own, whose positions they may change."""
    with start_simulator(tmp_path_factory.mktemp("simulator")) as simulator:
        async with run_broker(simulator, tmp_path_factory.mktemp("state")) as made:
            made.simulator = simulator
            await made.call("get_open_orders")
            yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(simulator: Any, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    """One broker for the tests of a module."""
    await simulator.clear_faults()
    async with run_broker(simulator, tmp_path_factory.mktemp("state")) as made:
        await made.call("get_open_orders")  # what the first order waits for
        yield made

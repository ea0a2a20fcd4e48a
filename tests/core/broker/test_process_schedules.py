"""Seeded schedules of faults between real processes: a core that is killed and started again, a simulator that loses
answers and frames. A ticket is one order at the simulator at most, and no order that lives there is dead here."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.core.broker.test_killed import SWALLOWED

ROOT = Path(__file__).parents[3]
LIVE: Final = {"PendingSubmit", "PreSubmitted", "Submitted"}
OPEN: Final = {"IBKR_ORDER_UNKNOWN", "IBKR_GROUP_PARTIAL"}
DEAD: Final = {"filled", "cancelled", "rejected"}
POST = {"method": "POST", "path": "/orders$"}
MUTE = {"topic": "sor", "do": "lose", "times": 0}
FAULTS: Final[tuple[list[dict[str, Any]], ...]] = (
    [],
    [POST | {"do": "drop"}],
    [POST | {"do": "drop", "after": True}],
    [POST | {"do": "drop", "after": True}, MUTE],
    [POST | {"do": "accept-then-fail"}, MUTE],
    [POST | {"do": "status", "status": 503}],
    [MUTE],
    [{"topic": "sor", "do": "duplicate"}],
)
CHANGED = {"method": "POST", "path": "/order/[0-9]+$", "do": "drop", "after": True}


class Core:
    """A core's process; `ask` does not wait for the answer."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._is_killed = False
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, config: Path, state: Path) -> Core:
        words = ("-m", "tests.core.broker.driven_core", str(config), str(state))
        pipe = asyncio.subprocess.PIPE
        with (state.parent / "core.err").open("ab") as errors:
            process = await asyncio.create_subprocess_exec(
                sys.executable, *words, cwd=ROOT, limit=2**20, stdin=pipe, stdout=pipe, stderr=errors
            )
        return cls(process)

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            told = json.loads(line)
            self._waiting.pop(told["id"]).set_result(told)
        for waiting in self._waiting.values():
            if self._is_killed:
                waiting.cancel()
            else:
                waiting.set_exception(ConnectionError("the core ended by itself: see core.err"))

    def ask(self, operation: str, **arguments: Any) -> asyncio.Future[dict[str, Any]]:
        number = next(self._numbers)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        assert self._process.stdin is not None
        line = {"id": number, "operation": operation, "arguments": arguments}
        self._process.stdin.write(json.dumps(line).encode() + b"\n")
        return self._waiting[number]

    async def call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        async with asyncio.timeout(60):
            return await self.ask(operation, **arguments)

    async def orders(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.call("orders"))["result"]
        return found

    async def kill(self) -> None:
        """kill -9."""
        self._is_killed = True
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        await self._reading


class Schedule:
    """One seed: what is done, what goes wrong, and what must hold after each step."""

    def __init__(self, exchange: Any, state: Path, seed: int) -> None:
        self.exchange = exchange
        self.state = state
        self.dice = random.Random(seed)  # noqa: S311 - a schedule, no secret
        self.sizes = itertools.count(1)
        self.done: list[str] = []
        self.core: Core

    async def run(self, steps: int) -> None:
        await self.exchange.clear_faults()
        self.before = {row["orderId"] for row in (await self.exchange.state())["orders"]}
        await self.begin()
        try:
            fatal = self.dice.randrange(1, steps - 1)
            for step in range(steps):
                await self.step(fatal=step == fatal)
                await self.check()
            await self.end()
        finally:
            await self.core.kill()

    async def begin(self) -> None:
        """A new core; the login of the one before is forgotten."""
        await self.exchange.control("session", {"do": "expire"})
        self.core = await Core.start(self.exchange.config, self.state)

    async def step(self, *, fatal: bool) -> None:
        act = self.dice.randrange(6)
        if fatal:
            await self.die_while_placing()
        elif act < 3:
            await self.place(self.dice.choice(FAULTS))
        elif act == 3:
            await self.on_one("cancel_order", [])
        elif act == 4:
            qty = str(100 + next(self.sizes))
            await self.on_one("amend_order", self.dice.choice(([], [CHANGED], [CHANGED, MUTE])), qty=qty)
        else:
            self.done.append("silence")
            await self.exchange.control("ws", {"do": "silence"})
        await self.exchange.clear_faults()

    def ticket(self) -> tuple[str, dict[str, Any]]:
        """A ticket that its size tells from every other of the schedule."""
        side, price, stop, target = self.dice.choice((
            ("buy", "187.50", "182", "199"), ("buy", "190.00", "182", "199"),  # this one fills
            ("sell", "191.50", "198", "180"), ("sell", "192.20", "198", "180"),
        ))  # fmt: skip
        named = {"symbol": "AAPL", "side": side, "qty": str(next(self.sizes))}
        if self.dice.randrange(3):
            return "place_order", named | {"order_type": "limit", "limit_price": price}
        return "place_bracket_order", named | {"entry_price": price, "stop_loss": stop, "take_profit": target}

    async def place(self, faults: list[dict[str, Any]]) -> None:
        operation, arguments = self.ticket()
        if faults:
            await self.exchange.control("faults", faults)
        told = await self.core.call(operation, **arguments)
        self.done.append(f"{operation} {arguments['qty']} {faults} → {told.get('code', 'ok')}")
        if told.get("code", "IBKR_ORDER_UNKNOWN") not in OPEN:  # whoever asked was told that it is not there
            rows = [row for row in await self.theirs() if row["totalSize"] == float(arguments["qty"])]
            assert not rows, (self.done, told, rows)

    async def die_while_placing(self) -> None:
        """The core dies before its order leaves, while the simulator has it and does not answer, or at any time."""
        operation, arguments = self.ticket()
        await self.core.call("get_open_orders")  # what an order waits for
        received = len((await self.exchange.state())["orders_received"])
        moment = self.dice.choice(("at once", "on its way", "some time"))
        if moment == "on its way":
            await self.exchange.control("faults", SWALLOWED)
        placing = self.core.ask(operation, **arguments)
        async with asyncio.timeout(20):
            while moment == "on its way" and not placing.done():  # one that is blocked is not sent
                if len((await self.exchange.state())["orders_received"]) > received:
                    break
                await asyncio.sleep(0.01)
        if moment == "some time":
            await asyncio.sleep(self.dice.random() / 10)
        await self.core.kill()
        self.done.append(f"{operation} {arguments['qty']}, killed {moment}")
        await self.exchange.clear_faults()
        await self.begin()

    async def on_one(self, operation: str, faults: list[dict[str, Any]], **arguments: Any) -> None:
        """Cancel or amend an order of ours that works; where there is none, place one."""
        await self.core.call("get_open_orders")
        rows = [
            row for row in await self.core.orders() if row["state"] == "working" and not row["key"].startswith("ib:")
        ]
        rows = [row for row in rows if operation == "cancel_order" or row["role"] in {"single", "entry"}]
        if not rows:
            await self.place([])
            return
        if faults:
            await self.exchange.control("faults", faults)
        row = self.dice.choice(rows)
        told = await self.core.call(operation, coid=row["coid"], **arguments)
        self.done.append(f"{operation} {row['qty']} {row['role']} {faults} → {told.get('code', 'ok')}")

    async def theirs(self) -> list[dict[str, Any]]:
        """The simulator's orders of this schedule."""
        return [row for row in (await self.exchange.state())["orders"] if row["orderId"] not in self.before]

    async def check(self) -> None:
        """One order a ticket at most; what lives there is not dead here."""
        dead = {row["order_id"] or row["coid"]: row for row in await self.core.orders() if row["state"] in DEAD}
        rows = await self.theirs()
        tickets = [(row["totalSize"], row["side"], row["orderType"], bool(row.get("parentId"))) for row in rows]
        assert len(tickets) == len(set(tickets)), (self.done, tickets)
        for row in rows:
            if row["status"] in LIVE:
                names = {str(row["orderId"]), row.get("order_ref", "")}
                assert not names & set(dead), (self.done, row)

    async def end(self) -> None:
        """What lives there is found here, as ours; then it is cancelled, and known to be."""
        await self.until(self.all_found)
        for row in await self.core.orders():
            if row["state"] not in DEAD and row["order_id"] and not row["key"].startswith("ib:"):
                await self.core.call("cancel_order", coid=row["coid"])
        await self.until(self.all_over)
        await self.check()

    async def until(self, holds: Any) -> None:
        try:
            async with asyncio.timeout(30):
                while not await holds():
                    await asyncio.sleep(0.1)
        except TimeoutError:
            errors = (self.state.parent / "core.err").read_text()[-2000:]
            raise AssertionError((self.done, await self.theirs(), await self.core.orders(), errors)) from None

    async def all_found(self) -> bool:
        living = {str(row["orderId"]) for row in await self.theirs() if row["status"] in LIVE}
        known = {
            row["order_id"] for row in await self.core.orders()
            if row["state"] in {"working", "cancelling"} and not row["key"].startswith("ib:")
        }  # fmt: skip
        return living <= known

    async def all_over(self) -> bool:
        return not any(row["status"] in LIVE for row in await self.theirs())


@pytest.fixture(scope="module")
def exchange(start_simulator: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with start_simulator(tmp_path_factory.mktemp("simulator")) as simulator:
        yield simulator


@pytest.mark.parametrize("seed", [0, 7, 13])
async def test_a_schedule(exchange: Any, tmp_path: Path, seed: int) -> None:
    await Schedule(exchange, tmp_path / "state", seed).run(steps=4)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 124))
async def test_more_and_longer_schedules(exchange: Any, tmp_path: Path, seed: int) -> None:
    await Schedule(exchange, tmp_path / "state", seed).run(steps=15)

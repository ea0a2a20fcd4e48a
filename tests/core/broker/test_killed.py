"""kill -9 at points of an order's life (fault F12): no acknowledged row is missing, and the next core looks until it
sees the order, or leaves it unknown; it is never sent again."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ibkr_tui.core.journal.audit_key import load_key
from ibkr_tui.core.journal.journal import KEY_NAME
from ibkr_tui.core.journal.reading import verify_file
from ibkr_tui.model.orders import OrderState
from tests.core.broker.doomed_core import POINTS

ROOT = Path(__file__).parents[3]
FEW = ("inside the intent's commit", "the intent is committed", "during the POST", "before the answer is noted")
NEVER_MEANT = {"before the intent", "inside the intent's commit"}
EITHER_WAY = {"inside the sent row's commit"}  # it is written while the POST is under way
NEVER_SENT = {"the intent is committed", "before the POST"}
SWALLOWED = {"method": "POST", "path": "/orders$", "do": "hang", "after": True}


@pytest.fixture(scope="module")
def exchange(start_simulator: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with start_simulator(tmp_path_factory.mktemp("simulator")) as simulator:
        yield simulator


async def received(exchange: Any) -> int:
    return len((await exchange.state())["orders_received"])


async def killed(exchange: Any, state: Path, point: str, what: str) -> int:
    """Run a core to its end at that point; the last row that it held for committed."""
    words = [sys.executable, "-m", "tests.core.broker.doomed_core", str(exchange.config), str(state), point, what]
    process = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    before = await received(exchange)
    async with asyncio.timeout(60):
        while process.poll() is None:
            if point == "during the POST" and await received(exchange) > before:
                process.kill()
            await asyncio.sleep(0.05)
    out, errors = process.communicate()
    assert process.returncode == -signal.SIGKILL, errors
    return max(int(line) for line in out.split("\n")[:-1])


async def survives(
    exchange: Any, running: Any, until: Callable[..., Awaitable[None]], state: Path, *, point: str, what: str
) -> None:
    await exchange.clear_faults()
    await exchange.control("session", {"do": "expire"})
    before = await received(exchange)
    if point == "during the POST":
        await exchange.control("faults", SWALLOWED)
    acknowledged = await killed(exchange, state, point, what)
    await exchange.clear_faults()
    verdict = verify_file(state, load_key(state / KEY_NAME, create=False))
    assert verdict.finding is None
    assert verdict.last >= acknowledged, "a row that was acknowledged is there"
    legs = {"order": 1, "bracket": 3}[what]
    async with running(exchange, state) as desk:
        await until(lambda: desk.broker.journal.rows)
        await desk.call("get_open_orders")  # whatever the killed core still had under way is there by now
        sent = await received(exchange) - before
        assert point in EITHER_WAY or bool(sent) is (point not in NEVER_MEANT | NEVER_SENT)
        coids = [row.coid for row in (await desk.call("get_audit", kind="intent")).rows]
        if point in NEVER_MEANT:
            assert (coids, sent) == ([], 0)
            return
        assert len(coids) == legs
        if sent:
            done = {OrderState.WORKING, OrderState.FILLED}
            await until(lambda: all(desk.state(coid) in done for coid in coids), 40.0)
        else:
            await until(lambda: desk.broker.open_intents == legs, 10.0)
            assert {desk.state(coid) for coid in coids} == {OrderState.UNKNOWN}
        assert await received(exchange) == before + sent, "nothing is sent again"
        if sent:
            await desk.call("cancel_order", coid=coids[0])
            await until(lambda: all(desk.state(coid).is_done for coid in coids), 20.0)
    assert verify_file(state, load_key(state / KEY_NAME, create=False)).finding is None


@pytest.mark.parametrize("point", FEW)
async def test_killed_while_an_order_was_sent(
    exchange: Any, running: Any, until: Any, tmp_path: Path, point: str
) -> None:
    await survives(exchange, running, until, tmp_path, point=point, what="order")


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS)
async def test_killed_anywhere_again_and_again(
    exchange: Any, running: Any, until: Any, tmp_path: Path, point: str
) -> None:
    for number in range(5):
        for what in ("order", "bracket"):
            await survives(exchange, running, until, tmp_path / f"{what}{number}", point=point, what=what)

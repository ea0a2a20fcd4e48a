"""What the tests of the core share: a clock that a test moves, and simulators as processes on real sockets."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import json
import os
import select
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

START_S = 30.0
PASSES = 25


class FakeClock:
    """A `model.clock.Clock` that stands still until a test moves it."""

    def __init__(self, begin: datetime = datetime(2025, 11, 5, 15, 0, tzinfo=UTC)) -> None:
        self._begin = begin
        self._elapsed = 0.0
        self._numbers = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return self._begin + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        return 1000.0 + self._elapsed

    async def sleep(self, seconds: float) -> None:
        """Wait until `advance` has passed the time; zero or less gives way once."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._elapsed + seconds, next(self._numbers), waiter))
        await waiter

    async def advance(self, seconds: float) -> None:
        """Move on, waking each sleeper at its own time and letting all tasks run before the next one."""
        target = self._elapsed + seconds
        await self.settle()
        while self._sleepers and self._sleepers[0][0] <= target:
            due, _, waiter = heapq.heappop(self._sleepers)
            if waiter.done():
                continue
            self._elapsed = max(self._elapsed, due)
            waiter.set_result(None)
            await self.settle()
        self._elapsed = target
        await self.settle()

    async def settle(self) -> None:
        """Let tasks run as far as they come without time and without a socket."""
        for _ in range(PASSES):
            await asyncio.sleep(0)

    def jump_wall(self, seconds: float) -> None:
        """Set the wall clock alone, as an administrator or NTP does; no sleeper wakes."""
        self._begin += timedelta(seconds=seconds)

    @property
    def sleepers(self) -> list[float]:
        """In how many seconds each sleeper is due, soonest first."""
        return sorted(due - self._elapsed for due, _, waiter in self._sleepers if not waiter.done())


@dataclass(frozen=True)
class SimulatorProcess:
    """A running `python -m ibkr_tui.sim`. `credentials` and `config` are files it wrote, `out` their directory."""

    rest_url: str
    ws_url: str
    credentials: Path
    config: Path
    control_url: str
    out: Path

    @property
    def account(self) -> str:
        """The account of the paper profile."""
        return str(json.loads(self.credentials.read_text())["account_id"])

    @property
    def live_credentials(self) -> Path:
        """The credentials of the live profile."""
        return self.credentials.parent / "live" / self.credentials.name

    async def control(self, action: str, body: Any) -> Any:
        """POST to the control URL: `faults` `clock` `market` `ws` `session` `oauth` `pacing`."""
        return await self._ask("POST", action, json=body)

    async def clear_faults(self) -> None:
        """Take all faults away."""
        await self._ask("DELETE", "faults")

    async def state(self) -> dict[str, Any]:
        """Counters and books."""
        found: dict[str, Any] = await self._ask("GET", "state")
        return found

    async def _ask(self, method: str, action: str, **arguments: Any) -> Any:
        async with httpx.AsyncClient(timeout=10.0, trust_env=False, verify=False) as http:  # noqa: S501 - loopback
            response = await http.request(method, f"{self.control_url}/{action}", **arguments)
        assert response.status_code == 200, response.text
        return response.json()


@contextmanager
def running_simulator(out: Path, *options: str) -> Iterator[SimulatorProcess]:
    """A simulator in a process of its own, from its ready line until the block ends."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("IBKR_")}
    process = subprocess.Popen(
        [sys.executable, "-m", "ibkr_tui.sim", "--exit-with-parent", "--out", str(out), *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
    )
    assert process.stdout is not None
    try:
        readable, _, _ = select.select([process.stdout], [], [], START_S)
        line = process.stdout.readline() if readable else b""
        assert line, f"the simulator did not start within {START_S:g} s (status {process.poll()})"
        ready = json.loads(line)
        yield SimulatorProcess(
            ready["rest_url"],
            ready["ws_url"],
            Path(ready.get("credentials", out)),
            Path(ready["config"]),
            ready["control_url"],
            out,
        )
    finally:
        process.terminate()
        try:
            process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


@pytest.fixture
def fake_clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="session")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    """One simulator for all tests: for those that leave nothing behind but what `control` clears."""
    with running_simulator(tmp_path_factory.mktemp("simulator")) as running:
        yield running


@pytest.fixture
def fresh_simulator(tmp_path: Path) -> Iterator[SimulatorProcess]:
    """A simulator of this test's own."""
    with running_simulator(tmp_path / "simulator") as running:
        yield running


@pytest.fixture(scope="session")
def start_simulator() -> Callable[..., Any]:
    """`with start_simulator(out, "--tls") as simulator:` for a simulator with options."""
    return running_simulator


@pytest.fixture
async def control(simulator: SimulatorProcess) -> AsyncIterator[Callable[[str, Any], Awaitable[Any]]]:
    """`await control("faults", {...})` on the shared simulator; its faults end with the test."""
    await simulator.clear_faults()
    yield simulator.control
    await simulator.clear_faults()


@pytest.fixture
def until() -> Callable[..., Awaitable[None]]:
    """`await until(lambda: …)`: give way until the condition holds; a failure after `seconds` of real time."""

    async def wait(condition: Callable[[], object], seconds: float = 5.0) -> None:
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.005)

    return wait

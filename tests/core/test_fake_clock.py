"""The clock that tests move: others stand on it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from ibkr_tui.model.clock import Clock


async def test_sleepers_wake_in_order_and_each_at_its_time(fake_clock: Any) -> None:
    clock: Clock = fake_clock
    begin, woken = clock.monotonic(), []

    async def sleeper(name: str, *naps: float) -> None:
        for nap in naps:
            await clock.sleep(nap)
            woken.append((name, clock.monotonic() - begin))

    async with asyncio.TaskGroup() as group:
        group.create_task(sleeper("a", 5, 5, 0))
        group.create_task(sleeper("b", 7))
        await fake_clock.advance(4)
        assert woken == []
        assert fake_clock.sleepers == [1, 3]
        await fake_clock.advance(10)
    assert woken == [("a", 5), ("b", 7), ("a", 10), ("a", 10)]
    assert clock.monotonic() - begin == 14


async def test_a_cancelled_sleeper_is_forgotten(fake_clock: Any) -> None:
    task = asyncio.create_task(fake_clock.sleep(5))
    await fake_clock.settle()
    task.cancel()
    await fake_clock.advance(10)
    assert task.cancelled()
    assert fake_clock.sleepers == []


async def test_the_wall_clock_jumps_alone(fake_clock: Any) -> None:
    wall, steady = fake_clock.now(), fake_clock.monotonic()
    fake_clock.jump_wall(-3600)
    assert fake_clock.now() - wall == timedelta(hours=-1)
    assert fake_clock.monotonic() == steady
    assert fake_clock.now().utcoffset() == timedelta(0)

"""Schedules of faults: whatever is lost, late, doubled or killed, a ticket is one order at most and no live order dies.

The default run does a few hundred; ten thousand are marked slow. Hypothesis looks for a shortest one that fails.
"""

from __future__ import annotations

import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.orders.world import Choose, World

STEPS = 25


def live_through(choose: Choose, steps: int = STEPS) -> None:
    """One schedule."""

    async def run() -> None:
        world = World(choose)
        for _ in range(steps):
            await world.step()
        await world.end()

    asyncio.run(run())


def seeded(seed: int) -> Choose:
    return random.Random(seed).randrange  # noqa: S311 - a schedule, no secret


@pytest.mark.parametrize("block", range(4))
def test_schedules(block: int) -> None:
    for seed in range(block * 75, (block + 1) * 75):
        live_through(seeded(seed))


@pytest.mark.slow
@pytest.mark.parametrize("block", range(20))
def test_ten_thousand_schedules(block: int) -> None:
    for seed in range(1000 + block * 500, 1000 + (block + 1) * 500):
        live_through(seeded(seed))


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(st.data())
def test_any_interleaving(data: st.DataObject) -> None:
    live_through(lambda count: data.draw(st.integers(0, count - 1)), steps=10)

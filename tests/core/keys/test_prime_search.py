"""The search for a prime in a process of its own: its progress, its end, and that it can be stopped at any moment."""

from __future__ import annotations

import asyncio
import sys
from typing import Any

import pytest

from ibkr_tui.core.keys.prime_search import PrimeSearch
from ibkr_tui.model.errors import BrokerError


def child(text: str) -> tuple[str, ...]:
    return (sys.executable, "-I", "-c", text)


async def test_the_prime_is_read(fake_clock: Any) -> None:
    assert await PrimeSearch(fake_clock, child("print('tried 5'); print('prime 17')")).run() == 0x17
    with pytest.raises(BrokerError, match="ended by itself"):
        await PrimeSearch(fake_clock, child("print('tried 5')")).run()


async def test_a_real_search_tells_how_far_it_is_and_is_stopped(fake_clock: Any) -> None:
    search = PrimeSearch(fake_clock)
    assert search.progress is None and search.stop() is False
    running = asyncio.create_task(search.run())
    async with asyncio.timeout(20):
        while search.progress is None or not search.progress.tried:
            await asyncio.sleep(0.02)
        fake_clock.jump_wall(100)
        with pytest.raises(BrokerError) as caught:
            await search.run()
        assert caught.value.code == "ROTATION_BUSY"
        assert search.stop() is True
        assert await running is None
    assert search.progress is None


async def test_whoever_waits_owns_its_process(fake_clock: Any) -> None:
    search = PrimeSearch(fake_clock, child("import time; print('tried 1', flush=True); time.sleep(60)"))
    running = asyncio.create_task(search.run())
    async with asyncio.timeout(20):
        while search._process is None:
            await asyncio.sleep(0.01)
        process = search._process
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert process.returncode is not None

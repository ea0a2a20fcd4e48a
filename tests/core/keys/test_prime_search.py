"""The search for a prime in a process of its own: its progress, its end, and that it can be stopped at any moment."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any, cast

import pytest

from ibkr_tui.core.key_rotation import staged_with_own_group
from ibkr_tui.core.keys import generation
from ibkr_tui.core.keys.pem import parse_dh_parameters
from ibkr_tui.core.keys.prime_search import PrimeSearch
from ibkr_tui.core.keys.rotation import Rotation
from ibkr_tui.core.keys.store import KeyStore
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


async def test_what_is_found_is_staged_unless_a_set_is_staged_already(tmp_path: Path, fake_clock: Any) -> None:
    store = KeyStore(tmp_path / "keys", fake_clock)
    rotation = Rotation(store, fake_clock, cast(Any, None))
    search = PrimeSearch(fake_clock, child(f"print('prime {generation.GROUP_14:x}')"))
    assert await staged_with_own_group(rotation, search) == {"staged": True}
    staged = rotation.status().staged
    assert staged is not None
    path = store.path_of(staged.version) / "dhparam.pem"
    assert parse_dh_parameters(path.read_bytes(), path) == (generation.GROUP_14, generation.GENERATOR)
    with pytest.raises(BrokerError, match="staged already"):
        await staged_with_own_group(rotation, search)

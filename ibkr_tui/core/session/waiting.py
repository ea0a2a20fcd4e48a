"""Waiting for an event or for a time on the injected clock, whichever is first."""

from __future__ import annotations

import asyncio

from ibkr_tui.model.clock import Clock


async def wait_for(event: asyncio.Event, seconds: float, clock: Clock) -> bool:
    """True when `event` came within `seconds`."""
    if event.is_set():
        return True
    waiting = asyncio.ensure_future(event.wait())
    sleeping = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait({waiting, sleeping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (waiting, sleeping):
            task.cancel()
        await asyncio.gather(waiting, sleeping, return_exceptions=True)
    return event.is_set()

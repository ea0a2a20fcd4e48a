"""Parts of the core that must go on: an unexpected fault is told and logged, and the part starts again."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final

from ibkr_tui.model.clock import Clock

log = logging.getLogger(__name__)

FIRST_WAIT: Final = 1.0
LONGEST_WAIT: Final = 60.0
CALM_AFTER: Final = 120.0


async def supervise(name: str, work: Callable[[], Awaitable[None]], told: Callable[[str], None], clock: Clock) -> None:
    """Run `work` until it ends; start it again with growing waits when it fails. `told` gets a sentence for people."""
    wait = FIRST_WAIT
    while True:
        begun = clock.monotonic()
        try:
            await work()
            return
        except Exception as error:
            log.exception("%s failed", name)
            told(f"{name} failed ({type(error).__name__}) and starts again; the log has the details")
        if clock.monotonic() - begun > CALM_AFTER:
            wait = FIRST_WAIT
        await clock.sleep(wait)
        wait = min(wait * 2, LONGEST_WAIT)

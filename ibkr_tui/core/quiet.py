"""Reads that wait while an order is sent and its question open: a request in between voids it (reference 4.6)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

from ibkr_tui.core.session.waiting import wait_for
from ibkr_tui.model.clock import Clock

LEAVE_WITHIN: Final = 2.0
"""Seconds an order waits for the reads that are on their way."""


class QuietWindow:
    """Open from just before an order's POST until the broker has decided. `asking`: it has asked a question."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._open = 0
        self._reads = 0
        self._calm = asyncio.Event()
        self._calm.set()
        self._empty = asyncio.Event()
        self._empty.set()
        self.asking = False

    @property
    def is_calm(self) -> bool:
        """Whether reads may leave."""
        return self._calm.is_set()

    @property
    def reason(self) -> str:
        """Why reads wait; empty when they do not."""
        if self.is_calm:
            return ""
        return "IBKR waits for an answer to its question" if self.asking else "an order is on its way to IBKR"

    async def calm(self) -> None:
        """Return when reads may leave."""
        await self._calm.wait()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """A read on its way. It begins in the same moment in which it was calm."""
        self._reads += 1
        self._empty.clear()
        try:
            yield
        finally:
            self._reads -= 1
            if not self._reads:
                self._empty.set()

    @asynccontextmanager
    async def quiet(self) -> AsyncIterator[None]:
        """No read begins inside; those on their way have ended, or had two seconds to."""
        self._open += 1
        self._calm.clear()
        try:
            await wait_for(self._empty, LEAVE_WITHIN, self._clock)
            yield
        finally:
            self._open -= 1
            if not self._open:
                self.asking = False
                self._calm.set()

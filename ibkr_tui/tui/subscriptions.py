"""Asks the core to stream every line of the watchlist, again after each new connection, and again when it can't yet."""

from __future__ import annotations

import asyncio
from typing import Final

from ibkr_tui.model.clock import Clock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.tui import requests
from ibkr_tui.tui.feed import Feed
from ibkr_tui.tui.watchlist import Watchlist, Watchlists, WatchRow

_AT_ONCE: Final = 4
_AGAIN_S: Final = 1.5


class Subscriptions:
    """Run one; `wake` it when a line was added or the link is back. `changed` holds keys to repaint."""

    def __init__(self, feed: Feed, watchlists: Watchlists, clock: Clock) -> None:
        self._feed = feed
        self._watchlists = watchlists
        self._clock = clock
        self._wake = asyncio.Event()
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._connection = 0
        self.changed: set[str] = set()

    @property
    def _watchlist(self) -> Watchlist:
        return self._watchlists.current

    def wake(self) -> None:
        """There may be something to ask for."""
        self._wake.set()

    async def run(self) -> None:
        """Ask until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            if not self._feed.is_live:
                continue
            if self._connection != self._feed.connections:
                self._connection = self._feed.connections
                for watchlist in self._watchlists.lists:
                    watchlist.begin_again()
            async with asyncio.TaskGroup() as group:
                for row in self._watchlist.waiting():
                    group.create_task(self._ask(row), name=f"subscribe-{row.symbol}")
            if self._watchlist.waiting() and self._feed.is_live:
                await self._clock.sleep(_AGAIN_S)
                self._wake.set()

    async def _ask(self, row: WatchRow) -> None:
        async with self._slots:
            try:
                conid = await requests.subscribe(self._feed, row.symbol, row.wanted_conid)
            except BrokerError as error:
                if not error.retryable:
                    self._watchlist.refused(row.key, error)
            else:
                self._watchlist.asked(row.key, conid)
        self.changed.add(row.key)

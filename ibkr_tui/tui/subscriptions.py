"""Tells the core what can be seen, so that it streams: the whole set, again when it changes or the link is new.

A watchlist's line is a name until the core has told its listing; that is asked for first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.tui import requests
from ibkr_tui.tui.desk_state import DeskState
from ibkr_tui.tui.watchlist import WatchRow

_AT_ONCE: Final = 4
_AGAIN_S: Final = 1.5


class Subscriptions:
    """`look` says what can be seen, `wake` that a line was added. `changed` holds watchlist keys to repaint."""

    def __init__(self, state: DeskState) -> None:
        self._state = state
        self._wake = asyncio.Event()
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._connection = 0
        self._quotes: frozenset[int] = frozenset()
        self._depth: frozenset[int] = frozenset()
        self._is_told = False
        self.changed: set[str] = set()

    def wake(self) -> None:
        """There may be something to ask for."""
        self._wake.set()

    def look(self, quotes: Iterable[int], depth: Iterable[int]) -> None:
        """These instruments can be seen from now on, and nothing else."""
        wanted = frozenset(quotes), frozenset(depth)
        if wanted != (self._quotes, self._depth):
            self._quotes, self._depth = wanted
            self._is_told = False
            self._wake.set()

    async def run(self) -> None:
        """Ask until cancelled."""
        feed = self._state.feed
        while True:
            await self._wake.wait()
            self._wake.clear()
            if not feed.is_live:
                continue
            if self._connection != feed.connections:
                self._connection = feed.connections
                self._is_told = False
                for watchlist in self._state.watchlists.lists:
                    watchlist.begin_again()
            waiting = self._state.watchlist.waiting()
            async with asyncio.TaskGroup() as group:
                telling = group.create_task(self._keep_telling(), name="look-at")
                async with asyncio.TaskGroup() as names:
                    for row in waiting:
                        names.create_task(self._name(row), name=f"name-{row.symbol}")
                telling.cancel()
            self._wake.clear()
            if not await self._tell() and feed.is_live:
                await self._state.clock.sleep(_AGAIN_S)
            left = {row.key for row in self._state.watchlist.waiting()}
            if left & {row.key for row in waiting} and feed.is_live:
                await self._state.clock.sleep(_AGAIN_S)
            if left or not self._is_told:
                self._wake.set()

    async def _keep_telling(self) -> None:
        """While lines are being named, what is named already streams: the first prices wait for no other line."""
        while True:
            await self._tell()
            await self._wake.wait()
            self._wake.clear()

    async def _tell(self) -> bool:
        """Say the whole set; whether the core took it. What finds no place has its reason in `refused`."""
        if self._is_told:
            return True
        quotes, depth = self._quotes, self._depth
        try:
            looks = await requests.look_at(self._state.feed, sorted(quotes), sorted(depth))
        except BrokerError as error:
            self._is_told = not error.retryable
            return self._is_told
        self._is_told = (quotes, depth) == (self._quotes, self._depth)
        before, refused = self._state.refused, {one.conid: f"{one.message} ({one.code})" for one in looks.refused}
        self._state.refused = refused
        self._repaint({*before, *refused})
        return True

    def _repaint(self, conids: set[int]) -> None:
        self.changed |= {key for key, row in self._state.watchlist.rows.items() if row.conid in conids}

    async def _name(self, row: WatchRow) -> None:
        async with self._slots:
            watchlist = self._state.watchlist
            try:
                found = await requests.contract(self._state.feed, row.symbol, row.wanted_conid)
            except BrokerError as error:
                if not error.retryable:
                    watchlist.refused(row.key, error)
            else:
                self._state.instruments[found.conid] = found
                watchlist.asked(row.key, found.conid)
        self.changed.add(row.key)

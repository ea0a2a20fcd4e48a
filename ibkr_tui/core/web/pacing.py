"""IBKR's request limits, kept here so that it never has to refuse (reference 5).

Ten requests a second in all, of which two places are kept for orders, so that these never wait behind reads; and
the limits of single endpoints. After a 429 nothing leaves until the broker's time is over but cancels, one every five
seconds: they wait for their turn, first come, first served.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final, Protocol

import msgspec

from ibkr_tui.model.clock import Clock
from ibkr_tui.model.errors import BrokerError

WINDOW: Final = 1.05
IN_ALL: Final = 10
FOR_READS: Final = 8
PENALTY: Final = 900.0
GARBAGE_PENALTY: Final = 60.0
CANCEL_EVERY: Final = 5.0


class Calm(Protocol):
    """Says when reads may leave: not while the broker waits for an answer."""

    @property
    def is_calm(self) -> bool: ...

    async def calm(self) -> None: ...


class Limit(msgspec.Struct, frozen=True):
    """Seconds between the end of one request and the begin of the next, or how many at once."""

    interval: float = 0.0
    at_once: int = 1


LIMITS: Final[Mapping[str, Limit]] = {
    "/iserver/account/orders": Limit(5.0),
    "/iserver/account/trades": Limit(5.0),
    "/iserver/account/pnl/partitioned": Limit(5.0),
    "/portfolio/accounts": Limit(5.0),
    "/portfolio/subaccounts": Limit(5.0),
    "/iserver/marketdata/history": Limit(at_once=5),
    "/iserver/scanner/run": Limit(1.0),
    "/pa/performance": Limit(900.0),
    "/pa/transactions": Limit(900.0),
    "/tickle": Limit(1.0),
}


class _Gate:
    """One endpoint's limit. The interval runs from the end of a request: the broker saw it before that."""

    def __init__(self, limit: Limit, clock: Clock) -> None:
        self._limit = limit
        self._clock = clock
        self._places = asyncio.Semaphore(limit.at_once)
        self._not_before = 0.0
        self._waiting = 0

    @property
    def waiting(self) -> int:
        """How many wait for this endpoint."""
        return self._waiting

    def expected_wait(self) -> float:
        first = max(0.0, self._not_before - self._clock.monotonic())
        return first + self._waiting * self._limit.interval

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        await self._arrive()
        try:
            yield
        finally:
            if self._limit.interval:
                self._not_before = self._clock.monotonic() + self._limit.interval
            self._places.release()

    async def _arrive(self) -> None:
        self._waiting += 1
        try:
            await self._places.acquire()
            try:
                while (wait := self._not_before - self._clock.monotonic()) > 0:
                    await self._clock.sleep(wait)
            except BaseException:
                self._places.release()
                raise
        finally:
            self._waiting -= 1


class Pacing:
    """All requests of one username pass here."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._gates = {path: _Gate(limit, clock) for path, limit in LIMITS.items()}
        self._recent: deque[float] = deque()
        self._blocked_until = 0.0
        self._ends: datetime | None = None
        self._waiting = 0
        self._cancels = asyncio.Lock()
        self._cancels_waiting = 0
        self._cancel_not_before = 0.0
        self._urgent_waiting = 0
        self._reads = asyncio.Lock()

    @property
    def blocked_for(self) -> float:
        """Seconds until requests may leave again after a 429; 0 when they may."""
        return max(0.0, self._blocked_until - self._clock.monotonic())

    @property
    def blocked_until(self) -> datetime | None:
        """When requests may leave again after a 429; None when they may."""
        return self._ends if self.blocked_for else None

    @property
    def used(self) -> int:
        """How many of `IN_ALL` places of the present second are taken."""
        since = self._clock.monotonic() - WINDOW
        return sum(at > since for at in self._recent)

    @property
    def waiting(self) -> int:
        """Requests that wait for their turn."""
        return self._waiting + self._cancels_waiting + sum(gate.waiting for gate in self._gates.values())

    @asynccontextmanager
    async def turn(
        self, method: str, path: str, *, deadline: float = 10.0, urgent: bool = False, calm: Calm | None = None
    ) -> AsyncIterator[None]:
        """Wait for this request's turn; the block is the request. `urgent`: orders and cancels.

        With `calm` the request leaves in a calm moment.

        Raises BrokerError IBKR_RATE_LIMITED at once when the turn cannot come within `deadline` seconds.
        """
        is_cancel = urgent and method == "DELETE"
        if is_cancel:
            await self._cancels_turn(deadline)
        else:
            self._check_block()
        gate = self._gates.get(path) if not urgent else None
        if gate is None:
            await self._leave(urgent, calm)
            if not is_cancel:
                self._check_block()  # a 429 may have come while it waited for its place
            yield
            return
        if (wait := gate.expected_wait()) >= deadline:
            raise BrokerError(
                "IBKR_RATE_LIMITED",
                f"IBKR allows {path} rarely; its turn comes in {wait:.0f} s",
                details={"retry_after_s": round(wait, 1)},
            )
        async with gate.turn():
            self._check_block()
            await self._leave(urgent, calm)
            yield

    def refused(self, retry_after: str | None) -> None:
        """The broker answered 429. `retry_after` is its header: seconds or a date.

        Without one the penalty runs from its first: a cancel that is refused in it makes it no longer.
        """
        if retry_after is None and self.blocked_for:
            return
        self._blocked_until = max(self._blocked_until, self._clock.monotonic() + self._penalty(retry_after))
        self._ends = self._clock.now() + timedelta(seconds=self.blocked_for)

    def _penalty(self, retry_after: str | None) -> float:
        if retry_after is None:
            return PENALTY
        text = retry_after.strip()
        if text.isascii() and text.isdigit() and len(text) < 9:
            return min(max(float(text), 1.0), PENALTY)
        try:
            at = parsedate_to_datetime(text)
        except ValueError:
            return GARBAGE_PENALTY
        aware = at if at.tzinfo else at.replace(tzinfo=UTC)
        return min(max((aware - self._clock.now()).total_seconds(), 1.0), PENALTY)

    def _check_block(self) -> None:
        if wait := self.blocked_for:
            raise _refused(f"IBKR refused requests for their number; the next may leave in {wait:.0f} s", wait)

    async def _cancels_turn(self, deadline: float) -> None:
        """A cancel waits for its turn as long as the penalty lasts; at once when there is none."""
        wait = max(0.0, self._cancel_not_before - self._clock.monotonic()) + self._cancels_waiting * CANCEL_EVERY
        if self.blocked_for and min(wait, self.blocked_for) >= deadline:
            raise _refused(
                f"IBKR refused requests for their number; cancels leave every {CANCEL_EVERY:g} s, and the next turn "
                f"comes in {wait:.0f} s",
                wait,
            )
        self._cancels_waiting += 1
        try:
            async with self._cancels:
                while self.blocked_for and (wait := self._cancel_not_before - self._clock.monotonic()) > 0:
                    await self._clock.sleep(min(wait, self.blocked_for))
                if self.blocked_for:
                    self._cancel_not_before = self._clock.monotonic() + CANCEL_EVERY
        finally:
            self._cancels_waiting -= 1

    async def _leave(self, urgent: bool, calm: Calm | None) -> None:
        """Take a place; one that was got in a moment that is not calm is let go."""
        while True:
            if calm is not None:
                await calm.calm()
            await self._take_place(urgent)
            if calm is None or calm.is_calm:
                return

    async def _take_place(self, urgent: bool) -> None:
        self._waiting += 1
        try:
            if urgent:
                await self._take_urgent_place()
            else:
                async with self._reads:  # first come, first served
                    await self._wait_below(FOR_READS)
        finally:
            self._waiting -= 1

    async def _take_urgent_place(self) -> None:
        self._urgent_waiting += 1
        try:
            await self._wait_below(IN_ALL)
        finally:
            self._urgent_waiting -= 1

    async def _wait_below(self, most: int) -> None:
        recent = self._recent
        while True:
            now = self._clock.monotonic()
            while recent and recent[0] <= now - WINDOW:
                recent.popleft()
            room = most - (self._urgent_waiting if most == FOR_READS else 0)
            if len(recent) < max(room, 1):
                recent.append(now)
                return
            await self._clock.sleep(max(recent[0] + WINDOW - now, 0.001))


def _refused(words: str, wait: float) -> BrokerError:
    return BrokerError("IBKR_RATE_LIMITED", words, details={"retry_after_s": round(wait, 1)})

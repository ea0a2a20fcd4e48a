"""Looking: order and trade reads that prove what the stream may have missed (design 6.3).

Every minute, at start, after each reconnect, and every six seconds while the fate of an order is open. Only sight
resolves: a list without an order proves nothing, the first list of a session least of all (reference 4.3).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from ibkr_tui.core.orders.lifecycle import OrderBook
from ibkr_tui.core.orders.recorder import Recorder
from ibkr_tui.core.orders.wire import fill_row, status_as_row
from ibkr_tui.core.session.waiting import wait_for
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.orders import OrderState

log = logging.getLogger(__name__)

EVERY: Final = 60.0
WHILE_OPEN: Final = 6.0
AGAIN: Final = 5.5
DAYS: Final = 7
MISSED_LISTS: Final = 3
MOST_ORDERS: Final = 1000
"""A list of so many was cut (reference 4.3): nobody has looked for what may be the one too many."""
SHARED_FOR: Final = 5.0
"""Seconds in which one read of the trades serves everybody: the broker allows no more."""


class OrderReads(Protocol):
    """The reads this module needs."""

    async def orders(self, force: bool = False) -> Mapping[str, Any]: ...
    async def trades(self, days: int) -> Sequence[Mapping[str, Any]]: ...
    async def order_status(self, order_id: str) -> Mapping[str, Any]: ...


class Reconciler:
    """Reads orders and trades into the book."""

    def __init__(self, *, reads: OrderReads, book: OrderBook, recorder: Recorder, clock: Clock) -> None:
        self._reads = reads
        self._book = book
        self._recorder = recorder
        self._clock = clock
        self._asked = asyncio.Event()
        self._missing: dict[str, int] = {}
        self._turn = 0
        self._gaps = self._gaps_read = 0
        self._trades_lock = asyncio.Lock()
        self._trades: dict[int, tuple[float, Sequence[Mapping[str, Any]]]] = {}
        self._trade_reads = 0
        self._read = asyncio.Event()
        self._orders_at = self._trades_at = float("-inf")
        self.rounds = 0

    def look(self) -> None:
        """Read soon: something happened that only a read can explain."""
        self._asked.set()

    def look_everywhere(self) -> None:
        """The stream was away, or the session is another: orders and trades are both read again."""
        self._gaps += 1
        self._trades.clear()
        self._trade_reads = 0
        self._asked.set()

    async def run(self) -> None:
        """Read as often as needed, until cancelled. Failed reads are tried again."""
        while not await self._attempt(self._everything):
            await self._clock.sleep(WHILE_OPEN)
        while True:
            soon = self._book.unresolved() or self._book.changing or self._gaps_read < self._gaps
            await wait_for(self._asked, WHILE_OPEN if soon else EVERY, self._clock)
            self._asked.clear()
            await self._attempt(self._next)
            self._book.sweep()

    async def first_read(self, seconds: float) -> None:
        """Return when this session's orders have been read. Raises BrokerError IBKR_UNAVAILABLE after `seconds`."""
        if not await wait_for(self._read, seconds, self._clock):
            raise BrokerError("IBKR_UNAVAILABLE", "the day's orders have not been read yet")

    def looked(self, since: float) -> bool:
        """Whether orders and trades have both been asked for and read since that monotonic second."""
        return min(self._orders_at, self._trades_at) >= since

    async def read_orders(self) -> int:
        """One order read into the book; how many rows it had."""
        asked = self._clock.monotonic()
        listed = (await self._reads.orders()).get("orders") or []
        if len(listed) < MOST_ORDERS:
            self._orders_at = asked
        rows = [row for row in listed if isinstance(row, Mapping)]
        for row in rows:
            self._book.sight(row)
        if rows:
            self._note_missing({str(row.get("orderId")) for row in rows})
        return len(rows)

    async def read_trades(self) -> int:
        """One trade read; how many rows it had."""
        rows = await self.trades(DAYS)
        self.take_trades(rows, late=True)
        return len(rows)

    async def trades(self, days: int) -> Sequence[Mapping[str, Any]]:
        """The rows of a trade read at most five seconds old; callers at once share it. Raises BrokerError.

        Before this session's second read an empty list is read again (reference 4.3).
        """
        async with self._trades_lock:
            at, rows = self._trades.get(days, (float("-inf"), ()))
            if self._clock.monotonic() - at >= SHARED_FOR:
                rows = await self._read_days(days)
            if not rows and self._trade_reads < 2:
                await self._clock.sleep(AGAIN)
                rows = await self._read_days(days)
            return rows

    async def _read_days(self, days: int) -> Sequence[Mapping[str, Any]]:
        asked = self._clock.monotonic()
        rows = await self._reads.trades(days)
        self._trade_reads += 1
        if days == DAYS:
            self._trades_at = asked
        self._trades[days] = (self._clock.monotonic(), rows)
        return rows

    def take_trades(self, rows: Sequence[Mapping[str, Any]], *, late: bool) -> None:
        """Fills, of the stream or a read, oldest first."""
        fills = [fill for row in rows if (fill := fill_row(row)) is not None]
        for fill in sorted(fills, key=lambda fill: fill.at):
            known = self._book.fill(fill)
            if known is not None:
                self._recorder.filled(known, late=late)

    async def _everything(self) -> None:
        """Both lists; an empty one is read again, because a session's first answer is empty whatever there is."""
        gaps, begun = self._gaps, self._clock.monotonic()
        if some := await self.read_orders():
            self._first_read_done()
        await self.read_trades()
        if not some:
            await self._clock.sleep(max(0.0, begun + AGAIN - self._clock.monotonic()))
            await self.read_orders()
        self._gaps_read = gaps
        self._first_read_done()

    def _first_read_done(self) -> None:
        self._read.set()
        self._book.mark_read()

    async def _next(self) -> None:
        self.rounds += 1
        self._turn += 1
        if self._gaps_read < self._gaps:
            await self._everything()
            return
        trades = self._turn % 2 == 0 if self._book.unresolved() else self._lacks_executions() or self._turn % 5 == 0
        await (self.read_trades if trades else self.read_orders)()
        for order_id in [name for name, times in self._missing.items() if times >= MISSED_LISTS]:
            await self.look_at(order_id)

    def _lacks_executions(self) -> bool:
        return any(order.state is OrderState.FILLED and not self._book.fully_told(order) for order in self._book)

    def _note_missing(self, listed: set[str]) -> None:
        """Orders at work that full lists leave out are asked for one by one; the list itself proves nothing."""
        working = {order.order_id for order in self._book if order.order_id and not order.state.is_done}
        self._missing = {name: self._missing.get(name, 0) + 1 for name in working - listed}

    async def look_at(self, order_id: str) -> None:
        """One order of the broker's, asked for by its id. A failed read is tried again by whoever needs it."""
        self._missing.pop(order_id, None)
        try:
            row = await self._reads.order_status(order_id)
        except BrokerError as error:
            log.info("order %s: %s", order_id, error.message)
            return
        self._book.sight(status_as_row(row))

    async def _attempt(self, work: Callable[[], Awaitable[None]]) -> bool:
        try:
            await work()
        except BrokerError as error:
            log.warning("reconcile: %s (%s)", error.message, error.code)
            return False
        return True

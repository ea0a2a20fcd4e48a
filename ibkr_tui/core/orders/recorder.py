"""What happened to orders, told to the journal, to the logs and to people, in the sequence in which it happened.

Changes come from many tasks; one queue and one task write them, so that a fill is never audited before its sending.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime

import msgspec

from ibkr_tui.core.journal.intents import IntentState
from ibkr_tui.core.journal.journal import Journal, Turn
from ibkr_tui.core.orders.lifecycle import FOREIGN
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.events import Event, Severity
from ibkr_tui.model.log import Log
from ibkr_tui.model.numbers import plain
from ibkr_tui.model.orders import Fill, Order, OrderState
from ibkr_tui.model.text import clean

log = logging.getLogger(__name__)

_TOLD = {
    OrderState.WORKING: ("working", IntentState.WORKING),
    OrderState.FILLED: ("", IntentState.FILLED),
    OrderState.CANCELLED: ("cancelled", IntentState.CANCELLED),
    OrderState.REJECTED: ("rejected", IntentState.REJECTED),
}
_VERDICTS = {OrderState.SENDING, OrderState.QUESTION}


class _Turns(msgspec.Struct, frozen=True):
    coid: str
    turns: tuple[Turn, ...]


class _Filled(msgspec.Struct, frozen=True):
    fill: Fill
    late: bool


class Recorder:
    """Takes changes without waiting; `run` writes them down."""

    def __init__(self, journal: Journal, events: Log[Event], fills: Log[Fill], account: str, clock: Clock) -> None:
        self._journal = journal
        self._events = events
        self._fills = fills
        self._account = account
        self._clock = clock
        self._started = clock.now()
        self._queue: asyncio.Queue[_Turns | _Filled] = asyncio.Queue()
        self._executions: set[str] = set()
        self._failed = False
        self._coids: set[str] = set()
        self.on_fill: Callable[[Fill], None] = lambda fill: None

    def remember(self, coid: str) -> None:
        """`coid` is an order of ours: its fills belong into the audit."""
        self._coids.add(coid)

    def note(self, coid: str, *turns: Turn) -> None:
        """Audit rows for an order of ours."""
        self._queue.put_nowait(_Turns(coid, turns))

    def say(self, text: str, severity: Severity = Severity.INFO, *, code: str = "", order_key: str = "") -> None:
        """A sentence for people."""
        self._events.append(Event(self._clock.now(), clean(text, limit=400), severity, code, order_key))

    def changed(self, before: Order | None, after: Order) -> None:
        """An order moved. What the answer to its POST decided is noted by who sent it, the rest here."""
        if before is None or before.state is after.state:
            return
        ours = not after.key.startswith(FOREIGN)
        verdict = before.state in _VERDICTS and after.state in {OrderState.REJECTED, OrderState.UNKNOWN}
        if ours and not verdict and after.state in _TOLD:
            kind, state = _TOLD[after.state]
            facts = {
                "order_id": after.order_id, "status": after.broker_status, "filled": after.filled, "text": after.text,
            }  # fmt: skip
            self.note(after.key, Turn(kind, facts, state, after.order_id))
        self._tell(before, after)

    def filled(self, fill: Fill, *, late: bool) -> bool:
        """A fill was told; whether it was the first time. `late`: by an order read, after a gap in the stream."""
        if fill.execution_id in self._executions:
            return False
        self._executions.add(fill.execution_id)
        self._fills.append(fill)
        if fill.coid in self._coids:
            self._queue.put_nowait(_Filled(fill, late))
        elif fill.at >= self._started:
            self._announce(fill, late)
        return True

    async def run(self) -> None:
        """Write what comes, until cancelled."""
        while True:
            await self._take(await self._queue.get())

    async def drain(self) -> None:
        """Write what is waiting: the last thing before the journal closes."""
        while not self._queue.empty():
            await self._take(self._queue.get_nowait())

    async def settled(self) -> None:
        """Return when everything told so far is written."""
        await self._queue.join()

    async def _take(self, entry: _Turns | _Filled) -> None:
        try:
            await self._write(entry)
        finally:
            self._queue.task_done()

    async def _write(self, entry: _Turns | _Filled) -> None:
        try:
            if isinstance(entry, _Turns):
                await self._journal.record(entry.coid, self._account, entry.turns)
            elif await self._journal.record_fill(entry.fill, late=entry.late):
                self._announce(entry.fill, entry.late)
        except BrokerError as error:
            log.error("not journalled: %s", error.message)
            if isinstance(entry, _Filled):
                self._announce(entry.fill, entry.late)
            if not self._failed:
                self._failed = True
                self.say(f"{error.message}: no new orders are sent", Severity.ERROR, code=error.code)

    def _announce(self, fill: Fill, late: bool) -> None:
        after = " (learnt after a gap)" if late and _old(fill.at, self._clock.now()) else ""
        text = f"filled {fill.side.value.upper()} {plain(fill.qty)} {fill.symbol} @ {plain(fill.price)}{after}"
        self.say(text, order_key=fill.coid or (FOREIGN + fill.order_id if fill.order_id else ""))
        self.on_fill(fill)

    def _tell(self, before: Order, after: Order) -> None:
        name = summary(after)
        if after.state is OrderState.UNKNOWN:
            text = f"UNKNOWN {name}: IBKR may or may not have it; it is not sent again"
            self.say(text, Severity.ERROR, code="IBKR_ORDER_UNKNOWN", order_key=after.key)
        elif after.state is OrderState.REJECTED:
            why = after.text or after.broker_status
            ours = why.startswith(("not sent", "declared"))
            self.say(f"{name}: {why}" if ours else f"rejected {name}: {why}", Severity.ERROR, order_key=after.key)
        elif before.state is OrderState.UNKNOWN:
            self.say(f"found {name}: {after.state.value}", Severity.WARNING, order_key=after.key)
        elif after.state in {OrderState.WORKING, OrderState.CANCELLED}:
            self.say(f"{after.state.value} {name}", order_key=after.key)


def summary(order: Order) -> str:
    """An order in a few words: `BUY 100 AAPL LMT 188.00 DAY`."""
    price = "" if order.limit_price is None else f" {plain(order.limit_price)}"
    kind = {"limit": "LMT", "market": "MKT"}.get(order.order_type, order.order_type.upper())
    return f"{order.side.value.upper()} {plain(order.qty)} {order.description} {kind}{price} {order.tif.upper()}"


def _old(at: datetime, now: datetime) -> bool:
    return (now - at).total_seconds() > 10

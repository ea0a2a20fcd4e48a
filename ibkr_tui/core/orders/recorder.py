"""What happened to orders, told to the journal, to the logs and to people, in the sequence in which it happened.

Changes come from many tasks; one queue and one task write them, so that a fill is never audited before its sending.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from datetime import datetime

import msgspec

from ibkr_tui.core.journal.intents import IntentState
from ibkr_tui.core.journal.journal import Journal, Turn
from ibkr_tui.core.orders.followed import FOREIGN
from ibkr_tui.core.orders.lately import DAY, Lately
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.events import Event, Severity
from ibkr_tui.model.log import Log
from ibkr_tui.model.numbers import plain, priced
from ibkr_tui.model.orders import Fill, Order, OrderState, OrderTicket, TrailBy
from ibkr_tui.model.text import clean

log = logging.getLogger(__name__)

_TOLD = {
    OrderState.WORKING: ("working", IntentState.WORKING),
    OrderState.FILLED: ("", IntentState.FILLED),
    OrderState.CANCELLED: ("cancelled", IntentState.CANCELLED),
    OrderState.REJECTED: ("rejected", IntentState.REJECTED),
}
_DECLINED = re.compile(r"declined \([^)]*\)")
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
        self._executions = Lately(clock, seconds=8 * DAY, most=200_000)
        self._foreign = Lately(clock, seconds=8 * DAY, most=20_000)
        self._failed = False
        self._coids = Lately(clock, seconds=8 * DAY, most=100_000)
        self.on_fill: Callable[[Fill], None] = lambda fill: None
        self.is_to_be_cancelled: Callable[[str], bool] = lambda key: False
        """Whether the cancel of that order is kept up: the journal remembers it whatever state is seen meanwhile."""

    def keep(self, is_followed: Callable[[str], bool]) -> None:
        """Orders that are still followed are ours, however old they are."""
        self._coids.is_kept = is_followed

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
            if after.state is OrderState.WORKING and self.is_to_be_cancelled(after.key):
                state = IntentState.CANCEL_ON_SIGHT
            facts = {
                "order_id": after.order_id, "status": after.broker_status, "filled": after.filled, "text": after.text,
            }  # fmt: skip
            self.note(after.key, Turn(kind, facts, state, after.order_id))
        self._tell(before, after)

    def filled(self, fill: Fill, *, late: bool) -> bool:
        """A fill was told; whether it was the first time. `late`: by an order read, after a gap in the stream."""
        ours = fill.coid in self._coids
        if fill.execution_id in self._executions:
            if ours and fill.execution_id in self._foreign:  # a leg's, told before it was known to be ours
                self._foreign.discard(fill.execution_id)
                self._queue.put_nowait(_Filled(fill, late))
            return False
        self._executions.add(fill.execution_id)
        self._fills.append(fill)
        if ours:
            self._queue.put_nowait(_Filled(fill, late))
            return True
        self._foreign.add(fill.execution_id)
        if fill.at >= self._started:
            self._announce(fill, late)
        return True

    def naked(self, leg: Order, parent: Order) -> None:
        """A leg was rejected while the order that it was to follow lives, or is filled: nothing guards it."""
        if parent.state is OrderState.FILLED:
            what = f"{summary(parent)} is filled without its {leg.role.value}: close the position or place it again"
        else:
            name = parent.coid or parent.order_id
            what = (
                f"{summary(parent)} works on without its {leg.role.value}: cancel it (cancel_order coid={name}) "
                f"or place it again"
            )
        why = leg.text or leg.broker_status or "rejected"
        self.say(f"{what} – {why}", Severity.ERROR, code="IBKR_GROUP_PARTIAL", order_key=parent.key)

    def restated(self, key: str, ticket: OrderTicket) -> None:
        """A change of an order was taken: the journal remembers it as it is now."""
        if key.startswith(FOREIGN):
            return
        facts = {"qty": ticket.qty, "limit_price": ticket.limit_price, "stop_price": ticket.stop_price}
        self.note(key, Turn("amended", facts, ticket=ticket))

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
            log.error("not journalled: %s: %s", _named(entry), error.message)
            if isinstance(entry, _Filled):
                self._announce(entry.fill, entry.late)
            if not self._failed:
                self._failed = True
                self.say(f"{error.message}: no new orders are sent", Severity.ERROR, code=error.code)

    def _announce(self, fill: Fill, late: bool) -> None:
        after = " (learnt after a gap)" if late and _old(fill.at, self._clock.now()) else ""
        text = f"filled {fill.side.value.upper()} {plain(fill.qty)} {fill.symbol} @ {priced(fill.price)}{after}"
        self.say(text, order_key=fill.coid or (FOREIGN + fill.order_id if fill.order_id else ""))
        self.on_fill(fill)

    def _tell(self, before: Order, after: Order) -> None:
        name = summary(after)
        if after.state is OrderState.UNKNOWN:
            text = f"UNKNOWN {name}: IBKR may or may not have it; it is not sent again"
            self.say(text, Severity.ERROR, code="IBKR_ORDER_UNKNOWN", order_key=after.key)
        elif after.state is OrderState.REJECTED:
            why = after.text or after.broker_status
            declined = _DECLINED.match(why)
            if declined:
                text = f"{declined[0]} {name}: {why[declined.end() :].lstrip(': ')}"
            else:
                ours = why.startswith(("not sent", "declared"))
                text = f"{name}: {why}" if ours else f"rejected {name}: {why}"
            self.say(text, Severity.WARNING if declined else Severity.ERROR, order_key=after.key)
        elif before.state is OrderState.UNKNOWN:
            self.say(f"found {name}: {after.state.value}", Severity.WARNING, order_key=after.key)
        elif after.state in {OrderState.WORKING, OrderState.CANCELLED}:
            self.say(f"{after.state.value} {name}", order_key=after.key)


_SHORT = {
    "market": "MKT", "limit": "LMT", "stop": "STP", "stop_limit": "STP LMT", "trail": "TRAIL",
    "trail_limit": "TRAIL LMT", "midprice": "MIDPRICE",
}  # fmt: skip


def summary(order: Order) -> str:
    """An order in a few words: `BUY 100 AAPL LMT 188 DAY`, `SELL 5 AAPL STP 185 GTC`, `SELL 5 AAPL TRAIL 1.5% DAY`."""
    words = [order.side.value.upper(), plain(order.qty), order.description]
    words.append(_SHORT.get(order.order_type, order.order_type.upper()))
    if order.trail is not None:
        words.append(plain(order.trail) + ("%" if order.trail_by is TrailBy.PERCENT else ""))
    elif order.stop_price is not None:
        words.append(plain(order.stop_price))
    if order.limit_price is not None:
        words += ["@" if order.order_type == "stop_limit" else "", plain(order.limit_price)]
    return " ".join([word for word in words if word] + [order.tif.upper()])


def _named(entry: _Turns | _Filled) -> str:
    """What the log keeps of a row that the journal did not take."""
    if isinstance(entry, _Filled):
        fill = entry.fill
        return f"{fill.coid} filled {plain(fill.qty)} @ {plain(fill.price)}, execution {fill.execution_id}"
    return f"{entry.coid} {', '.join(turn.kind or str(turn.state) for turn in entry.turns)}"


def _old(at: datetime, now: datetime) -> bool:
    return (now - at).total_seconds() > 10

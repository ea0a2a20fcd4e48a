"""Cancels that are kept up until the order is seen ended (design 6.3, fault R20).

A cancel may be repeated: where its answer was lost, the broker refused it, or the order is told at work again, it is
asked once more, with growing pauses. While the broker itself calls the order cancelling, it is only watched.
"""

from __future__ import annotations

import asyncio
import logging
from itertools import chain, repeat
from typing import Final, Protocol

from ibkr_tui.core.dispatch import Caller
from ibkr_tui.core.journal.intents import IntentState
from ibkr_tui.core.journal.journal import Turn
from ibkr_tui.core.orders.followed import FOREIGN
from ibkr_tui.core.orders.lifecycle import OrderBook
from ibkr_tui.core.orders.recorder import Recorder, summary
from ibkr_tui.core.orders.transitions import state_of
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.events import Severity
from ibkr_tui.model.orders import Order, OrderState

log = logging.getLogger(__name__)

PAUSES: Final = (5.0, 10.0, 20.0, 40.0, 60.0)
"""Seconds between two requests for one order; the last one again and again."""
ANSWERED_WITHIN: Final = 60
"""Seconds in which a person may answer a question before a repeated request takes it away."""


class CancelOnce(Protocol):
    """One request for the order of that name; `again`: not the first."""

    async def __call__(self, name: str, caller: Caller, *, again: bool = False) -> Order: ...


def is_taken(order: Order) -> bool:
    """Whether the broker itself says that it cancels the order: asking again would add nothing."""
    return order.state is OrderState.CANCELLING and state_of(order.broker_status) is OrderState.CANCELLING


class Pursuit:
    """Keeps cancels up, each in a task of its own; they ask one after the other, because in a penalty only one leaves
    every five seconds. `cancel` asks once for the order of that key."""

    def __init__(self, *, book: OrderBook, recorder: Recorder, cancel: CancelOnce, clock: Clock) -> None:
        self._book = book
        self._recorder = recorder
        self._cancel = cancel
        self._clock = clock
        self._wanted: dict[str, tuple[Caller, bool]] = {}
        self._begun: asyncio.Queue[str] = asyncio.Queue()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._asking = asyncio.Lock()
        recorder.is_to_be_cancelled = self._wanted.__contains__

    def begin(self, key: str, caller: Caller, *, asked: bool = False) -> None:
        """Keep on until that order is over; `asked`: the first request has left already.

        Of an order of ours the wish is journalled: it outlives this core.
        """
        if key in self._wanted:
            return
        self._wanted[key] = (caller, asked)
        if not key.startswith(FOREIGN):
            self._recorder.note(key, Turn(state=IntentState.CANCEL_ON_SIGHT))
        self._begun.put_nowait(key)

    def __contains__(self, order: Order) -> bool:
        return not self._wanted.keys().isdisjoint(_names(order))

    def __len__(self) -> int:
        return len(self._wanted)

    def drop(self, order: Order) -> bool:
        """Ask no more for that order; whether it was asked for."""
        was_wanted = order in self
        for key in _names(order):
            self._wanted.pop(key, None)
            if (task := self._tasks.pop(key, None)) is not None:
                task.cancel()
        return was_wanted

    async def run(self) -> None:
        """Keep on with all that was begun, until cancelled."""
        self._begun = asyncio.Queue()
        self._tasks.clear()
        for key in self._wanted:
            self._begun.put_nowait(key)
        async with asyncio.TaskGroup() as group:
            while True:
                key = await self._begun.get()
                if key in self._wanted and key not in self._tasks:
                    self._tasks[key] = group.create_task(self._chase(key, *self._wanted[key]), name=f"cancel {key}")

    async def _chase(self, key: str, caller: Caller, asked: bool) -> None:
        ask = _Asking(caller, again=asked)
        if asked:
            await self._clock.sleep(PAUSES[0])
        for pause in chain(PAUSES, repeat(PAUSES[-1])):
            order = self._book.find(key)
            if order is None or order.state.is_done:
                break
            held_back = False
            if not is_taken(order):
                async with self._asking:
                    if ask.again:
                        await self._answered()
                    held_back = await self._ask(order, ask)
            await self._clock.sleep(PAUSES[0] if held_back else pause)
        del self._wanted[key], self._tasks[key]
        self._end(key, caller)

    async def _answered(self) -> None:
        """Until no order waits for an answer: a cancel ends the broker's question, and the first one did already."""
        for _ in range(ANSWERED_WITHIN):
            if not any(order.state is OrderState.QUESTION for order in self._book):
                return
            await self._clock.sleep(1.0)

    def _end(self, key: str, caller: Caller) -> None:
        """A row placed elsewhere that turned out to be an order of ours goes on as that one; one that IBKR calls
        inactive may come back, and is not wanted then either."""
        self._book.unwanted_if_back(key)
        known = self._book.find(key.removeprefix(FOREIGN))
        if known is not None and known.key != key and not known.state.is_done:
            self.begin(known.key, caller, asked=True)

    async def _ask(self, order: Order, ask: _Asking) -> bool:
        """One request; whether a penalty held it back: it has its own pace. People are told once why one failed."""
        again, ask.again = ask.again, True
        try:
            await self._cancel(order.key, ask.caller, again=again)
        except BrokerError as error:
            log.warning("cancel of %s: %s", order.key, error.message)
            now = self._book.find(order.key)
            if error.code != ask.told and now is not None and not now.state.is_done:
                words = f"{summary(order)} could not be cancelled yet and is asked for again: {error.message}"
                self._recorder.say(words, Severity.ERROR, code=error.code, order_key=order.key)
            ask.told = error.code
            return error.code == "IBKR_RATE_LIMITED"
        ask.told = ""
        return False


def _names(order: Order) -> set[str]:
    """Its key, and the one that it had before it was known for ours."""
    return {order.key, FOREIGN + order.order_id}


class _Asking:
    """Who asks, whether for another time, and what people were last told of its failing."""

    def __init__(self, caller: Caller, *, again: bool) -> None:
        self.caller = caller
        self.again = again
        self.told = ""

"""Cancelling many orders: one by one, each by the broker's own id, and each outcome told (reference 4.6).

IBKR has a call that cancels everything (`-1`). It is never used: nobody could say what it cancelled.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import msgspec

from ibkr_tui.core.dispatch import Caller
from ibkr_tui.core.orders.cancel import Canceller
from ibkr_tui.core.orders.lifecycle import OrderBook
from ibkr_tui.core.orders.pursuit import is_taken
from ibkr_tui.core.quiet import QuietWindow
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.orders import Order, OrderState, Side

READ_WITHIN: Final = 5.0
ASK_WITHIN: Final = 45.0
"""Seconds a sweep asks by itself; what is left then is kept up in the background."""
ASK_AGAIN: Final = 5.0


class CancelOutcome(msgspec.Struct, frozen=True):
    """What became of one request to cancel. `state` is the order's now; a request is not yet a cancel. `waits`: the
    broker has given it no id yet, and it is cancelled when it is seen."""

    order_id: str
    coid: str
    description: str
    state: OrderState
    error: str = ""
    text: str = ""
    waits: bool = False


class SweepResult(msgspec.Struct, frozen=True):
    """Every order that was to be cancelled: how many were asked for, how many failed and why, how many wait to be seen.

    `text` says it in words. `unread`: why the broker's own list is not known, so that orders placed elsewhere may lack.
    """

    requested: int
    failed: int
    orders: tuple[CancelOutcome, ...]
    waiting: int = 0
    text: str = ""
    unread: str = ""


class KeepUp(Protocol):
    """Goes on asking until the order is seen ended."""

    def __call__(self, key: str, caller: Caller, *, asked: bool = False) -> None: ...


class Sweeper:
    """Cancels what works. `read` reads the broker's orders anew, so that those placed elsewhere are known; it is not
    waited for long, and not at all while a question of the broker's is open: a cancel never waits for a read.

    `keep_up` takes every order whose cancel the broker did not plainly refuse.
    """

    def __init__(
        self,
        *,
        book: OrderBook,
        canceller: Canceller,
        read: Callable[[], Awaitable[object]],
        quiet: QuietWindow,
        keep_up: KeepUp,
        clock: Clock,
    ) -> None:
        self._book = book
        self._canceller = canceller
        self._quiet = quiet
        self._read = read
        self._keep_up = keep_up
        self._clock = clock

    async def cancel_all(
        self,
        caller: Caller,
        *,
        conid: int | None = None,
        symbol: str = "",
        side: Side | None = None,
        keep: Callable[[Order], bool] = lambda order: False,
        insist: bool = True,
    ) -> SweepResult:
        """Ask to cancel all that works, or what of it has that instrument, symbol and side, without what to `keep`.

        A request that could not be made is made again for 45 seconds, then in the background; without `insist` nothing
        goes on after the result: a stop is not cancelled for a closing that was given up. One that IBKR calls inactive
        is cancelled when it comes back.

        Raises BrokerError only when the orders can't be read and none is known.
        """
        unread = await self._look()
        meant = [order for order in self._book if _is_meant(order, conid, symbol, side) and not keep(order)]
        wanted = [order for order in meant if not order.state.is_done]
        if insist:
            for order in meant:
                self._book.unwanted_if_back(order.key)
        if unread is not None and not wanted:
            raise unread
        outcomes = await self._ask_for(wanted, caller, insist)
        return _result(outcomes, unread)

    async def _ask_for(self, wanted: list[Order], caller: Caller, insist: bool) -> list[CancelOutcome]:
        """One round after the other over those that are left, until each was asked for or the time is over."""
        until = self._clock.monotonic() + ASK_WITHIN
        outcomes: dict[str, CancelOutcome] = {}
        left = wanted
        while left:
            again = []
            for order in left:
                if self._clock.monotonic() >= until:
                    outcomes[order.key] = self._left_over(order, caller, outcomes.get(order.key), insist)
                    continue
                now = self._now(order)
                if _is_unseen(now):
                    outcomes[order.key] = self._unseen(now, caller, insist)
                    continue
                outcomes[order.key], is_open = await self._cancel(now, caller, order.key in outcomes)
                if is_open:
                    again.append(order)
                elif insist and outcomes[order.key].state is OrderState.CANCELLING:
                    self._keep_up(now.key, caller, asked=True)
            left = again
            if left:
                await self._clock.sleep(ASK_AGAIN)
        return list(outcomes.values())

    def _unseen(self, order: Order, caller: Caller, insist: bool) -> CancelOutcome:
        if insist:
            return _outcome(self._canceller.on_sight(order, caller), waits=True)
        return _outcome(order, error="ORDER_NOT_FOUND", text="the broker has not given this order an id yet")

    def _left_over(self, order: Order, caller: Caller, outcome: CancelOutcome | None, insist: bool) -> CancelOutcome:
        """The time is over: the order's cancel goes on in the background, or is given up."""
        now = self._now(order)
        error, why = (outcome.error, outcome.text) if outcome else ("IBKR_RATE_LIMITED", "its turn did not come")
        if insist:
            self._keep_up(now.key, caller, asked=outcome is not None)
            why = f"{why}; it is asked for again until it is over"
        return _outcome(now, error=error, text=why)

    def _now(self, order: Order) -> Order:
        return self._book.find(order.key) or self._book.find(order.order_id) or order

    async def _look(self) -> BrokerError | None:
        if not self._quiet.is_calm:
            return None
        try:
            async with asyncio.timeout(READ_WITHIN):
                await self._read()
        except BrokerError as error:
            return error
        except TimeoutError:
            return BrokerError("IBKR_UNAVAILABLE", f"the orders could not be read within {READ_WITHIN:g} s")
        return None

    async def _cancel(self, order: Order, caller: Caller, again: bool) -> tuple[CancelOutcome, bool]:
        """One request, and whether it has to be made again. An order that its group took along is no failure."""
        if order.state.is_done:
            return _outcome(order), False
        if is_taken(order):
            return _outcome(order, text="a cancel was requested before"), False
        try:
            asked = await self._canceller.cancel(order.key, caller, again=again)
        except BrokerError as error:
            after = self._now(order)
            if after.state.is_done or error.code == "ORDER_DONE":
                return _outcome(after, text=error.message), False
            return _outcome(after, error=error.code, text=error.message), error.retryable
        return _outcome(asked, waits=not asked.order_id), False


def _is_unseen(order: Order) -> bool:
    return not order.state.is_done and not order.order_id and order.state is not OrderState.QUESTION


def _is_meant(order: Order, conid: int | None, symbol: str, side: Side | None) -> bool:
    return (
        conid in {None, order.conid}
        and (not symbol or symbol.upper() in {order.symbol.upper(), order.description.upper()})
        and side in {None, order.side}
    )


def _outcome(order: Order, *, error: str = "", text: str = "", waits: bool = False) -> CancelOutcome:
    words = text or order.text
    return CancelOutcome(order.order_id, order.coid, order.description, order.state, error, words, waits)


def _result(outcomes: list[CancelOutcome], unread: BrokerError | None) -> SweepResult:
    failed = [one for one in outcomes if one.error]
    waiting = sum(one.waits for one in outcomes)
    requested = len(outcomes) - len(failed) - waiting
    parts = [f"cancel requested for {_orders(requested)}"] if requested or not outcomes else []
    if waiting:
        parts.append(f"{_orders(waiting)} without IBKR's id yet: cancelled when seen")
    if failed:
        why = " · ".join(dict.fromkeys(one.text for one in failed))
        parts.append(f"{_orders(len(failed))} failed ({why})")
    if unread is not None:
        parts.append(f"IBKR's list could not be read, orders placed elsewhere may be missing ({unread.message})")
    return SweepResult(
        requested, len(failed), tuple(outcomes), waiting, "; ".join(parts), unread.message if unread else ""
    )


def _orders(count: int) -> str:
    return "1 order" if count == 1 else f"{count} orders"

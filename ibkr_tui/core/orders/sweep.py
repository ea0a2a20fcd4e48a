"""Cancelling many orders: one by one, each by the broker's own id, and each outcome told (reference 4.6).

IBKR has a call that cancels everything (`-1`). It is never used: nobody could say what it cancelled.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from ibkr_tui.core.dispatch import Caller
from ibkr_tui.core.orders.cancel import Canceller
from ibkr_tui.core.orders.lifecycle import OrderBook
from ibkr_tui.core.quiet import QuietWindow
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.orders import Order, OrderState, Side

READ_WITHIN: Final = 5.0


class CancelOutcome(msgspec.Struct, frozen=True):
    """What became of one request to cancel. `state` is the order's now; a request is not yet a cancel."""

    order_id: str
    coid: str
    description: str
    state: OrderState
    error: str = ""
    text: str = ""


class SweepResult(msgspec.Struct, frozen=True):
    """Every order that was to be cancelled, and how many requests were refused."""

    requested: int
    failed: int
    orders: tuple[CancelOutcome, ...]


class Sweeper:
    """Cancels what works. `read` reads the broker's orders anew, so that those placed elsewhere are known; it is not
    waited for long, and not at all while a question of the broker's is open: a cancel never waits for a read."""

    def __init__(
        self, book: OrderBook, canceller: Canceller, read: Callable[[], Awaitable[object]], quiet: QuietWindow
    ) -> None:
        self._book = book
        self._canceller = canceller
        self._quiet = quiet
        self._read = read

    async def cancel_all(
        self, caller: Caller, *, conid: int | None = None, symbol: str = "", side: Side | None = None
    ) -> SweepResult:
        """Ask to cancel all that works, or what of it has that instrument, symbol and side.

        An order of unknown fate without the broker's id can't be cancelled, and is told so. Raises BrokerError only
        when the orders can't be read and none is known.
        """
        unread = await self._look()
        wanted = [order for order in self._book if _wanted(order, conid, symbol, side)]
        if unread is not None and not wanted:
            raise unread
        outcomes = [await self._cancel(order, caller) for order in wanted]
        failed = sum(1 for outcome in outcomes if outcome.error)
        return SweepResult(len(outcomes) - failed, failed, tuple(outcomes))

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

    async def _cancel(self, order: Order, caller: Caller) -> CancelOutcome:
        """One request. An order that its group took along meanwhile is no failure."""
        now = self._book.find(order.key) or order
        if now.state.is_done:
            return _outcome(now)
        if now.state is OrderState.CANCELLING:
            return _outcome(now, text="a cancel was requested before")
        try:
            return _outcome(await self._canceller.cancel(order.key, caller))
        except BrokerError as error:
            after = self._book.find(order.key) or now
            if after.state.is_done or error.code == "ORDER_DONE":
                return _outcome(after, text=error.message)
            return _outcome(after, error=error.code, text=error.message)


def _wanted(order: Order, conid: int | None, symbol: str, side: Side | None) -> bool:
    return (
        not order.state.is_done
        and conid in {None, order.conid}
        and (not symbol or symbol.upper() in {order.symbol.upper(), order.description.upper()})
        and side in {None, order.side}
    )


def _outcome(order: Order, *, error: str = "", text: str = "") -> CancelOutcome:
    return CancelOutcome(order.order_id, order.coid, order.description, order.state, error, text or order.text)

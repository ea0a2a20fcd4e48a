"""Closing, reversing: the exits that still work on the instrument go first, so that none of them trades what is gone.

The quantity is what is held when the exits are gone, never what a screen showed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from decimal import Decimal
from typing import Final, Protocol

import msgspec

from ibkr_tui.core.dispatch import Caller
from ibkr_tui.core.orders.lifecycle import OrderBook
from ibkr_tui.core.orders.sweep import CancelOutcome, Sweeper
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.groups import GroupKind, Leg, Proposal
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.numbers import plain
from ibkr_tui.model.orders import Order, OrderTicket, OrderType, Role, Side, Tif
from ibkr_tui.model.portfolio import Position

GONE_WITHIN: Final = 10.0
_FUTURES: Final = frozenset({"FUT", "FOP"})
LOOK_EVERY: Final = 0.25


class ClosedPosition(msgspec.Struct, frozen=True):
    """What became of one position that was to be closed: the order, or why there is none."""

    conid: int
    description: str
    position: Decimal
    order: Order | None = None
    error: str = ""
    text: str = ""


class ClosedAll(msgspec.Struct, frozen=True):
    """All of them; `sent` counts the orders that left."""

    sent: int
    failed: int
    cancelled: tuple[CancelOutcome, ...]
    positions: tuple[ClosedPosition, ...]


class Send(Protocol):
    """Sends a proposal of one order through the gate."""

    async def __call__(self, proposal: Proposal, caller: Caller, approval: str) -> Order: ...


class CloseHow(msgspec.Struct, frozen=True):
    """At market, or at a limit; all of it, or so many. `manual`: a person asks for it, not a program; US futures want
    to know, and the `operator`, who is the one of the configuration unless another is named (reference 4.3)."""

    qty: Decimal | None = None
    limit_price: Decimal | None = None
    tif: Tif = Tif.DAY
    outside_rth: bool = False
    manual: bool = False
    operator: str = ""


class Closer:
    """Closes and reverses positions of one account. `positions` reads them anew."""

    def __init__(
        self,
        *,
        account: str,
        positions: Callable[[], Awaitable[Iterable[Position]]],
        book: OrderBook,
        sweeper: Sweeper,
        send: Send,
        refusals: Callable[[Proposal, str], Awaitable[Iterable[BrokerError]]],
        clock: Clock,
        operator: str = "",
    ) -> None:
        self._account = account
        self._operator = operator or account
        self._positions = positions
        self._book = book
        self._sweeper = sweeper
        self._send = send
        self._refusals = refusals
        self._clock = clock

    async def held(self, conid: int, name: str) -> Position:
        """The position as it is now. Raises BrokerError NO_POSITION."""
        for position in await self._positions():
            if position.conid == conid and position.qty != 0:
                return position
        raise BrokerError("NO_POSITION", f"there is no position in {name}")

    def proposal(self, position: Position, instrument: Instrument, how: CloseHow) -> Proposal:
        """The order that closes so much of `position`. Raises BrokerError BAD_TICKET for more than is held."""
        qty = abs(position.qty) if how.qty is None else how.qty
        if qty > abs(position.qty):
            words = f"Only {plain(abs(position.qty))} are held."
            raise BrokerError("BAD_TICKET", words, details={"field": "qty", "fields": {"qty": words}})
        return self._order(_side_out(position), qty, instrument, how, closes=True)

    def reversal(self, position: Position, instrument: Instrument, how: CloseHow) -> Proposal:
        """The order that turns the whole of `position` round: twice what is held."""
        return self._order(_side_out(position), abs(position.qty) * 2, instrument, how, closes=False)

    async def close(self, instrument: Instrument, how: CloseHow, caller: Caller, approval: str = "") -> Order:
        """Close it. Raises BrokerError NO_POSITION, ORDERS_STILL_WORK, or what the gate and the broker say."""
        before = await self.held(instrument.conid, instrument.description)
        await self._check_first(self.proposal(before, instrument, how), approval)
        await self.clear(instrument, caller)
        position = await self.held(instrument.conid, instrument.description)
        return await self._send(self.proposal(position, instrument, how), caller, approval)

    async def reverse(self, instrument: Instrument, how: CloseHow, caller: Caller, approval: str = "") -> Order:
        """Turn it round. Raises as `close`; what it leads into is judged like any new order."""
        before = await self.held(instrument.conid, instrument.description)
        await self._check_first(self.reversal(before, instrument, how), approval)
        await self.clear(instrument, caller)
        position = await self.held(instrument.conid, instrument.description)
        return await self._send(self.reversal(position, instrument, how), caller, approval)

    async def _check_first(self, proposal: Proposal, approval: str) -> None:
        """Raise what the gate would refuse, before a protective stop is cancelled for an order that never leaves."""
        for refusal in await self._refusals(proposal, approval):
            if refusal.code != "ORDER_BLOCKED_UNKNOWN":  # what works is cancelled first, and its fate told then
                raise refusal

    async def clear(self, instrument: Instrument, caller: Caller) -> tuple[CancelOutcome, ...]:
        """Cancel what works on the instrument, and return when it is gone.

        Raises BrokerError ORDERS_STILL_WORK after ten seconds: closing beside a live exit could turn the position.
        """
        if not self._working(instrument.conid):
            return ()
        swept = await self._sweeper.cancel_all(caller, conid=instrument.conid)
        begun = self._clock.monotonic()
        while left := self._working(instrument.conid):
            if self._clock.monotonic() - begun >= GONE_WITHIN:
                raise BrokerError(
                    "ORDERS_STILL_WORK",
                    f"{len(left)} orders in {instrument.description} are not cancelled yet; nothing was closed",
                    details={"orders": [order.order_id or order.coid for order in left]},
                )
            await self._clock.sleep(LOOK_EVERY)
        return swept.orders

    def _working(self, conid: int) -> list[Order]:
        return [order for order in self._book if order.conid == conid and not order.state.is_done]

    def _order(self, side: Side, qty: Decimal, instrument: Instrument, how: CloseHow, *, closes: bool) -> Proposal:
        limit = how.limit_price
        ticket = OrderTicket(
            side=side,
            qty=qty,
            symbol=instrument.symbol,
            conid=instrument.conid,
            order_type=OrderType.MARKET if limit is None else OrderType.LIMIT,
            limit_price=limit,
            tif=how.tif,
            outside_rth=how.outside_rth,
            manual_indicator=how.manual if instrument.sec_type in _FUTURES else None,
            ext_operator=(how.operator or self._operator) if instrument.sec_type in _FUTURES else "",
        )
        return Proposal(GroupKind.SIMPLE, self._account, (Leg(Role.SINGLE, ticket, instrument),), closes=closes)


def _side_out(position: Position) -> Side:
    return Side.SELL if position.qty > 0 else Side.BUY

"""Closing, reversing: the exits that still work on the instrument go first, so that none of them trades what is gone.

The quantity is what is held when the exits are gone, never what a screen showed. One closing of an instrument at a
time, and none on a position that does not count yet what was filled: two together would turn it round.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from decimal import Decimal
from typing import Final, Protocol

import msgspec

from ibkr_tui.core.dispatch import Caller
from ibkr_tui.core.orders.lifecycle import FOREIGN, OrderBook
from ibkr_tui.core.orders.sweep import CancelOutcome, Sweeper
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.groups import GroupKind, Leg, Proposal
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.numbers import plain
from ibkr_tui.model.orders import Order, OrderState, OrderTicket, OrderType, Role, Side, Tif
from ibkr_tui.model.portfolio import Position

GONE_WITHIN: Final = 10.0
_FUTURES: Final = frozenset({"FUT", "FOP"})
LOOK_EVERY: Final = 0.25
READ_AGAIN: Final = 1.0
COUNTED_AFTER: Final = 1.0
"""Seconds after an order's last fill in which a read of the positions may not count it yet."""
REMEMBERED: Final = 30.0
"""Seconds in which a closing holds what is read against what was held and filled before the last one."""


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


class _Seen(msgspec.Struct, frozen=True):
    """What was held at a monotonic second, and what of each order on the instrument was filled then."""

    at: float
    qty: Decimal
    filled: Mapping[str, Decimal]


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
        self._turns: dict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._last: dict[int, _Seen] = {}

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
        return self._order(side_out(position), qty, instrument, how)

    def reversal(self, position: Position, instrument: Instrument, how: CloseHow) -> Proposal:
        """The order that turns the whole of `position` round: twice what is held."""
        return self._order(side_out(position), abs(position.qty) * 2, instrument, how, turns=True)

    async def close(self, instrument: Instrument, how: CloseHow, caller: Caller, approval: str = "") -> Order:
        """Close it. Raises BrokerError NO_POSITION, ORDERS_STILL_WORK, POSITION_CHANGED, or what the gate and the
        broker say."""
        return await self._act(instrument, caller, approval, lambda held: self.proposal(held, instrument, how))

    async def reverse(self, instrument: Instrument, how: CloseHow, caller: Caller, approval: str = "") -> Order:
        """Turn it round. Raises as `close`; what it leads into is judged like any new order."""
        return await self._act(instrument, caller, approval, lambda held: self.reversal(held, instrument, how))

    async def check(self, proposal: Proposal, approval: str) -> None:
        """Raise what the gate would refuse, before a protective stop is cancelled for an order that never leaves."""
        for refusal in await self._refusals(proposal, approval):
            if refusal.code != "ORDER_BLOCKED_UNKNOWN":  # what works is cancelled first, and its fate told then
                raise refusal

    async def _act(
        self, instrument: Instrument, caller: Caller, approval: str, order: Callable[[Position], Proposal]
    ) -> Order:
        """Judge, clear, look at what is held now, send. The next one on this instrument waits, and finds it sent."""
        conid = instrument.conid
        async with self._turns[conid]:
            await self._let_count(conid)
            last = self._last.get(conid)
            if last is not None and self._clock.monotonic() - last.at >= REMEMBERED:
                last = None
            before = await self._counted(instrument, last)
            await self.check(order(before), approval)
            seen = self._seen(conid, before.qty)
            await self.clear(instrument, caller)
            position = await self._counted(instrument, seen)
            self._last[conid] = self._seen(conid, position.qty)
            return await self._send(order(position), caller, approval)

    async def _let_count(self, conid: int) -> None:
        """Wait until the last fill on the instrument is old enough to be in the positions."""
        now = self._clock.now()
        ages = [
            (now - order.since).total_seconds()
            for order in self._book
            if order.conid == conid and order.state.is_done and _filled(order) > 0 and order.since is not None
        ]
        if ages and 0 <= (age := min(ages)) < COUNTED_AFTER:
            await self._clock.sleep(COUNTED_AFTER - age)

    async def _counted(self, instrument: Instrument, since: _Seen | None) -> Position:
        """The position, once it counts what was filled `since`. Raises BrokerError NO_POSITION, POSITION_CHANGED."""
        conid, begun = instrument.conid, self._clock.monotonic()
        while True:
            position = next((one for one in await self._positions() if one.conid == conid), None)
            qty = position.qty if position is not None else Decimal(0)
            if since is None or qty == since.qty + self._filled_since(conid, since):
                break
            if self._clock.monotonic() - begun >= GONE_WITHIN:
                traded = plain(self._filled_since(conid, since))
                raise BrokerError(
                    "POSITION_CHANGED",
                    f"IBKR tells a position of {plain(qty)} {instrument.description}, which does not count what was "
                    f"filled: {plain(since.qty)} were held, {traded} were traded since",
                )
            await self._clock.sleep(READ_AGAIN)
        if position is None or qty == 0:
            raise BrokerError("NO_POSITION", f"there is no position in {instrument.description}")
        return position

    def _seen(self, conid: int, qty: Decimal) -> _Seen:
        filled = {order.key: _filled(order) for order in self._book if order.conid == conid}
        return _Seen(self._clock.monotonic(), qty, filled)

    def _filled_since(self, conid: int, since: _Seen) -> Decimal:
        """What was bought less what was sold. An order placed elsewhere that was not known then does not count: when it
        was filled is not known."""
        orders = [order for order in self._book if order.conid == conid]
        return sum(
            (
                order.side.sign * (_filled(order) - since.filled.get(order.key, Decimal(0)))
                for order in orders
                if order.key in since.filled or not order.key.startswith(FOREIGN)
            ),
            Decimal(0),
        )

    async def clear(self, instrument: Instrument, caller: Caller) -> tuple[CancelOutcome, ...]:
        """Cancel what works on the instrument, and return when it is gone.

        Raises BrokerError ORDERS_STILL_WORK after ten seconds: closing beside a live exit could turn the position.
        """
        if not self._working(instrument.conid):
            return ()
        swept = await self._sweeper.cancel_all(caller, conid=instrument.conid, insist=False)
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

    def _order(
        self, side: Side, qty: Decimal, instrument: Instrument, how: CloseHow, *, turns: bool = False
    ) -> Proposal:
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
        legs = (Leg(Role.SINGLE, ticket, instrument),)
        return Proposal(GroupKind.SIMPLE, self._account, legs, closes=not turns, turns=turns)


def _filled(order: Order) -> Decimal:
    """What is filled of it; a row that says so may leave out how many."""
    return order.qty if order.state is OrderState.FILLED else order.filled


def guards(order: Order, held: Decimal) -> bool:
    """Whether an order stays while the position of that signed quantity does: one that takes from it, and an entry that
    is filled in part, because its exits would go with it."""
    takes = (held > 0) is (order.side is Side.SELL)
    return takes or (order.role in {Role.ENTRY, Role.TRIGGER} and order.filled > 0)


def side_out(position: Position) -> Side:
    """The side that closes it."""
    return Side.SELL if position.qty > 0 else Side.BUY

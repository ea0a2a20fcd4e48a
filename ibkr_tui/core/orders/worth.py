"""What working orders are worth in the base currency. One that nobody can value is named, never counted as little.

Its contract is fetched where it is not at hand: an order placed elsewhere may be for a future, worth fifty times its
price.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from decimal import Decimal
from typing import Final

import msgspec

from ibkr_tui.core.orders.exposure import Open
from ibkr_tui.core.orders.recorder import summary
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.orders import Order
from ibkr_tui.model.portfolio import Position
from ibkr_tui.model.tickets import notional

WITHIN: Final = 5.0
"""Seconds for all that has to be asked for."""


class Working(msgspec.Struct, frozen=True):
    """The orders that may still fill with their values, and of those without one why there is none."""

    valued: tuple[Open, ...]
    unvalued: tuple[str, ...] = ()


class Worth:
    """Values orders. `contract` and `rate` raise BrokerError when they can't be had, `price` is then None."""

    def __init__(
        self,
        *,
        contract: Callable[[int], Awaitable[Instrument]],
        held: Callable[[int], Position | None],
        price: Callable[[int], Awaitable[Decimal | None]],
        rate: Callable[[str], Awaitable[Decimal]],
    ) -> None:
        self._contract = contract
        self._held = held
        self._price = price
        self._rate = rate

    async def of(self, orders: Iterable[Order]) -> Working:
        """The values of what is left of these orders."""
        until = asyncio.get_running_loop().time() + WITHIN
        valued, unvalued = [], []
        for order in orders:
            try:
                async with asyncio.timeout_at(until):
                    valued.append(Open(order, await self._value(order)))
            except BrokerError as error:
                unvalued.append(f"{summary(order)}: {error.message}")
            except TimeoutError:
                unvalued.append(f"{summary(order)}: IBKR did not say within {WITHIN:g} s what it is for")
        return Working(tuple(valued), tuple(unvalued))

    async def _value(self, order: Order) -> Decimal:
        multiplier, currency = await self._terms(order.conid)
        if not currency:
            raise BrokerError("RISK_UNVALUED", "IBKR does not name its currency")
        rate = await self._rate(currency)
        price = order.limit_price or order.stop_price or await self._price(order.conid)
        if not price:
            raise BrokerError("RISK_UNVALUED", "it has no price, and there is no quote of its instrument")
        return notional(order.remaining, price, multiplier, rate)

    async def _terms(self, conid: int) -> tuple[Decimal, str]:
        """Multiplier and currency: the contract's, else those of the position where that is certain of them."""
        try:
            instrument = await self._contract(conid)
        except BrokerError:
            held = self._held(conid)
            if held is None or not (held.sec_type == "STK" or held.multiplier > 1):
                raise
            return held.multiplier, held.currency
        return instrument.multiplier, instrument.currency

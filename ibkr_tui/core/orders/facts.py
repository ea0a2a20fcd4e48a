"""What the gate needs to know, gathered just before an order (requirement A-095)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, Protocol

from ibkr_tui.core.market.quotes import FIELDS, QuoteBoard
from ibkr_tui.core.market.snapshots import read_snapshot
from ibkr_tui.core.orders.exposure import Sides, exposure
from ibkr_tui.core.orders.lifecycle import OrderBook
from ibkr_tui.core.orders.pricing import QuoteFacts, is_fresh, price_of
from ibkr_tui.core.orders.risk import RiskFacts
from ibkr_tui.core.orders.worth import Worth
from ibkr_tui.core.portfolio.portfolio import EVERY, Portfolio
from ibkr_tui.core.settings import Limits, Profile
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.orders import OrderTicket, OrderType
from ibkr_tui.model.portfolio import AccountSummary, Position
from ibkr_tui.model.quotes import Quote, QuoteStatus
from ibkr_tui.model.table import Table
from ibkr_tui.model.tickets import notional

log = logging.getLogger(__name__)

LARGE: Final = Decimal("0.1")
"""An order above this part of the equity is judged on a summary read for it."""
SNAPSHOT_WITHIN: Final = 3.0
SNAPSHOT_AGAIN: Final = 0.5
_SETTLED: Final = {QuoteStatus.FROZEN, QuoteStatus.DELAYED, QuoteStatus.HALTED}
"""A price that is what the broker has: another look would not make it fresher."""
_COMPARED: Final = {OrderType.LIMIT, OrderType.MIDPRICE}


class SnapshotRead(Protocol):
    """The read this module needs."""

    async def snapshot(self, conids: Sequence[int], fields: Sequence[str]) -> Mapping[int, Mapping[str, Any]]: ...


class FactsDesk:
    """Gathers the facts from the tables, reading anew what is too old."""

    def __init__(
        self,
        *,
        profile: Profile,
        portfolio: Portfolio,
        positions: Table[Position],
        quotes: Table[Quote],
        board: QuoteBoard,
        book: OrderBook,
        contract: Callable[[int], Awaitable[Instrument]],
        reads: SnapshotRead,
        clock: Clock,
        limits: Callable[[], Limits],
    ) -> None:
        self._profile = profile
        self._portfolio = portfolio
        self._positions = positions
        self._quotes = quotes
        self._board = board
        self._book = book
        self._reads = reads
        self._clock = clock
        self._limits = limits
        self._contract = contract
        self._worth = Worth(contract=contract, held=self._held, price=self._price, rate=portfolio.rate)

    async def gather(self, ticket: OrderTicket, instrument: Instrument, *, without: str = "") -> RiskFacts:
        """The facts for `ticket`; the order whose key is `without` does not count, because `ticket` replaces it.

        Raises BrokerError when the account or an exchange rate can't be read.
        """
        rate = await self._portfolio.rate(instrument.currency)
        quote = await self._quote_for(ticket, instrument)
        summary = await self._summary(ticket, instrument, rate, quote)
        held = self._held(instrument.conid)
        sides, pending, unvalued = await self._working(instrument.conid, without)
        return RiskFacts(
            orders_mode=self._profile.orders,
            account=summary.account,
            pinned_account=self._profile.account_id,
            net_liquidation=summary.net_liquidation,
            gross_value=summary.gross_position_value,
            position=held.qty if held else Decimal(0),
            rate=rate,
            quote=quote,
            pending=pending,
            unknown_same_side=self._book.blocking(instrument.conid, ticket.side),
            position_value=held.market_value * rate if held else Decimal(0),
            working=sides,
            unvalued=unvalued,
        )

    def quote(self, conid: int) -> QuoteFacts | None:
        """The quote as it stands, with the age the gate counts."""
        quote = self._quotes.get(str(conid))
        return None if quote is None else _facts_of(quote, self._board.confirmed_age(conid))

    async def _quote_for(self, ticket: OrderTicket, instrument: Instrument) -> QuoteFacts | None:
        """The quote; where a limit price has nothing fresh to be compared with, a snapshot taken for it.

        A market order gets none: what fills at any price waits for a stream that lives.
        """
        limits, found = self._limits(), self.quote(instrument.conid)
        compared = ticket.order_type in _COMPARED and ticket.limit_price is not None and limits.price_collar_bps != 0
        if not compared or is_fresh(found, limits) or (found and (found.status in _SETTLED or found.unavailable)):
            return found
        try:
            async with asyncio.timeout(SNAPSHOT_WITHIN):
                return await self._snapshot(instrument) or found
        except BrokerError as error:
            log.info("no snapshot of %s for the gate: %s", instrument.conid, error.message)
            if error.code == "IBKR_NO_MARKET_DATA_SUBSCRIPTION":
                return QuoteFacts(QuoteStatus.NO_DATA, unavailable=True)
        except TimeoutError:
            log.info("no snapshot of %s for the gate within %g s", instrument.conid, SNAPSHOT_WITHIN)
        return found

    async def _snapshot(self, instrument: Instrument) -> QuoteFacts | None:
        """One snapshot; the first of a conid only starts its stream at the broker (reference 4.8)."""
        for attempt in range(2):
            if attempt:
                await self._clock.sleep(SNAPSHOT_AGAIN)
            rows = await self._reads.snapshot([instrument.conid], FIELDS)
            row = rows.get(instrument.conid, {})
            if "6509" in row:
                return _facts_of(read_snapshot(instrument, row, self._clock), 0.0)
        return None

    async def _summary(
        self, ticket: OrderTicket, instrument: Instrument, rate: Decimal, quote: QuoteFacts | None
    ) -> AccountSummary:
        summary = await self._portfolio.summary(at_most=EVERY)
        try:
            price, _ = price_of(ticket, quote, self._limits())
            value = notional(ticket.qty, price, instrument.multiplier, rate)
        except BrokerError:  # it has no price: the rules say so, and judge nothing by the equity
            return summary
        if value > LARGE * summary.net_liquidation:
            summary = await self._portfolio.summary(at_most=0)
        return summary

    async def _working(self, conid: int, without: str) -> tuple[Sides, Decimal, tuple[str, ...]]:
        """What works on `conid`; what all other working orders may add to their positions, at worst; and the words on
        those that nobody can value."""
        found = await self._worth.of(
            order for order in self._book if not order.state.is_done and order.remaining > 0 and order.key != without
        )
        sides, unvalued = exposure(found.valued), list(found.unvalued)
        pending = Decimal(0)
        for other, theirs in sides.items():
            if other == conid:
                continue
            held = self._held(other)
            try:
                value = held.market_value * await self._portfolio.rate(held.currency) if held else Decimal(0)
            except BrokerError as error:
                unvalued.append(f"the position in {held.description if held else other}: {error.message}")
                continue
            pending += theirs.worst(value) - abs(value)
        return sides.get(conid, Sides()), pending, tuple(unvalued)

    def _held(self, conid: int) -> Position | None:
        return self._positions.get(str(conid))

    async def _price(self, conid: int) -> Decimal | None:
        """The price that is at hand, else that of a snapshot; None where IBKR has none."""
        quote, held = self._quotes.get(str(conid)), self._held(conid)
        if quote is not None and (found := quote.last or quote.ask or quote.bid or quote.close):
            return found
        if held is not None and held.market_price:
            return held.market_price
        taken = await self._snapshot(await self._contract(conid))
        return None if taken is None else taken.last or taken.ask or taken.bid or taken.close


def _facts_of(quote: Quote, age: float | None) -> QuoteFacts:
    unavailable = quote.status is QuoteStatus.NO_DATA and quote.availability[:1] in {"N", "O"}
    return QuoteFacts(quote.status, quote.bid, quote.ask, quote.last, age, quote.close, unavailable)

"""What the gate needs to know, gathered just before an order (requirement A-095)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final

from ibkr_tui.core.market.quotes import QuoteBoard
from ibkr_tui.core.orders.lifecycle import OrderBook
from ibkr_tui.core.orders.risk import QuoteFacts, RiskFacts, reduces
from ibkr_tui.core.portfolio.portfolio import EVERY, Portfolio
from ibkr_tui.core.settings import Profile
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.orders import Order, OrderTicket
from ibkr_tui.model.portfolio import AccountSummary, Position
from ibkr_tui.model.quotes import Quote
from ibkr_tui.model.table import Table
from ibkr_tui.model.tickets import notional

LARGE: Final = Decimal("0.1")
"""An order above this part of the equity is judged on a summary read for it."""


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
        known: Callable[[int], Instrument | None],
    ) -> None:
        self._profile = profile
        self._portfolio = portfolio
        self._positions = positions
        self._quotes = quotes
        self._board = board
        self._book = book
        self._known = known

    async def gather(self, ticket: OrderTicket, instrument: Instrument) -> RiskFacts:
        """The facts for `ticket`. Raises BrokerError when the account or an exchange rate can't be read."""
        rate = await self._portfolio.rate(instrument.currency)
        summary = await self._summary(ticket, instrument, rate)
        held = self._positions.get(str(instrument.conid))
        return RiskFacts(
            orders_mode=self._profile.orders,
            is_live=self._profile.kind == "live",
            account=summary.account,
            pinned_account=self._profile.account_id,
            net_liquidation=summary.net_liquidation,
            gross_value=summary.gross_position_value,
            position=held.qty if held else Decimal(0),
            rate=rate,
            quote=self.quote(instrument.conid),
            pending=await self._pending(),
            unknown_same_side=self._book.blocking(instrument.conid, ticket.side),
        )

    def quote(self, conid: int) -> QuoteFacts | None:
        """The quote as it stands, with the age the gate counts."""
        quote = self._quotes.get(str(conid))
        if quote is None:
            return None
        return QuoteFacts(quote.status, quote.bid, quote.ask, quote.last, self._board.confirmed_age(conid))

    async def _summary(self, ticket: OrderTicket, instrument: Instrument, rate: Decimal) -> AccountSummary:
        summary = await self._portfolio.summary(at_most=EVERY)
        price = ticket.limit_price or self._price(instrument.conid)
        value = notional(ticket.qty, price, instrument.multiplier, rate) if price else None
        if value is None or value > LARGE * summary.net_liquidation:
            summary = await self._portfolio.summary(at_most=0)
        return summary

    async def _pending(self) -> Decimal:
        """The value of what works, or may work, and would add to a position."""
        total = Decimal(0)
        for order in self._book:
            if order.state.is_done or order.remaining <= 0:
                continue
            held = self._positions.get(str(order.conid))
            if reduces(held.qty if held else Decimal(0), order.side, order.remaining):
                continue
            total += await self._value(order)
        return total

    async def _value(self, order: Order) -> Decimal:
        price = order.limit_price or self._price(order.conid)
        instrument = self._known(order.conid)
        if instrument is None:
            held = self._positions.get(str(order.conid))
            multiplier, currency = (held.multiplier, held.currency) if held else (Decimal(1), "")
        else:
            multiplier, currency = instrument.multiplier, instrument.currency
        return notional(order.remaining, price or Decimal(0), multiplier, await self._portfolio.rate(currency))

    def _price(self, conid: int) -> Decimal | None:
        quote = self._quotes.get(str(conid))
        if quote is not None and (found := quote.last or quote.ask or quote.bid or quote.close):
            return found
        held = self._positions.get(str(conid))
        return held.market_price if held else None

"""One account's money: cash by currency, positions, what they earned, and the margin they need."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from ibkr_tui.sim.instruments import Instrument
from ibkr_tui.sim.market import Market

ZERO = Decimal(0)
STOCK_MARGIN = Decimal("0.25")
STOCK_MARGIN_INITIAL = Decimal("0.30")
FUTURE_MARGIN = {
    "ES": Decimal(12_650),
    "NQ": Decimal(18_700),
    "RTY": Decimal(7_100),
    "CL": Decimal(6_200),
    "GC": Decimal(9_800),
}


@dataclass
class Holding:
    """A position; ``cost`` is the whole amount paid, signed like the quantity, commissions included."""

    quantity: Decimal = ZERO
    cost: Decimal = ZERO
    realized: Decimal = ZERO

    def average(self, multiplier: int) -> Decimal:
        """Average price a unit."""
        return self.cost / self.quantity / multiplier if self.quantity else ZERO


class Portfolio:
    """The account arithmetic. Everything is Decimal; base currency is USD."""

    def __init__(self, account: str, market: Market) -> None:
        self.account = account
        self._market = market
        self.cash: defaultdict[str, Decimal] = defaultdict(lambda: ZERO)
        self.holdings: dict[int, Holding] = {}
        self.commissions = ZERO
        self.realized_today = ZERO
        self.previous_equity = ZERO
        # What was held at the start, and what it had cost: quantity and cost by instrument.
        self.opening: dict[int, tuple[Decimal, Decimal]] = {}

    def fill(self, conid: int, quantity: Decimal, price: Decimal, commission: Decimal) -> Decimal:
        """Book an execution (``quantity`` signed) and return the profit it realized."""
        item = self._market.instruments[conid]
        amount = quantity * price * item.multiplier
        self.commissions += commission
        self.cash[item.currency] -= commission
        if item.sec_type == "CASH":
            base, quote = item.symbol.split(".")
            self.cash[base] += quantity
            self.cash[quote] -= amount
            return ZERO
        holding = self.holdings.setdefault(conid, Holding())
        realized = _book(holding, quantity, amount, ZERO if item.sec_type == "FUT" else commission)
        if item.sec_type == "FUT":
            self.cash[item.currency] += realized
            realized -= commission
        else:
            self.cash[item.currency] -= amount
        holding.realized += realized
        self.realized_today += realized * self._market.rate(item.currency)
        return realized

    def open_positions(self) -> Iterable[tuple[Instrument, Holding]]:
        """Instruments with a quantity that is not zero."""
        for conid, holding in self.holdings.items():
            if holding.quantity:
                yield self._market.instruments[conid], holding

    def mark(self, conid: int) -> Decimal:
        """The price a position is valued at."""
        return self._market.walks[conid].mark

    def market_value(self, item: Instrument, holding: Holding) -> Decimal:
        """Quantity times price times multiplier, in the instrument's currency."""
        return holding.quantity * self.mark(item.conid) * item.multiplier

    def unrealized(self, item: Instrument, holding: Holding) -> Decimal:
        return self.market_value(item, holding) - holding.cost

    def position_equity(self, item: Instrument, holding: Holding) -> Decimal:
        """What the position adds to net liquidation: its value, or for a future only its open profit."""
        return self.unrealized(item, holding) if item.sec_type == "FUT" else self.market_value(item, holding)

    def total(self, kinds: frozenset[str] | None = None, currency: str | None = None) -> Decimal:
        """Position equity in USD (or in ``currency`` for positions in it), of the given security types."""
        value = ZERO
        for item, holding in self.open_positions():
            if (kinds is None or item.sec_type in kinds) and (currency is None or item.currency == currency):
                rate = Decimal(1) if currency else self._market.rate(item.currency)
                value += self.position_equity(item, holding) * rate
        return value

    def total_unrealized(self, currency: str | None = None) -> Decimal:
        value = ZERO
        for item, holding in self.open_positions():
            if currency is None or item.currency == currency:
                rate = Decimal(1) if currency else self._market.rate(item.currency)
                value += self.unrealized(item, holding) * rate
        return value

    @property
    def total_cash(self) -> Decimal:
        """All cash in USD."""
        return sum((amount * self._market.rate(currency) for currency, amount in self.cash.items()), ZERO)

    @property
    def net_liquidation(self) -> Decimal:
        return self.total_cash + self.total()

    @property
    def gross(self) -> Decimal:
        """Value of all stock and option positions without their signs."""
        return sum(
            (
                abs(self.market_value(item, holding)) * self._market.rate(item.currency)
                for item, holding in self.open_positions()
                if item.sec_type != "FUT"
            ),
            ZERO,
        )

    @property
    def initial_margin(self) -> Decimal:
        return self._margin(STOCK_MARGIN_INITIAL)

    @property
    def maintenance_margin(self) -> Decimal:
        return self._margin(STOCK_MARGIN)

    def _margin(self, stock_share: Decimal) -> Decimal:
        total = ZERO
        for item, holding in self.open_positions():
            total += self.margin_of(item, holding.quantity, stock_share)
        return total

    def margin_of(self, item: Instrument, quantity: Decimal, share: Decimal = STOCK_MARGIN_INITIAL) -> Decimal:
        """Margin that ``quantity`` of an instrument needs, in USD."""
        if item.sec_type == "CASH":
            return ZERO
        if item.sec_type == "FUT":
            return abs(quantity) * FUTURE_MARGIN[item.symbol]
        value = abs(quantity) * self.mark(item.conid) * item.multiplier * self._market.rate(item.currency)
        if item.sec_type == "OPT":
            return value if quantity > 0 else value * 5
        return value * share

    @property
    def available_funds(self) -> Decimal:
        return self.net_liquidation - self.initial_margin

    @property
    def excess_liquidity(self) -> Decimal:
        return self.net_liquidation - self.maintenance_margin

    @property
    def buying_power(self) -> Decimal:
        return max(ZERO, self.available_funds) * 4

    @property
    def daily_pnl(self) -> Decimal:
        """Change of net liquidation since the last close."""
        return self.net_liquidation - self.previous_equity

    def mark_previous_close(self) -> None:
        """Take today's starting equity from the previous closes of what is held now."""
        equity = self.total_cash
        for item, holding in self.open_positions():
            walk = self._market.walks[item.conid]
            value = holding.quantity * walk.price(walk.day.previous_close) * item.multiplier
            value -= holding.cost if item.sec_type == "FUT" else ZERO
            equity += value * self._market.rate(item.currency)
        self.previous_equity = equity

    def begin_day(self) -> None:
        """A trading day has ended: today's profit counts from here."""
        self.previous_equity = self.net_liquidation
        self.realized_today = ZERO


def _book(holding: Holding, quantity: Decimal, amount: Decimal, commission: Decimal) -> Decimal:
    """Add a signed execution to a holding; what closes against the other side is realized, the rest is cost."""
    before = holding.quantity
    if before == 0 or (before > 0) == (quantity > 0):
        holding.quantity += quantity
        holding.cost += amount + commission
        return ZERO
    closing = min(abs(quantity), abs(before))
    closed_share = closing / abs(quantity)
    cost_closed = holding.cost * closing / abs(before)
    realized = -(amount * closed_share) - cost_closed - commission * closed_share
    holding.quantity += quantity
    if abs(quantity) > abs(before):
        holding.cost = (amount + commission) * (1 - closed_share)
    else:
        holding.cost = ZERO if holding.quantity == 0 else holding.cost - cost_closed
    return realized

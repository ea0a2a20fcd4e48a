"""What an account has: its summary, its positions, its profit and loss."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import msgspec


class AccountSummary(msgspec.Struct, frozen=True):
    """The money of one account, in its base currency (reference 4.2, summary)."""

    account: str
    currency: str
    net_liquidation: Decimal
    total_cash: Decimal
    available_funds: Decimal
    buying_power: Decimal
    excess_liquidity: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal
    gross_position_value: Decimal
    equity_with_loan: Decimal
    updated_at: datetime

    @property
    def leverage(self) -> Decimal | None:
        """Gross position value over net liquidation; None without equity."""
        return self.gross_position_value / self.net_liquidation if self.net_liquidation > 0 else None


class LedgerLine(msgspec.Struct, frozen=True):
    """One currency of the ledger; `BASE` is the total in the base currency. `rate` turns it into the base currency, and
    is None where neither the ledger nor IBKR's exchange rates say it."""

    currency: str
    cash: Decimal
    settled_cash: Decimal | None
    net_liquidation: Decimal | None
    stock_value: Decimal | None
    unrealized_pnl: Decimal | None
    realized_pnl: Decimal | None
    interest: Decimal | None
    dividends: Decimal | None
    rate: Decimal | None


class Position(msgspec.Struct, frozen=True):
    """One holding; `qty` is negative when short. `avg_price` is a price, `avg_cost` includes the multiplier."""

    account: str
    conid: int
    symbol: str
    description: str
    sec_type: str
    currency: str
    qty: Decimal
    avg_price: Decimal
    avg_cost: Decimal
    market_price: Decimal
    market_value: Decimal
    unrealized_pnl: Decimal
    realized_pnl: Decimal
    multiplier: Decimal = Decimal(1)
    updated_at: datetime | None = None


class Pnl(msgspec.Struct, frozen=True):
    """Live profit and loss of one account (topic `spl`, reference 6), in the base currency."""

    account: str
    daily: Decimal | None = None
    unrealized: Decimal | None = None
    net_liquidation: Decimal | None = None
    market_value: Decimal | None = None
    updated_at: datetime | None = None

"""The account's summary and its ledger by currency (reference 4.2)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.numbers import NumberError, parse_wire
from ibkr_tui.model.portfolio import AccountSummary, LedgerLine
from ibkr_tui.model.text import clean

_MONEY: Final[Mapping[str, str]] = {
    "net_liquidation": "netliquidation",
    "total_cash": "totalcashvalue",
    "available_funds": "availablefunds",
    "buying_power": "buyingpower",
    "excess_liquidity": "excessliquidity",
    "initial_margin": "initmarginreq",
    "maintenance_margin": "maintmarginreq",
    "gross_position_value": "grosspositionvalue",
    "equity_with_loan": "equitywithloanvalue",
}
BASE: Final = "BASE"


def read_summary(account: str, answer: Mapping[str, Any], now: datetime) -> AccountSummary:
    """The summary of `account`. Raises BrokerError IBKR_RESPONSE_INVALID: money that is missing is never shown as 0."""
    money: dict[str, Decimal] = {}
    for name, key in _MONEY.items():
        item = answer.get(key)
        amount = _number(item.get("amount") if isinstance(item, Mapping) else None)
        if amount is None:
            raise BrokerError("IBKR_RESPONSE_INVALID", f"the account summary came without {key}")
        money[name] = amount
    named = answer.get("accountcode")
    code = named.get("value") if isinstance(named, Mapping) else None
    if isinstance(code, str) and code and code != account:
        raise BrokerError("IBKR_ACCOUNT_NOT_FOUND", "the account summary belongs to another account")
    currency = answer["netliquidation"].get("currency")
    return AccountSummary(
        account=account,
        currency=clean(currency, limit=8) if isinstance(currency, str) and currency else "",
        updated_at=now.astimezone(UTC),
        **money,
    )


def read_ledger(answer: Mapping[str, Any]) -> list[LedgerLine]:
    """The ledger's lines, `BASE` first. Raises BrokerError IBKR_RESPONSE_INVALID when a line has no cash balance."""
    lines = []
    for name, row in answer.items():
        if not isinstance(row, Mapping):
            continue
        cash, rate = _number(row.get("cashbalance")), _number(row.get("exchangerate"))
        if cash is None:
            raise BrokerError("IBKR_RESPONSE_INVALID", "a line of the ledger came without its cash balance")
        lines.append(
            LedgerLine(
                currency=clean(name, limit=8),
                cash=cash,
                settled_cash=_number(row.get("settledcash")),
                net_liquidation=_number(row.get("netliquidationvalue")),
                stock_value=_number(row.get("stockmarketvalue")),
                unrealized_pnl=_number(row.get("unrealizedpnl")),
                realized_pnl=_number(row.get("realizedpnl")),
                interest=_number(row.get("interest")),
                dividends=_number(row.get("dividends")),
                rate=rate if rate is not None and rate > 0 else Decimal(1) if name == BASE else None,
            )
        )
    return sorted(lines, key=lambda line: (line.currency != BASE, line.currency))


def _number(value: Any) -> Decimal | None:
    try:
        return parse_wire(value)
    except NumberError:
        raise BrokerError("IBKR_RESPONSE_INVALID", "the account's money came as something that is no number") from None

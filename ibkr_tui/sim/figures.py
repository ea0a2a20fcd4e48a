"""The figures of one account under their wire names: summary and ledger, for REST and for the stream.

REST writes the names in lower case (reference section 4.2), the stream as they stand here (section 6).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ibkr_tui.sim.market import Market
from ibkr_tui.sim.portfolio import Portfolio
from ibkr_tui.sim.text import number

ZERO = Decimal(0)
BASE = "BASE"
_ALWAYS_ZERO = (
    "commodityMarketValue",
    "corporateBondsMarketValue",
    "warrantsMarketValue",
    "interest",
    "moneyFunds",
    "funds",
    "issuerOptionsMarketValue",
    "tBondsMarketValue",
    "futureOptionMarketValue",
    "cashBalanceFXSegment",
    "tBillsMarketValue",
    "dividends",
    "cryptocurrencyValue",
)


def segmented(book: Portfolio) -> dict[str, Decimal]:
    """Summary amounts that exist for the total and, with ``-S``, ``-C`` and ``-P``, for each segment."""
    net, initial, maintenance = book.net_liquidation, book.initial_margin, book.maintenance_margin
    funds, excess = net - initial, net - maintenance
    return {
        "NetLiquidation": net,
        "EquityWithLoanValue": net,
        "TotalCashValue": book.total_cash,
        "GrossPositionValue": book.gross,
        "AvailableFunds": funds,
        "FullAvailableFunds": funds,
        "LookAheadAvailableFunds": funds,
        "ExcessLiquidity": excess,
        "FullExcessLiquidity": excess,
        "LookAheadExcessLiquidity": excess,
        "InitMarginReq": initial,
        "FullInitMarginReq": initial,
        "LookAheadInitMarginReq": initial,
        "MaintMarginReq": maintenance,
        "FullMaintMarginReq": maintenance,
        "LookAheadMaintMarginReq": maintenance,
        "AccruedCash": ZERO,
        "AccruedDividend": ZERO,
        "Billable": ZERO,
        "Guarantee": ZERO,
        "IncentiveCoupons": ZERO,
        "IndianStockHaircut": ZERO,
        "PASharesValue": ZERO,
        "PhysicalCertificateValue": ZERO,
        "PostExpirationExcess": ZERO,
        "PostExpirationMargin": ZERO,
        "TotalDebitCardPendingCharges": ZERO,
    }


def single(book: Portfolio) -> dict[str, Decimal]:
    """Summary amounts that exist once."""
    return {
        "BuyingPower": book.buying_power,
        "PreviousDayEquityWithLoanValue": book.previous_equity,
        "RegTEquity": book.net_liquidation,
        "RegTMargin": book.gross / 2,
        "SMA": book.available_funds,
        "NetLiquidationUncertainty": ZERO,
    }


def words(book: Portfolio) -> dict[str, str]:
    """Summary entries that are text."""
    net = book.net_liquidation
    return {
        "AccountCode": book.account,
        "AccountReady": "true",
        "AccountType": "INDIVIDUAL",
        "DayTradesRemaining": "-1",
        "HighestSeverity": "",
        "LookAheadNextChange": "0",
        "NLVAndMarginInReview": "false",
        "WhatIfPMEnabled": "true",
        "Cushion": f"{book.excess_liquidity / net:.6f}" if net else "0",
        "TradingType-S": "STKNOPT",
        "SegmentTitle-S": "US Securities",
        "SegmentTitle-C": "US Commodities",
        "SegmentTitle-P": "Crypto at Paxos",
    }


def amounts(book: Portfolio) -> dict[str, Decimal]:
    """Every money entry; the account uses only its securities segment."""
    found: dict[str, Decimal] = {}
    for name, amount in segmented(book).items():
        found |= {name: amount, f"{name}-S": amount, f"{name}-C": ZERO, f"{name}-P": ZERO}
    return found | single(book)


def ledger(book: Portfolio, market: Market, moment: float) -> dict[str, dict[str, Any]]:
    """The ledger by currency, with the sum in the base currency."""
    rows = {currency: _ledger_row(book, currency, cash, market.rate(currency)) for currency, cash in book.cash.items()}
    rows[BASE] = _ledger_row(book, BASE, book.total_cash, Decimal(1))
    return {currency: {**row, "timestamp": int(moment)} for currency, row in rows.items()}


def _ledger_row(book: Portfolio, currency: str, cash: Decimal, rate: Decimal) -> dict[str, Any]:
    only = None if currency == BASE else currency
    futures = book.total(frozenset({"FUT"}), only)
    return {
        **dict.fromkeys(_ALWAYS_ZERO, 0.0),
        "settledCash": number(cash),
        "cashBalance": number(cash),
        "exchangeRate": float(round(rate, 7)),
        "sessionId": 1,
        "netLiquidationValue": number(cash + book.total(currency=only)),
        "unrealizedPnl": number(book.total_unrealized(only)),
        "realizedPnl": number(book.realized_today if currency in ("USD", BASE) else ZERO),
        "stockMarketValue": number(book.total(frozenset({"STK"}), only)),
        "stockOptionMarketValue": number(book.total(frozenset({"OPT"}), only)),
        "futureMarketValue": number(futures),
        "futuresOnlyPnl": number(futures),
        "currency": currency,
        "acctCode": book.account,
        "key": "LedgerList",
        "secondKey": currency,
        "severity": 0,
    }

"""What a core tells of an account beyond the desk: a ledger, and performance."""

from __future__ import annotations

import math
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from ibkr_tui.model.performance import Performance, PerformancePoint
from ibkr_tui.model.portfolio import LedgerLine
from ibkr_tui.tui.book.history import PERIODS

D = Decimal


def _line(currency: str, cash: str, value: str, profit: str, rate: str) -> LedgerLine:
    return LedgerLine(
        currency, cash=D(cash), settled_cash=D(cash), net_liquidation=D(value), stock_value=D(value) - D(cash),
        unrealized_pnl=D(profit), realized_pnl=D(0), interest=D("12.30"), dividends=D(0), rate=D(rate),
    )  # fmt: skip


class Accounts:
    """Answers of the core."""

    @staticmethod
    def ledger() -> list[LedgerLine]:
        return [
            _line("BASE", "389238.26", "1024311.22", "8310.00", "1"),
            _line("EUR", "-41250.80", "90210.10", "-1250.40", "1.0841"),
            _line("USD", "433957.25", "926514.45", "9665.55", "1"),
        ]

    @staticmethod
    def performance(period: str = "1M") -> Performance:
        days = {"7D": 7, "1M": 22, "12M": 250}.get(period, 60)
        first = date(2026, 11, 20) - timedelta(days=days)
        points = tuple(
            PerformancePoint(
                first + timedelta(days=n),
                nav=D(round(1_000_000 + 900 * n + 9_000 * math.sin(n / 3))),
                total_return=D(round(0.0009 * n + 0.009 * math.sin(n / 3), 6)).quantize(D("0.000001")),
            )
            for n in range(days + 1)
        )
        return Performance("DU1234567", period, "USD", points, D(1_000_000))

    def answers(self, feed: Any) -> None:
        """A core that tells everything."""
        assert "1M" in PERIODS
        feed.answers["get_ledger"] = lambda _: self.ledger()
        feed.answers["get_performance"] = lambda a: self.performance(a["period"])


@pytest.fixture
def accounts() -> Accounts:
    return Accounts()

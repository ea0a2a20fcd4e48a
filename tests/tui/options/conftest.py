"""A chain of AAPL around 189.43, with quotes and greeks for it."""

from __future__ import annotations

import math
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from ibkr_tui.model.chains import ChainRow, OptionChain, OptionContract
from ibkr_tui.model.quotes import Quote, QuoteStatus

D = Decimal
EXPIRY = date(2027, 1, 15)


class Chains:
    """Answers of the core, and rows of the quote table."""

    SPOT = D("189.43")

    @staticmethod
    def contract(strike: Decimal, right: str) -> OptionContract:
        conid = 700_000_000 + int(strike * 100) * 10 + (1 if right == "C" else 2)
        return OptionContract(
            conid, f"AAPL 15JAN27 {strike:f}{right}", right, strike, EXPIRY, trading_class="AAPL", currency="USD"
        )

    def chain(self, *, rows: int = 15, expiry: str = "") -> OptionChain:
        month = expiry if expiry.isalnum() and expiry else "DEC26" if expiry.startswith("2026") else "JAN27"
        days = (date(2027, 1, 15), date(2027, 1, 22), date(2027, 1, 29)) if month == "JAN27" else (date(2026, 12, 18),)
        day = date.fromisoformat(expiry) if "-" in expiry else days[0]
        first = 190 - 5 * (rows // 2)
        strikes = tuple(D(first + 5 * n) for n in range(rows))
        found = tuple(ChainRow(k, self.contract(k, "C"), self.contract(k, "P")) for k in strikes)
        return OptionChain(
            265598, "AAPL", ("DEC26", "JAN27", "FEB27", "MAR27", "JUN27"), month, days, day, strikes, found, self.SPOT
        )

    def quote(self, contract: OptionContract, **changes: Any) -> Quote:
        sign = 1 if contract.right == "C" else -1
        away = float(contract.strike - self.SPOT)
        time = 6.2 * math.exp(-((away / 14) ** 2))
        price = max(0.0, -sign * away) + time
        bid = D(f"{max(0.01, price - 0.05):.2f}")
        delta = 1 / (1 + math.exp(sign * away / 9))
        fields: dict[str, Any] = {
            "status": QuoteStatus.LIVE, "bid": bid, "ask": bid + D("0.10"), "last": bid + D("0.05"),
            "volume": D(1200), "open_interest": D(15400), "implied_vol": D(f"{24 + abs(away) / 8:.1f}"),
            "delta": D(f"{sign * delta:.3f}"), "gamma": D(f"{0.021 * math.exp(-((away / 20) ** 2)):.4f}"),
            "theta": D(f"{-0.06 * math.exp(-((away / 30) ** 2)):.3f}"), "vega": D("0.231"), "changed_mono": 999.0,
        }  # fmt: skip
        return Quote(contract.conid, "AAPL", contract.description, **(fields | changes))

    def quotes(self, chain: OptionChain, **changes: Any) -> dict[str, Quote]:
        contracts = [side for row in chain.rows for side in (row.call, row.put) if side is not None]
        return {str(one.conid): self.quote(one, **changes) for one in contracts}

    def answers(self, feed: Any) -> None:
        """A core that knows the chain."""
        feed.answers["get_option_chain"] = lambda a: self.chain(rows=a["rows"], expiry=a["expiry"])


@pytest.fixture
def chains() -> Chains:
    return Chains()

"""How boards name a contract."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ibkr_tui.model.naming import contract_name


@pytest.mark.parametrize(
    ("facts", "name"),
    [
        (("AAPL", "STK"), "AAPL"),
        (("EUR.USD", "CASH"), "EUR.USD"),
        (("ES", "FUT", "20261218"), "ES DEC26"),
        (("ES", "FUT", "202612"), "ES DEC26"),
        (("ES", "FUT", ""), "ES"),
        (("SPY", "OPT", "20270119", Decimal("500.0"), "C"), "SPY 19JAN27 500C"),
        (("SPY", "OPT", "20270119", Decimal("502.5"), "Put"), "SPY 19JAN27 502.5P"),
        (("SPY", "OPT", "20271319", Decimal(500), "C"), "SPY"),
        (("SPY", "OPT", "２０２７０１１９", Decimal(500), "C"), "SPY"),
        (("SPY", "OPT", "20270119", None, "C"), "SPY"),
    ],
)
def test_a_contract_has_a_short_name(facts: tuple[str, ...], name: str) -> None:
    assert contract_name(*facts) == name

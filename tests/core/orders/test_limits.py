"""Limits that can be tightened while the core runs, and never loosened."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import pytest

from ibkr_tui.core.orders.limits import LimitsInForce, tightened, told
from ibkr_tui.core.settings import Limits
from ibkr_tui.model.errors import BrokerError

NOW = Limits(D(4), max_order_value=D(1000), allowed_symbols=("AAPL", "MSFT"))


@pytest.mark.parametrize(
    "changes",
    [
        {"max_leverage": D(3)}, {"max_order_value": D(1000)}, {"max_order_qty": D(5)}, {"max_quote_age_s": 29.0},
        {"max_orders_per_minute": 1}, {"max_day_value": D(1)}, {"price_collar_bps": D(499)},
        {"duplicate_window_s": 6.0}, {"allowed_symbols": ("aapl",)}, {"allowed_asset_classes": ("stocks",)},
    ],
)  # fmt: skip
def test_tighter_is_in_force_at_once(changes: dict[str, Any]) -> None:
    found = tightened(NOW, changes)
    assert all(getattr(found, name) == value for name, value in changes.items())


@pytest.mark.parametrize(
    "changes",
    [
        {"max_leverage": D("4.1")}, {"max_order_value": D("1000.01")}, {"max_quote_age_s": 31.0},
        {"max_orders_per_minute": 121}, {"price_collar_bps": D(501)}, {"price_collar_bps": D(0)},
        {"duplicate_window_s": 4.0}, {"allowed_symbols": ()}, {"allowed_symbols": ("AAPL", "TSLA")},
        {"max_leverage": D(1), "max_order_value": D(2000)},
    ],
)  # fmt: skip
def test_looser_is_refused_and_changes_nothing(changes: dict[str, Any]) -> None:
    desk = LimitsInForce(NOW)
    with pytest.raises(BrokerError) as caught:
        desk.tighten(changes)
    assert caught.value.code == "LIMIT_LOOSENED"
    assert desk.now == NOW
    assert not desk.is_tightened


@pytest.mark.parametrize(
    "changes",
    [
        {"max_leverage": D(0)}, {"max_leverage": D(-1)}, {"max_leverage": D("NaN")}, {"duplicate_window_s": 0.0},
        {"max_quote_age_s": float("nan")}, {"allowed_asset_classes": ("shares",)},
    ],
)  # fmt: skip
def test_what_no_limit_can_be(changes: dict[str, Any]) -> None:
    with pytest.raises(BrokerError) as caught:
        tightened(Limits(), changes)
    assert caught.value.code == "BAD_ARGUMENT"


def test_tightening_goes_on_from_what_is_in_force() -> None:
    desk = LimitsInForce(NOW)
    desk.tighten({"max_leverage": D(2)})
    assert desk.is_tightened
    with pytest.raises(BrokerError):
        desk.tighten({"max_leverage": D(3)})
    assert desk.now.max_leverage == D(2)
    assert desk.configured == NOW


def test_told_in_words() -> None:
    words = told(NOW)
    assert (words["max_leverage"], words["allowed_symbols"], words["duplicate_window_s"]) == ("4", "AAPL, MSFT", "5")
    assert "max_day_value" not in words
    assert "allowed_asset_classes" not in words

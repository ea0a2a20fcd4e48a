"""Sizes: whole units, never more than the money or the risk allows."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_tui.model.sizing import money_between, quantity_for_money, quantity_for_risk, reward_ratio

D = Decimal
prices = st.decimals("0.01", "100000", places=2)
money = st.decimals("0", "10000000", places=2)


@given(money, prices, st.sampled_from([D(1), D(50), D(100)]))
def test_money_buys_as_much_as_it_can_and_no_more(amount: Decimal, price: Decimal, multiplier: Decimal) -> None:
    qty = quantity_for_money(amount, price, multiplier)
    assert qty == qty.to_integral_value() >= 0
    assert qty * price * multiplier <= amount < (qty + 1) * price * multiplier


@given(money, prices, prices, st.sampled_from([D(1), D(50)]))
def test_the_stop_never_loses_more_than_the_risk(risk: Decimal, entry: Decimal, stop: Decimal, multiplier: D) -> None:
    qty = quantity_for_risk(risk, entry, stop, multiplier)
    lost = -abs(money_between(qty, entry, stop, multiplier))
    assert -lost <= risk
    if entry != stop:
        assert abs(entry - stop) * (qty + 1) * multiplier > risk


def test_without_a_distance_there_is_no_size_and_no_ratio() -> None:
    assert quantity_for_risk(D(300), D(188), D(188)) == 0
    assert quantity_for_money(D(300), D(0)) == 0
    assert reward_ratio(D(188), D(188), D(195)) is None


@pytest.mark.parametrize(("stop", "target"), [("185", "195"), ("191", "181")])
def test_the_ratio_is_the_same_on_both_sides(stop: str, target: str) -> None:
    ratio = reward_ratio(D(188), D(stop), D(target))
    assert ratio is not None
    assert round(ratio, 2) == D("2.33")

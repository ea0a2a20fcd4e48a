"""The lines of a chain, its expiries, and where the money is."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from ibkr_tui.model.chains import ChainRow
from ibkr_tui.tui.options.strikes import CALL, PUT, SPOT, beside, days_left, is_inside, lines, month_beside, tabs

D = Decimal


def test_the_money_stands_between_two_strikes(chains: Any) -> None:
    made = lines(chains.chain(rows=3).rows, D("189.43"))
    assert made.keys == ("185", SPOT, "190", "195")
    assert made.money == "190"
    assert made.contract("190", PUT).right == "P"
    assert made.contract(SPOT, CALL) is None
    assert len(made.conids(made.keys)) == 6


def test_the_money_may_be_outside_or_unknown(chains: Any) -> None:
    rows = chains.chain(rows=3).rows
    assert lines(rows, D(900)).keys[-1] == SPOT
    assert lines(rows, D(1)).keys[0] == SPOT
    unknown = lines(rows, None)
    assert SPOT not in unknown.keys
    assert unknown.money == "190"
    assert lines((), D(5)).keys == ()
    assert lines((), D(5)).money is None


def test_a_side_that_does_not_exist_is_none(chains: Any) -> None:
    made = lines((ChainRow(D("2.5"), chains.contract(D("2.5"), "C")),), D(3))
    assert made.contract("2.5", PUT) is None
    assert len(made.conids(["2.5"])) == 1


def test_in_the_money_is_below_for_calls_and_above_for_puts() -> None:
    assert is_inside(D(180), CALL, D(189))
    assert is_inside(D(195), PUT, D(189))
    assert not is_inside(D(195), CALL, D(189))


def test_the_open_month_shows_its_days(chains: Any) -> None:
    chain = chains.chain()
    shown = tabs(chain)
    assert [tab.label for tab in shown] == ["DEC26", "15 JAN27", "22 JAN27", "29 JAN27", "FEB27", "MAR27", "JUN27"]
    assert [tab.is_open for tab in shown].index(True) == 1
    assert beside(chain, 1).day == date(2027, 1, 22)
    assert beside(chain, -1).month == "DEC26"
    assert beside(chain, -2) is None
    assert month_beside(chain, 1).month == "FEB27"
    assert month_beside(chains.chain(expiry="DEC26"), -1) is None


def test_days_left_are_words() -> None:
    today = date(2027, 1, 14)
    assert days_left(date(2027, 1, 15), today) == "1 day"
    assert days_left(today, today) == "today"
    assert days_left(date(2027, 1, 1), today) == "expired"
    assert days_left(date(2027, 3, 1), today) == "46 days"

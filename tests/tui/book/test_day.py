"""The course of the day: one point every fifteen seconds, anew with another day or account."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from ibkr_tui.tui.book.day import EVERY_S, DayCourse
from tests.tui.conftest import NOW


def test_one_point_a_step_and_the_last_one_follows() -> None:
    day = DayCourse()
    for second in range(31):
        day.sample(float(second), NOW + timedelta(seconds=second), "DU1", Decimal(second))
    assert [moment.daily for moment in day.moments] == [14, 29, 30]
    assert day.span == (14, 30)
    assert EVERY_S == 15


def test_it_begins_with_the_first_figure_and_shows_gaps() -> None:
    day = DayCourse()
    day.sample(0, NOW, "DU1", None)
    assert day.moments == []
    assert day.span is None
    day.sample(15, NOW, "DU1", Decimal(5))
    day.sample(30, NOW, "DU1", None)
    assert [moment.daily for moment in day.moments] == [5, None]


def test_another_account_or_day_begins_anew() -> None:
    day = DayCourse()
    day.sample(0, NOW, "DU1", Decimal(5))
    day.sample(1, NOW, "DU2", Decimal(7))
    assert [moment.daily for moment in day.moments] == [7]
    day.sample(2, NOW + timedelta(days=1), "DU2", Decimal(9))
    assert [moment.daily for moment in day.moments] == [9]

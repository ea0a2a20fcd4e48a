"""A curve in dots: joined, with gaps, inside its lines."""

from __future__ import annotations

from decimal import Decimal

from ibkr_tui.tui.widgets.braille import curve

D = Decimal


def test_a_rise_goes_from_the_lower_left_to_the_upper_right() -> None:
    lines = curve([D(n) for n in range(8)], 4, 2, D(0), D(7))
    assert len(lines) == 2
    assert all(len(line) == 4 for line in lines)
    assert lines[1][0] != " "
    assert lines[0][-1] != " "
    assert lines[0][0] == lines[1][-1] == " "


def test_a_level_line_fills_one_row_of_dots() -> None:
    assert curve([D(5)] * 3, 3, 1, D(0), D(10)) == ["⠤⠤⠤"]


def test_a_jump_is_a_line_and_a_gap_is_none() -> None:
    assert curve([D(0), D(10)], 1, 1, D(0), D(10)) == ["⡸"]
    assert curve([D(0), None, None, D(10)], 2, 1, D(0), D(10)) == ["⡀⠈"]


def test_values_outside_stand_on_the_edge() -> None:
    assert curve([D(99), D(99)], 1, 1, D(0), D(10)) == ["⠉"]
    assert curve([], 2, 1, D(0), D(1)) == ["  "]

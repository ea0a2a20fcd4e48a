"""An area around its base line: eighths of a cell, gaps, and a base that is out of the picture."""

from __future__ import annotations

from decimal import Decimal

from ibkr_tui.tui.widgets.area import Fill, Ground, area, ground

D = Decimal


def picture(values: list[Decimal | None], width: int, scale: Ground) -> list[str]:
    return ["".join(glyph for glyph, _ in line) for line in area(values, width, scale)]


def test_a_profit_stands_on_the_base_line() -> None:
    scale = ground([D(0), D(16)], D(0), 2)
    assert picture([D(0), D(1), D(8), D(16)], 4, scale) == ["   █", " ▁█░"]
    assert {fill for line in area([D(16)], 1, scale) for _, fill in line} == {Fill.UP}


def test_a_loss_hangs_from_it_in_reverse() -> None:
    scale = ground([D(0), D(-16)], D(0), 2)
    lines = area([D(-16), D(-4), D(-9)], 3, scale)
    assert lines[0] == [("░", Fill.DOWN), ("▄", Fill.HUNG), ("░", Fill.DOWN)]
    assert lines[1] == [("█", Fill.DOWN), (" ", Fill.EMPTY), ("▇", Fill.HUNG)]


def test_both_sides_have_a_line_at_least() -> None:
    scale = ground([D(100), D(-1)], D(0), 5)
    assert scale.under == 1
    assert scale.row(D(100)) == 0
    assert scale.row(D(-1)) == 4
    assert scale.row(D(0)) == 3


def test_a_base_far_away_is_left_out_so_that_the_course_can_be_seen() -> None:
    near = ground([D(50), D(100)], D(0), 4)
    assert (near.low, near.under) == (0, 0)
    far = ground([D(-2900), D(-2800)], D(0), 4)
    assert far.under == 4
    assert far.high < 0
    assert abs(far.eighths(D(-2900))) > 3 * abs(far.eighths(D(-2800)))


def test_values_that_never_change_and_gaps() -> None:
    flat = ground([D(5), D(5)], D(0), 3)
    assert picture([D(5), None, D(5)], 3, flat)[-1][1] == " "
    assert ground([D(0)], D(0), 3).eighths(D(0)) == 0


def test_more_values_than_cells_are_thinned_to_the_last() -> None:
    scale = ground([D(0), D(8)], D(0), 1)
    assert picture([D(1), D(2), D(8), D(4)], 2, scale) == ["▂▄"]
    assert picture([], 2, scale) == ["  "]

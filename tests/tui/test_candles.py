"""Candles: inside the picture, bodies inside wicks, round prices on the axis."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from ibkr_tui.model.quotes import Bar
from ibkr_tui.tui.widgets import candles

D = Decimal
AT = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
prices = st.decimals(min_value=1, max_value=10_000, places=2)


def bar(first: str, high: str, low: str, last: str, minutes: int = 0) -> Bar:
    return Bar(AT + timedelta(minutes=minutes), D(first), D(high), D(low), D(last), D(100))


@st.composite
def bars(draw: st.DrawFn) -> list[Bar]:
    rows = draw(st.lists(st.tuples(prices, prices, prices, prices), min_size=1, max_size=40))
    return [Bar(AT, row[0], max(row), min(row), row[3], D(1)) for row in rows]


def test_a_candle_has_wicks_and_a_body() -> None:
    one = bar("101", "104", "100", "103")
    scale = candles.scale_of([one], None, 4)
    assert candles.column(one, scale) == ["│", "┃", "┃", "╿"]


def test_a_bar_of_one_price_can_be_seen() -> None:
    one = bar("5", "5", "5", "5")
    glyphs = candles.column(one, candles.scale_of([one], None, 5))
    assert sum(glyph != " " for glyph in glyphs) == 1


@given(bars(), prices, st.integers(1, 30))
def test_everything_is_inside_the_picture(rows: list[Bar], last: Decimal, height: int) -> None:
    scale = candles.scale_of(rows, last, height)
    for one in rows:
        column = candles.column(one, scale)
        assert len(column) == height
        assert any(glyph != " " for glyph in column)
    assert 0 <= scale.row(last) < height


@given(bars(), st.integers(2, 30), st.integers(0, 5))
def test_axis_prices_are_on_the_picture_and_in_order(rows: list[Bar], height: int, decimals: int) -> None:
    scale = candles.scale_of(rows, None, height)
    ticks = candles.price_ticks(scale, decimals)
    assert all(0 <= row < height for row in ticks)
    assert all(scale.low <= price <= scale.high for price in ticks.values())
    assert [ticks[row] for row in sorted(ticks)] == sorted(ticks.values(), reverse=True)


def test_axis_prices_are_round() -> None:
    ticks = candles.price_ticks(candles.Scale(D("186.13"), D("191.72"), 16), 2)
    assert set(ticks.values()) == {D(188), D(190)} or all(price % D("0.5") == 0 for price in ticks.values())


def test_times_do_not_touch() -> None:
    rows = [bar("1", "2", "1", "2", minutes=5 * n) for n in range(78)]
    cells = sorted(candles.time_ticks(rows, 1, UTC))
    assert cells[0] == 0
    assert all(right - left >= 8 for left, right in itertools.pairwise(cells))


def test_volume_blocks_are_shares_of_the_largest() -> None:
    rows = [Bar(AT, D(1), D(1), D(1), D(1), D(volume)) for volume in (0, 50, 100)]
    assert candles.volume_blocks(rows) == [" ", "▄", "█"]
    assert candles.volume_blocks(rows[:1]) == [" "]

"""Which columns fit, how rows sort, what a filter lets through."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from ibkr_tui.model.quotes import Quote, QuoteStatus
from ibkr_tui.tui.market.columns import COLUMNS, DEFAULT, arrange, layout, matches
from ibkr_tui.tui.market.spark import spark

D = Decimal


@pytest.mark.parametrize("width", [20, 40, 58, 66, 100, 200])
def test_a_layout_never_exceeds_its_width(width: int) -> None:
    made = layout(DEFAULT, width)
    used = made.symbol + made.mark + 1 + sum(room + 1 for _, room in made.columns)
    assert used <= width
    assert [column.id for column, _ in made.columns] == list(DEFAULT)[: len(made.columns)]


def test_wide_boards_show_all_that_was_chosen() -> None:
    assert len(layout(tuple(COLUMNS), 220).columns) == len(COLUMNS)


def test_a_column_that_is_gone_is_left_out() -> None:
    assert [column.id for column, _ in layout(("last", "gone", "bid"), 80).columns] == ["last", "bid"]


def test_every_column_has_a_text_for_an_empty_row(scene: Any) -> None:
    nothing = Quote(1, "X", "X", QuoteStatus.NO_DATA)
    for column in COLUMNS.values():
        assert column.value(nothing) is None
        assert len(column.cell(nothing, column.width)) <= column.width
        assert len(column.cell(scene.quote("NVDA"), column.width)) <= column.width


def test_rows_sort_by_number_and_unknown_ones_come_last(scene: Any) -> None:
    quotes = {"A": scene.quote("AAPL"), "M": scene.quote("MSFT"), "N": None, "T": scene.quote("TSLA")}
    assert arrange(list(quotes), quotes.get, "change_pct", falling=True) == ["A", "M", "T", "N"]
    assert arrange(list(quotes), quotes.get, "change_pct", falling=False) == ["T", "M", "A", "N"]
    assert arrange(["T", "A"], quotes.get, "", falling=True) == ["T", "A"]
    assert arrange(["T", "A", "M"], quotes.get, "symbol", falling=False) == ["A", "M", "T"]


def test_a_filter_looks_into_every_text() -> None:
    assert matches("app", "AAPL", "Apple Inc")
    assert matches("aa inc", "AAPL", "Apple Inc")
    assert not matches("msft", "AAPL", "Apple Inc")
    assert not matches("!apple", "AAPL", "Apple Inc")
    assert matches("!stale", "AAPL", "live")
    assert matches("", "AAPL")


@pytest.mark.parametrize(
    ("prices", "width", "drawn"),
    [
        ([], 4, "    "),
        ([1], 3, "  ▄"),
        ([1, 2, 3], 3, "▁▄█"),
        ([1, 9, 2, 8, 3, 7], 3, "█▄▁"),
        ([5, 5, 5], 4, " ▄▄▄"),
    ],
)
def test_a_sparkline(prices: list[int], width: int, drawn: str) -> None:
    assert spark([D(price) for price in prices], width) == drawn

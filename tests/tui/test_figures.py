"""Numbers on the screen: fixed decimals, separators, a real minus, a sign on changes, never wider than the column."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from ibkr_tui.tui import figures

D = Decimal


@pytest.mark.parametrize(
    ("value", "decimals", "shown"),
    [
        (D("1024311.2"), 0, "1,024,311"),
        (D("-50"), 2, "−50.00"),
        (D("-0.001"), 2, "0.00"),
        (D("1.0841"), 5, "1.08410"),
        (None, 2, "—"),
    ],
)
def test_numbers_are_fixed_and_separated(value: Decimal | None, decimals: int, shown: str) -> None:
    assert figures.number(value, decimals) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(D("1.21"), "+1.21"), (D("-0.35"), "−0.35"), (D("0.001"), "0.00"), (D(0), "0.00")]
)
def test_a_change_always_has_its_sign_and_nothing_has_none(value: Decimal, shown: str) -> None:
    assert figures.signed(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [(D("1200"), "1,200"), (D("0.5"), "0.5"), (D("1E+3"), "1,000"), (D("100.00"), "100"), (D("-50"), "−50")],
)
def test_quantities_have_the_decimals_they_need(value: Decimal, shown: str) -> None:
    assert figures.quantity(value) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.4, "0s"), (9.9, "9s"), (10, "10s"), (42, "40s"), (61, "1m"), (7300, "2h"), (200_000, "2d"), (None, "—")],
)
def test_an_age_is_short_and_does_not_flicker(seconds: float | None, shown: str) -> None:
    assert figures.age(seconds) == shown


def test_countdowns_and_large_numbers() -> None:
    assert [figures.countdown(s) for s in (42, 125, 3725, -3)] == ["0:42", "2:05", "1:02:05", "0:00"]
    large = (950, 41_200_000, 1_500_000_000, 523_000)
    assert [figures.compact(D(value)) for value in large] == [
        "950",
        "41.2M",
        "1.5B",
        "523K",
    ]


@given(st.decimals(min_value=-(10**12), max_value=10**12, places=5), st.integers(0, 5), st.integers(7, 14))
def test_a_number_never_breaks_its_column(value: Decimal, decimals: int, width: int) -> None:
    assert len(figures.fitted(value, decimals, width, sign=True)) <= width


@given(st.text(max_size=40), st.integers(0, 30))
def test_cut_text_is_exactly_as_wide_as_asked(text: str, width: int) -> None:
    assert cell_len(figures.left(text, width)) == width
    assert cell_len(figures.right(text, width)) == max(width, 0)


def test_a_reason_keeps_its_words_before_its_code() -> None:
    words = "no market data subscription (IBKR_NO_MARKET_DATA_SUBSCRIPTION)"
    assert figures.reason(words, 80) == words
    assert figures.reason(words, 40) == "no market data subscription"
    assert figures.reason(words, 12) == "no market d…"
    assert figures.wrapped(f"No price: {words}. Choose another.", 30) == [
        "No price: no market data", "subscription. Choose another.",
    ]  # fmt: skip
    assert figures.wrapped(words, 40) == ["no market data subscription", "(IBKR_NO_MARKET_DATA_SUBSCRIPTION)"]

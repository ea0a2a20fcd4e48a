"""Damage and fitting: only cells that differ are sent, and the important words stay."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from rich.segment import Segment
from rich.style import Style

from ibkr_tui.tui.widgets.fitting import Part, fit
from ibkr_tui.tui.widgets.inside_panel import bar
from ibkr_tui.tui.widgets.spans import damage

STYLES = (None, Style(bold=True), Style(color="red"))
runs = st.tuples(st.text("ab ", min_size=1, max_size=5), st.sampled_from(STYLES))
rows = st.lists(runs.map(lambda run: Segment(*run)), max_size=6)


def cells(row: list[Segment], width: int) -> list[tuple[str, object]]:
    flat = [(char, style) for text, style, _ in row for char in text][:width]
    return flat + [(" ", None)] * (width - len(flat))


@given(rows, rows)
def test_every_differing_cell_is_damaged(old: list[Segment], new: list[Segment]) -> None:
    spot = damage(old, new, 20)
    start, size = spot if spot is not None else (0, 0)
    before, after = cells(old, 20), cells(new, 20)
    for x in range(20):
        if not start <= x < start + size:
            assert before[x] == after[x]


def test_only_the_changed_column_is_damaged() -> None:
    old = [Segment("AAPL   "), Segment(" 189.43"), Segment(" 0s")]
    new = [Segment("AAPL   "), Segment(" 189.44"), Segment(" 0s")]
    assert damage(old, new, 40) == (7, 7)
    assert damage(old, list(old), 40) is None


def part(text: str, rank: int, group: str = "") -> Part:
    return Part((Segment(text),), rank, group)


def test_what_does_not_fit_goes_by_rank_and_the_badge_stays() -> None:
    parts = [part("PAPER", 0), part("account", 2), part("net", 1)]
    texts = ["".join(text for text, *_ in fit(parts, width)) for width in (30, 12, 8, 3)]
    assert texts == ["PAPER  account  net", "PAPER  net", "PAPER", "PAPER"]


def test_of_a_group_one_form_is_shown_and_the_long_one_where_there_is_room() -> None:
    parts = [part("NYSE 10:42:10", 3, "clock"), part("10:42", 1, "clock"), part("x", 2)]
    texts = ["".join(text for text, *_ in fit(parts, width)) for width in (40, 15, 8)]
    assert texts == ["NYSE 10:42:10  x", "10:42  x", "10:42  x"]


@given(st.decimals(min_value=0, max_value=1, places=4), st.integers(0, 40))
def test_a_size_bar_fits_and_shows_anything_above_nothing(share: Decimal, width: int) -> None:
    drawn = bar(share, width)
    assert len(drawn) <= width
    assert bool(drawn) == (share > 0 and width > 0)


def test_a_short_form_grows_when_room_is_left() -> None:
    forms = [("k", 1, "kill"), ("kill off", 4, "kill"), ("money", 2, "")]
    parts = [Part((Segment(text),), rank, group) for text, rank, group in forms]
    texts = ["".join(text for text, *_ in fit(parts, width)) for width in (15, 14, 8, 1)]
    assert texts == ["kill off  money", "k  money", "k  money", "k"]

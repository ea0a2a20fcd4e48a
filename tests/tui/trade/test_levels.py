"""The rows of a bracket's picture: in order of price, never two on one row, the order's own prices kept longest."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from ibkr_tui.model.groups import BracketPrices
from ibkr_tui.model.orders import Side
from ibkr_tui.tui.trade.levels import Level, Mark, place
from ibkr_tui.tui.trade.picture import bracket_levels

D = Decimal
levels = st.dictionaries(st.sampled_from(Mark), st.decimals("1", "1000", places=2), min_size=1).map(
    lambda found: [Level(mark, price) for mark, price in found.items()]
)


@given(levels, st.integers(1, 20))
def test_every_row_is_in_order_and_holds_one_price(found: list[Level], height: int) -> None:
    placed = place(found, height)
    assert len(placed) == height
    shown = [row.level for row in placed if row.level is not None]
    assert len(shown) == min(len(found), height)
    assert [level.price for level in shown] == sorted((level.price for level in shown), reverse=True)


def test_what_gives_way_first_is_the_market() -> None:
    found = [Level(mark, D(at)) for at, mark in enumerate([Mark.BID, Mark.STOP, Mark.ENTRY, Mark.LAST, Mark.TARGET], 1)]
    shown = [row.level.mark for row in place(found, 3) if row.level is not None]
    assert shown == [Mark.TARGET, Mark.ENTRY, Mark.STOP]


def test_rows_between_know_what_they_lie_between() -> None:
    found = [Level(Mark.TARGET, D(195)), Level(Mark.ENTRY, D(188)), Level(Mark.STOP, D(185))]
    placed = place(found, 11)
    assert placed[0].level == found[0]
    assert placed[-1].level == found[2]
    assert (placed[1].above, placed[1].below) == (Mark.TARGET, Mark.ENTRY)
    assert (placed[-2].above, placed[-2].below) == (Mark.ENTRY, Mark.STOP)


def test_money_is_won_and_lost_on_both_sides() -> None:
    for side, stop, target in ((Side.BUY, "185", "195"), (Side.SELL, "191", "181")):
        prices = BracketPrices(D(188), D(stop), D(target))
        found, ratio = bracket_levels(side, D(188), prices, D(100), D(1))
        words = {level.mark: level.words for level in found}
        assert words[Mark.TARGET] == "+700"
        assert words[Mark.STOP] == "−300"
        assert ratio == "R = 2.33"

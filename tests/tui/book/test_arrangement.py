"""The book in the order a person wants: sorting, grouping, closing orders, sums."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ibkr_tui.model.orders import OrderState, Side
from ibkr_tui.tui.book.arrangement import (
    GroupBy,
    SortBy,
    Total,
    View,
    Worth,
    arrange,
    class_name,
    closes,
    covered,
    in_base,
    totals,
)

D = Decimal


def worth(position: Any) -> Worth:
    return Worth(position.market_value, position.unrealized_pnl)


def book(scene: Any) -> list[Any]:
    return [
        scene.position("MSFT", 2, "-50", "410.00", "402.10"),
        scene.position("AAPL", 1, "100", "180.10", "189.43"),
        scene.position("SAP", 3, "30", "200", "190", currency="EUR"),
        scene.position("SPY C", 4, "2", "4.10", "5.35", sec_type="OPT", multiplier=D(100)),
    ]


def keys(scene: Any, view: View, *orders: Any) -> tuple[str, ...]:
    return arrange(book(scene), orders, worth, view).keys


def test_names_begin_with_a_and_turn_round(scene: Any) -> None:
    assert keys(scene, View()) == ("1", "2", "3", "4")
    assert keys(scene, View(largest=False)) == ("4", "3", "2", "1")


def test_numbers_have_the_largest_first(scene: Any) -> None:
    assert keys(scene, View(SortBy.VALUE)) == ("1", "3", "4", "2")
    assert keys(scene, View(SortBy.VALUE, largest=False)) == ("2", "4", "3", "1")
    assert keys(scene, View(SortBy.QTY))[0] == "1"
    assert keys(scene, View(SortBy.OPEN))[-1] == "3"
    assert keys(scene, View(SortBy.SHARE))[0] == "4"


def test_groups_stand_under_their_heads_by_name(scene: Any) -> None:
    made = arrange(book(scene), [], worth, View(group=GroupBy.CURRENCY))
    assert made.keys == ("group:EUR", "3", "group:USD", "1", "2", "4")
    assert made.members["USD"] == ("1", "2", "4")
    assert keys(scene, View(group=GroupBy.CLASS)) == ("group:Options", "4", "group:Stocks", "1", "2", "3")


def test_closing_orders_stand_under_their_position(scene: Any) -> None:
    target = scene.order("a", conid=1, side=Side.SELL, qty=D(60))
    adds = scene.order("b", conid=1, side=Side.BUY)
    done = scene.order("c", conid=1, side=Side.SELL, state=OrderState.FILLED)
    cover = scene.order("d", conid=2, side=Side.BUY, state=OrderState.UNKNOWN)
    made = arrange(book(scene), [target, adds, done, cover], worth, View())
    assert made.keys[:4] == ("1", "order:a", "2", "order:d")
    assert made.position_of("order:d") == "2"
    assert made.position_of("2") == "2"
    assert made.position_of("group:USD") is None
    assert made.rows_of({"1"}) == {"1", "order:a"}


def test_an_order_of_the_same_side_closes_nothing(scene: Any) -> None:
    short = scene.position("MSFT", 2, "-50", "410.00", "402.10")
    assert closes(scene.order(conid=2, side=Side.BUY), short)
    assert not closes(scene.order(conid=2, side=Side.SELL), short)
    assert not closes(scene.order(conid=9, side=Side.BUY), short)


def test_orders_of_one_group_cover_once_and_never_more_than_is_held(scene: Any) -> None:
    held = scene.position("AAPL", 1, "100", "180", "189")
    stop = scene.order("a", conid=1, side=Side.SELL, qty=D(40), group_id="g")
    target = scene.order("b", conid=1, side=Side.SELL, qty=D(40), group_id="g")
    half = scene.order("c", conid=1, side=Side.SELL, qty=D(50), filled=D(20))
    assert covered(held, [stop, target]) == 40
    assert covered(held, [stop, target, half]) == 70
    assert covered(held, [scene.order("d", conid=1, side=Side.SELL, qty=D(900))]) == 100


def test_worth_knows_what_was_paid_for_longs_and_shorts() -> None:
    assert Worth(D(-900), D(100)).cost == 1000
    assert Worth(D(-900), D(100)).share == 10
    assert Worth(D(0), D(0)).share is None


def test_sums_are_by_currency_and_in_the_base(scene: Any) -> None:
    found = totals(book(scene), worth)
    assert [total.currency for total in found] == ["EUR", "USD"]
    usd = found[1]
    assert (usd.count, usd.long, usd.short) == (3, D("18953.70"), D("-20105.00"))
    assert usd.net == D("-1151.30")
    assert usd.gross == D("39058.70")
    base = in_base(found, "USD", {"EUR": D("1.1")})
    assert base.long == usd.long + D(5700) * D("1.1")
    assert base.open_pnl == usd.open_pnl + D(-300) * D("1.1")
    assert (base.count, base.unpriced) == (4, 0)


def test_a_missing_rate_is_counted_and_not_guessed() -> None:
    base = in_base([Total("EUR", 2, D(10)), Total("USD", 1, D(5))], "USD", {})
    assert (base.count, base.unpriced, base.long) == (1, 2, D(5))


def test_classes_have_names() -> None:
    assert class_name("STK") == "Stocks"
    assert class_name("IOPT") == "IOPT"
    assert class_name("") == "Other"


def test_a_view_walks_through_its_columns_and_groups() -> None:
    view = View()
    for _ in SortBy:
        view = view.sorted_by(1)
    assert view.sort is SortBy.NAME
    assert view.sorted_by(-1).sort is SortBy.SHARE
    assert view.grouped().group is GroupBy.CLASS
    assert view.grouped().grouped().grouped().group is GroupBy.NOTHING

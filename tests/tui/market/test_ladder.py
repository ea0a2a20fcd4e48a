"""The ladder's rows: on the increments, with sizes, sums and own orders where they belong."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from ibkr_tui.model.depth import DepthBook, DepthLevel
from ibkr_tui.model.increments import PENNY, IncrementStep
from ibkr_tui.model.orders import OrderState, OrderType, Side
from ibkr_tui.tui.market.ladder import Rung, above, below, mark_of, prices, rungs, top_for

D = Decimal
STEPS = (IncrementStep(D(0), D("0.0001")), IncrementStep(D(1), D("0.01")))


def book(bids: list[tuple[str, int]], asks: list[tuple[str, int]]) -> DepthBook:
    return DepthBook(
        1, "AAPL",
        tuple(DepthLevel(D(price), D(size)) for price, size in bids),
        tuple(DepthLevel(D(price), D(size)) for price, size in asks),
    )  # fmt: skip


def by_price(made: list[Rung]) -> dict[str, Rung]:
    return {str(rung.price): rung for rung in made}


def test_rows_stand_on_the_increments() -> None:
    assert prices(D("10.02"), 4, PENNY) == [D("10.02"), D("10.01"), D("10.00"), D("9.99")]
    assert top_for(D("10.00"), 5, PENNY) == D("10.02")


def test_the_increment_changes_at_its_edge() -> None:
    assert below(D("1.01"), STEPS) == D("1.00")
    assert below(D("1.00"), STEPS) == D("0.9999")
    assert above(D("0.9999"), STEPS) == D("1.0000")
    assert above(D("1.00"), STEPS) == D("1.01")


def test_a_price_between_increments_is_rounded() -> None:
    assert top_for(D("10.004"), 3, PENNY) == D("10.01")


def test_sizes_and_their_sums_stand_in_their_rows() -> None:
    made = by_price(
        rungs(
            prices(D("10.03"), 7, PENNY),
            book([("10.00", 400), ("9.99", 800)], [("10.01", 300), ("10.03", 900)]),
            (),
            PENNY,
        )
    )
    assert (made["10.00"].bid, made["10.00"].cum) == (D(400), D(400))
    assert (made["9.99"].bid, made["9.99"].cum) == (D(800), D(1200))
    assert (made["10.01"].ask, made["10.01"].cum) == (D(300), D(300))
    assert (made["10.03"].ask, made["10.03"].cum) == (D(900), D(1200))
    assert made["10.02"] == Rung(D("10.02"))


def test_what_is_above_the_view_still_counts_in_the_sum() -> None:
    made = rungs(prices(D("9.99"), 2, PENNY), book([("10.00", 400), ("9.99", 800)], []), (), PENNY)
    assert made[0].cum == D(1200)


def test_grouped_rows_hold_what_lies_between() -> None:
    shown = prices(D("10.20"), 5, PENNY, group=10)
    assert shown == [D("10.20"), D("10.10"), D("10.00"), D("9.90"), D("9.80")]
    made = by_price(rungs(shown, book([("9.99", 1), ("9.95", 2)], [("10.02", 5), ("10.08", 6)]), (), PENNY))
    assert (made["9.90"].bid, made["9.90"].cum) == (D(3), D(3))
    assert (made["10.10"].ask, made["10.10"].cum) == (D(11), D(11))


def test_own_orders_stand_at_their_price(scene: Any) -> None:
    buy = scene.order("a", limit_price=D("10.00"), qty=D(100), filled=D(40))
    stop = scene.order(
        "b", side=Side.SELL, order_type=OrderType.STOP, limit_price=None, stop_price=D("9.99"), group_id="g1"
    )
    market = scene.order("c", order_type="market", limit_price=None)
    made = by_price(rungs(prices(D("10.01"), 4, PENNY), None, (buy, stop, market), PENNY))
    assert made["10.00"].buying == (buy,)
    assert made["9.99"].selling == (stop,)
    assert mark_of(made["10.00"].orders) == "+60"
    assert mark_of(made["9.99"].orders) == "S\N{MINUS SIGN}100*"
    assert mark_of(made["10.01"].orders) == ""


def test_an_order_of_unknown_fate_is_marked(scene: Any) -> None:
    order = msgspec.structs.replace(scene.order("a"), state=OrderState.UNKNOWN)
    assert mark_of((order,)) == "?+100"
    two = (scene.order("a", qty=D("0.5")), scene.order("b", qty=D("1000")))
    assert mark_of(two) == "+1000.5"

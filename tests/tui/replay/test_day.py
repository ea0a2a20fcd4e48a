"""What rows say of orders: each state, fills with their average, and rows that say nothing usable."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from ibkr_tui.model.orders import OrderState
from ibkr_tui.tui.replay.day import Day
from tests.tui.activity.conftest import AAPL, row

D = Decimal


def begun() -> Day:
    day = Day()
    day.take(row(1, 60, "intent", "t1", AAPL))
    return day


def filled(seq: int, qty: str, price: str, coid: str = "t1") -> Any:
    facts = {"execution_id": f"e{seq}", "qty": qty, "price": price, "side": "buy", "conid": 265598, "order_id": "1001"}
    return row(seq, 10, "filled", coid, facts)


@pytest.mark.parametrize(
    ("kind", "facts", "state"),
    [
        ("question", {"text": "?"}, OrderState.QUESTION),
        ("accepted", {"order_id": "7", "status": "Submitted"}, OrderState.WORKING),
        ("cancel_requested", {}, OrderState.CANCELLING),
        ("cancelled", {}, OrderState.CANCELLED),
        ("rejected", {"text": "no"}, OrderState.REJECTED),
        ("not_sent", {"text": "no"}, OrderState.REJECTED),
        ("unknown", {"text": "no answer"}, OrderState.UNKNOWN),
        ("resolved", {"verdict": "not_sent"}, OrderState.REJECTED),
        ("resolved", {"verdict": "keep"}, OrderState.SENDING),
    ],
)
def test_a_row_moves_its_order(kind: str, facts: dict[str, Any], state: OrderState) -> None:
    day = begun()
    assert day.take(row(2, 50, kind, "t1", facts)) is None
    order = day.orders["t1"]
    assert order.state is state
    assert order.text == facts.get("text", "")
    assert order.order_id == facts.get("order_id", "")


def test_fills_add_up_and_end_it() -> None:
    day = begun()
    fill = day.take(filled(2, "40", "188"))
    assert fill is not None
    assert (fill.symbol, fill.qty, fill.price, fill.coid) == ("AAPL", D(40), D(188), "t1")
    assert day.orders["t1"].state is OrderState.SENDING
    day.take(filled(3, "60", "187"))
    order = day.orders["t1"]
    assert (order.state, order.filled, order.avg_price) == (OrderState.FILLED, D(100), D("187.4"))
    day.take(row(4, 5, "cancelled", "t1", {}))
    assert day.orders["t1"].state is OrderState.FILLED


def test_an_amendment_and_the_kill_switch() -> None:
    day = begun()
    day.take(row(2, 50, "amended", "t1", {"qty": "50", "limit_price": "187.5"}))
    assert (day.orders["t1"].qty, day.orders["t1"].limit_price) == (D(50), D("187.5"))
    day.take(row(3, 40, "kill_switch", "", {"on": True, "by": "call", "text": "drill"}))
    assert (day.guards.kill_switch, day.guards.kill_by) == (True, "call")
    day.take(row(4, 40, "kill_switch", "", {"on": False}))
    assert not day.guards.kill_switch


@pytest.mark.parametrize("bad", [{"qty": "NaN"}, {"side": "up"}, {"conid": "x"}, {"qty": None}, {"qty": "1_0"}])
def test_what_is_not_usable_changes_nothing(bad: dict[str, Any]) -> None:
    day = Day()
    day.take(row(1, 60, "intent", "t1", AAPL | bad))
    assert day.orders == {}
    assert day.take(row(2, 60, "filled", "t1", {"price": "1"} | bad)) is None
    assert day.take(row(3, 60, "working", "t9", {})) is None

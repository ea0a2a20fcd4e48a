"""Which orders hold a switch of keys back: those whose answer is still to come, named as a person knows them."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

from ibkr_tui.core.operations.keys import KeyHandlers
from ibkr_tui.model.orders import Order, OrderState, Side


def order(state: OrderState) -> Order:
    return Order(
        key=state, account="DU1234567", conid=1, symbol="MSFT", description="", side=Side.BUY, order_type="market",
        qty=Decimal("200.00"), state=state,
    )  # fmt: skip


def test_orders_whose_answer_is_to_come_are_named(fake_clock: Any) -> None:
    book = [order(state) for state in OrderState]
    broker = SimpleNamespace(clock=fake_clock, orders=SimpleNamespace(book=book))
    assert sorted(KeyHandlers(cast(Any, broker))._on_their_way()) == [
        f"BUY 200 MSFT ({state})" for state in ("question", "sending", "unknown")
    ]

"""Which change of a working order takes risk away."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import msgspec
import pytest

from ibkr_tui.core.orders.easing import adds_risk
from ibkr_tui.model.orders import Order, OrderState, OrderTicket, OrderType, Role, Side, Tif

ENTRY = Order("t", "DU1", 1, "X", "X", Side.BUY, "limit", D(10), OrderState.WORKING, limit_price=D(100))
STOP = Order("t", "DU1", 1, "X", "X", Side.SELL, "stop", D(10), OrderState.WORKING, stop_price=D(90), role=Role.STOP)


def same(order: Order, **changes: Any) -> OrderTicket:
    ticket = OrderTicket(
        order.side, order.qty, order_type=OrderType(order.order_type), limit_price=order.limit_price,
        stop_price=order.stop_price,
    )  # fmt: skip
    return msgspec.structs.replace(ticket, **changes)


@pytest.mark.parametrize(
    ("changes", "adds"),
    [
        ({}, False), ({"qty": D(9)}, False), ({"qty": D(11)}, True), ({"limit_price": D(99)}, False),
        ({"limit_price": D(101)}, True), ({"tif": Tif.GTC}, True), ({"side": Side.SELL}, True),
        ({"order_type": OrderType.MARKET, "limit_price": None}, True), ({"limit_price": None}, True),
    ],
)  # fmt: skip
def test_an_order_that_leads_in(changes: dict[str, Any], adds: bool) -> None:
    assert adds_risk(ENTRY, same(ENTRY, **changes), D(0)) is adds


@pytest.mark.parametrize(
    ("changes", "adds"),
    [({}, False), ({"stop_price": D(91)}, False), ({"stop_price": D(89)}, True), ({"qty": D(9)}, True)],
)
def test_a_stop_that_leads_out(changes: dict[str, Any], adds: bool) -> None:
    assert adds_risk(STOP, same(STOP, **changes), D(10)) is adds
    assert adds_risk(STOP, same(STOP, **changes), D(0)) is adds, "its role says what it is for"


def test_a_single_order_leads_out_of_what_is_held() -> None:
    sell = msgspec.structs.replace(ENTRY, side=Side.SELL)
    lower = same(sell, limit_price=D(99))
    assert adds_risk(sell, lower, D(10)) is False
    assert adds_risk(sell, lower, D(9)) is True, "it would go short"
    assert adds_risk(sell, lower, D(-10)) is True


def test_a_stop_that_leads_in() -> None:
    entry = msgspec.structs.replace(ENTRY, order_type="stop", limit_price=None, stop_price=D(110))
    assert adds_risk(entry, same(entry, stop_price=D(111)), D(0)) is False
    assert adds_risk(entry, same(entry, stop_price=D(109)), D(0)) is True


def test_a_longer_day_or_a_wider_offset_is_no_easing() -> None:
    known = same(STOP)
    for changes in ({"outside_rth": True}, {"limit_offset": D(5)}):
        assert adds_risk(STOP, same(STOP, **changes), D(10), known) is True
    assert adds_risk(STOP, known, D(10), known) is False

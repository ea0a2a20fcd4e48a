"""Order bodies, byte for byte."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_tui.core.orders.payloads import broker_id, encode, order_payload
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.orders import OrderTicket, OrderType, Side, Tif


def ticket(**changes: Any) -> OrderTicket:
    fields: dict[str, Any] = {"side": Side.BUY, "qty": Decimal(100), "symbol": "AAPL"}
    return OrderTicket(**(fields | changes))


def test_a_limit_order() -> None:
    order = ticket(order_type=OrderType.LIMIT, limit_price=Decimal("188.00"), tif=Tif.GTC, outside_rth=True)
    assert encode(order_payload(order, 265598, "DU1234567", "tABC")) == (
        b'{"orders":[{"acctId":"DU1234567","conid":265598,"cOID":"tABC","orderType":"LMT","side":"BUY","tif":"GTC",'
        b'"quantity":100,"price":188,"outsideRTH":true}]}'
    )


def test_a_market_order_to_sell_has_no_price() -> None:
    assert encode(order_payload(ticket(side=Side.SELL), 756733, "DU1", "t1")) == (
        b'{"orders":[{"acctId":"DU1","conid":756733,"cOID":"t1","orderType":"MKT","side":"SELL","tif":"DAY",'
        b'"quantity":100}]}'
    )


def test_a_named_exchange_goes_into_conidex() -> None:
    (order,) = order_payload(ticket(exchange="nasdaq"), 265598, "DU1", "t1")["orders"]
    assert order["conidex"] == "265598@NASDAQ"
    assert "conid" not in order


@pytest.mark.parametrize("price", ["0.1", "1.08405", "188.10", "5011.25", "123456789.0000001", "1E+3", "3E-7"])
def test_prices_keep_every_digit_and_have_no_exponent(price: str) -> None:
    order = ticket(order_type=OrderType.LIMIT, limit_price=Decimal(price))
    body = encode(order_payload(order, 1, "DU1", "t1")).decode()
    sent = body.partition('"price":')[2].rstrip("]}")
    assert "E" not in sent.upper()
    assert Decimal(sent) == Decimal(price)


@given(st.decimals(min_value="0.0000001", max_value="999999999", places=7))
def test_no_price_drifts(price: Decimal) -> None:
    order = ticket(order_type=OrderType.LIMIT, limit_price=price)
    sent = encode(order_payload(order, 1, "DU1", "t1")).decode().partition('"price":')[2].rstrip("]}")
    assert Decimal(sent) == price


@pytest.mark.parametrize(
    "changes",
    [
        {"qty": Decimal(0)},
        {"qty": Decimal("NaN")},
        {"qty": Decimal("-1")},
        {"order_type": OrderType.LIMIT},
        {"order_type": OrderType.LIMIT, "limit_price": Decimal("Infinity")},
        {"limit_price": Decimal(5)},
        {"exchange": "NAS DAQ@1"},
    ],
)
def test_what_cannot_be_said_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(BrokerError) as caught:
        order_payload(ticket(**changes), 1, "DU1", "t1")
    assert caught.value.code == "BAD_TICKET"


@pytest.mark.parametrize(("conid", "coid"), [(0, "t1"), (-5, "t1"), (1, ""), (1, "t-1"), (1, "t" * 33)])
def test_ids_are_checked(conid: int, coid: str) -> None:
    with pytest.raises(BrokerError):
        order_payload(ticket(), conid, "DU1", coid)


@pytest.mark.parametrize("order_id", ["", "-1", "0", "None", "12a", " 12", "１２"])
def test_a_cancel_never_names_all_orders(order_id: str) -> None:
    with pytest.raises(BrokerError) as caught:
        broker_id(order_id)
    assert caught.value.code == "ORDER_NOT_FOUND"


def test_a_brokers_id_passes() -> None:
    assert broker_id("473740665") == "473740665"

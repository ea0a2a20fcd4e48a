"""Order bodies, byte for byte."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_tui.core.orders.payloads import (
    amend_payload,
    broker_id,
    child_payload,
    encode,
    order_payload,
    proposal_payload,
)
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.groups import GroupKind, Leg, Proposal
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.orders import OrderTicket, OrderType, Role, Side, Tif, TrailBy

AAPL = Instrument(265598, "AAPL", "AAPL", "Apple Inc", "STK", "NASDAQ", "USD")


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


D = Decimal


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"order_type": OrderType.STOP, "stop_price": D("185.5")}, b'"orderType":"STP"|"price":185.5'),
        (
            {"order_type": OrderType.STOP_LIMIT, "stop_price": D(185), "limit_price": D("184.50")},
            b'"orderType":"STOP_LIMIT"|"price":184.5,"auxPrice":185',
        ),
        (
            {"order_type": OrderType.TRAIL, "trail": D("2.5")},
            b'"orderType":"TRAIL"|"trailingAmt":2.5,"trailingType":"amt"',
        ),
        (
            {"order_type": OrderType.TRAIL, "trail": D("1.5"), "trail_by": TrailBy.PERCENT, "stop_price": D(186)},
            b'"orderType":"TRAIL"|"price":186,"trailingAmt":1.5,"trailingType":"%"',
        ),
        (
            {"order_type": OrderType.TRAIL_LIMIT, "trail": D(2), "stop_price": D(191), "limit_offset": D("0.10")},
            b'"orderType":"TRAILLMT"|"price":191.1,"auxPrice":191,"trailingAmt":2,"trailingType":"amt"',
        ),
        ({"order_type": OrderType.MIDPRICE}, b'"orderType":"MIDPRICE"|'),
        ({"order_type": OrderType.MIDPRICE, "limit_price": D(189)}, b'"orderType":"MIDPRICE"|"price":189'),
        ({"tif": Tif.OPG}, b'"orderType":"MKT"|'),
        (
            {"order_type": OrderType.LIMIT, "limit_price": D("5011.25"), "tif": Tif.IOC, "manual_indicator": False,
             "ext_operator": "ann"},
            b'"orderType":"LMT"|"price":5011.25,"manualIndicator":false,"extOperator":"ann"',
        ),
    ],
)  # fmt: skip
def test_each_type_of_order(changes: dict[str, Any], words: bytes) -> None:
    kind, _, prices = words.partition(b"|")
    tif = str(changes.get("tif", Tif.DAY)).upper().encode()
    assert encode(order_payload(ticket(**changes), 265598, "DU1", "t1")) == (
        b'{"orders":[{"acctId":"DU1","conid":265598,"cOID":"t1",' + kind + b',"side":"BUY","tif":"' + tif
        + b'","quantity":100' + (b"," + prices if prices else b"") + b"}]}"
    )  # fmt: skip


def proposal(kind: GroupKind, *legs: tuple[Role, OrderTicket]) -> Proposal:
    return Proposal(kind, "DU1", tuple(Leg(role, one, AAPL) for role, one in legs))


ENTRY = ticket(order_type=OrderType.LIMIT, limit_price=D(188), tif=Tif.GTC)
STOP = ticket(side=Side.SELL, order_type=OrderType.STOP, stop_price=D(185), tif=Tif.GTC)
TARGET = ticket(side=Side.SELL, order_type=OrderType.LIMIT, limit_price=D(195), tif=Tif.GTC)
TAIL = b'"tif":"GTC","quantity":100,'


def test_a_bracket_is_one_array_whose_children_name_the_parent_and_not_themselves() -> None:
    bracket = proposal(GroupKind.BRACKET, (Role.ENTRY, ENTRY), (Role.STOP, STOP), (Role.TARGET, TARGET))
    assert encode(proposal_payload(bracket, ["tP", "tS", "tT"])) == (
        b'{"orders":[{"acctId":"DU1","conid":265598,"cOID":"tP","orderType":"LMT","side":"BUY",' + TAIL
        + b'"price":188},{"acctId":"DU1","conid":265598,"parentId":"tP","orderType":"STP","side":"SELL",' + TAIL
        + b'"price":185},{"acctId":"DU1","conid":265598,"parentId":"tP","orderType":"LMT","side":"SELL",' + TAIL
        + b'"price":195}]}'
    )  # fmt: skip


def test_the_legs_of_an_oco_are_a_single_group_with_ids_of_their_own() -> None:
    oco = proposal(GroupKind.OCO, (Role.LEG, STOP), (Role.LEG, TARGET))
    assert encode(proposal_payload(oco, ["tA", "tB"])) == (
        b'{"orders":[{"acctId":"DU1","conid":265598,"cOID":"tA","orderType":"STP","side":"SELL",' + TAIL
        + b'"price":185,"isSingleGroup":true},{"acctId":"DU1","conid":265598,"cOID":"tB","orderType":"LMT",'
        + b'"side":"SELL",' + TAIL + b'"price":195,"isSingleGroup":true}]}'
    )  # fmt: skip


def test_an_oto_is_one_array_or_in_sequence_by_the_brokers_id() -> None:
    oto = proposal(GroupKind.OTO, (Role.TRIGGER, ENTRY), (Role.CHILD, TARGET))
    trigger, child = proposal_payload(oto, ["tA", "tB"])["orders"]
    assert (trigger["cOID"], child["parentId"]) == ("tA", "tA")
    assert "cOID" not in child
    assert "isSingleGroup" not in trigger
    (alone,) = child_payload(oto.legs[1], "DU1", "77")["orders"]
    assert alone == child | {"parentId": "77"}
    with pytest.raises(BrokerError):
        child_payload(oto.legs[1], "DU1", "")


def test_an_amend_says_everything_again_but_the_coid() -> None:
    assert encode(amend_payload(STOP, 265598, "DU1", parent="tP")) == (
        b'{"acctId":"DU1","conid":265598,"parentId":"tP","orderType":"STP","side":"SELL",' + TAIL + b'"price":185}'
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
        {"order_type": OrderType.LIMIT, "limit_price": Decimal(5), "stop_price": Decimal(4)},
        {"order_type": OrderType.STOP, "stop_price": Decimal(5), "limit_price": Decimal(4)},
        {"order_type": OrderType.STOP_LIMIT, "limit_price": Decimal(4)},
        {"order_type": OrderType.TRAIL},
        {"order_type": OrderType.TRAIL_LIMIT, "trail": Decimal(1), "limit_offset": Decimal(1)},
        {"order_type": OrderType.MIDPRICE, "trail": Decimal(1)},
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

"""Prices of orders and the collar, at their boundaries."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import msgspec
import pytest

from ibkr_tui.core.orders.pricing import QuoteFacts, check_collar, check_stop_side, distance_pct, price_of, reference
from ibkr_tui.core.settings import Limits
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.orders import OrderTicket, OrderType, Side, Tif, TrailBy
from ibkr_tui.model.quotes import QuoteStatus

AAPL = Instrument(265598, "AAPL", "AAPL", "Apple Inc", "STK", "NASDAQ", "USD")
QUOTE = QuoteFacts(QuoteStatus.LIVE, D("99"), D("100"), D("99.5"), 1.0, D("98"))
CLOSED = QuoteFacts(QuoteStatus.FROZEN, D("90"), D("110"), D("98.5"), 3.0, D("98"))
STALE = msgspec.structs.replace(QUOTE, status=QuoteStatus.STALE)
LIMITS = Limits()


def ticket(kind: OrderType, side: Side = Side.BUY, **fields: Any) -> OrderTicket:
    return OrderTicket(side, D(1), "AAPL", order_type=kind, **fields)


@pytest.mark.parametrize(
    ("asked", "price", "source"),
    [
        (ticket(OrderType.MARKET), "100", "ask"),
        (ticket(OrderType.MARKET, Side.SELL), "99", "bid"),
        (ticket(OrderType.LIMIT, limit_price=D(80)), "80", "limit"),
        (ticket(OrderType.STOP, stop_price=D(120)), "120", "stop"),
        (ticket(OrderType.STOP_LIMIT, stop_price=D(120), limit_price=D(121)), "121", "limit"),
        (ticket(OrderType.TRAIL, trail=D(5)), "105", "trail"),
        (ticket(OrderType.TRAIL, Side.SELL, trail=D(5)), "94", "trail"),
        (ticket(OrderType.TRAIL, trail=D(5), trail_by=TrailBy.PERCENT), "105", "trail"),
        (ticket(OrderType.TRAIL, Side.SELL, trail=D(100), trail_by=TrailBy.PERCENT), "0", "trail"),
        (ticket(OrderType.TRAIL, trail=D(5), stop_price=D(101)), "101", "trail"),
        (ticket(OrderType.TRAIL_LIMIT, trail=D(5), limit_offset=D(1)), "106", "trail"),
        (ticket(OrderType.TRAIL_LIMIT, Side.SELL, trail=D(5), limit_offset=D(1)), "93", "trail"),
        (ticket(OrderType.MIDPRICE), "100", "ask"),
        (ticket(OrderType.MIDPRICE, limit_price=D(97)), "97", "limit"),
    ],
)
def test_the_price_an_order_is_valued_at(asked: OrderTicket, price: str, source: str) -> None:
    assert price_of(asked, QUOTE, LIMITS) == (D(price), source)


@pytest.mark.parametrize(
    "asked", [ticket(OrderType.LIMIT), ticket(OrderType.STOP), ticket(OrderType.TRAIL), ticket(OrderType.STOP_LIMIT)]
)
def test_a_price_that_is_missing(asked: OrderTicket) -> None:
    with pytest.raises(BrokerError) as caught:
        price_of(asked, QUOTE, LIMITS)
    assert caught.value.code == "BAD_TICKET"
    assert caught.value.details["field"] in {"limit_price", "stop_price", "trail"}


def test_what_takes_a_quote_has_none() -> None:
    for asked in (ticket(OrderType.TRAIL, trail=D(1)), ticket(OrderType.MIDPRICE), ticket(OrderType.MARKET)):
        for quote in (None, STALE):
            with pytest.raises(BrokerError) as caught:
                price_of(asked, quote, LIMITS)
            assert caught.value.code == "RISK_NO_QUOTE"
    price_of(ticket(OrderType.TRAIL, trail=D(1), stop_price=D(90)), None, LIMITS)


def test_a_closed_market_prices_what_waits_for_its_opening() -> None:
    assert price_of(ticket(OrderType.MARKET, tif=Tif.OPG), CLOSED, LIMITS) == (D("98.5"), "frozen last")
    assert price_of(ticket(OrderType.TRAIL, trail=D(1)), CLOSED, LIMITS) == (D("99.5"), "trail")
    with pytest.raises(BrokerError, match="frozen"):
        price_of(ticket(OrderType.MARKET), CLOSED, LIMITS)


def test_the_reference_is_the_adverse_side_or_the_last_word_of_a_market() -> None:
    found = reference(QUOTE, Side.SELL, LIMITS)
    assert found is not None
    assert (found.price, found.source, found.is_fresh) == (D(99), "bid", True)
    one_sided = reference(msgspec.structs.replace(QUOTE, ask=None), Side.BUY, LIMITS)
    assert one_sided is not None
    assert (one_sided.price, one_sided.source, one_sided.is_fresh) == (D("99.5"), "last", False)
    only_close = reference(msgspec.structs.replace(CLOSED, last=None), Side.BUY, LIMITS)
    assert only_close is not None
    assert (only_close.price, only_close.source) == (D(98), "frozen close")
    assert reference(QuoteFacts(QuoteStatus.FROZEN), Side.BUY, LIMITS) is None
    assert reference(STALE, Side.BUY, LIMITS) is None
    assert reference(None, Side.BUY, LIMITS) is None


@pytest.mark.parametrize(
    ("side", "price", "passes"),
    [
        (Side.BUY, "105", True), (Side.BUY, "105.01", False), (Side.BUY, "1", True),
        (Side.SELL, "94.05", True), (Side.SELL, "94.04", False), (Side.SELL, "900", True),
    ],
)  # fmt: skip
def test_the_collar_stops_what_reaches_beyond_the_market(side: Side, price: str, passes: bool) -> None:
    asked = ticket(OrderType.LIMIT, side, limit_price=D(price))
    if passes:
        assert check_collar(asked, AAPL, QUOTE, LIMITS) == ""
        return
    with pytest.raises(BrokerError) as caught:
        check_collar(asked, AAPL, QUOTE, LIMITS)
    assert caught.value.code == "RISK_PRICE_COLLAR"
    assert caught.value.details["nearest"] == ("105" if side is Side.BUY else "94.05")
    check_collar(asked, AAPL, QUOTE, Limits(price_collar_bps=D(0)))


def test_a_closed_market_is_compared_with_its_last_price_and_says_so() -> None:
    assert "frozen last 98.5" in check_collar(ticket(OrderType.LIMIT, limit_price=D("99")), AAPL, CLOSED, LIMITS)
    with pytest.raises(BrokerError, match="frozen last"):
        check_collar(ticket(OrderType.LIMIT, limit_price=D("104")), AAPL, CLOSED, LIMITS)


def test_without_a_price_to_compare_with_the_collar_refuses_unless_there_can_be_none() -> None:
    asked = ticket(OrderType.LIMIT, limit_price=D(100))
    for quote in (None, STALE, QuoteFacts(QuoteStatus.NO_DATA)):
        with pytest.raises(BrokerError) as caught:
            check_collar(asked, AAPL, quote, LIMITS)
        assert caught.value.code == "RISK_NO_QUOTE"
    assert "no market data" in check_collar(asked, AAPL, QuoteFacts(QuoteStatus.NO_DATA, unavailable=True), LIMITS)


def test_a_stop_limit_is_compared_with_its_own_stop() -> None:
    check_collar(ticket(OrderType.STOP_LIMIT, stop_price=D(200), limit_price=D(210)), AAPL, None, LIMITS)
    with pytest.raises(BrokerError) as caught:
        check_collar(ticket(OrderType.STOP_LIMIT, stop_price=D(200), limit_price=D("210.01")), AAPL, None, LIMITS)
    assert caught.value.code == "RISK_PRICE_COLLAR"


@pytest.mark.parametrize(
    ("side", "stop", "passes"),
    [
        (Side.BUY, "99.01", True), (Side.BUY, "99", False), (Side.BUY, "50", False),
        (Side.SELL, "99.99", True), (Side.SELL, "100", False), (Side.SELL, "150", False),
    ],
)  # fmt: skip
def test_a_stop_on_the_wrong_side_of_the_market(side: Side, stop: str, passes: bool) -> None:
    asked = ticket(OrderType.STOP, side, stop_price=D(stop))
    if passes:
        check_stop_side(asked, AAPL, QUOTE, LIMITS)
        return
    with pytest.raises(BrokerError) as caught:
        check_stop_side(asked, AAPL, QUOTE, LIMITS)
    assert (caught.value.code, list(caught.value.details["fields"])) == ("BAD_TICKET", ["stop_price"])
    check_stop_side(asked, AAPL, STALE, LIMITS)
    check_stop_side(asked, AAPL, None, LIMITS)


def test_the_distance_to_the_market() -> None:
    assert distance_pct(ticket(OrderType.LIMIT), D(90), QUOTE) == D(-10)
    assert distance_pct(ticket(OrderType.LIMIT, Side.SELL), D(99), QUOTE) == D(0)
    assert distance_pct(ticket(OrderType.LIMIT), D(90), None) is None


def test_a_trigger_that_is_written_low_makes_no_order_small() -> None:
    quote = QuoteFacts(QuoteStatus.LIVE, D(399), D(401), D(400), 0.1)
    trail = OrderTicket(Side.BUY, D(3000), order_type=OrderType.TRAIL, trail=D(1), stop_price=D(2))
    assert price_of(trail, quote, Limits()) == (D(401), "trail")
    with pytest.raises(BrokerError) as caught:
        check_stop_side(trail, AAPL, quote, Limits())
    assert caught.value.code == "BAD_TICKET"
    old = msgspec.structs.replace(quote, age=900.0)
    stop = OrderTicket(Side.BUY, D(10_000), order_type=OrderType.STOP, stop_price=D(1))
    assert price_of(stop, old, Limits()) == (D(400), "stop")

"""The gate, at its boundaries."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import msgspec
import pytest

from ibkr_tui.core.orders.risk import (
    QuoteFacts,
    RiskFacts,
    assess,
    check,
    check_mode,
    check_rehearsal,
    reduces,
)
from ibkr_tui.core.settings import Limits
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.orders import OrderTicket, OrderType, Side
from ibkr_tui.model.quotes import QuoteStatus

AAPL = Instrument(265598, "AAPL", "AAPL", "Apple Inc", "STK", "NASDAQ", "USD")
ES = Instrument(1, "ES", "ES DEC26", "E-mini", "FUT", "CME", "USD", multiplier=D(50))
LIMITS = Limits(max_leverage=D(4), max_quote_age_s=30)
QUOTE = QuoteFacts(QuoteStatus.LIVE, bid=D("99"), ask=D("100"), last=D("99.5"), age=1.0)
FACTS = RiskFacts(
    orders_mode="send",
    is_live=False,
    account="DU1",
    pinned_account="DU1",
    net_liquidation=D(1000),
    gross_value=D(0),
    position=D(0),
    rate=D(1),
    quote=QUOTE,
)


def buy(qty: str, price: str | None = None, side: Side = Side.BUY) -> OrderTicket:
    kind = OrderType.MARKET if price is None else OrderType.LIMIT
    return OrderTicket(side, D(qty), symbol="AAPL", order_type=kind, limit_price=None if price is None else D(price))


def facts(**changes: Any) -> RiskFacts:
    return msgspec.structs.replace(FACTS, **changes)


def refused(ticket: OrderTicket, known: RiskFacts = FACTS, limits: Limits = LIMITS) -> BrokerError:
    with pytest.raises(BrokerError) as caught:
        check(ticket, AAPL, known, limits)
    return caught.value


@pytest.mark.parametrize("mode", ["refuse", "", "yes"])
def test_a_profile_that_refuses(mode: str) -> None:
    with pytest.raises(BrokerError) as caught:
        check_mode(facts(orders_mode=mode))
    assert caught.value.code == "ORDERS_REFUSED"


def test_live_refuses_whatever_the_mode_says() -> None:
    with pytest.raises(BrokerError) as caught:
        check_mode(facts(is_live=True))
    assert caught.value.code == "ORDERS_REFUSED"


def test_a_rehearsal_is_refused_last() -> None:
    check_mode(facts(orders_mode="dry_run"))
    check_mode(FACTS)
    check_rehearsal(FACTS)
    with pytest.raises(BrokerError, match="rehearses"):
        check_rehearsal(facts(orders_mode="dry_run"))


def test_the_account_is_pinned() -> None:
    with pytest.raises(BrokerError) as caught:
        check_mode(facts(account="DU2"))
    assert caught.value.code == "IBKR_ACCOUNT_NOT_FOUND"


def test_leverage_at_the_cap_passes_and_above_it_does_not() -> None:
    assert check(buy("40", "100"), AAPL, FACTS, LIMITS).leverage_after == D(4)
    error = refused(buy("41", "100"))
    assert error.code == "RISK_LEVERAGE"
    assert "4.10" in error.message
    assert "40" in error.user_action


def test_leverage_counts_what_is_held_and_what_works() -> None:
    held = facts(gross_value=D(3000), pending=D(500))
    assert check(buy("5", "100"), AAPL, held, LIMITS).leverage_after == D(4)
    error = refused(buy("6", "100"), held)
    assert error.code == "RISK_LEVERAGE"
    assert "quantity to 5" in error.user_action


def test_the_orders_own_value_counts_alone_too() -> None:
    turning = facts(gross_value=D(3000), position=D(-30))
    assert check(buy("40", "100"), AAPL, turning, LIMITS).leverage_after == D(1)
    assert "alone" in refused(buy("41", "100"), turning).message


def test_a_smaller_position_is_always_allowed() -> None:
    over = facts(gross_value=D(9000), position=D(90))
    check(buy("90", "100", Side.SELL), AAPL, over, LIMITS)
    check(buy("1", "100", Side.SELL), AAPL, facts(net_liquidation=D(1), gross_value=D(9000), position=D(90)), LIMITS)
    assert refused(buy("91", "100", Side.SELL), over).code == "RISK_LEVERAGE"
    assert refused(buy("1", "100"), over).user_action.startswith("Close something first")


def test_no_equity_no_trade() -> None:
    error = refused(buy("1", "100"), facts(net_liquidation=D(0)))
    assert error.code == "RISK_LEVERAGE"


def test_multiplier_and_rate_count() -> None:
    found = assess(buy("2", "5000"), ES, facts(rate=D("0.9"), net_liquidation=D(1000000)), LIMITS)
    assert found.value == D(450000)


def test_value_and_quantity_limits() -> None:
    limits = Limits(D(4), max_order_value=D(1000), max_order_qty=D(10))
    check(buy("10", "100"), AAPL, FACTS, limits)
    assert refused(buy("11", "1"), limits=limits).code == "RISK_ORDER_QTY"
    assert refused(buy("10", "100.01"), limits=limits).code == "RISK_ORDER_VALUE"


def test_a_market_order_is_valued_on_the_adverse_side() -> None:
    assert check(buy("1"), AAPL, FACTS, LIMITS).price == D(100)
    found = check(buy("1", side=Side.SELL), AAPL, FACTS, LIMITS)
    assert (found.price, found.price_source) == (D(99), "bid")


@pytest.mark.parametrize(
    "quote",
    [
        None,
        *[msgspec.structs.replace(QUOTE, status=s) for s in QuoteStatus if s is not QuoteStatus.LIVE],
        msgspec.structs.replace(QUOTE, age=30.1),
        msgspec.structs.replace(QUOTE, age=None),
        msgspec.structs.replace(QUOTE, ask=None),
        msgspec.structs.replace(QUOTE, ask=D(0)),
    ],
)
def test_a_market_order_needs_a_fresh_quote(quote: QuoteFacts | None) -> None:
    assert refused(buy("1"), facts(quote=quote)).code == "RISK_NO_QUOTE"
    check(buy("1", "100"), AAPL, facts(quote=quote), LIMITS)


def test_a_quote_of_just_the_allowed_age_is_fresh() -> None:
    check(buy("1"), AAPL, facts(quote=msgspec.structs.replace(QUOTE, age=30.0)), LIMITS)


def test_an_unknown_order_blocks_its_side_and_says_which() -> None:
    error = refused(buy("1", "100"), facts(unknown_same_side="tLOST"))
    assert (error.code, error.details) == ("ORDER_BLOCKED_UNKNOWN", {"coid": "tLOST"})


def test_what_reduces() -> None:
    assert reduces(D(10), Side.SELL, D(10))
    assert not reduces(D(10), Side.SELL, D(11))
    assert not reduces(D(10), Side.BUY, D(1))
    assert reduces(D(-10), Side.BUY, D(1))
    assert not reduces(D(0), Side.SELL, D(1))

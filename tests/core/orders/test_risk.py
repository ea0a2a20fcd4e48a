"""The gate, at its boundaries."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import msgspec
import pytest

from ibkr_tui.core.orders.exposure import Sides
from ibkr_tui.core.orders.risk import (
    QuoteFacts,
    RiskFacts,
    assess,
    asset_class,
    check,
    check_mode,
    check_rehearsal,
    judge,
    reduces,
)
from ibkr_tui.core.settings import Limits
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.groups import GroupKind, Leg
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.orders import OrderTicket, OrderType, Role, Side
from ibkr_tui.model.quotes import QuoteStatus

AAPL = Instrument(265598, "AAPL", "AAPL", "Apple Inc", "STK", "NASDAQ", "USD")
ES = Instrument(1, "ES", "ES DEC26", "E-mini", "FUT", "CME", "USD", multiplier=D(50))
LIMITS = Limits(max_leverage=D(4), max_quote_age_s=30)
QUOTE = QuoteFacts(QuoteStatus.LIVE, bid=D("99"), ask=D("100"), last=D("99.5"), age=1.0)
FACTS = RiskFacts(
    orders_mode="send",
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


def test_the_advice_counts_what_works_on_the_same_instrument() -> None:
    working = facts(gross_value=D(2000), position=D(20), position_value=D(2000), working=Sides(buying=D(500)))
    assert check(buy("15", "100"), AAPL, working, LIMITS).leverage_after == D(4)
    assert "quantity to 15" in refused(buy("16", "100"), working).user_action
    selling = facts(gross_value=D(2000), position=D(-20), position_value=D(-2000), working=Sides(selling=D(1000)))
    assert "quantity to 10" in refused(buy("11", "100", Side.SELL), selling).user_action


def test_selling_a_position_beside_its_own_exits_adds_nothing() -> None:
    """What works may leave the account short, but this order does not make that worse."""
    exits = facts(gross_value=D(5000), position=D(50), position_value=D(5000), working=Sides(selling=D(5000)))
    check(buy("10", "100", Side.SELL), AAPL, exits, LIMITS)


def leg(role: Role, ticket: OrderTicket, instrument: Instrument = AAPL) -> Leg:
    return Leg(role, ticket, instrument)


def test_a_bracket_counts_its_entry_only() -> None:
    stop = OrderTicket(Side.SELL, D(30), order_type=OrderType.STOP, stop_price=D(90))
    legs = [
        (leg(Role.ENTRY, buy("30", "100")), FACTS),
        (leg(Role.STOP, stop), FACTS),
        (leg(Role.TARGET, buy("30", "150", Side.SELL)), FACTS),
    ]
    found = judge(GroupKind.BRACKET, legs, LIMITS)
    assert (found.value, found.leverage_after) == (D(3000), D(3))
    assert [one.value for one in found.legs] == [D(3000), D(2700), D(4500)]


def test_oco_counts_its_largest_leg_and_oto_both_if_both_buy() -> None:
    small, large = (leg(Role.LEG, buy("10", "100")), FACTS), (leg(Role.LEG, buy("30", "90")), FACTS)
    found = judge(GroupKind.OCO, [small, large], LIMITS)
    assert (found.value, found.leverage_after) == (D(2700), D("2.7"))
    both = judge(GroupKind.OTO, [small, large], LIMITS)
    assert (both.value, both.leverage_after) == (D(3700), D("3.7"))
    selling = (leg(Role.CHILD, buy("30", "120", Side.SELL)), FACTS)
    assert judge(GroupKind.OTO, [small, selling], LIMITS).value == D(3600)
    with pytest.raises(BrokerError, match=r"4\.60"):
        judge(GroupKind.OTO, [large, (leg(Role.CHILD, buy("19", "100")), FACTS)], LIMITS)


def test_only_the_named_symbols_and_classes() -> None:
    named = Limits(D(4), allowed_symbols=("aapl", "EUR.USD"), allowed_asset_classes=("stocks", "options"))
    check(buy("1", "100"), AAPL, FACTS, named)
    with pytest.raises(BrokerError) as caught:
        check(buy("1", "100"), ES, FACTS, named)
    assert caught.value.code == "RISK_SYMBOL"
    with pytest.raises(BrokerError) as caught:
        check(buy("1", "100"), ES, FACTS, Limits(D(4), allowed_asset_classes=("stocks",)))
    assert caught.value.code == "RISK_ASSET_CLASS"
    assert [asset_class(kind) for kind in ("STK", "FOP", "CASH", "BOND")] == ["stocks", "options", "forex", ""]


def test_closing_passes_every_limit_on_size_and_nothing_else() -> None:
    tight = Limits(D("0.1"), max_order_value=D(1), max_order_qty=D(1), allowed_symbols=("MSFT",))
    held = facts(gross_value=D(5000), position=D(50))
    closing = [(leg(Role.SINGLE, buy("50", side=Side.SELL)), held)]
    assert judge(GroupKind.SIMPLE, closing, tight, closes=True).value == D(50 * 99)
    for changed, code in (
        (facts(position=D(49), gross_value=D(5000)), "POSITION_CHANGED"),
        (facts(position=D(-50), gross_value=D(5000)), "POSITION_CHANGED"),
        (facts(position=D(50), quote=None), "RISK_NO_QUOTE"),
        (facts(position=D(50), unknown_same_side="tLOST"), "ORDER_BLOCKED_UNKNOWN"),
    ):
        with pytest.raises(BrokerError) as caught:
            judge(GroupKind.SIMPLE, [(closing[0][0], changed)], tight, closes=True)
        assert caught.value.code == code


def test_an_amend_is_not_blocked_by_the_unknown() -> None:
    judge(GroupKind.SIMPLE, [(leg(Role.SINGLE, buy("1", "100")), facts(unknown_same_side="t"))], LIMITS, amends=True)


def stop(qty: str, price: str, side: Side = Side.SELL) -> OrderTicket:
    return OrderTicket(side, D(qty), order_type=OrderType.STOP, stop_price=D(price))


def group(kind: GroupKind, first: OrderTicket, second: OrderTicket, known: RiskFacts = FACTS, **other: Any) -> Any:
    roles = {GroupKind.OTO: (Role.TRIGGER, Role.CHILD), GroupKind.BRACKET: (Role.ENTRY, Role.STOP)}[kind]
    legs = [(leg(roles[0], first), known), (leg(roles[1], second, **other), known)]
    return judge(kind, legs, LIMITS)


@pytest.mark.parametrize(
    ("trigger", "child", "code"),
    [
        (buy("1", "95"), stop("1", "94"), ""),
        (buy("1", "95"), stop("1", "95"), "BAD_TICKET"),
        (buy("1", "103"), stop("1", "101"), "BAD_TICKET"),  # it fills at the ask, 100
        (buy("1"), stop("1", "101"), "BAD_TICKET"),
        (buy("1", "95"), stop("1", "94", Side.BUY), "BAD_TICKET"),
        (buy("1", "95"), stop("1", "96", Side.BUY), ""),
        (buy("1", "95"), buy("1", "120", Side.SELL), ""),
        (buy("1", "95"), buy("1", "90", Side.SELL), "RISK_PRICE_COLLAR"),
        (stop("1", "110", Side.BUY), buy("1", "111", Side.SELL), ""),
    ],
)
def test_a_child_is_compared_with_what_its_trigger_fills_at(
    trigger: OrderTicket, child: OrderTicket, code: str
) -> None:
    """The market is at 99 and 100; the child meets another one."""
    if not code:
        group(GroupKind.OTO, trigger, child)
        return
    with pytest.raises(BrokerError) as caught:
        group(GroupKind.OTO, trigger, child)
    field = "child.limit_price" if child.stop_price is None else "child.stop_price"
    assert (caught.value.code, caught.value.details["field"]) == (code, field)


def test_a_bracket_at_market_has_its_stop_on_the_losing_side_of_the_market() -> None:
    group(GroupKind.BRACKET, buy("1"), stop("1", "98"))
    with pytest.raises(BrokerError, match="at once") as caught:
        group(GroupKind.BRACKET, buy("1"), stop("1", "101"))
    assert list(caught.value.details["fields"]) == ["stop_loss"]


def test_a_child_on_another_instrument_is_compared_with_its_own_market() -> None:
    far = OrderTicket(Side.SELL, D(1), order_type=OrderType.LIMIT, limit_price=D(50))
    with pytest.raises(BrokerError) as caught:
        group(GroupKind.OTO, buy("1", "95"), far, instrument=ES)
    assert caught.value.code == "RISK_PRICE_COLLAR"
    rich = facts(net_liquidation=D(1_000_000))
    group(GroupKind.OTO, buy("1", "95"), stop("1", "150"), rich, instrument=ES)  # where it will be then, nobody knows


def test_what_works_counts_in_what_only_reduces() -> None:
    """An order above the cap by itself passes when it only makes a position smaller, after all that works beside it."""
    over = {"gross_value": D(9000), "position": D(90), "position_value": D(9000)}
    for working, passes in (
        (Sides(selling=D(4000)), True),
        (Sides(selling=D(4100)), False),
        (Sides(buying=D(9000)), True),  # the other side does not count
    ):
        known = facts(**over, working=working)
        if passes:
            check(buy("50", "100", Side.SELL), AAPL, known, LIMITS)
        else:
            assert "alone" in refused(buy("50", "100", Side.SELL), known).message
    short = facts(gross_value=D(9000), position=D(-90), position_value=D(-9000), working=Sides(buying=D(4000)))
    check(buy("50", "100"), AAPL, short, LIMITS)
    assert refused(buy("51", "100"), short).code == "RISK_LEVERAGE"

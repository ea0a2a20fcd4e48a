"""Checks of a ticket, price increments, and the error that carries them."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_tui.model.errors import CATALOGUE, BrokerError
from ibkr_tui.model.increments import (
    PENNY,
    IncrementStep,
    decimals,
    increment_at,
    is_on_increment,
    nearest_prices,
    round_price,
)
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.orders import OrderState, OrderTicket, OrderType, Side, TrailBy
from ibkr_tui.model.tickets import check_ticket, notional, ticket_problems

AAPL = Instrument(265598, "AAPL", "AAPL", "APPLE INC", "STK", "NASDAQ", "USD")
EURUSD = Instrument(
    12087792, "EUR", "EUR.USD", "European Monetary Union Euro", "CASH", "IDEALPRO", "USD",
    increments=(IncrementStep(Decimal(0), Decimal("0.00005")),),
)  # fmt: skip


def limit(price: str, qty: str = "1") -> OrderTicket:
    return OrderTicket(Side.BUY, Decimal(qty), "AAPL", order_type=OrderType.LIMIT, limit_price=Decimal(price))


def test_a_good_ticket_has_no_problem() -> None:
    assert ticket_problems(limit("188.01"), AAPL) == []
    assert ticket_problems(OrderTicket(Side.SELL, Decimal(5), conid=265598), AAPL) == []


@pytest.mark.parametrize(
    ("ticket", "field", "words"),
    [
        (OrderTicket(Side.BUY, Decimal(1)), "symbol", "symbol"),
        (OrderTicket(Side.BUY, Decimal(0), "AAPL"), "qty", "more than zero"),
        (OrderTicket(Side.BUY, Decimal(-1), "AAPL"), "qty", "more than zero"),
        (OrderTicket(Side.BUY, Decimal("1.5"), "AAPL"), "qty", "whole"),
        (OrderTicket(Side.BUY, Decimal(1), "AAPL", limit_price=Decimal(5)), "limit_price", "market order"),
        (OrderTicket(Side.BUY, Decimal(1), "AAPL", order_type=OrderType.LIMIT), "limit_price", "needs"),
        (limit("0"), "limit_price", "more than zero"),
        (limit("-3"), "limit_price", "more than zero"),
        (limit("188.005"), "limit_price", "188 or 188.01"),
    ],
)
def test_each_problem_names_its_field_and_its_reason(ticket: OrderTicket, field: str, words: str) -> None:
    (problem,) = ticket_problems(ticket, AAPL)
    assert problem.field == field
    assert words in problem.message
    with pytest.raises(BrokerError) as caught:
        check_ticket(ticket, AAPL)
    assert caught.value.code == "BAD_TICKET"
    assert caught.value.details["fields"] == {field: problem.message}


def test_an_unknown_field_is_refused_by_the_struct() -> None:
    with pytest.raises(msgspec.ValidationError, match="trailing"):
        msgspec.convert({"side": "buy", "qty": "1", "symbol": "AAPL", "trailing": 1}, OrderTicket, strict=False)


def test_increments_follow_their_steps() -> None:
    steps = (IncrementStep(Decimal(0), Decimal("0.0001")), IncrementStep(Decimal(1), Decimal("0.01")))
    assert increment_at(steps, Decimal("0.5")) == Decimal("0.0001")
    assert increment_at(steps, Decimal("1")) == Decimal("0.01")
    assert increment_at((), Decimal(5)) == Decimal("0.01")
    assert decimals(EURUSD.increments, Decimal("1.08")) == 5
    assert decimals(PENNY, Decimal("189")) == 2
    assert decimals((IncrementStep(Decimal(0), Decimal("0.25")),), Decimal(5000)) == 2
    assert decimals((IncrementStep(Decimal(0), Decimal(1)),), Decimal(40000)) == 0


@given(
    st.decimals(min_value="0.01", max_value="100000", places=6),
    st.sampled_from(["0.01", "0.05", "0.25", "0.00005", "1", "0.0025"]),
)
def test_the_nearest_prices_are_allowed_and_enclose(price: Decimal, step: str) -> None:
    steps = (IncrementStep(Decimal(0), Decimal(step)),)
    below, above = nearest_prices(steps, price)
    assert below <= price <= above
    assert above - below in {0, Decimal(step)}
    assert is_on_increment(steps, below)
    assert is_on_increment(steps, above)
    assert round_price(steps, price) in {below, above}


def test_notional_counts_contracts_and_currency() -> None:
    assert notional(Decimal(-2), Decimal("5.35"), Decimal(100)) == Decimal("1070.00")
    assert notional(Decimal(10), Decimal(50), Decimal(1), Decimal("1.1")) == Decimal("550.0")


def test_only_final_states_are_done() -> None:
    assert {s for s in OrderState if s.is_done} == {OrderState.FILLED, OrderState.CANCELLED, OrderState.REJECTED}


def test_every_code_says_what_to_do_and_survives_the_link() -> None:
    for code, kind in CATALOGUE.items():
        assert kind.user_action.endswith("."), code
        error = BrokerError(code, "what happened", details={"n": 1})
        again = BrokerError.of(msgspec.json.decode(msgspec.json.encode(error.problem()), type=type(error.problem())))
        assert (again.code, again.message, again.retryable, again.user_action, again.details) == (
            code, "what happened", kind.retryable, kind.user_action, {"n": 1},
        )  # fmt: skip


def test_a_code_of_a_newer_core_keeps_its_words() -> None:
    problem = msgspec.structs.replace(BrokerError("INTERNAL", "from the future").problem(), code="NOT_YET_INVENTED")
    assert BrokerError.of(problem).message == "from the future"


def typed(kind: OrderType, **prices: str | TrailBy) -> OrderTicket:
    numbers = {name: value if isinstance(value, TrailBy) else Decimal(value) for name, value in prices.items()}
    return msgspec.structs.replace(OrderTicket(Side.SELL, Decimal(1), "AAPL", order_type=kind), **numbers)


@pytest.mark.parametrize(
    "ticket",
    [
        typed(OrderType.STOP, stop_price="185"),
        typed(OrderType.STOP_LIMIT, stop_price="185", limit_price="184.5"),
        typed(OrderType.TRAIL, trail="2.005"),
        typed(OrderType.TRAIL, trail="1.5", trail_by=TrailBy.PERCENT, stop_price="180"),
        typed(OrderType.TRAIL_LIMIT, trail="2", limit_offset="0.10"),
        typed(OrderType.MIDPRICE),
        typed(OrderType.MIDPRICE, limit_price="190"),
    ],
)
def test_each_type_has_its_own_prices(ticket: OrderTicket) -> None:
    assert ticket_problems(ticket, AAPL) == []


@pytest.mark.parametrize(
    ("ticket", "field", "words"),
    [
        (typed(OrderType.STOP), "stop_price", "A stop order needs a stop price."),
        (typed(OrderType.STOP, stop_price="185", limit_price="184"), "limit_price", "A stop order has no limit price."),
        (typed(OrderType.STOP_LIMIT, stop_price="185"), "limit_price", "A stop-limit order needs a limit price."),
        (typed(OrderType.STOP_LIMIT, limit_price="185"), "stop_price", "needs a stop price"),
        (typed(OrderType.TRAIL), "trail", "needs a trailing distance"),
        (typed(OrderType.TRAIL, trail="-1"), "trail", "more than zero"),
        (typed(OrderType.TRAIL, trail="100", trail_by=TrailBy.PERCENT), "trail", "below 100"),
        (typed(OrderType.TRAIL_LIMIT, trail="2"), "limit_offset", "needs a limit offset"),
        (typed(OrderType.TRAIL_LIMIT, trail="2", limit_offset="0.105"), "limit_offset", "0.1 or 0.11"),
        (typed(OrderType.STOP, stop_price="185.001"), "stop_price", "185 or 185.01"),
        (typed(OrderType.MIDPRICE, trail="1"), "trail", "A midprice order has no trailing distance."),
    ],
)
def test_a_price_that_is_missing_or_too_many_is_named(ticket: OrderTicket, field: str, words: str) -> None:
    (problem,) = ticket_problems(ticket, AAPL)
    assert problem.field == field
    assert words in problem.message

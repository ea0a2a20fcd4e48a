"""Checks of a ticket, price increments, and the error that carries them."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_tui.model.errors import CATALOGUE, BrokerError
from ibkr_tui.model.groups import BracketPrices
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
from ibkr_tui.model.orders import OrderState, OrderTicket, OrderType, Side, Tif, TrailBy
from ibkr_tui.model.tickets import bracket_problems, check_ticket, notional, ticket_problems

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


@pytest.mark.parametrize(
    ("ticket", "field"),
    [
        (
            OrderTicket(Side.BUY, Decimal(1), "AAPL", order_type=OrderType.STOP, stop_price=Decimal(5), tif=Tif.IOC),
            "tif",
        ),
        (OrderTicket(Side.BUY, Decimal(1), "AAPL", order_type=OrderType.TRAIL, trail=Decimal(1), tif=Tif.OPG), "tif"),
        (OrderTicket(Side.BUY, Decimal(1), "AAPL", order_type=OrderType.MIDPRICE, tif=Tif.GTC), "tif"),
        (OrderTicket(Side.BUY, Decimal(1), "AAPL", outside_rth=True), "outside_rth"),
        (OrderTicket(Side.BUY, Decimal(1), "AAPL", outside_rth=True, tif=Tif.OPG), "outside_rth"),
        (OrderTicket(Side.BUY, Decimal(1), "AAPL", exchange="NAS DAQ"), "exchange"),
        (OrderTicket(Side.BUY, Decimal(1), "AAPL", ext_operator="a\nb"), "ext_operator"),
        (
            OrderTicket(
                Side.SELL, Decimal(1), "AAPL", order_type=OrderType.TRAIL, trail=Decimal(5), stop_price=Decimal(4)
            ),
            "trail",
        ),
    ],
)
def test_what_does_not_go_together_is_named(ticket: OrderTicket, field: str) -> None:
    assert [problem.field for problem in ticket_problems(ticket, AAPL)] == [field]


def test_a_midprice_order_is_for_stocks_and_currencies_trade_round_the_clock() -> None:
    mid = OrderTicket(Side.BUY, Decimal(1), "EUR.USD", order_type=OrderType.MIDPRICE)
    assert [problem.field for problem in ticket_problems(mid, EURUSD)] == ["order_type"]
    assert ticket_problems(OrderTicket(Side.BUY, Decimal(1), "EUR.USD", outside_rth=True), EURUSD) == []


@pytest.mark.parametrize(
    ("side", "entry", "stop", "target", "fields"),
    [
        (Side.BUY, "188", "185", "195", []),
        (Side.SELL, "188", "195", "185", []),
        (Side.BUY, None, "185", "195", []),
        (Side.BUY, "188", "189", "195", ["stop_loss"]),
        (Side.BUY, "188", "185", "188", ["take_profit"]),
        (Side.BUY, "188", "195", "185", ["stop_loss", "take_profit"]),
        (Side.SELL, "188", "185", "195", ["stop_loss", "take_profit"]),
        (Side.BUY, None, "195", "185", ["stop_loss"]),
        (Side.BUY, "188.001", "185", "-1", ["entry_price", "take_profit"]),
    ],
)
def test_a_bracket_loses_at_its_stop_and_wins_at_its_target(
    side: Side, entry: str | None, stop: str, target: str, fields: list[str]
) -> None:
    prices = BracketPrices(Decimal(entry) if entry else None, Decimal(stop), Decimal(target))
    assert [problem.field for problem in bracket_problems(side, prices, AAPL)] == fields

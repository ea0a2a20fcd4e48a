"""The ticket's fields: modes and legs, what each type needs, sizes, and every wrong value beside its field."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.groups import BracketPrices, GroupKind
from ibkr_tui.model.increments import IncrementStep
from ibkr_tui.model.order_language import read, write
from ibkr_tui.model.orders import OrderType, Side, TrailBy
from ibkr_tui.model.sizing import SizeBy
from ibkr_tui.tui.trade.draft import draft_line
from ibkr_tui.tui.trade.form import MODES, MOST_LEGS, TYPES, LegForm, TicketForm, first_price, fresh_form
from ibkr_tui.tui.trade.panel import fields_of, told
from ibkr_tui.tui.trade.reading import Listed, read_form
from ibkr_tui.tui.trade.said import from_draft, meaning, to_form

D = Decimal


def ticket(**leg: Any) -> TicketForm:
    return fresh_form("AAPL", 265598, Side.BUY, **({"qty": "100", "limit_price": "188"} | leg))


def bracket(**changes: Any) -> TicketForm:
    form = ticket().with_mode(GroupKind.BRACKET).with_value("stop_loss", "185").with_value("take_profit", "195")
    for name, value in changes.items():
        form = form.with_value(name, value)
    return form


KEYS = {
    "f2": TicketForm.with_next_type, "f3": TicketForm.with_next_tif, "f4": TicketForm.with_other_side,
    "f5": TicketForm.with_next_mode, "f6": TicketForm.with_next_size, "f7": TicketForm.with_outside_rth,
    "f8": TicketForm.with_other_trail, "f9": TicketForm.with_next_leg, "^n": TicketForm.with_leg_added,
    "^r": TicketForm.with_leg_removed,
}  # fmt: skip


@given(st.lists(st.sampled_from(list(KEYS)), max_size=40))
def test_whatever_keys_are_pressed_the_form_is_one_that_can_be_filled_in(keys: list[str]) -> None:
    form = ticket()
    for key in keys:
        form = KEYS[key](form)
        assert 0 <= form.at < len(form.legs) <= MOST_LEGS
        assert {GroupKind.SIMPLE: 1, GroupKind.BRACKET: 1, GroupKind.OTO: 2}.get(form.mode, len(form.legs)) == len(
            form.legs
        )
        assert form.mode is not GroupKind.OCO or len(form.legs) >= 2
        assert form.mode is not GroupKind.BRACKET or form.leg.order_type in {OrderType.LIMIT, OrderType.MARKET}
        assert form.size_by is not SizeBy.RISK or form.mode is GroupKind.BRACKET
        assert {"qty", *form.fields} == set(form.fields)


def test_each_type_asks_for_its_own_prices() -> None:
    fields = {kind: ticket(order_type=kind).fields[1:] for kind in TYPES}
    assert fields[OrderType.MARKET] == ()
    assert fields[OrderType.STOP_LIMIT] == ("stop_price", "limit_price")
    assert fields[OrderType.TRAIL_LIMIT] == ("trail", "limit_offset")
    assert fields[OrderType.MIDPRICE] == ("limit_price",)


def test_the_alternative_of_a_limit_is_a_stop_and_what_follows_takes_back() -> None:
    either = ticket().with_mode(GroupKind.OCO)
    assert [leg.order_type for leg in either.legs] == [OrderType.LIMIT, OrderType.STOP]
    assert {leg.side for leg in either.legs} == {Side.BUY}
    follows = ticket().with_mode(GroupKind.OTO)
    assert [leg.side for leg in follows.legs] == [Side.BUY, Side.SELL]


def test_an_oco_has_two_legs_at_least_and_gives_back_the_one_that_is_filled_in() -> None:
    form = ticket().with_mode(GroupKind.OCO)
    assert form.with_leg_removed() == form
    three = form.with_leg_added().with_value("qty", "7")
    assert (len(three.legs), three.at) == (3, 2)
    assert [leg.qty for leg in three.with_leg_removed().legs] == ["100", "100"]


def test_a_bracket_sends_entry_stop_and_target(scene: Any) -> None:
    reading = read_form(bracket(), scene.instrument(), scene.quote("AAPL"))
    assert reading.draft is not None
    assert reading.draft.bracket == BracketPrices(D(188), D(185), D(195))
    assert reading.draft.operation == "place_bracket_order"
    assert reading.draft.arguments == {
        "side": "buy", "qty": "100", "tif": "day", "symbol": "AAPL", "conid": 265598,
        "entry_price": "188", "stop_loss": "185", "take_profit": "195",
    }  # fmt: skip
    assert draft_line(reading.draft, "AAPL") == "BUY 100 AAPL LMT 188 DAY · stop 185 · target 195"


def test_groups_send_their_legs(scene: Any) -> None:
    either = ticket(limit_price="195").with_other_side().with_mode(GroupKind.OCO).with_next_leg()
    reading = read_form(either.with_value("stop_price", "185"), scene.instrument())
    assert reading.draft is not None
    assert reading.draft.operation == "place_oco_order"
    legs = reading.draft.arguments["legs"]
    assert isinstance(legs, list)
    assert [(leg["order_type"], leg.get("limit_price"), leg.get("stop_price")) for leg in legs] == [
        ("limit", "195", None),
        ("stop", None, "185"),
    ]
    follows = ticket().with_mode(GroupKind.OTO).with_next_leg().with_value("limit_price", "195")
    reading = read_form(follows, scene.instrument())
    assert reading.draft is not None
    assert reading.draft.operation == "place_oto_order"
    assert set(reading.draft.arguments) == {"trigger", "child"}


@pytest.mark.parametrize(
    ("form", "field", "words"),
    [
        (bracket(stop_loss="189"), "stop_loss", "below the entry 188"),
        (bracket(take_profit="187"), "take_profit", "above the entry 188"),
        (bracket(stop_loss="185.001"), "stop_loss", "185 or 185.01"),
        (bracket(stop_loss="-1"), "stop_loss", "more than zero"),
        (bracket(stop_loss="1e2"), "stop_loss", "exponent"),
        (bracket(take_profit=""), "take_profit", "Fill this in."),
        (bracket(stop_loss="NaN"), "stop_loss", "not a number"),
        (bracket().with_other_side(), "stop_loss", "above the entry 188"),
        (ticket(order_type=OrderType.STOP), "stop_price", "Fill this in."),
        (ticket(order_type=OrderType.TRAIL, trail="１"), "trail", "not a number"),
        (ticket(order_type=OrderType.TRAIL, trail="120", trail_by=TrailBy.PERCENT), "trail", "below 100"),
    ],
)
def test_a_wrong_value_is_refused_beside_its_field(form: TicketForm, field: str, words: str, scene: Any) -> None:
    reading = read_form(form, scene.instrument(), scene.quote("AAPL"))
    assert reading.draft is None
    assert words in reading.of(0)[field]


def test_the_wrong_leg_is_named(scene: Any) -> None:
    form = ticket().with_mode(GroupKind.OCO)
    reading = read_form(form, scene.instrument())
    assert reading.of(0) == {}
    assert set(reading.of(1)) == {"stop_price"}


@pytest.mark.parametrize(
    ("size_by", "amount", "qty"), [(SizeBy.MONEY, "20000", 106), (SizeBy.RISK, "300", 100), (SizeBy.QTY, "7", 7)]
)
def test_a_size_by_money_or_risk_becomes_a_number(scene: Any, size_by: SizeBy, amount: str, qty: int) -> None:
    form = bracket(qty=amount)
    while form.size_by is not size_by:
        form = form.with_next_size()
    reading = read_form(form, scene.instrument(), scene.quote("AAPL"))
    assert reading.draft is not None
    assert reading.draft.tickets[0].qty == qty


def test_a_size_that_buys_nothing_says_what_one_costs(scene: Any) -> None:
    form = ticket(qty="100").with_next_size()
    assert "one costs 188" in read_form(form, scene.instrument()).of(0)["qty"]
    form = bracket(qty="2").with_next_size().with_next_size()
    assert "one loses 3 at the stop" in read_form(form, scene.instrument()).of(0)["qty"]
    form = fresh_form("AAPL", 1, Side.BUY, qty="100", order_type=OrderType.MARKET).with_next_size()
    assert "no price to size it by" in read_form(form, None).of(0)["qty"]


def test_a_multiplier_counts(scene: Any) -> None:
    form = ticket(qty="20000").with_next_size()
    reading = read_form(form, scene.instrument(multiplier=D(100)))
    assert reading.draft is not None
    assert reading.draft.tickets[0].qty == 1


def test_a_future_says_who_enters_it(scene: Any) -> None:
    form = ticket().of_kind("FUT").with_value("ext_operator", "desk1 ")
    assert form.fields[-1] == "ext_operator"
    reading = read_form(form, scene.instrument())
    assert reading.draft is not None
    assert reading.draft.arguments["manual_indicator"] is True
    assert reading.draft.arguments["ext_operator"] == "desk1"
    assert "ext_operator" not in ticket().fields


def test_an_amendment_restates_the_order(scene: Any) -> None:
    form = TicketForm("AAPL", 265598, (LegForm(Side.BUY, qty="50", limit_price="187"),), amends="1001")
    reading = read_form(form, scene.instrument())
    assert reading.draft is not None
    assert reading.draft.operation == "amend_order"
    assert reading.draft.arguments["order_id"] == "1001"
    assert draft_line(reading.draft, "AAPL") == "amend to BUY 50 AAPL LMT 187 DAY"


def test_an_amended_trailing_limit_keeps_the_offset_it_has(scene: Any) -> None:
    leg = LegForm(Side.SELL, OrderType.TRAIL_LIMIT, qty="50", trail="2")
    reading = read_form(TicketForm("AAPL", 265598, (leg,), amends="1001"), scene.instrument())
    assert reading.draft is not None
    assert "limit_offset" not in reading.draft.arguments


@pytest.mark.parametrize(
    "line",
    [
        "buy 100 AAPL @ 188 stop 185 target 195",
        "sell 100 AAPL stop 185 limit 184.5 gtc",
        "sell 100 AAPL trail 1.5%",
        "sell 100 AAPL trail 2 offset 0.1 outside",
        "buy 100 AAPL mid 188",
        "sell 100 AAPL @ 195 or sell 100 AAPL stop 185",
        "buy 100 AAPL @ 188 then sell 100 AAPL @ 195 gtc",
        "buy 100 AAPL",
    ],
)
def test_a_line_and_the_fields_say_the_same(line: str, scene: Any) -> None:
    sentence = read(line)
    reading = read_form(to_form(sentence, ticket()), scene.instrument(), scene.quote("AAPL"))
    assert reading.draft is not None
    assert from_draft(reading.draft) == sentence


def test_a_line_is_told_in_words() -> None:
    assert meaning(read("buy 100 AAPL @ 188 stop 185 target 195")) == (
        "Bracket: buy 100 AAPL LMT 188 day, stop at 185, target at 195"
    )
    assert "or sell 100 AAPL STP 185 day" in meaning(read("sell 100 AAPL @ 195 or sell 100 AAPL stop 185"))
    assert meaning(read("buy 5 A then sell 5 A outside")).endswith("sell 5 A at market day outside regular hours")
    assert "the stop loses 300" in meaning(read("buy risk 300 AAPL stop 1 target 3"))


def test_the_modes_go_round() -> None:
    form, seen = ticket(), []
    for _ in MODES:
        seen.append(form.mode)
        form = form.with_next_mode()
    assert tuple(seen) == MODES
    assert form.mode is GroupKind.SIMPLE
    assert form.leg == ticket().leg


def test_the_first_price_of_no_price_is_empty(scene: Any) -> None:
    assert first_price(scene.quote("AAPL", bid=None, last=None), Side.BUY) == ""


def test_what_the_core_refuses_of_a_leg_stands_beside_that_legs_field() -> None:
    def of(**fields: str) -> dict[tuple[int, str], str]:
        return told(fields_of(BrokerError("BAD_TICKET", "no", details={"fields": fields})), 0)

    assert of(**{"legs.2.stop_price": "Off."}) == {(2, "stop_price"): "Off."}
    assert of(**{"trigger.qty": "A.", "child.limit_price": "B."}) == {(0, "qty"): "A.", (1, "limit_price"): "B."}
    assert of(entry_price="C.") == {(0, "limit_price"): "C."}
    collar = BrokerError("RISK_PRICE_COLLAR", "too far", details={"field": "limit_price"})
    assert told(fields_of(collar), 1) == {(1, "limit_price"): "Too far"}


def test_a_leg_may_have_its_own_instrument_and_its_own_increments(scene: Any) -> None:
    apple = scene.instrument()
    form = ticket().with_mode(GroupKind.OTO).with_next_leg().with_instrument("MSFT", 272093)
    form = form.with_leg(qty="10", limit_price="402.07")
    nickels = scene.instrument(conid=272093, increments=(IncrementStep(D(0), D("0.05")),))
    reading = read_form(form, apple, None, {272093: Listed(nickels, None)})
    assert reading.problems.keys() == {(1, "limit_price")}
    draft = read_form(form.with_leg(limit_price="402.10"), apple, None, {272093: Listed(nickels, None)}).draft
    assert draft is not None
    assert [(t.symbol, t.conid) for t in draft.tickets] == [("AAPL", 265598), ("MSFT", 272093)]
    assert draft_line(draft, "AAPL").endswith("then SELL 10 MSFT LMT 402.10 DAY")
    assert write(from_draft(draft)) == "buy 100 AAPL @ 188 then sell 10 MSFT @ 402.1"


def test_another_instrument_on_one_leg_leaves_the_others_where_they_are() -> None:
    form = ticket().with_mode(GroupKind.OCO).with_instrument("MSFT", 272093)
    assert [form.listing(at) for at in (0, 1)] == [("MSFT", 272093), ("AAPL", 265598)]
    assert form.legs[0].limit_price == ""
    without = form.with_leg_added().with_next_leg().with_leg_removed()
    assert [without.listing(at) for at in (0, 1)] == [("AAPL", 265598), ("AAPL", 265598)]
    assert without.symbol == "AAPL"

"""The one parser for numbers from outside."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.numbers import NumberError, parse_entry, parse_wire, parse_wire_or_none, plain, priced


@pytest.mark.parametrize(
    ("text", "number"),
    [("100", "100"), (" 188.00 ", "188.00"), ("-5", "-5"), ("+2.5", "2.5"), (".5", "0.5"), ("7.", "7"), ("0", "0")],
)
def test_what_a_person_may_type(text: str, number: str) -> None:
    assert parse_entry(text) == Decimal(number)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        ("1e3", "exponent"),
        ("1E3", "exponent"),
        ("1,000", "comma"),
        ("NaN", "not a number"),
        ("Infinity", "not a number"),
        ("1_000", "not a number"),
        ("１００", "not a number"),
        ("+-1", "not a number"),
        ("1 0", "not a number"),
        ("-", "not a number"),
        (".", "not a number"),
        ("\t5", "not a number"),
        ("1" * 16, "too many digits"),
        ("0." + "1" * 11, "too many digits"),
    ],
)
def test_what_a_person_may_not_type(text: str, reason: str) -> None:
    with pytest.raises(BrokerError) as caught:
        parse_entry(text, what="qty")
    assert caught.value.code == "BAD_NUMBER"
    assert reason in caught.value.message
    assert caught.value.message.startswith("qty: ")


@given(st.text(max_size=30))
def test_whatever_is_typed_is_a_finite_number_or_a_refusal(text: str) -> None:
    try:
        number = parse_entry(text)
    except BrokerError as error:
        assert error.code == "BAD_NUMBER"
    else:
        assert number.is_finite()
        assert text.strip(" ").isascii()


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("189.43", "189.43"),
        ("1,300", "1300"),
        ("1,005,254.5", "1005254.5"),
        ("12.2M", "12200000"),
        ("3K", "3000"),
        ("1.22E7", "12200000"),
        ("-0.35", "-0.35"),
        ("+0.35", "0.35"),
        (".25", "0.25"),
        (1.1, "1.1"),
        (7, "7"),
        (Decimal("1E+3"), "1000"),
    ],
)
def test_what_the_broker_sends(value: object, number: str) -> None:
    parsed = parse_wire(value)
    assert parsed == Decimal(number)
    assert "E" not in str(parsed)


@pytest.mark.parametrize("value", [None, "", "  ", "-", "--"])
def test_what_stands_for_nothing(value: object) -> None:
    assert parse_wire(value) is None


@pytest.mark.parametrize(
    "value",
    ["NaN", "Infinity", "1e999", "1,30", "12,3456", "C12.3", "1 000", "0x10", "１２", "1.2.3", "1,977.60 USD",
     "9" * 41, True, [], {}, float("nan"), float("inf")],
)  # fmt: skip
def test_what_is_not_a_number_is_refused_and_never_zero(value: object) -> None:
    with pytest.raises(NumberError):
        parse_wire(value)
    assert parse_wire_or_none(value) is None


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15, places=8))
def test_a_number_survives_the_way_out_and_back(number: Decimal) -> None:
    text = plain(number)
    assert "E" not in text
    assert "_" not in text
    assert parse_wire(text) == number


@given(st.one_of(st.text(max_size=50), st.floats(), st.integers()))
def test_the_wire_parser_never_returns_anything_but_a_finite_number(value: object) -> None:
    number = parse_wire_or_none(value)
    assert number is None or number.is_finite()


def test_plain_notation_drops_needless_zeros() -> None:
    assert plain(Decimal("188.5000")) == "188.5"
    assert plain(Decimal("100")) == "100"
    assert plain(Decimal("-0.00")) == "0"
    assert plain(Decimal("1E-7")) == "0.0000001"


def test_a_price_has_two_decimals_at_least() -> None:
    assert [priced(Decimal(text)) for text in ("189.4", "5017", "0", "189.400", "1.07845", "-0.5")] == [
        "189.40", "5017.00", "0.00", "189.40", "1.07845", "-0.50",
    ]  # fmt: skip

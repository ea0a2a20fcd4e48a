"""OCC symbols, padded or not."""

from __future__ import annotations

from datetime import date
from decimal import Decimal as D

import pytest

from ibkr_tui.model.occ import OptionName, month_word, occ_symbol, parse_occ

CALL = OptionName("AAPL", date(2024, 1, 19), "C", D(190))


@pytest.mark.parametrize(
    "text", ["AAPL  240119C00190000", "AAPL 240119C00190000", "AAPL240119C00190000", " aapl 240119c00190000 "]
)
def test_every_spelling(text: str) -> None:
    found = parse_occ(text)
    assert found == CALL
    assert found.month == "JAN24"
    assert occ_symbol(found) == "AAPL  240119C00190000"


@pytest.mark.parametrize(
    ("text", "strike"),
    [("SPXW 261218P04512500", "4512.5"), ("F 261218P00000500", "0.5"), ("X 261218C10000000", "10000")],
)
def test_strikes_are_thousandths(text: str, strike: str) -> None:
    found = parse_occ(text)
    assert found is not None
    assert found.strike == D(strike)
    assert "E" not in str(found.strike)


@pytest.mark.parametrize(
    "text",
    [
        "", "AAPL", "AAPL 240230C00190000", "AAPL 241301C00190000", "AAPL 240119X00190000", "AAPL 240119C190",
        "AAPL       240119C00190000", "TOOLONGX240119C00190000", "AAPL 240119C0019000٠",
    ],
)  # fmt: skip
def test_what_names_no_option(text: str) -> None:
    assert parse_occ(text) is None


def test_the_brokers_word_for_a_month() -> None:
    assert month_word(date(2027, 12, 1)) == "DEC27"

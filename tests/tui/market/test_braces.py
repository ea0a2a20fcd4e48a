"""Brace expansion of symbols."""

from __future__ import annotations

import pytest

from ibkr_tui.tui.market.braces import MOST, ExpansionError, expand, is_expansion


@pytest.mark.parametrize(
    ("words", "symbols"),
    [
        ("{AAPL,MSFT,SPY}", ("AAPL", "MSFT", "SPY")),
        ("SP{Y,XL}", ("SPY", "SPXL")),
        ("{A,B}{1,2}", ("A1", "A2", "B1", "B2")),
        ("X{A,B{C,D}}", ("XA", "XBC", "XBD")),
        ("aapl, msft ,aapl", ("AAPL", "MSFT")),
        ("TQQQ{,X}", ("TQQQ", "TQQQX")),
        ("eur.usd,brk.b", ("EUR.USD", "BRK.B")),
        ("ES  DEC26,", ("ES DEC26",)),
    ],
)
def test_words_become_symbols(words: str, symbols: tuple[str, ...]) -> None:
    assert expand(words) == symbols


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("{A,B", "no } after"),
        ("A}B", "no { before"),
        ("{,}", "No symbol"),
        ("A,B;C", "“;” cannot"),
        ("{A,\u202eB}", "cannot stand"),
        ("{0,1,2,3,4,5,6,7,8,9}{0,1,2,3,4,5,6,7,8,9}{0,1,2}", f"More than {MOST}"),
        ("{" * 13 + "A" + "}" * 13, "Too many braces"),
        (",".join(f"S{number}" for number in range(MOST + 1)), f"More than {MOST}"),
    ],
)
def test_what_is_no_expansion_is_said(words: str, says: str) -> None:
    with pytest.raises(ExpansionError, match=says.replace("{", r"\{").replace("}", r"\}")):
        expand(words)


def test_a_name_is_not_an_expansion() -> None:
    assert not is_expansion("Apple Inc")
    assert is_expansion("SP{Y,XL}")
    assert is_expansion("AAPL,MSFT")

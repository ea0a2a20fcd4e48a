"""The one cleaner for text from outside."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_tui.model.text import REPLACEMENT, clean, clean_html


@pytest.mark.parametrize(
    "attack",
    [
        "\x1b[2J\x1b[31mred",
        "\x1b]52;c;aGk=\x07",
        "\x9b31m",
        "a\u202egnp.exe",
        "zero\u200bwidth\u200djoin",
        "nul\x00",
        "\ud800lone",
        "\ue000private",
        "\U000e0041tag",
    ],
)
def test_control_and_format_characters_become_visible(attack: str) -> None:
    shown = clean(attack)
    assert REPLACEMENT in shown
    assert not any(unicodedata.category(c)[0] == "C" for c in shown)


def test_markup_is_left_as_it_is_written() -> None:
    assert clean("[/nope] [@click=app.quit]x") == "[/nope] [@click=app.quit]x"


def test_combining_floods_are_cut_and_accents_kept() -> None:
    assert clean("e\u0301") == "e\u0301"
    assert len(clean("e" + "\u0301" * 10_000)) == 3
    assert clean("\u0301\u0301x") == "x"
    assert clean("a \u20ddb\n\u20dd") == "a b"


def test_length_is_limited_and_the_cut_is_seen() -> None:
    assert clean("x" * 500, limit=10) == "x" * 9 + "…"
    assert clean("short", limit=10) == "short"


def test_lines_become_spaces_unless_they_are_wanted() -> None:
    assert clean("a\nb\tc\u2028d") == "a b c d"
    assert clean("a\nb", lines=True) == "a\nb"


def test_a_brokers_sentence_loses_its_html() -> None:
    sentence = "<h4>Cap price</h4>AT&amp;T: &quot;buy&quot; &lt;now&gt; 3 < 4<br/>end"
    assert clean_html(sentence) == 'Cap price AT&T: "buy" <now> 3 < 4 end'
    assert clean_html("x &#27;[31m") == "x [31m"
    assert clean_html("x \x1b[31m") == f"x {REPLACEMENT}[31m"


@given(st.text(max_size=300))
def test_nothing_a_terminal_obeys_gets_through(text: str) -> None:
    for shown in (clean(text), clean_html(text)):
        assert all(c == "\n" or unicodedata.category(c)[0] != "C" for c in shown)
        assert len(clean(text)) <= 200

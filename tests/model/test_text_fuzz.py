"""Strings made to hurt, through the cleaner: nothing that a terminal, the toolkit or an eye could be fooled by is left.

Seeded: the same strings in every run. Some hundreds by default, 100,000 among the slow tests.
"""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Iterator

import pytest

from ibkr_tui.model.text import clean, clean_html, sentence

FRAGMENTS = (
    "\x1b[31m", "\x1b[2J", "\x1b]52;c;aGk=\x07", "\x1b]0;title\x1b\\", "\x1bP1;2|\x1b\\", "\x1b_Gf=100;\x1b\\",
    "\x1b^x\x9c", "\x9b31m", "\x90q", "\x9d8;;http://x\x07", "\x85", "\x00", "\x07", "\x08\x08", "\x0b", "\x0e",
    "\x7f", "\r\n", "\t", "\u202e", "\u2066", "\u2069", "\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u061c",
    "\u180e", "\u2028", "\u2029", "\ue000", "\U000f1234", "\U000e0041", "\ud800", "\udfff", "\ufffe",
    "\u0301" * 50, "\u20dd", "\u0489", "\u0e47", "[bold]", "[/]", "[@click=app.quit]", "[link=x]y[/link]", "[on red",
    "\\[", "{[", "<b>", "</b>", "&#27;[31m", "&#x9b;2J", "&lrm;", "&#8238;", "<script>", "e\u0301", "日本",
    "👩\u200d👩\u200d👧", "AAPL", " ", "1,234.50", "−", "ß", "\u00a0",
)  # fmt: skip


def strings(count: int, seed: int = 7) -> Iterator[str]:
    """`count` strings of fragments and of any code point, some long."""
    dice = random.Random(seed)  # noqa: S311 - the same in every run
    for _ in range(count):
        parts = []
        for _ in range(dice.choice((1, 2, 3, 8, 30))):
            any_char = chr(dice.randrange(0x110000)) if dice.random() < 0.3 else ""
            parts.append(any_char or dice.choice(FRAGMENTS))
        yield "".join(parts)


def check(raw: str) -> None:
    for shown in (clean(raw), clean(raw, limit=7), clean_html(raw), sentence(raw), clean(raw, lines=True)):
        marks = 0
        for char in shown:
            category = unicodedata.category(char)
            assert category[0] != "C" or char == "\n", (raw, shown)
            assert category not in {"Zl", "Zp"}, (raw, shown)
            marks = marks + 1 if category[0] == "M" else 0
            assert marks <= 2, (raw, shown)
        assert shown == shown.strip(), raw
        shown.encode()  # no lone surrogate: it can be written
    assert len(clean(raw, limit=7)) <= 7 and "\n" not in clean(raw) and "\n" not in sentence(raw)
    assert clean(clean(raw)) == clean(raw), raw


def test_hundreds_of_hostile_strings() -> None:
    for raw in strings(400):
        check(raw)


@pytest.mark.slow
def test_a_hundred_thousand_hostile_strings() -> None:
    for raw in strings(100_000, seed=11):
        check(raw)

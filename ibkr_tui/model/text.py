"""The one cleaner for text from outside: contract names, order texts, questions, anything a broker or a file says.

ESC, C1 controls, OSC, bidirectional overrides and zero-width characters reach a terminal unchanged through any widget;
here each becomes a visible U+FFFD. Markup is not touched: screens show cleaned text as `Content` or `Text`, never as
markup.
"""

from __future__ import annotations

import html
import re
import unicodedata
from typing import Final

REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"
_TAG: Final = re.compile(r"</?[a-zA-Z][a-zA-Z0-9]{0,10}(?:\s[^<>]{0,200})?/?>")
_RUN: Final = re.compile(r" {2,}")
_BLANKS: Final = re.compile(r"[ \u00a0]{2,}")
_SPACES: Final = {"\n", "\r", "\t", "\v", "\f", "\x85", "\u2028", "\u2029"}
_MOST_MARKS: Final = 2


def clean(text: str, *, limit: int = 200, lines: bool = False) -> str:
    """`text` as it may be shown: no control, format, private or unassigned characters, at most `limit` characters.

    Line ends and tabs become spaces unless `lines` keeps the line ends. Of more than two combining marks on one
    character the rest is dropped, and so is one on a blank. A cut is shown by an ellipsis.
    """
    out: list[str] = []
    marks = 0
    for char in text[: limit * 4 + 64]:
        if char in _SPACES:
            keep = "\n" if lines and char == "\n" else " "
            out.append(keep)
            marks = 0
            continue
        category = unicodedata.category(char)
        if category[0] == "M":
            marks += 1
            if marks > _MOST_MARKS or not out or out[-1].isspace():  # nothing to stand on: it would take what is before
                continue
        else:
            marks = 0
        out.append(REPLACEMENT if category[0] == "C" or category in {"Zl", "Zp"} else char)
    shown = "".join(out).strip()
    if len(shown) > limit:
        return shown[: max(limit - 1, 0)] + "…"
    return shown


def clean_html(text: str, *, limit: int = 1000, lines: bool = True) -> str:
    """A broker's sentence: HTML tags dropped and entities read (reference 4 and 4.6), then cleaned."""
    words = html.unescape(_TAG.sub(" ", text[: limit * 8]))
    return clean(_RUN.sub(" ", words), limit=limit, lines=lines)


def sentence(text: str, *, limit: int = 500) -> str:
    """A broker's words in one line: without tags, line ends and the runs of blanks they leave."""
    return _BLANKS.sub(" ", clean_html(text, limit=limit, lines=False))

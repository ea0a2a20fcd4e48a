"""Prompts of the broker's about an order: answered with one of the options that it names (reference 4.6, 6). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from ibkr_tui.model.text import clean

_YES: Final = frozenset(
    {"yes", "ok", "submit", "accept", "confirm", "continue", "transmit", "override", "proceed", "agree"}
)
_NO: Final = frozenset(
    {"no", "cancel", "decline", "reject", "dismiss", "discard", "abort", "don't submit", "do not submit"}
)


class Prompt(msgspec.Struct, frozen=True):
    """What a prompt is answered by: the order it is about, its own number, and one of the options as it stands."""

    order_id: str
    request_id: str
    options: tuple[str, ...]

    @property
    def shown(self) -> tuple[str, ...]:
        """The options as people see them."""
        return tuple(clean(option, limit=60) for option in self.options)


def choice(options: Sequence[str], confirmed: bool) -> str:
    """The option that says yes, or the one that says no; empty where that is not plain."""
    wanted, other = (_YES, _NO) if confirmed else (_NO, _YES)
    words = [" ".join(option.lower().split()).rstrip(".!") for option in options]
    found = [option for option, word in zip(options, words, strict=True) if word in wanted]
    if not found and len(options) == 2:  # the one that is not the other
        found = [option for option, word in zip(options, words, strict=True) if word not in other]
    return found[0] if len(found) == 1 else ""


def named(options: Sequence[str], text: str) -> str:
    """The option that a person named; empty when there is none of that name."""
    wanted = " ".join(text.lower().split())
    found = [option for option in options if " ".join(clean(option, limit=60).lower().split()) == wanted]
    return found[0] if len(found) == 1 else ""

"""Brace expansion of symbols: `{AAPL,MSFT,SPY}` is three, `SP{Y,XL}` is SPY and SPXL, `{A,B}{1,2}` is four. Pure."""

from __future__ import annotations

from itertools import product
from typing import Final

MOST: Final = 100
_ALLOWED: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-/ ")


class ExpansionError(ValueError):
    """Words that are no expansion; the message says where and what to do."""


def is_expansion(words: str) -> bool:
    """Whether a person means several symbols rather than a name to search for."""
    return any(mark in words for mark in "{},")


def expand(words: str) -> tuple[str, ...]:
    """The symbols that `words` stand for, in their order, each once. Raises ExpansionError."""
    if words.count("{") > 12:
        raise ExpansionError("Too many braces: write fewer groups.")
    found: dict[str, None] = {}
    for part in _split(words):
        for symbol in _expanded(part):
            name = " ".join(symbol.upper().split())
            if not name:
                continue
            if strange := set(name) - _ALLOWED:
                raise ExpansionError(f"“{min(strange)}” cannot stand in a symbol.")
            found[name] = None
            if len(found) > MOST:
                raise ExpansionError(f"More than {MOST} symbols at once: add them in parts.")
    if not found:
        raise ExpansionError("No symbol stands there. Write {AAPL,MSFT} or SP{Y,XL}.")
    return tuple(found)


def _split(words: str) -> list[str]:
    """At the commas that stand in no brace."""
    parts, depth = [""], 0
    for char in words:
        depth += (char == "{") - (char == "}")
        if depth < 0:
            raise ExpansionError("A } has no { before it.")
        if char == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += char
    if depth:
        raise ExpansionError("A { has no } after it.")
    return parts


def _expanded(part: str) -> list[str]:
    """One part: its literal runs and its groups, every choice with every other."""
    choices: list[list[str]] = []
    rest = part
    while rest:
        at = rest.find("{")
        if at < 0:
            choices.append([rest])
            break
        if at:
            choices.append([rest[:at]])
        end = _closing(rest, at)
        group = [symbol for inner in _split(rest[at + 1 : end]) for symbol in _expanded(inner) or [""]]
        choices.append(group)
        rest = rest[end + 1 :]
    count = 1
    for choice in choices:
        count *= max(1, len(choice))
        if count > MOST:
            raise ExpansionError(f"More than {MOST} symbols at once: add them in parts.")
    return ["".join(picked) for picked in product(*choices)] if choices else []


def _closing(text: str, at: int) -> int:
    depth = 0
    for index in range(at, len(text)):
        depth += (text[index] == "{") - (text[index] == "}")
        if depth == 0:
            return index
    raise ExpansionError("A { has no } after it.")

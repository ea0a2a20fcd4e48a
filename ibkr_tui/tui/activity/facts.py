"""The facts of an audit row as words: what a file or a core says is untrusted, and may be of any shape."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from ibkr_tui.model.text import clean
from ibkr_tui.tui import figures

_NUMBER: Final = re.compile(r"-?\d{1,15}(?:\.\d{1,10})?")
_TYPES: Final = {
    "market": "MKT", "limit": "LMT", "stop": "STP", "stop_limit": "STP LMT", "trail": "TRAIL",
    "trail_limit": "TRAIL LMT", "midprice": "MIDPRICE",
}  # fmt: skip


def words(facts: Mapping[str, Any], name: str, *, limit: int = 200) -> str:
    """A fact as cleaned text; empty when it is not there."""
    value = facts.get(name)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return clean(", ".join(str(item) for item in value), limit=limit)
    return clean(str(value), limit=limit)


def amount(facts: Mapping[str, Any], name: str) -> Decimal | None:
    """A fact that is a number in plain notation; None for anything else."""
    text = str(facts.get(name, ""))
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def number(facts: Mapping[str, Any], name: str) -> str:
    """A number as it is shown, with all of its decimals; what is none, as it stands."""
    value = amount(facts, name)
    return figures.quantity(value) if value is not None else words(facts, name, limit=24)


def price(facts: Mapping[str, Any], name: str) -> str:
    """A price: two decimals at least."""
    value = amount(facts, name)
    if value is None:
        return words(facts, name, limit=24)
    exponent = value.as_tuple().exponent
    return figures.number(value, max(2, -exponent if isinstance(exponent, int) else 2))


def short(text: str, length: int = 8) -> str:
    """The beginning of a hash or an id."""
    return text[:length] + ("…" if len(text) > length else "")


def order_words(facts: Mapping[str, Any]) -> str:
    """An order in a few words: `BUY 100 AAPL LMT 188.00 DAY`."""
    kind = words(facts, "order_type", limit=24)
    parts = [words(facts, "side", limit=8).upper(), number(facts, "qty"), words(facts, "symbol", limit=24)]
    parts.append(_TYPES.get(kind, kind.upper()))
    if trail := number(facts, "trail"):
        parts.append(trail + ("%" if words(facts, "trail_by") == "percent" else ""))
    elif stop := price(facts, "stop_price"):
        parts.append(stop)
    if limit := price(facts, "limit_price"):
        parts.append(f"@ {limit}" if kind == "stop_limit" else limit)
    parts.append(words(facts, "tif", limit=8).upper())
    return " ".join(part for part in parts if part)

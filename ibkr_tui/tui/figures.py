"""Numbers as this screen shows them: fixed decimals, thousands separated, − for minus, a sign on every change.

All functions are pure. What is not known is an em dash, never a zero.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from rich.cells import cell_len, set_cell_size

MINUS: Final = "\N{MINUS SIGN}"
UNKNOWN: Final = "—"
_UNITS: Final = ((Decimal(10) ** 12, "T"), (Decimal(10) ** 9, "B"), (Decimal(10) ** 6, "M"), (Decimal(10) ** 3, "K"))


def number(value: Decimal | None, decimals: int = 2) -> str:
    """`1,024,311.00`; negative numbers with U+2212."""
    if value is None:
        return UNKNOWN
    text = format(value, f",.{decimals}f")
    if text.startswith("-"):
        return MINUS + text[1:] if any(c in "123456789" for c in text) else text[1:]
    return text


def signed(value: Decimal | None, decimals: int = 2) -> str:
    """A change: `+933.00`, `−12.50`, and `0.00` without a sign."""
    text = number(value, decimals)
    return "+" + text if value is not None and value > 0 and any(c in "123456789" for c in text) else text


def percent(value: Decimal | None, decimals: int = 2) -> str:
    """A change in percent: `+1.21%`."""
    return UNKNOWN if value is None else signed(value, decimals) + "%"


def quantity(value: Decimal | None) -> str:
    """As many decimals as it has, no more: `1,200`, `0.5`."""
    if value is None:
        return UNKNOWN
    normal = value.normalize()
    exponent = normal.as_tuple().exponent
    return number(normal, max(0, -exponent) if isinstance(exponent, int) else 0)


def signed_quantity(value: Decimal) -> str:
    """A position: `+100` long, `−50` short."""
    return ("+" if value > 0 else "") + quantity(value)


def compact(value: Decimal | None) -> str:
    """Three or four characters of a large number: `41.2M`, `950`."""
    if value is None:
        return UNKNOWN
    size = abs(value)
    for unit, letter in _UNITS:
        if size >= unit:
            scaled = value / unit
            return number(scaled, 1 if abs(scaled) < 100 else 0) + letter
    return number(value, 0)


def fitted(value: Decimal | None, decimals: int, width: int, *, sign: bool = False) -> str:
    """`value` in at most `width` cells: first without separators, then with fewer decimals, then `1.2M`."""
    show = signed if sign else number
    for places in range(decimals, -1, -1):
        text = show(value, places)
        if len(text) <= width:
            return text
        if len(plain := text.replace(",", "")) <= width:
            return plain
    return compact(value)


def age(seconds: float | None) -> str:
    """`0s` … `9s`, then in tens, then minutes, hours, days: an age that does not flicker."""
    if seconds is None:
        return UNKNOWN
    whole = max(0, int(seconds))
    if whole < 10:
        return f"{whole}s"
    if whole < 60:
        return f"{whole // 10 * 10}s"
    if whole < 3600:
        return f"{whole // 60}m"
    if whole < 172_800:
        return f"{whole // 3600}h"
    return f"{whole // 86_400}d"


def span(seconds: float) -> str:
    """A length of time in its two largest units: `42s`, `7m`, `3h02m`, `2d04h`."""
    whole = max(0, int(seconds))
    if whole < 60:
        return f"{whole}s"
    minutes = whole // 60
    if minutes < 60:
        return f"{minutes}m"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours}h{minutes:02d}m"
    return f"{hours // 24}d{hours % 24:02d}h"


def countdown(seconds: float) -> str:
    """`0:42`, `2:05`, `1:02:05`."""
    whole = max(0, int(seconds))
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}:{rest:02d}"
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def left(text: str, width: int) -> str:
    """`text` in exactly `width` cells, cut with an ellipsis."""
    if width <= 0:
        return ""
    if cell_len(text) > width:
        return set_cell_size(set_cell_size(text, width - 1).rstrip() + "…", width)
    return set_cell_size(text, width)


def reason(words: str, width: int) -> str:
    """A reason in at most `width` cells: where the code in brackets at its end has no room it goes, then the rest."""
    if cell_len(words) > width and words.endswith(")") and " (" in words:
        words = words.rpartition(" (")[0]
    return words if cell_len(words) <= width else left(words, width).rstrip()


def wrapped(text: str, width: int) -> list[str]:
    """The words of `text` in lines of `width` cells. A code in brackets that no line has room for is left out."""
    lines: list[str] = []
    for word in text.split():
        if lines and cell_len(word) > width and word.startswith("(") and ")" in word:
            lines[-1] += word.rpartition(")")[2]
        elif lines and cell_len(lines[-1]) + 1 + cell_len(word) <= width:
            lines[-1] += " " + word
        else:
            lines.append(word)
    return lines


def right(text: str, width: int) -> str:
    """`text` at the right of `width` cells."""
    size = cell_len(text)
    return left(text, width) if size > width else " " * (width - size) + text

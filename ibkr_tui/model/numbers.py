"""The one parser for numbers from outside.

`Decimal()` takes `NaN`, `1_000`, full-width digits and padded spaces; money may not. Two doors: `parse_entry` for what
a person types (strict), `parse_wire` for what the broker sends (its commas, suffixes and exponents, nothing else).
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from ibkr_tui.model.errors import BrokerError

_ENTRY: Final = re.compile(r"[+-]?(?:[0-9]{1,15}(?:\.[0-9]{0,10})?|\.[0-9]{1,10})")
_WIRE: Final = re.compile(r"([+-]?)([0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)?(\.[0-9]*)?([eE][+-]?[0-9]{1,3})?([KMB]?)")
_SUFFIX: Final = {"": Decimal(1), "K": Decimal(10) ** 3, "M": Decimal(10) ** 6, "B": Decimal(10) ** 9}
_LONGEST: Final = 40
_LARGEST: Final = Decimal(10) ** 18


class NumberError(ValueError):
    """A text from the broker that is not a number."""


def parse_entry(text: str, *, what: str = "number") -> Decimal:
    """The number a person typed: ASCII digits, at most one point, at most 15 digits before it and 10 after.

    Raises BrokerError BAD_NUMBER, naming `what` and the reason.
    """
    stripped = text.strip(" ")
    if _ENTRY.fullmatch(stripped):
        return Decimal(stripped)
    raise BrokerError("BAD_NUMBER", f"{what}: {_why(stripped)}", details={"field": what})


def _why(text: str) -> str:
    if not text:
        return "is empty"
    shown = text[:24].encode("ascii", "replace").decode("ascii")
    if "," in text:
        return f"“{shown}” has a comma; write 1000.50"
    if re.fullmatch(r"[+-]?[0-9.]+[eE][+-]?[0-9]+", text):
        return f"“{shown}” has an exponent; write all digits"
    if re.fullmatch(r"[+-]?[0-9]*\.?[0-9]*", text) and any(c.isdigit() for c in text):
        return f"“{shown}” has too many digits"
    return f"“{shown}” is not a number"


def parse_wire(value: object) -> Decimal | None:
    """A number of the broker's (reference section 4): int, float, Decimal or text such as "1,300", "12.2M", "1.22E7".

    None, "" and "-" are None. Raises NumberError for anything else, never returns NaN, infinity or a guess.
    """
    if value is None:
        return None
    if type(value) is str and len(value) < 16 and value.isascii():
        digits = value[1:] if value[:1] == "-" else value
        if digits.replace(".", "", 1).isdigit():
            return Decimal(value)  # nearly every number of the stream
    if isinstance(value, bool):
        raise NumberError("a truth value is not a number")
    if isinstance(value, int):
        number = Decimal(value)
    elif isinstance(value, float):
        number = Decimal(repr(value))
    elif isinstance(value, Decimal):
        number = value
    elif isinstance(value, str):
        found = _parse_text(value)
        if found is None:
            return None
        number = found
    else:
        raise NumberError(f"{type(value).__name__} is not a number")
    if not number.is_finite() or abs(number) > _LARGEST:
        raise NumberError("not a finite number of a sensible size")
    exponent = number.as_tuple().exponent
    return number.quantize(Decimal(1)) if isinstance(exponent, int) and exponent > 0 else number


def _parse_text(text: str) -> Decimal | None:
    trimmed = text.strip(" ").removeprefix("+")
    if trimmed in {"", "-", "--"}:
        return None
    match = _WIRE.fullmatch(trimmed) if len(trimmed) <= _LONGEST else None
    if match is None or (match[2] is None and (match[3] or ".") == "."):
        raise NumberError(f"{text[:24]!r} is not a number")
    sign, whole, fraction, exponent, suffix = match.groups(default="")
    return Decimal(sign + (whole or "0").replace(",", "") + fraction + exponent) * _SUFFIX[suffix]


def parse_wire_or_none(value: object) -> Decimal | None:
    """As `parse_wire`, but what is not a number is None: for fields whose absence is shown and harms nobody."""
    try:
        return parse_wire(value)
    except NumberError:
        return None


def plain(number: Decimal) -> str:
    """`number` in plain decimal notation, without an exponent and without needless zeros: the JSON form of money."""
    if number == 0:
        return "0"
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def priced(number: Decimal) -> str:
    """A price for people, in plain notation with two decimals at least: `189.40`, `1.07845`."""
    exponent = number.normalize().as_tuple().exponent
    return (
        format(number.quantize(Decimal("0.01")), "f") if isinstance(exponent, int) and exponent >= -2 else plain(number)
    )

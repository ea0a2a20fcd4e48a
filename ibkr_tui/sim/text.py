"""How the wire writes numbers and times."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import msgspec


def price_text(value: Decimal, decimals: int) -> str:
    """A price with thousands commas: ``1,300.25``."""
    return f"{value:,.{decimals}f}"


def size_text(value: float) -> str:
    """A size with thousands commas and no fraction."""
    return f"{int(value):,}"


def volume_text(value: float) -> str:
    """A volume the way field 87 writes it: ``12.2M``, ``845K``, ``912`` (reference section 4.8)."""
    for limit, suffix in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
        if value >= limit:
            scaled = value / limit
            return f"{scaled:.3g}{suffix}" if scaled < 100 else f"{scaled:.0f}{suffix}"
    return str(int(value))


def percent_text(value: float) -> str:
    return f"{value:.2f}%"


def plain(value: Decimal) -> str:
    """A decimal without exponent and without trailing zeros."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def whole_text(value: Decimal) -> str:
    """A money amount in whole units with commas, as whatif and the summary sub-pages write it."""
    return f"{value:,.0f}"


def number(value: Decimal, places: int = 2) -> float:
    """A decimal as a JSON number."""
    return float(round(value, places))


def trade_time(moment: float) -> str:
    """``YYYYMMDD-HH:mm:ss`` in UTC."""
    return datetime.fromtimestamp(moment, UTC).strftime("%Y%m%d-%H:%M:%S")


def short_time(moment: float) -> str:
    """``YYMMDDHHmmss`` in UTC, as in order rows."""
    return datetime.fromtimestamp(moment, UTC).strftime("%y%m%d%H%M%S")


_ENCODER = msgspec.json.Encoder()


def to_json(value: object) -> bytes:
    """Encode an answer."""
    return _ENCODER.encode(value)

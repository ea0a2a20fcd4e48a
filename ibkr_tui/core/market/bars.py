"""History: bars of an instrument (reference 4.8). Prices are true prices; US stocks have their volume in round lots."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.numbers import NumberError, parse_wire
from ibkr_tui.model.quotes import Bar

_PERIOD: Final = re.compile(r"([1-9][0-9]{0,3})(min|h|d|w|m|y)")
_BAR: Final = re.compile(r"(1|2|3|5|10|15|30)min|(1|2|3|4|8)h|1d|1w|1m")
_MOST: Final = {"min": 30, "h": 8, "d": 1000, "w": 792, "m": 182, "y": 15}
_MINUTES: Final = {"min": 1, "h": 60, "d": 1440, "w": 10_080, "m": 43_200, "y": 525_600}
_RANGES: Final = (
    # a period, and the shortest and the longest bar that it may have (reference 4.8)
    ("1min", "1min", "1min"), ("1h", "1min", "8h"), ("1d", "1min", "8h"), ("1w", "10min", "1w"), ("1m", "1h", "1m"),
    ("3m", "2h", "1m"), ("6m", "4h", "1m"), ("1y", "8h", "1m"), ("3y", "1d", "1m"), ("15y", "1w", "1m"),
)  # fmt: skip


def check_period(period: str, bar: str) -> None:
    """Raise BrokerError BAD_ARGUMENT for a period or bar that the broker does not know."""
    match = _PERIOD.fullmatch(period)
    if match is None or int(match[1]) > _MOST[match[2]]:
        raise BrokerError("BAD_ARGUMENT", "period is 1-30min, 1-8h, 1-1000d, 1-792w, 1-182m or 1-15y")
    if not _BAR.fullmatch(bar):
        raise BrokerError("BAD_ARGUMENT", "bar is 1, 2, 3, 5, 10, 15 or 30min, 1, 2, 3, 4 or 8h, 1d, 1w or 1m")
    shortest, longest = _range(_minutes(period))
    if not _minutes(shortest) <= _minutes(bar) <= _minutes(longest):
        raise BrokerError("BAD_ARGUMENT", f"bar: {period} has bars from {shortest} to {longest}, not of {bar}")


def _minutes(length: str) -> int:
    number = length.rstrip("dhimnwy")
    return int(number) * _MINUTES[length[len(number) :]]


def _range(minutes: int) -> tuple[str, str]:
    """The bars of a period: between two that are documented, what either allows."""
    below = [row for row in _RANGES if _minutes(row[0]) <= minutes]
    above = [row for row in _RANGES if _minutes(row[0]) >= minutes]
    return (below or above)[-1 if below else 0][1], (above or below)[0 if above else -1][2]


def read_bars(answer: Mapping[str, Any], instrument: Instrument) -> list[Bar]:
    """The bars, oldest first. Raises BrokerError IBKR_RESPONSE_INVALID for a bar that cannot be read."""
    rows = answer.get("data")
    if not isinstance(rows, list):
        raise BrokerError("IBKR_RESPONSE_INVALID", "the history came without bars")
    lot = _lot(answer, instrument)
    bars = [bar for row in rows if (bar := _bar(row, lot)) is not None]
    return sorted(bars, key=lambda bar: bar.at)


def _bar(row: Mapping[str, Any], lot: Decimal) -> Bar | None:
    """One bar; None for the placeholder of an empty history."""
    try:
        first, high, low, last, volume, millis = (parse_wire(row.get(name)) for name in "ohlcvt")
    except (NumberError, AttributeError):
        raise BrokerError("IBKR_RESPONSE_INVALID", "a bar of the history could not be read") from None
    if first is None or high is None or low is None or last is None:
        return None
    if millis is None or not 0 < millis < 10**14:
        raise BrokerError("IBKR_RESPONSE_INVALID", "a bar of the history came without its time")
    at = datetime.fromtimestamp(float(millis) / 1000, UTC)
    return Bar(at, first, high, low, last, (volume or Decimal(0)) * lot)


def _lot(answer: Mapping[str, Any], instrument: Instrument) -> Decimal:
    """Shares in one unit of volume: the factor when there is one, else 100 for US stocks (inferred, reference 4.8)."""
    factor = answer.get("volumeFactor")
    if isinstance(factor, int) and factor > 1:
        return Decimal(factor)
    return Decimal(100) if instrument.sec_type == "STK" and instrument.currency == "USD" else Decimal(1)

"""The limits in force: the configuration's, and what a person has tightened since the core started.

Tighter is possible at any time. Looser is what the configuration says and a restart brings, so that nobody loosens a
limit in the heat of a trade.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

import msgspec

from ibkr_tui.core.settings import ASSET_CLASSES, Limits
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.numbers import plain

_MOST: Final = ("max_leverage", "max_order_value", "max_order_qty", "max_quote_age_s", "max_orders_per_minute",
                "max_day_value")  # fmt: skip
_NAMES: Final = ("allowed_symbols", "allowed_asset_classes")


class LimitsInForce:
    """`now` is what the gate judges by, `configured` what the configuration says."""

    def __init__(self, configured: Limits) -> None:
        self.configured = configured
        self.now = configured

    def tighten(self, changes: Mapping[str, Any]) -> Limits:
        """Put `changes` in force. Raises BrokerError as `tightened`; then nothing has changed."""
        self.now = tightened(self.now, changes)
        return self.now

    @property
    def is_tightened(self) -> bool:
        """Whether something is tighter than the configuration says."""
        return self.now != self.configured


def tightened(limits: Limits, changes: Mapping[str, Any]) -> Limits:
    """`limits` with `changes`, typed as the struct has them.

    Raises BrokerError LIMIT_LOOSENED when one of them is looser than now, BAD_ARGUMENT for a value no limit can have.
    """
    for name, value in changes.items():
        now = getattr(limits, name)
        if name in _NAMES:
            _check_names(name, now, value)
            continue
        if not math.isfinite(value) or value < 0 or (value == 0 and name != "price_collar_bps"):
            raise BrokerError("BAD_ARGUMENT", f"{name} must be more than zero", details={"field": name})
        if name in _MOST:
            is_looser = now is not None and value > now
        elif name == "price_collar_bps":  # 0 is no collar at all
            is_looser = now != 0 and (value == 0 or value > now)
        else:
            is_looser = value < now
        if is_looser:
            raise _loosened(name, now, value)
    return msgspec.structs.replace(limits, **changes)


def told(limits: Limits) -> dict[str, str]:
    """Every limit in words, for the audit and for faces; what is not limited is left out."""
    found = {}
    for name, value in msgspec.structs.asdict(limits).items():
        if value is None or value == ():
            continue
        found[name] = _words(value)
    return found


def _check_names(name: str, now: tuple[str, ...], wanted: tuple[str, ...]) -> None:
    if name == "allowed_asset_classes" and not set(wanted) <= set(ASSET_CLASSES):
        raise BrokerError("BAD_ARGUMENT", f"{name} may hold: {', '.join(ASSET_CLASSES)}", details={"field": name})
    known = {word.upper() for word in now}
    if (now and not wanted) or (known and not {word.upper() for word in wanted} <= known):
        raise _loosened(name, now, wanted)


def _loosened(name: str, now: Any, wanted: Any) -> BrokerError:
    return BrokerError(
        "LIMIT_LOOSENED",
        f"{name} is {_words(now)}; {_words(wanted)} would be looser",
        details={"field": name, "now": _words(now)},
    )


def _words(value: Any) -> str:
    if isinstance(value, tuple):
        return ", ".join(value) or "all"
    if isinstance(value, Decimal):
        return plain(value)
    return f"{value:g}" if isinstance(value, float) else str(value)

"""Any of our values as JSON has it: money and quantities become strings in plain decimal notation, times ISO 8601."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from ibkr_tui.model.numbers import plain


def plain_value(value: Any) -> Any:
    """`value` (structs, enums, times, decimals and containers of them) as dicts, lists, strings, numbers, None.

    A Decimal that is not finite is None: JSON has no word for it.
    """
    return _plain(msgspec.to_builtins(value, builtin_types=(Decimal,), str_keys=True))


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return plain(value) if value.is_finite() else None
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value

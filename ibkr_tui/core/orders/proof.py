"""What a row of the broker's proves of a change whose answer was lost (fault R21). Pure.

A change is one request: what a row shows of one part of it holds for the whole. Of a trailing order no row shows the
distance nor the offset of its limit, and its prices move by themselves (reference 4.3): a change of these alone is
neither proven nor disproven by sight.
"""

from __future__ import annotations

from decimal import Decimal
from enum import Enum, auto
from typing import Any, Final

from ibkr_tui.core.orders.wire import OrderRow
from ibkr_tui.model.orders import Order, OrderTicket, OrderType

TRAILING: Final = frozenset({OrderType.TRAIL.value, OrderType.TRAIL_LIMIT.value})


class Proof(Enum):
    """What is known of a change."""

    OPEN = auto()
    TAKEN = auto()
    NOT_TAKEN = auto()


def proof(old: Order, new: OrderTicket, row: OrderRow, *, is_late: bool) -> Proof:
    """What `row` proves of the change of `old` to `new`. Before it `is_late`, a row may still tell what was before."""
    needed, optional = _changed(old, new)
    told: dict[str, Any] = {
        "qty": row.total, "limit_price": row.limit_price, "stop_price": row.stop_price, "tif": row.tif or None,
        "outside_rth": row.outside_rth,
    }  # fmt: skip
    if any(told[name] is None for name in needed):
        return Proof.OPEN
    seen = needed | {name: wanted for name, wanted in optional.items() if told[name] is not None}
    if not seen:
        return Proof.OPEN
    if all(told[name] == wanted for name, wanted in seen.items()):
        return Proof.TAKEN
    return Proof.NOT_TAKEN if is_late else Proof.OPEN


def is_shown(old: Order, new: OrderTicket) -> bool:
    """Whether every full row shows if `old` became `new`."""
    return bool(_changed(old, new)[0])


def _changed(old: Order, new: OrderTicket) -> tuple[dict[str, Any], dict[str, Any]]:
    """What changes of the fields that every full row shows, and of those that only some rows do."""
    prices: dict[str, tuple[Decimal | None, Decimal | None]] = {
        "limit_price": (old.limit_price, new.limit_price),
        "stop_price": (old.stop_price, new.stop_price),
    }
    always = {"qty": (old.qty, new.qty)} | ({} if old.order_type in TRAILING else prices)
    some = {"tif": (old.tif.lower(), new.tif.value), "outside_rth": (old.outside_rth, new.outside_rth)}
    needed = {name: wanted for name, (was, wanted) in always.items() if was != wanted}
    return needed, {name: wanted for name, (was, wanted) in some.items() if was != wanted}

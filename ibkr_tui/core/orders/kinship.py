"""Which leg of a group a broker's row is about (design 6.3). Pure.

A child of a bracket carries no cOID: it is known by its parent's id at the broker, and by conid, side, type and price.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from ibkr_tui.core.orders.wire import OrderRow
from ibkr_tui.model.orders import Order, OrderType

_TRAILING: Final = {OrderType.TRAIL.value, OrderType.TRAIL_LIMIT.value}


def leg_of(row: OrderRow, legs: Iterable[Order]) -> Order | None:
    """The one leg that `row` can be about; None when there is none, or more than one."""
    fitting = [leg for leg in legs if fits(row, leg)]
    return fitting[0] if len(fitting) == 1 else None


def fits(row: OrderRow, leg: Order) -> bool:
    """Whether the row tells of an order like this leg. The price of a trailing one moves and is not compared."""
    if (row.conid, row.side, row.order_type) != (leg.conid, leg.side, leg.order_type):
        return False
    if leg.order_type in _TRAILING:
        return True
    return _same(row.limit_price, leg.limit_price) and _same(row.stop_price, leg.stop_price)


def _same(told: Decimal | None, known: Decimal | None) -> bool:
    return told is None or known is None or told == known

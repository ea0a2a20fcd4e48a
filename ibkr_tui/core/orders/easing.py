"""Whether a change of a working order takes risk away or adds some: the kill switch lets only the first pass. Pure.

What is not plainly less is more: another kind of order, another side, a longer life.
"""

from __future__ import annotations

from decimal import Decimal

from ibkr_tui.core.orders.exposure import EXITS
from ibkr_tui.model.orders import Order, OrderTicket, Side


def adds_risk(before: Order, ticket: OrderTicket, position: Decimal, known: OrderTicket | None = None) -> bool:
    """Whether `ticket` in the place of `before`, whose ticket was `known`, risks more, with `position` (signed) held.

    Of an order that leads into a position a smaller quantity or a price that is harder to reach is less; of one that
    leads out of it a price that is easier to reach.
    """
    if known is not None and (known.outside_rth, known.limit_offset) != (ticket.outside_rth, ticket.limit_offset):
        return True
    leads_out = before.role in EXITS or _leads_out(before, position)
    if (ticket.side, ticket.order_type.value) != (before.side, before.order_type):
        return True
    if ticket.tif.value != before.tif.lower() or (ticket.qty != before.qty and (leads_out or ticket.qty > before.qty)):
        return True
    if (ticket.trail, ticket.trail_by) != (before.trail, before.trail_by):
        return True
    easier = [
        _easier_limit(ticket.side, before.limit_price, ticket.limit_price),
        _easier_stop(ticket.side, before.stop_price, ticket.stop_price),
    ]
    if None in easier:
        return True
    wanted = (0, 1) if leads_out else (0, -1)
    return any(step not in wanted for step in easier)


def _leads_out(order: Order, position: Decimal) -> bool:
    return position != 0 and (position > 0) != (order.side is Side.BUY) and order.remaining <= abs(position)


def _easier_limit(side: Side, before: Decimal | None, after: Decimal | None) -> int | None:
    """1 when the new limit fills more easily, −1 less, 0 as easily; None when only one of them is there."""
    if before is None or after is None:
        return 0 if before is after else None
    return _sign(after - before) * side.sign


def _easier_stop(side: Side, before: Decimal | None, after: Decimal | None) -> int | None:
    """As `_easier_limit`: a stop to sell acts the sooner the higher it is."""
    if before is None or after is None:
        return 0 if before is after else None
    return -_sign(after - before) * side.sign


def _sign(number: Decimal) -> int:
    return (number > 0) - (number < 0)

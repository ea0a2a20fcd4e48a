"""What the market offers an order now: triggers, trailing stops, the middle of the quote. No state of its own."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from ibkr_tui.sim.orders import Order
from ibkr_tui.sim.tickets import Draft
from ibkr_tui.sim.walk import Walk

HUNDRED = Decimal(100)


def reference_price(order: Order | Draft, walk: Walk) -> Decimal:
    """The price a stop looks at: the last trade, or for currencies (which print none) the quote it would trade at."""
    if order.instrument.sec_type == "CASH":
        return walk.ask_price if order.sign > 0 else walk.bid_price
    return walk.last_price


def follow(order: Order, walk: Walk) -> bool:
    """Move a trailing stop (and the limit behind it) along with the market; True if it moved.

    A stop never moves away: a sell's only up, a buy's only down. Without a first stop the market gives one.
    """
    if order.trail is None or order.triggered:
        return False
    market = reference_price(order, walk)
    distance = market * order.trail / HUNDRED if order.trail_percent else order.trail
    rounding = ROUND_CEILING if order.sign > 0 else ROUND_FLOOR
    wanted = ((market + order.sign * distance) / walk.tick).to_integral_value(rounding) * walk.tick
    if wanted <= 0 or (order.stop is not None and order.sign * (order.stop - wanted) <= 0):
        return False
    if order.price is not None and order.stop is not None:
        order.price += wanted - order.stop
    order.stop = wanted
    return True


def triggers(order: Order, walk: Walk) -> bool:
    """Whether the market has reached the stop."""
    return order.stop is not None and order.sign * (reference_price(order, walk) - order.stop) >= 0


def available(order: Order, walk: Walk) -> tuple[int, Decimal]:
    """Size and price the market offers the order: the shown quote, a print at its limit, or the middle."""
    if order.order_type == "MIDPRICE":
        return _middle(order, walk)
    if order.sign > 0:
        size, price = walk.ask_size, walk.ask_price
    else:
        size, price = walk.bid_size, walk.bid_price
    if order.price is None or order.sign * (order.price - price) >= 0:
        return size, price
    if walk.printed and order.sign * (order.price - walk.last_price) >= 0:
        return walk.printed, order.price
    return 0, price


def _middle(order: Order, walk: Walk) -> tuple[int, Decimal]:
    """A midprice order trades with a print, at the middle of the quote, never beyond its cap."""
    middle = walk.mark
    if order.price is not None and order.sign * (middle - order.price) > 0:
        return 0, middle
    return walk.printed, middle

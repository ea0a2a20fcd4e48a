"""A depth ladder: fixed price rows on the instrument's increments, with sizes, sums and own orders in them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final

import msgspec

from ibkr_tui.model.depth import DepthBook, DepthLevel
from ibkr_tui.model.increments import IncrementStep, increment_at, round_price
from ibkr_tui.model.orders import Order, OrderState, OrderType, Side

_NOTHING: Final = Decimal(0)
_MARKED: Final = {OrderType.STOP: "S", OrderType.STOP_LIMIT: "S", OrderType.TRAIL: "T", OrderType.TRAIL_LIMIT: "T"}


class Rung(msgspec.Struct, frozen=True):
    """One price. `bid` and `ask` are what stands there, `cum` the sum from the touch to here on that side.

    `buying` and `selling` are own orders with this price, `note` a letter for what is no plain limit order.
    """

    price: Decimal
    bid: Decimal | None = None
    ask: Decimal | None = None
    cum: Decimal | None = None
    buying: tuple[Order, ...] = ()
    selling: tuple[Order, ...] = ()

    @property
    def orders(self) -> tuple[Order, ...]:
        """Own orders at this price."""
        return (*self.buying, *self.selling)


def above(price: Decimal, steps: Sequence[IncrementStep]) -> Decimal:
    """The next allowed price up."""
    return price + increment_at(steps, price)


def below(price: Decimal, steps: Sequence[IncrementStep]) -> Decimal:
    """The next allowed price down; where a finer step ends at `price`, that step."""
    step = increment_at(steps, price)
    finer = increment_at(steps, price - step / 1000) if price > 0 else step
    return price - min(step, finer)


def prices(top: Decimal, count: int, steps: Sequence[IncrementStep], group: int = 1) -> list[Decimal]:
    """`count` allowed prices from `top` down; with a `group`, every so manieth."""
    found: list[Decimal] = []
    price = round_price(steps, top)
    while len(found) < count:
        found.append(price)
        for _ in range(group):
            price = below(price, steps)
    return found


def top_for(centre: Decimal, count: int, steps: Sequence[IncrementStep], group: int = 1) -> Decimal:
    """The first price of `count` rows that have `centre` in their middle."""
    price = round_price(steps, centre)
    if group > 1:
        width = increment_at(steps, price) * group
        price = round_price(steps, (price / width).to_integral_value() * width)
    for _ in range(count // 2 * group):
        price = above(price, steps)
    return price


def order_price(order: Order) -> Decimal | None:
    """The price at which an order stands in a ladder: its stop, else its limit."""
    if order.stop_price is not None:
        return order.stop_price
    return order.limit_price


def rungs(
    shown: Sequence[Decimal], book: DepthBook | None, orders: Iterable[Order], steps: Sequence[IncrementStep]
) -> list[Rung]:
    """The rows of these prices, highest first. What lies between two rows belongs to the row it is worse for."""
    if not shown:
        return []
    bids = _placed(book.bids if book is not None else (), shown, down=True)
    asks = _placed(book.asks if book is not None else (), shown, down=False)
    bid_sums = _sums(book.bids if book is not None else ())
    ask_sums = _sums(book.asks if book is not None else ())
    buying: dict[Decimal, list[Order]] = {}
    selling: dict[Decimal, list[Order]] = {}
    for order in orders:
        at = order_price(order)
        if at is None:
            continue
        side = order.side is Side.BUY
        row = _row_of(at, shown, down=side)
        if row is not None:
            (buying if side else selling).setdefault(row, []).append(order)
    made = []
    for price in shown:
        bid, ask = bids.get(price), asks.get(price)
        cum = _sum_at(bid_sums, price, down=True) if bid is not None else None
        if cum is None and ask is not None:
            cum = _sum_at(ask_sums, price, down=False)
        made.append(Rung(price, bid, ask, cum, tuple(buying.get(price, ())), tuple(selling.get(price, ()))))
    return made


def mark_of(orders: Sequence[Order]) -> str:
    """Own orders in a word: `+100`, `−100`; `?` unknown, `S` a stop, `T` a trail, `*` one of a group."""
    if not orders:
        return ""
    amount = sum((order.remaining * order.side.sign for order in orders), _NOTHING)
    sign = "+" if amount > 0 else "\N{MINUS SIGN}"
    size = format(abs(amount).normalize(), "f")
    note = next((_MARKED[order.order_type] for order in orders if order.order_type in _MARKED), "")  # type: ignore[index]
    if any(order.state is OrderState.UNKNOWN for order in orders):
        note = "?"
    group = "*" if any(order.group_id for order in orders) else ""
    return f"{note}{sign}{size}{group}"


def _placed(levels: Sequence[DepthLevel], shown: Sequence[Decimal], *, down: bool) -> dict[Decimal, Decimal]:
    sizes: dict[Decimal, Decimal] = {}
    for level in levels:
        row = _row_of(level.price, shown, down=down)
        if row is not None:
            sizes[row] = sizes.get(row, _NOTHING) + level.size
    return sizes


def _row_of(price: Decimal, shown: Sequence[Decimal], *, down: bool) -> Decimal | None:
    """The row of a price; one between two rows goes to the lower for a bid, to the higher for an ask."""
    if price > shown[0] or price < shown[-1]:
        return None
    if down:
        return next(row for row in shown if row <= price)
    return next(row for row in reversed(shown) if row >= price)


def _sums(levels: Sequence[DepthLevel]) -> list[tuple[Decimal, Decimal]]:
    sums, total = [], _NOTHING
    for level in levels:
        total += level.size
        sums.append((level.price, total))
    return sums


def _sum_at(sums: Sequence[tuple[Decimal, Decimal]], price: Decimal, *, down: bool) -> Decimal | None:
    found = [total for at, total in sums if (at >= price if down else at <= price)]
    return found[-1] if found else None

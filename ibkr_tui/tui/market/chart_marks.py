"""What is drawn over the candles: own fills at their bar and price, own orders and alerts at their price. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

import msgspec

from ibkr_tui.model.alerts import Alert, AlertKind, AlertState
from ibkr_tui.model.orders import Fill, Order, Side
from ibkr_tui.model.quotes import Bar
from ibkr_tui.tui.market.ladder import order_price
from ibkr_tui.tui.widgets.candles import Scale

BOUGHT: Final = "▲"
SOLD: Final = "▼"
ALERT: Final = "◇"


class Spot(msgspec.Struct, frozen=True):
    """A fill: the column of its bar, the row of its price."""

    column: int
    row: int
    side: Side

    @property
    def glyph(self) -> str:
        return BOUGHT if self.side is Side.BUY else SOLD


class Line(msgspec.Struct, frozen=True):
    """A working order: the row of its price."""

    row: int
    price: Decimal
    order: Order


def fill_spots(fills: Iterable[Fill], bars: Sequence[Bar], scale: Scale, size: timedelta) -> list[Spot]:
    """Fills within the bars that are shown, newest last."""
    starts = [bar.at for bar in bars]
    spots = []
    for fill in fills:
        at = _bar_of(fill.at, starts, size)
        if at is not None and scale.low <= fill.price <= scale.high:
            spots.append(Spot(at, scale.row(fill.price), fill.side))
    return spots


def _bar_of(at: datetime, starts: Sequence[datetime], size: timedelta) -> int | None:
    index = bisect_right(starts, at) - 1
    if index < 0 or at >= starts[index] + size:
        return None
    return index


def order_lines(orders: Iterable[Order], scale: Scale) -> list[Line]:
    """Orders whose price is within the picture."""
    lines = []
    for order in orders:
        price = order_price(order)
        if price is not None and scale.low <= price <= scale.high:
            lines.append(Line(scale.row(price), price, order))
    return lines


def alert_prices(alerts: Iterable[Alert], conid: int | None) -> list[Decimal]:
    """The prices that alerts on this instrument wait for."""
    return [
        alert.level
        for alert in alerts
        if alert.conid == conid and alert.kind is AlertKind.PRICE and alert.state is AlertState.ARMED
    ]

"""Orders as they matter: the unknown first, with its time; then what works, with its distance to the market."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from textual.content import Content

from ibkr_tui.model.orders import Order, OrderState, OrderType, Side, TrailBy
from ibkr_tui.tui import figures
from ibkr_tui.tui.feed import LinkState
from ibkr_tui.tui.widgets.board import Board
from ibkr_tui.tui.widgets.spans import Row

MARKS = {
    OrderState.UNKNOWN: "?",
    OrderState.QUESTION: "?",
    OrderState.SENDING: "…",
    OrderState.WORKING: "●",
    OrderState.CANCELLING: "○",
    OrderState.FILLED: "✓",
    OrderState.CANCELLED: "–",
    OrderState.REJECTED: "✗",
}


_SHORT = {
    OrderType.LIMIT: "LMT",
    OrderType.STOP: "STP",
    OrderType.STOP_LIMIT: "STP",
    OrderType.TRAIL: "TRAIL",
    OrderType.TRAIL_LIMIT: "TRAIL",
    OrderType.MIDPRICE: "MID",
}


def price_words(order: Order, decimals: int = 2, width: int = 24) -> str:
    """`LMT 188.00`, `STP 185.00 LMT 184.50` where both fit, or `MKT`; a type that is none of ours keeps its name."""
    if order.order_type == OrderType.MARKET:
        return "MKT"
    kind = next((word for known, word in _SHORT.items() if order.order_type == known), order.order_type.upper()[:6])
    if order.trail is not None:
        unit = "%" if order.trail_by is TrailBy.PERCENT else ""
        return f"{kind} {figures.quantity(order.trail)}{unit}"
    price = order.stop_price if order.stop_price is not None else order.limit_price
    if order.order_type == OrderType.STOP_LIMIT and order.stop_price is not None and order.limit_price is not None:
        both = f"STP {figures.number(order.stop_price, decimals)} LMT {figures.number(order.limit_price, decimals)}"
        if len(both) <= width:
            return both
    return kind if price is None else f"{kind} {figures.fitted(price, decimals, width)}"


class OrderBoard(Board):
    """Keys are order keys."""

    HEADED = False

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)

    def nothing(self) -> Sequence[str]:
        if self.state.feed.link is LinkState.STARTING:
            return ("Orders appear when the core is ready.",)
        if not self.state.feed.orders.is_read:
            return ("Reading the day's orders…",)
        return ("No orders today. b and s open a ticket.",)

    def cells(self, key: str, width: int) -> Row:
        order = self.state.feed.orders.rows.get(key)
        if order is None:
            return []
        palette = self.palette
        old = not self.state.feed.is_live
        dim = order.state.is_done or old
        plain = palette.muted if dim else palette.text
        side = palette.muted if dim else palette.side(order.side is Side.BUY)
        quote = self.state.quote(order.conid)
        wide = width >= 60
        name, price = (12, 13) if wide else (8, 11)
        words = price_words(order, quote.decimals if quote is not None else 2, price - 4)
        colour = palette.stale if old else self.state_style(order)
        cells = [
            Segment(MARKS[order.state] + " ", colour),
            Segment(figures.left(str(order.side).upper(), 4), side),
            Segment(" " + figures.right(figures.quantity(order.qty), 5), plain),
            Segment(" " + figures.left(order.description or order.symbol, name), plain),
            Segment(" " + figures.left(words, price), plain),
            Segment(" " + figures.left(order.tif.upper(), 3) + " ", palette.muted),
        ]
        used = 2 + 4 + 6 + 1 + name + 1 + price + 5
        cells.append(Segment(figures.left(self.state_words(order, wide=wide), width - used), colour))
        return cells

    def state_style(self, order: Order) -> Style:
        """The colour that goes with the word of the state."""
        palette = self.palette
        return {
            OrderState.UNKNOWN: palette.danger,
            OrderState.QUESTION: palette.warn,
            OrderState.SENDING: palette.warn,
            OrderState.WORKING: palette.accent,
            OrderState.CANCELLING: palette.warn,
            OrderState.FILLED: palette.muted,
            OrderState.CANCELLED: palette.muted,
            OrderState.REJECTED: palette.warn,
        }[order.state]

    def state_words(self, order: Order, *, wide: bool) -> str:
        """The state, and what matters most in it."""
        word = str(order.state)
        if order.state is OrderState.UNKNOWN:
            since = order.placed_at or order.since
            passed = (self.state.clock.now() - since).total_seconds() if since is not None else 0
            return f"UNKNOWN {figures.countdown(passed)}"
        if order.state is OrderState.FILLED and order.avg_price is not None:
            quote = self.state.quote(order.conid)
            places = quote.decimals if quote is not None else 2
            return f"filled {'@ ' if wide else ''}{figures.number(order.avg_price, places)}"
        if order.state in {OrderState.WORKING, OrderState.CANCELLING}:
            away = self.state.distance(order)
            distance = figures.percent(away, 2 if wide else 1) if away is not None else ""
            if order.filled > 0:
                part = f"{figures.quantity(order.filled)}/{figures.quantity(order.qty)}"
                return f"{word} {part} {distance}" if wide else f"{part} {distance}"
            return f"{word} {distance}"
        if wide and order.text and order.state is OrderState.REJECTED:
            return f"rejected: {order.text}"
        return word

    def retitle(self) -> None:
        """The counts stand in the border; an unknown order is never left out."""
        going = list(self.state.open_orders())
        unknown = len(self.state.unknown_orders())
        parts: list[str | tuple[str, str]] = ["Orders"]
        if going:
            parts.append(f" · {len(going) - unknown} working")
        if unknown:
            parts += [" · ", (f"{unknown} UNKNOWN", "bold $danger")]
        self.entitle(Content.assemble(*parts))

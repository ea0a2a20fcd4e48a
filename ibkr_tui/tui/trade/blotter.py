"""The blotter: the day's orders with their state in words, fills, and time in state; groups folded to one line."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from rich.segment import Segment
from rich.style import Style
from textual.content import Content

from ibkr_tui.model.orders import Order, OrderState, Role, Side
from ibkr_tui.model.text import clean
from ibkr_tui.tui import figures
from ibkr_tui.tui.feed import LinkState
from ibkr_tui.tui.trade.groups import GROUP, Group, Line, arrange
from ibkr_tui.tui.widgets.board import Board
from ibkr_tui.tui.widgets.order_board import MARKS, price_words
from ibkr_tui.tui.widgets.spans import Row


class Blotter(Board):
    """Keys are those of `groups.arrange`. `amending` is the key of the order that the ticket is changing."""

    HEADED = False

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._lines: dict[str, Line] = {}
        self.unfolded: set[str] = set()
        self.amending = ""

    # what stands in it

    def rearrange(self) -> None:
        """The rows as the orders stand now."""
        state = self.state
        lines = arrange(state.orders(), state.feed.orders.rows.values(), state.feed.fills, self.unfolded)
        self._lines = {line.key: line for line in lines}
        self.show([line.key for line in lines])
        self.paint()
        self.retitle()

    @property
    def line(self) -> Line | None:
        """The row under the cursor."""
        return self._lines.get(self.selected or "")

    @property
    def selected_order(self) -> Order | None:
        """The order under the cursor; of a group's line the one that leads it."""
        line = self.line
        if line is None:
            return None
        if line.order is not None:
            return self.state.feed.orders.rows.get(line.order.key, line.order)
        return line.group.lead if line.group is not None else None

    @property
    def selected_group(self) -> Group | None:
        """The group under the cursor, also from one of its legs."""
        line = self.line
        return line.group if line is not None else None

    def fold(self) -> bool:
        """Show or hide what hangs on the row under the cursor; False when nothing does."""
        line = self.line
        if line is None or line.fill is not None:
            return False
        key = line.key
        if key not in self.unfolded and not key.startswith(GROUP) and (line.order is None or line.order.filled <= 0):
            return False
        self.unfolded ^= {key}
        self.rearrange()
        return True

    def nothing(self) -> Sequence[str]:
        if self.state.feed.link is LinkState.STARTING:
            return ("Orders appear when the core is ready.",)
        if not self.state.feed.orders.is_read:
            return ("Reading the day's orders…",)
        return ("No orders today. Fill in the ticket and press Enter for its preview.",)

    # rows

    def cells(self, key: str, width: int) -> Row:
        line = self._lines.get(key)
        if line is None:
            return []
        if line.fill is not None:
            return self._fill(line, width)
        if line.order is None and line.group is not None:
            return self._group(line.group, key in self.unfolded, width)
        order = self.state.feed.orders.rows.get(key, line.order)
        return self._order(order, line, width) if order is not None else []

    def _order(self, order: Order, line: Line, width: int) -> Row:
        palette = self.palette
        branch = ("└ " if line.is_last else "├ ") if line.depth else ""
        dim = order.state.is_done or not self.state.feed.is_live
        plain = palette.muted if dim else palette.text
        mark = "✎" if order.key == self.amending else MARKS[order.state]
        role = f"{order.role} " if order.role not in {Role.SINGLE, Role.LEG} else ""
        head: Row = [
            Segment(branch, palette.stale),
            Segment(f"{mark} ", self._ink(order.state)),
            Segment(role, palette.muted),
            Segment(
                figures.left(str(order.side).upper(), 5), palette.muted if dim else palette.side(order.side is Side.BUY)
            ),
            Segment(figures.quantity(order.qty) + " ", plain),
            Segment(clean(order.description or order.symbol, limit=24) + "  ", plain),
            Segment(price_words(order, self._places(order)) + " ", plain),
            Segment(order.tif.upper(), palette.muted),
        ]
        return self._with_tail(head, self._state_words(order), self._ink(order.state), order, width)

    def _group(self, group: Group, unfolded: bool, width: int) -> Row:
        palette, lead = self.palette, group.lead
        state, word = group.state
        dim = group.is_done or not self.state.feed.is_live
        plain = palette.muted if dim else palette.text
        head: Row = [
            Segment("− " if unfolded else "+ ", palette.accent),
            Segment(f"{MARKS[state]} ", self._ink(state)),
            Segment(
                figures.left(str(lead.side).upper(), 5), palette.muted if dim else palette.side(lead.side is Side.BUY)
            ),
            Segment(f"{figures.quantity(lead.qty)} {clean(lead.description or lead.symbol, limit=24)} ", plain),
            Segment("" if width < 100 and group.kind == "bracket" else f"{group.kind} ", palette.muted),
            Segment(group_prices(group, self._places(lead)), plain),
        ]
        if group.ratio is not None and width >= 100:
            head.append(Segment(f" R {figures.number(group.ratio, 1)}", palette.muted))
        return self._with_tail(head, word, self._ink(state), lead, width)

    def _with_tail(self, head: Row, word: str, ink: Style, order: Order, width: int) -> Row:
        """State, what is filled, and how long it has been so, in columns at the right."""
        palette = self.palette
        since = order.since or order.placed_at
        passed = (self.state.clock.now() - since).total_seconds() if since is not None else None
        filled = f"{figures.quantity(order.filled)}/{figures.quantity(order.qty)}" if order.filled > 0 else ""
        room, counts = (16, 7) if width < 100 else (32, 11)
        tail: Row = [
            Segment(" " + figures.left(word, room) + " ", ink),
            Segment(figures.right(filled, counts), palette.muted),
            Segment(figures.right(figures.span(passed) if passed is not None else "", 6), palette.muted),
        ]
        return [*fitted_row(head, width - room - counts - 8), *tail]

    def _fill(self, line: Line, width: int) -> Row:
        fill, palette = line.fill, self.palette
        if fill is None or line.order is None:
            return []
        words = f"{figures.quantity(fill.qty)} @ {figures.number(fill.price, self._places(line.order))}"
        paid = f"  commission {figures.number(fill.commission)}" if fill.commission is not None else ""
        text = f"{self.state.clock_time(fill.at)}  filled {words}{paid}"
        return [
            Segment("  " * line.depth + "· ", palette.stale),
            Segment(figures.left(text, width - 2 - 2 * line.depth), palette.muted),
        ]

    def _state_words(self, order: Order) -> str:
        """The state in words, and what matters most in it."""
        state = order.state
        if state is OrderState.UNKNOWN:
            return "UNKNOWN"
        if state is OrderState.FILLED and order.avg_price is not None:
            return f"filled @ {figures.number(order.avg_price, self._places(order))}"
        if state is OrderState.REJECTED and order.text:
            return f"rejected: {clean(order.text, limit=80)}"
        if state in {OrderState.WORKING, OrderState.CANCELLING}:
            away = self.state.distance(order)
            held = order.role in {Role.STOP, Role.TARGET, Role.CHILD} and bool(order.parent_id)
            word = "held" if held and order.broker_status in {"PreSubmitted", "Inactive", ""} else str(state)
            return f"{word} {figures.percent(away)}" if away is not None else word
        return str(state)

    def _ink(self, state: OrderState) -> Style:
        palette = self.palette
        if not self.state.feed.is_live:
            return palette.stale
        return {
            OrderState.UNKNOWN: palette.danger,
            OrderState.QUESTION: palette.warn,
            OrderState.SENDING: palette.warn,
            OrderState.WORKING: palette.accent,
            OrderState.CANCELLING: palette.warn,
            OrderState.REJECTED: palette.danger,
        }.get(state, palette.muted)

    def _places(self, order: Order) -> int:
        quote = self.state.quote(order.conid)
        return quote.decimals if quote is not None else 2

    def retitle(self) -> None:
        """The counts stand in the border; an unknown order is never left out."""
        going, unknown = len(list(self.state.open_orders())), len(self.state.unknown_orders())
        parts: list[str | tuple[str, str]] = ["Blotter"]
        if going:
            parts.append(f" · {going - unknown} working")
        if unknown:
            parts += [" · ", (f"{unknown} UNKNOWN", "bold $danger")]
        done = sum(order.state is OrderState.FILLED for order in self.state.feed.orders.rows.values())
        if done:
            parts.append((f" · {done} filled", "$muted"))
        self.entitle(Content.assemble(*parts))


def group_prices(group: Group, places: int) -> str:
    """`188.00 tgt 195.00 stp 185.00`, or the alternatives' prices."""

    def price(order: Order) -> str:
        value: Decimal | None = order.stop_price if order.role is Role.STOP else order.limit_price or order.stop_price
        return figures.number(value, places) if value is not None else "MKT"

    short = {Role.STOP: "stp ", Role.TARGET: "tgt ", Role.CHILD: "then "}
    return " ".join(short.get(order.role, "") + price(order) for order in group.orders)


def fitted_row(row: Row, width: int) -> Row:
    """`row` in exactly `width` cells, cut with an ellipsis."""
    kept: Row = []
    left = width
    for segment in row:
        if segment.cell_length <= left:
            kept.append(segment)
            left -= segment.cell_length
            continue
        if left > 0:
            kept.append(Segment(figures.left(segment.text, left), segment.style))
        return kept
    kept.append(Segment(" " * max(0, left)))
    return kept

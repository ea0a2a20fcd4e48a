"""The blotter: the day's orders with their state in words, fills, and time in state; groups folded to one line."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.content import Content

from ibkr_tui.model.orders import Order, OrderState, Role, Side
from ibkr_tui.model.text import clean
from ibkr_tui.tui import figures
from ibkr_tui.tui.feed import LinkState
from ibkr_tui.tui.trade.groups import Group, Line, arrange
from ibkr_tui.tui.widgets.board import Board
from ibkr_tui.tui.widgets.order_board import MARKS, price_words
from ibkr_tui.tui.widgets.spans import Row

_WIDE: Final = 100
_BY_US: Final = ("declared ", "declined ", "not sent")
_CHILDREN: Final = {Role.STOP, Role.TARGET, Role.CHILD}


class Blotter(Board):
    """Keys are those of `groups.arrange`. `amending` is the key of the order that the ticket is changing."""

    HEADED = False

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._lines: dict[str, Line] = {}
        self._longest = self._largest = 0
        self.unfolded: set[str] = set()
        self.amending = ""

    # what stands in it

    def rearrange(self) -> None:
        """The rows as the orders stand now."""
        state = self.state
        lines = arrange(state.orders(), state.feed.orders.rows.values(), state.feed.fills, self.unfolded)
        self._lines = {line.key: line for line in lines}
        self._largest = max((len(figures.quantity(order.qty)) for order in state.orders()), default=0)
        self._longest = max((cell_len(_name(line)) for line in lines if line.fill is None), default=0)
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

    @property
    def folds(self) -> bool:
        """Whether something hangs on the row under the cursor."""
        line = self.line
        if line is None or line.fill is not None:
            return False
        return line.key in self.unfolded or line.order is None or line.order.filled > 0

    def fold(self) -> bool:
        """Show or hide what hangs on the row under the cursor; False when nothing does."""
        line = self.line
        if line is None or not self.folds:
            return False
        self.unfolded ^= {line.key}
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
            return self._group(line, line.group, key in self.unfolded, width)
        order = self.state.feed.orders.rows.get(key, line.order)
        return self._order(order, line, width) if order is not None else []

    def _order(self, order: Order, line: Line, width: int) -> Row:
        palette = self.palette
        branch = ("└ " if line.is_last else "├ ") if line.depth else "  "
        dim = order.state.is_done or not self.state.feed.is_live
        plain = palette.muted if dim else palette.text
        mark = "✎" if order.key == self.amending else MARKS[order.state]
        head = self._head(branch, mark, order, line, dim=dim, width=width)
        room = head_width(width) - sum(segment.cell_length for segment in head) - 4
        head += [
            Segment(price_words(order, self._places(order), room) + " ", plain),
            Segment(order.tif.upper(), palette.muted),
        ]
        return self._with_tail(head, self._state_words(order, line.group), self._ink(order.state), order, width)

    def _group(self, line: Line, group: Group, unfolded: bool, width: int) -> Row:
        palette, lead = self.palette, group.lead
        state, word = group.state
        dim = group.is_done or not self.state.feed.is_live
        plain = palette.muted if dim else palette.text
        head = self._head("− " if unfolded else "+ ", MARKS[state], lead, line, dim=dim, width=width)
        wide = width >= _WIDE
        if wide or group.kind != "bracket":
            head.append(Segment(f"{group.kind} ", palette.muted))
        head.append(Segment(group_prices(group, self._places(lead), wide=wide), plain))
        if group.ratio is not None and wide:
            head.append(Segment(f" R {figures.number(group.ratio, 1)}", palette.muted))
        return self._with_tail(head, word, self._ink(state), lead, width)

    def _head(self, branch: str, mark: str, order: Order, line: Line, *, dim: bool, width: int) -> Row:
        """Branch, state's mark, side, quantity and name, in columns."""
        palette = self.palette
        state = line.group.state[0] if line.order is None and line.group is not None else order.state
        wide = width >= _WIDE
        name = _name(line)
        role = bool(line.depth) and name == str(order.role)
        side = palette.muted if dim else palette.side(order.side is Side.BUY)
        plain = palette.muted if dim else palette.text
        amount = figures.quantity(order.qty)
        room = min(self._longest, 26 if wide else 14)
        if line.order is None and not wide:
            room = min(cell_len(name), room)  # its prices need what is left
        return [
            Segment(branch, palette.accent if line.order is None else palette.stale),
            Segment(f"{mark} ", self._ink(state)),
            Segment(figures.left(str(order.side).upper(), 5), side),
            Segment(amount.rjust(7 if wide else self._largest) + " ", plain),
            Segment(figures.left(name, room) + " ", palette.muted if role else plain),
        ]

    def _with_tail(self, head: Row, word: str, ink: Style, order: Order, width: int) -> Row:
        """State, what is filled, and how long it has been so, in columns at the right."""
        palette = self.palette
        since = order.since or order.placed_at
        passed = (self.state.clock.now() - since).total_seconds() if since is not None else None
        filled = f"{figures.quantity(order.filled)}/{figures.quantity(order.qty)}" if order.filled > 0 else ""
        room, counts = _tail_rooms(width)
        if not filled or (order.filled == order.qty and width < _WIDE):  # all of it needs no saying where it is narrow
            filled = ""
            room, counts = room + counts, 0
        tail: Row = [
            Segment(" " + figures.left(word, room) + " ", ink),
            Segment(figures.right(filled, counts), palette.muted),
            Segment(figures.right(figures.span(passed) if passed is not None else "", 6), palette.muted),
        ]
        return [*fitted_row(head, head_width(width)), *tail]

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

    def _state_words(self, order: Order, group: Group | None) -> str:
        """The state in words, and what matters most in it."""
        state = order.state
        if state is OrderState.UNKNOWN:
            return "UNKNOWN"
        if state is OrderState.FILLED and order.avg_price is not None:
            return f"filled @ {figures.number(order.avg_price, self._places(order))}"
        if state is OrderState.REJECTED and order.text:
            said = clean(order.text, limit=80)
            return said if said.startswith(_BY_US) else f"rejected: {said}"
        if state in {OrderState.WORKING, OrderState.CANCELLING}:
            away = self.state.distance(order)
            waits = group is not None and order.role in _CHILDREN and group.lead.state is not OrderState.FILLED
            word = "held" if waits and state is OrderState.WORKING else str(state)
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
            OrderState.FILLED: palette.text,
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


def _tail_rooms(width: int) -> tuple[int, int]:
    """Cells for the state, and for what is filled."""
    return (24, 9) if width >= _WIDE else (15, 7)


def head_width(width: int) -> int:
    """What is left of a row for all that stands before its state."""
    return width - sum(_tail_rooms(width)) - 8


def _name(line: Line) -> str:
    """The instrument; of a leg beneath its group its part, unless it is an alternative or another instrument."""
    order = line.order or (line.group.lead if line.group is not None else None)
    if order is None:
        return ""
    group = line.group
    if line.depth and group is not None and order.role is not Role.LEG and order.conid == group.lead.conid:
        return str(order.role)
    return clean(order.description or order.symbol, limit=26)


def group_prices(group: Group, places: int, *, wide: bool = True) -> str:
    """`188.00 tgt 195.00 stp 185.00`, or the alternatives' prices; closer together where it is narrow."""

    def price(order: Order) -> str:
        value: Decimal | None = order.stop_price if order.role is Role.STOP else order.limit_price or order.stop_price
        return figures.number(value, places) if value is not None else "MKT"

    gap = " " if wide else ""
    short = {Role.STOP: "stp" + gap, Role.TARGET: "tgt" + gap, Role.CHILD: "then "}
    words = []
    for order in group.orders:
        other = f"{clean(order.symbol, limit=8)} " if order.conid != group.lead.conid else ""
        words.append(short.get(order.role, "") + other + price(order))
    return " ".join(words)


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

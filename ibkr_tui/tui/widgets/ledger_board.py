"""The ledger: cash and values of the account by currency, the total in the base currency first."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from textwrap import wrap

from rich.segment import Segment
from textual.content import Content

from ibkr_tui.model.portfolio import LedgerLine
from ibkr_tui.tui import figures
from ibkr_tui.tui.book.ledger import BASE, Ledger
from ibkr_tui.tui.feed import LinkState
from ibkr_tui.tui.widgets.board import Board
from ibkr_tui.tui.widgets.spans import Row

_Column = tuple[str, str, int, bool]
_COLUMNS: tuple[_Column, ...] = (
    # head, field, decimals, whether it is a change; the first ones stay when there is little room
    ("Cash", "cash", 0, False),
    ("Net value", "net_liquidation", 0, False),
    ("Open P&L", "unrealized_pnl", 0, True),
    ("Rate", "rate", 5, False),
    ("Stocks", "stock_value", 0, False),
    ("Realised", "realized_pnl", 0, True),
    ("Settled", "settled_cash", 0, False),
    ("Interest", "interest", 2, True),
    ("Dividends", "dividends", 2, True),
)
_NAME = 5
_ROOM = 9


class LedgerBoard(Board):
    """Keys are currencies."""

    def __init__(self, ledger: Ledger, *, id: str) -> None:
        super().__init__(id=id)
        self._ledger = ledger

    def rearrange(self) -> None:
        """Show the lines as they are known now."""
        self.show([line.currency for line in self._ledger.lines])
        self.retitle()
        self.paint()

    def _columns(self, width: int) -> tuple[_Column, ...]:
        return _COLUMNS[: max(1, (width - _NAME) // (_ROOM + 1))]

    def header(self, width: int) -> Row:
        heads = "".join(" " + figures.right(head, _ROOM) for head, *_ in self._columns(width))
        return [Segment(" " + figures.left("", _NAME) + heads, self.palette.muted)]

    def nothing(self) -> Sequence[str]:
        if self._ledger.problem:
            return tuple(wrap(f"No ledger: {self._ledger.problem}", max(20, self.content_size.width - 2)))
        if self.state.feed.link is LinkState.STARTING:
            return ("The ledger appears when the core is ready.",)
        if not self.state.feed.is_live:
            return ("The ledger comes back with the core.",)
        return ("The ledger has no line.",) if self._ledger.read_at is not None else ("Reading the ledger…",)

    def _line_of(self, key: str) -> LedgerLine | None:
        return next((line for line in self._ledger.lines if line.currency == key), None)

    def cells(self, key: str, width: int) -> Row:
        line = self._line_of(key)
        if line is None:
            return []
        palette = self.palette
        trusted = self.state.feed.is_live
        name = "Total" if key == BASE else key
        plain = palette.bright if key == BASE else palette.text
        cells = [Segment(figures.left(name, _NAME), plain if trusted else palette.stale)]
        for _, field, places, is_change in self._columns(width):
            value: Decimal | None = getattr(line, field)
            if field == "rate" and key == BASE:
                value = None
            text = figures.fitted(value, places, _ROOM, sign=is_change) if value is not None else figures.UNKNOWN
            ink = palette.change(value) if is_change else plain if field != "rate" else palette.muted
            cells.append(Segment(" " + figures.right(text, _ROOM), ink if trusted else palette.stale))
        return cells

    def retitle(self) -> None:
        """How old the lines are, and what went wrong since."""
        ledger = self._ledger
        parts: list[str | tuple[str, str]] = ["Ledger by currency"]
        if ledger.lines:
            old = bool(ledger.problem) or not self.state.feed.is_live
            parts.append((f" · {figures.age(ledger.age)}", "$muted" if not old else "$warn"))
            if old:
                parts.append((" STALE", "$warn"))
        self.entitle(Content.assemble(*parts))

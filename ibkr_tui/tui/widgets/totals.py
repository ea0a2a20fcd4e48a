"""The sums under the book: long, short, net and gross by currency, and all of them in the account's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.segment import Segment
from textual.content import Content

from ibkr_tui.tui import figures
from ibkr_tui.tui.book.arrangement import Total
from ibkr_tui.tui.widgets.painted import Painted
from ibkr_tui.tui.widgets.spans import Row

_MOST: Final = 4
_NAME: Final = 8
_HEADS: Final = ("Long", "Short", "Net", "Gross", "Open P&L", "Realised")


class Totals(Painted):
    """Shows what it was last told; `wanted` is how many lines it takes, its border included."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._sums: Sequence[Total] = ()
        self._sum: Total | None = None

    def tell(self, sums: Sequence[Total], base: Total | None) -> None:
        """These are the sums; `base` has all of them in one currency, where there is more than one."""
        self._sums, self._sum = sums, base
        words = "Totals" if self.state.feed.is_live else "Totals · as last heard"
        self.entitle(Content(words))
        self.paint()

    @property
    def wanted(self) -> int:
        if not self._sums:
            return 0
        more = 1 if len(self._sums) > _MOST else 0
        return 3 + min(len(self._sums), _MOST) + more + (1 if self._sum is not None else 0)

    def rows(self, width: int, height: int) -> list[Row]:
        if not self._sums:
            return []
        palette = self.palette
        room = max(9, min(14, (width - _NAME - 2) // len(_HEADS) - 1))
        heads = "".join(" " + figures.right(head, room) for head in _HEADS)
        rows: list[Row] = [[Segment(" " + figures.left("", _NAME) + heads, palette.muted)]]
        rows += [self._line(total, total.currency, room) for total in self._sums[:_MOST]]
        if len(self._sums) > _MOST:
            rest = ", ".join(total.currency for total in self._sums[_MOST:])
            rows.append([Segment(" and " + figures.left(rest, width - 6), palette.muted)])
        if self._sum is not None:
            rows.append(self._whole(self._sum, room))
        return rows

    def _line(self, total: Total, name: str, room: int) -> Row:
        palette = self.palette
        trusted = self.state.feed.is_live
        plain = palette.text if trusted else palette.stale
        cells = [Segment(" " + figures.left(name, _NAME), palette.muted)]
        for value in (total.long, total.short, total.net, total.gross):
            cells.append(Segment(" " + figures.right(figures.fitted(value, 0, room), room), plain))
        for value in (total.open_pnl, total.realized):
            ink = palette.change(value) if trusted else palette.stale
            cells.append(Segment(" " + figures.right(figures.fitted(value, 2, room, sign=True), room), ink))
        return cells

    def _whole(self, base: Total, room: int) -> Row:
        """Everything in one currency; what can't be converted is said, never left out in silence."""
        if base.unpriced:
            waiting = "1 position waits" if base.unpriced == 1 else f"{base.unpriced} positions wait"
            words = f" All in {base.currency}: not yet, {waiting} for an exchange rate."
            return [Segment(words, self.palette.muted)]
        return self._line(base, f"= {base.currency}", room)

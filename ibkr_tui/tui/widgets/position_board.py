"""Positions: what is held, at what price, and what it makes or loses now."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from rich.segment import Segment
from textual.content import Content

from ibkr_tui.tui import figures
from ibkr_tui.tui.feed import LinkState
from ibkr_tui.tui.widgets.board import Board
from ibkr_tui.tui.widgets.spans import Row


class PositionBoard(Board):
    """Keys are conids."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)

    def _widths(self, width: int) -> tuple[int, int, int, int]:
        """Cells for the name, a price, the percentage and the value; 0 leaves a column out."""
        price = 8 if width < 60 else 9
        percent = 8 if width >= 60 else 0
        value = 12 if width >= 78 else 0
        used = 8 + 2 * (price + 1) + 11 + (percent + 1 if percent else 0) + (value + 1 if value else 0)
        return min(width - used, 24), price, percent, value

    def header(self, width: int) -> Row:
        name, price, percent, value = self._widths(width)
        words = figures.left("Symbol", name) + figures.right("Qty", 8)
        words += " " + figures.right("Average", price) + " " + figures.right("Price", price)
        if value:
            words += " " + figures.right("Value", value)
        words += " " + figures.right("Open P&L", 10)
        if percent:
            words += " " + figures.right("P&L%", percent)
        return [Segment(" " + words, self.palette.muted)]

    def nothing(self) -> Sequence[str]:
        if self.state.feed.is_replay and not self.state.feed.positions.is_read:
            return ("The recording has no positions: it has orders, fills and the audit.",)
        if self.state.feed.link is LinkState.STARTING:
            return ("Positions appear when the core is ready.",)
        if not self.state.feed.positions.is_read:
            return ("Reading the positions…",)
        return ("No positions. b buys, s sells the selected instrument.",)

    def cells(self, key: str, width: int) -> Row:
        position = self.state.feed.positions.rows.get(key)
        if position is None:
            return []
        palette = self.palette
        name, room, percent, value = self._widths(width)
        price, live = self.state.price_of(position)
        quote = self.state.quote(position.conid)
        places = quote.decimals if quote is not None else 2
        profit = self.state.open_pnl(position)
        trusted = self.state.feed.is_live
        plain = palette.text if trusted else palette.stale
        colour = palette.change(profit) if trusted else palette.stale
        cells = [
            Segment(figures.left(" ".join((position.description or position.symbol).split()), name), plain),
            Segment(figures.right(figures.signed_quantity(position.qty), 8), plain),
            Segment(" " + figures.right(figures.fitted(position.avg_price, places, room), room), palette.muted),
            Segment(" " + figures.right(figures.fitted(price, places, room), room), plain if live else palette.stale),
        ]
        if value:
            worth = price * position.qty * position.multiplier
            cells.append(Segment(" " + figures.right(figures.fitted(worth, 0, value), value), palette.muted))
        cells.append(Segment(" " + figures.right(figures.fitted(profit, 2, 10, sign=True), 10), colour))
        if percent:
            cost = abs(position.avg_price * position.qty * position.multiplier)
            share = profit / cost * 100 if cost else None
            cells.append(Segment(" " + figures.right(figures.percent(share), percent), colour))
        return cells

    def retitle(self) -> None:
        """The sums stand in the border."""
        palette, pnl = self.palette, self.state.pnl
        parts: list[str | tuple[str, str]] = ["Positions"]
        rows = self.state.positions()
        if rows:
            currencies = {row.currency for row in rows}
            sums: list[tuple[Decimal | None, str]] = [(pnl.daily if pnl is not None else None, "day")]
            if pnl is not None and pnl.unrealized is not None:
                sums.append((pnl.unrealized, "open"))
            elif len(currencies) == 1:
                sums.append((sum((self.state.open_pnl(row) for row in rows), Decimal(0)), "open"))
            for amount, word in sums:
                if amount is not None:
                    style = palette.change(amount) if self.state.feed.is_live else palette.stale
                    parts += [" · ", (figures.signed(amount, 0), _css(style)), f" {word}"]
        self.entitle(Content.assemble(*parts))


def _css(style: object) -> str:
    colour = getattr(style, "color", None)
    triplet = colour.triplet if colour is not None else None
    return triplet.hex if triplet is not None else ""

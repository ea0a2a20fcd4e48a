"""The account's money: what it is worth, what it may spend, and how near its margin is, as bars."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from rich.segment import Segment
from rich.style import Style
from textual.content import Content

from ibkr_tui.model.portfolio import AccountSummary
from ibkr_tui.tui import figures
from ibkr_tui.tui.feed import LinkState
from ibkr_tui.tui.widgets.inside_panel import bar
from ibkr_tui.tui.widgets.painted import Painted
from ibkr_tui.tui.widgets.spans import Row

_LABEL: Final = 15
_BAR_LABEL: Final = 12
_NOTE: Final = 13
_NEAR: Final = Decimal("0.80")
_OVER: Final = Decimal("0.95")
_MOST_BAR: Final = 30


class AccountPanel(Painted):
    """Amounts first, then a bar each for initial margin, maintenance margin and leverage."""

    def rows(self, width: int, height: int) -> list[Row]:
        state, palette = self.state, self.palette
        account = state.account
        if account is None:
            return [[Segment(" " + figures.left(self._nothing(), width - 1), palette.muted)]]
        pnl = state.pnl
        plain = palette.text if state.feed.is_live else palette.stale
        rows = [
            self._amount("Net liquidation", state.net, palette.bright if state.feed.is_live else palette.stale, width),
            self._change("Day", pnl.daily if pnl is not None else None, state.day_percent, width),
            self._change("Open P&L", pnl.unrealized if pnl is not None else None, None, width),
            self._amount("Cash", account.total_cash, plain, width),
            self._amount("Available", account.available_funds, plain, width),
            self._amount("Buying power", account.buying_power, plain, width),
        ]
        if height >= 12:
            rows.append(self._amount("Excess", account.excess_liquidity, plain, width))
            rows.append(self._amount("Positions", account.gross_position_value, plain, width))
            rows.append([])
        return [*rows, *self._bars(account, width)]

    def _nothing(self) -> str:
        link = self.state.feed.link
        if link is LinkState.STARTING:
            return "The account appears when the core is ready."
        return "Reading the account…" if self.state.feed.is_live else "The account comes back with the core."

    def _amount(self, label: str, value: Decimal | None, ink: Style, width: int) -> Row:
        room = min(16, width - _LABEL - 2)
        words = figures.right(figures.fitted(value, 2, room) if value is not None else figures.UNKNOWN, room)
        return [Segment(" " + figures.left(label, _LABEL), self.palette.muted), Segment(words, ink)]

    def _change(self, label: str, value: Decimal | None, share: Decimal | None, width: int) -> Row:
        live = self.state.feed.is_live
        ink = self.palette.change(value) if live else self.palette.stale
        room = min(16, width - _LABEL - 2)
        words = figures.right(figures.fitted(value, 2, room, sign=True) if value is not None else figures.UNKNOWN, room)
        percent = f"  {figures.percent(share)}" if share is not None and width >= _LABEL + room + 12 else ""
        return [
            Segment(" " + figures.left(label, _LABEL), self.palette.muted),
            Segment(words, ink),
            Segment(percent, ink),
        ]

    def _bars(self, account: AccountSummary, width: int) -> list[Row]:
        health = self.state.health
        equity = account.equity_with_loan
        rows = []
        for label, used in (("Initial", account.initial_margin), ("Maintenance", account.maintenance_margin)):
            share = used / equity if equity > 0 else None
            words = f"{figures.number(share * 100, 0)}% of equity" if share is not None else "no equity"
            rows.append(self._bar(label, share, words, width))
        cap = health.max_leverage if health is not None else None
        leverage = account.leverage
        share = leverage / cap if leverage is not None and cap else None
        words = figures.number(leverage, 2) + (f" of {figures.number(cap, 1)}" if cap else "")
        return [*rows, self._bar("Leverage", share, words, width)]

    def _bar(self, label: str, share: Decimal | None, words: str, width: int) -> Row:
        """Filled by its share; the words beside say the same, and ! that it is near its end."""
        palette = self.palette
        grave = share is not None and share >= _OVER
        near = share is not None and share >= _NEAR
        ink = palette.danger if grave else palette.warn if near else palette.accent
        if not self.state.feed.is_live:
            ink = palette.stale
        room = max(4, min(_MOST_BAR, width - _BAR_LABEL - _NOTE - 4))
        filled = bar(min(share or Decimal(0), Decimal(1)), room)
        mark = "! " if near else "  "
        return [
            Segment(" " + figures.left(label, _BAR_LABEL), palette.muted),
            Segment(filled, ink),
            Segment("·" * (room - len(filled)), palette.muted),
            Segment(" " + mark, ink),
            Segment(words, ink if near else palette.text if self.state.feed.is_live else palette.stale),
        ]

    def retitle(self) -> None:
        """Whose money, in which currency, and how old the figures are."""
        account, state = self.state.account, self.state
        parts: list[str | tuple[str, str]] = ["Account"]
        if account is not None:
            parts.append(f" · {account.account} · {account.currency}")
            passed = (state.clock.now() - account.updated_at).total_seconds()
            parts.append((f" · {figures.age(passed)}", "$muted" if state.feed.is_live else "$warn"))
        if not state.feed.is_live and account is not None:
            parts.append((" STALE", "$warn"))
        self.entitle(Content.assemble(*parts))

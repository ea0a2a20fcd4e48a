"""Account: the money and its margins, the ledger by currency, the course of the day, and performance over time."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content

from ibkr_tui.model.performance import Performance
from ibkr_tui.tui import figures
from ibkr_tui.tui.action import Scope
from ibkr_tui.tui.actions import of_scope
from ibkr_tui.tui.book.day import DayCourse
from ibkr_tui.tui.book.history import History, shown_value
from ibkr_tui.tui.book.ledger import Ledger
from ibkr_tui.tui.desk_state import DeskState
from ibkr_tui.tui.feed import Changed, LinkState
from ibkr_tui.tui.screens.account_choice import AccountChoice
from ibkr_tui.tui.screens.page import Page
from ibkr_tui.tui.widgets.account_panel import AccountPanel
from ibkr_tui.tui.widgets.ledger_board import LedgerBoard
from ibkr_tui.tui.widgets.line_chart import Drawing, LineChart


class AccountScreen(Page):
    """Four panes. `sample` is called each second, also while another page is current."""

    scope = Scope.ACCOUNT
    action = "screen.account"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(a.key, a.method, a.label, id=a.id, show=False) for a in of_scope(Scope.ACCOUNT)
    ]

    def __init__(self, state: DeskState, keys: Mapping[str, str], ledger: Ledger) -> None:
        self._ledger = ledger
        self.day = DayCourse()
        self.history = History(state.feed, state.clock)
        self.panel = AccountPanel(id="account")
        self.ledger_board = LedgerBoard(ledger, id="ledger")
        self.day_chart = LineChart(id="day")
        self.history_chart = LineChart(id="history")
        super().__init__(state, keys)

    def compose(self) -> ComposeResult:
        yield self.status
        with Horizontal(id="account-top"):
            yield self.panel
            yield self.ledger_board
        with Horizontal(id="account-below"):
            yield self.day_chart
            yield self.history_chart
        yield self.message
        yield self.keys_bar

    def on_mount(self) -> None:
        self.ledger_board.focus()
        self._paint_all()

    @property
    def help_pane(self) -> str:
        return "account"

    def sample(self) -> None:
        """Remember how the day stands now."""
        state = self.state
        if state.feed.is_live and state.account_id:
            daily = state.pnl.daily if state.pnl is not None else None
            now = state.venue_time() or state.clock.now()
            self.day.sample(state.clock.monotonic(), now, state.account_id, daily)

    # painting

    def frame(self, changed: Changed, *, flashes: bool) -> None:
        super().frame(changed, flashes=flashes)
        if changed.link:
            self._paint_all()
        elif changed.keys.keys() & {"account", "pnl", "health"}:
            self.panel.paint()

    def second(self) -> None:
        super().second()
        self._paint_all()
        account = self.state.account_id
        if self._ledger.is_due(account):
            self.read_ledger()
        if self.history.is_due(account):
            self.read_history()

    def _paint_all(self) -> None:
        self.panel.paint()
        self.panel.retitle()
        self.ledger_board.rearrange()
        self._draw_day()
        self._draw_history()

    def _draw_day(self) -> None:
        state = self.state
        moments, span = self.day.moments, self.day.span
        parts: list[str | tuple[str, str]] = ["P&L of the day"]
        if moments and span is not None and self.size.width >= 100:
            parts.append((f" · low {figures.signed(span[0], 0)} · high {figures.signed(span[1], 0)}", "$muted"))
        self.day_chart.entitle(Content.assemble(*parts))
        if len(moments) < 2 or span is None:
            self.day_chart.say(self._no_day())
            return
        drawing = Drawing(
            values=tuple(moment.daily for moment in moments),
            base=Decimal(0),
            first=f"{moments[0].at:%H:%M}",
            last=f"{moments[-1].at:%H:%M}" + ("" if state.feed.is_live else " STALE"),
            shown=lambda value: figures.fitted(value, 0, 10, sign=True),
        )
        self.day_chart.draw(drawing)

    def _no_day(self) -> str:
        link = self.state.feed.link
        if link is LinkState.STARTING:
            return "The course of the day begins when the core is ready."
        if link is not LinkState.LIVE:
            return "The course of the day goes on with the core."
        return "The course of the day is drawn from here on: IBKR tells the present figure, and no past ones."

    def _draw_history(self) -> None:
        history, account = self.history, self.state.account_id
        found = history.of(account)
        what = "Net value" if history.as_value else "Return"
        parts: list[str | tuple[str, str]] = [f"{what} · {history.period}"]
        if found is not None and (change := _change(found)):
            parts.append((f" · {change}", "$muted"))
        if found is not None and history.problem(account):
            parts.append((" STALE", "$warn"))
        self.history_chart.entitle(Content.assemble(*parts))
        points = found.points if found is not None else ()
        values = tuple(shown_value(point, as_value=history.as_value) for point in points)
        known = [value for value in values if value is not None]
        if len(known) < 2:
            self.history_chart.say(self._no_history(account, found))
            return
        as_value = history.as_value
        start = found.start_nav if found is not None and found.start_nav is not None else known[0]
        self.history_chart.draw(
            Drawing(
                values=values,
                base=start if as_value else Decimal(0),
                first=f"{points[0].day.day} {points[0].day:%b %y}",
                last=f"{points[-1].day.day} {points[-1].day:%b %y}",
                shown=_money if as_value else _percent,
                decimals=0 if as_value else 2,
            )
        )

    def _no_history(self, account: str, found: Performance | None) -> str:
        if problem := self.history.problem(account):
            return f"No performance: {problem}"
        if found is not None:
            return f"IBKR has no performance for {self.history.period} yet; ] and [ choose another time."
        if self.state.feed.link is LinkState.STARTING:
            return "Performance appears when the core is ready."
        if not self.state.feed.is_live:
            return "Performance comes back with the core."
        return f"Reading the performance of {self.history.period}…"

    # reading

    @work(group="ledger", name="ledger", exit_on_error=False)
    async def read_ledger(self) -> None:
        """The lines by currency."""
        await self._ledger.read()
        self.ledger_board.rearrange()

    @work(group="performance", name="performance", exit_on_error=False)
    async def read_history(self) -> None:
        """The period that is shown."""
        await self.history.read(self.state.account_id)
        self._draw_history()

    # actions

    def action_longer_period(self) -> None:
        """Performance over a longer time."""
        self._move_period(1)

    def action_shorter_period(self) -> None:
        """Performance over a shorter time."""
        self._move_period(-1)

    def _move_period(self, step: int) -> None:
        if self.history.move(step):
            self._draw_history()
            if self.history.is_due(self.state.account_id):
                self.read_history()

    def action_value_or_return(self) -> None:
        """Net value, or the return in percent."""
        self.history.as_value = not self.history.as_value
        self._draw_history()

    def action_pick_account(self) -> None:
        """The accounts of this login."""
        self.app.push_screen(AccountChoice(self.state.feed), self._picked)

    def _picked(self, account: str | None) -> None:
        if account is not None:
            self.say(f"The account is {account}: positions, P&L and new orders are its from now on.")

    def action_row_up(self) -> None:
        self.ledger_board.move(-1)

    def action_row_down(self) -> None:
        self.ledger_board.move(1)


def _money(value: Decimal) -> str:
    return figures.fitted(value, 0, 10)


def _percent(value: Decimal) -> str:
    return figures.percent(value)


def _change(found: Performance) -> str:
    """What the period made, in percent."""
    returns = [point.total_return for point in found.points if point.total_return is not None]
    return figures.percent(returns[-1] * 100) if returns else ""

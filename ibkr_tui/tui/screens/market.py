"""The Market page: watchlists, chart, depth ladder and tape of the chosen instrument."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import ClassVar, Final

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widget import Widget

from ibkr_tui.model.alerts import Alert
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.events import Severity
from ibkr_tui.model.numbers import plain
from ibkr_tui.model.orders import Order, Side
from ibkr_tui.model.text import clean
from ibkr_tui.tui import requests
from ibkr_tui.tui.action import Action, Scope
from ibkr_tui.tui.actions import of_scope
from ibkr_tui.tui.desk_state import Chosen, DeskState
from ibkr_tui.tui.feed import Changed
from ibkr_tui.tui.market.alert_draft import AlertDraft
from ibkr_tui.tui.market.keys import BOARD, CHART, LADDER
from ibkr_tui.tui.market.samples import Trends
from ibkr_tui.tui.screens.alert_form import AlertForm
from ibkr_tui.tui.screens.alert_list import AlertList
from ibkr_tui.tui.screens.market_lists import MarketLists
from ibkr_tui.tui.subscriptions import Subscriptions
from ibkr_tui.tui.widgets.board import Board
from ibkr_tui.tui.widgets.chart import FocusChart
from ibkr_tui.tui.widgets.ladder import Ladder
from ibkr_tui.tui.widgets.market_board import MarketBoard
from ibkr_tui.tui.widgets.tape import Tape

_TREND_PAUSE_S: Final = 0.3
_TREND_EVERY_S: Final = 900.0
_TREND_PERIOD, _TREND_BAR = "1d", "15min"


class MarketScreen(MarketLists):
    """Painted by `frame` and `second` while it is current. The chosen instrument is the one under the board's cursor.

    `ladder.price` and `ladder.rung` are the price under the ladder's cursor and what stands there.
    """

    scope = Scope.MARKET
    action = "screen.market"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(a.key, a.method, a.label, id=a.id, show=False) for a in of_scope(Scope.MARKET)
    ]

    def __init__(self, state: DeskState, subscriptions: Subscriptions, keys: Mapping[str, str]) -> None:
        super().__init__(state, keys)
        self.subscriptions = subscriptions
        self.trends = Trends()
        self.board = MarketBoard(self.trends, id=BOARD)
        self.chart = FocusChart(id=CHART)
        self.ladder = Ladder(id=LADDER)
        self.tape = Tape(id="tape")
        self._loads_trends = False

    def compose(self) -> ComposeResult:
        yield self.status
        with Horizontal(id="panes"):
            with Vertical(id="market-left"):
                yield self.board
                yield self.chart
            with Vertical(id="market-right"):
                yield self.ladder
                yield self.tape
        yield self.message
        yield self.keys_bar

    def on_mount(self) -> None:
        self.board.focus()

    @property
    def help_pane(self) -> str:
        return self.pane.id or BOARD

    @property
    def pane(self) -> Widget:
        """The pane that has the focus, else the board."""
        return self.focused if self.focused in {self.board, self.chart, self.ladder} else self.board

    def looks_at(self) -> set[int]:
        """The rows that can be seen, and the chosen instrument."""
        rows = self.state.watchlist.rows
        seen = {rows[key].conid for key in self.board.visible_keys() if key in rows}
        return {conid for conid in (*seen, self.state.chosen.conid) if conid}

    def looks_deep(self) -> set[int]:
        """The instrument of the ladder."""
        return {self.state.chosen.conid} if self.state.chosen.conid else set()

    # painting

    def resume(self) -> None:
        """Another page may have chosen another instrument; the board's cursor goes there if it has it."""
        self.board.sort_rows()
        known = self.state.watchlist.key_of(self.state.chosen.conid or 0)
        if known is not None:
            self.board.select(known)
        elif not self.state.chosen.symbol:
            self._choose_selected()
        super().resume()
        self._show_chosen()

    def frame(self, changed: Changed, *, flashes: bool) -> None:
        """Repaint what changed, and only what can be seen of it."""
        keys = changed.keys
        if changed.link:
            self._link_changed()
        conids = keys.get("quotes", set())
        self._frame_board(conids, flashes=flashes)
        self._name_chosen()
        self.chart.tick(conids)
        chosen = str(self.state.chosen.conid)
        if keys.keys() & {"orders", "alerts"} or changed.fills:
            self.chart.paint()
        if keys.keys() & {"orders", "alerts"} or chosen in conids or chosen in keys.get("depth", ()):
            self.ladder.paint()
        if self.state.chosen.conid in changed.taped:
            self.tape.paint()
        super().frame(changed, flashes=flashes)

    def _frame_board(self, conids: set[str], *, flashes: bool) -> None:
        rows = self.state.watchlist.rows.values()
        touched = {row.key for row in rows if row.conid is not None and str(row.conid) in conids}
        now = self.state.clock.monotonic()
        for key in touched:
            quote = self.state.quote_of(self.state.watchlist.rows[key])
            if quote is not None:
                self.trends.see(quote, now)
        touched |= self.subscriptions.changed
        self.subscriptions.changed.clear()
        self.board.frame(touched, flashes=flashes)

    def _link_changed(self) -> None:
        """Everything may be stale, or fresh again."""
        self.subscriptions.wake()
        if self.state.feed.is_live:
            self.chart.charted = None  # there may be a gap
        for painter in (self.status, self.board, self.chart, self.ladder, self.tape, self.message, self.keys_bar):
            painter.paint()
        self._titles()

    def second(self) -> None:
        """Ages and clocks have moved on; a sorted board takes its new order, at most once a second."""
        super().second()
        self.board.sort_rows()
        self.board.paint_keys(self.board.visible_keys())
        self.chart.paint()
        self.ladder.paint()
        self.tape.paint()
        self._titles()
        if not self._loads_trends and self._trendless():
            self.load_trends()

    def _titles(self) -> None:
        for pane in (self.board, self.chart, self.ladder, self.tape):
            pane.retitle()

    # the day's course of each visible row

    def _trendless(self) -> list[tuple[str, int]]:
        now, known = self.state.clock.monotonic(), self.trends.loaded
        rows = [self.state.watchlist.rows[key] for key in self.board.visible_keys() if key in self.state.watchlist.rows]
        return [
            (row.symbol, row.conid)
            for row in rows
            if row.conid is not None and now - known.get(row.conid, now - _TREND_EVERY_S) >= _TREND_EVERY_S
        ]

    @work(group="trends", name="trends", exit_on_error=False)
    async def load_trends(self) -> None:
        """Read the visible rows' history, one after the other, while the page is shown; what fails is seen live."""
        self._loads_trends = True
        try:
            for symbol, conid in self._trendless():
                if not self.is_current or not self.state.feed.is_live:
                    return
                now = self.state.clock.monotonic()
                try:
                    bars = await requests.bars(self.state.feed, symbol, conid, _TREND_PERIOD, _TREND_BAR)
                except BrokerError:
                    self.trends.miss(conid, now)  # the row's own mark says what is wrong; the line grows as prices come
                else:
                    self.trends.load(conid, bars, now)
                    if (quote := self.state.quote(conid)) is not None:
                        self.trends.see(quote, now)
                await self.state.clock.sleep(_TREND_PAUSE_S)
        finally:
            self._loads_trends = False
            watched = (row.conid for one in self.state.watchlists.lists for row in one.rows.values())
            self.trends.forget_all_but(conid for conid in watched if conid is not None)

    # the chosen instrument

    @on(Board.Moved)
    def moved(self) -> None:
        """Chart, ladder and tape follow the cursor."""
        self._choose_selected()
        self.board.retitle()
        self.keys_bar.paint()

    def on_descendant_focus(self) -> None:
        self.keys_bar.paint()

    def _choose_selected(self) -> None:
        key = self.board.selected
        row = self.state.watchlist.rows.get(key) if key is not None else None
        if row is not None and self.state.chosen != Chosen(row.symbol, row.conid):
            self.state.chosen = Chosen(row.symbol, row.conid)
            self._show_chosen()

    def _name_chosen(self) -> None:
        """The core has named the listing of a symbol that was chosen before it was known."""
        if self.state.chosen.conid is None:
            self._choose_selected()
        if self.state.chosen != self.chart.charted:
            self._show_chosen()

    def _show_chosen(self) -> None:
        self.chart.choose()
        self.ladder.paint()
        self.tape.paint()
        self._titles()

    # actions

    def applies(self, action: Action) -> bool:
        """Whether a key does something now."""
        if action.where and self.pane.id != action.where:
            return False
        if action.method in {"next_list", "list_before", "delete_list"}:
            return len(self.state.watchlists.lists) > 1
        if action.method in {"raise_row", "lower_row"}:
            return not self.state.watchlists.look.sort
        return super().applies(action)

    @property
    def selected_order(self) -> Order | None:
        """The own order on the ladder's row; of several the one that was placed last."""
        rung = self.ladder.rung
        orders = (*rung.buying, *rung.selling) if rung is not None and self.pane is self.ladder else ()
        return orders[-1] if orders else None

    def action_buy(self) -> None:
        """A buy ticket, at the ladder's row when the ladder has the focus."""
        self.doors.open_ticket(Side.BUY, price=self._row_price())

    def action_sell(self) -> None:
        """A sell ticket, at the ladder's row when the ladder has the focus."""
        self.doors.open_ticket(Side.SELL, price=self._row_price())

    def _row_price(self) -> Decimal | None:
        return self.ladder.price if self.pane is self.ladder else None

    def action_row_up(self) -> None:
        self._step(-1)

    def action_row_down(self) -> None:
        self._step(1)

    def _step(self, rows: int) -> None:
        if self.pane is self.ladder:
            self.ladder.move(rows)
        elif self.pane is self.board:
            self.board.move(rows)

    def action_next_pane(self) -> None:
        self.focus_next()
        if self.has_class("-zoomed"):
            self._zoom_on(self.pane)

    def action_zoom(self) -> None:
        """The focused pane over the whole page, and back."""
        if self.has_class("-zoomed"):
            self.remove_class("-zoomed")
            for pane in (self.board, self.chart, self.ladder, self.tape):
                pane.display = True
            for side in ("#market-left", "#market-right"):
                self.query_one(side).display = True
        else:
            self.add_class("-zoomed")
            self._zoom_on(self.pane)

    def _zoom_on(self, shown: Widget) -> None:
        left = shown in {self.board, self.chart}
        self.query_one("#market-left").display = left
        self.query_one("#market-right").display = not left
        for pane in (self.board, self.chart, self.ladder, self.tape):
            pane.display = pane is shown

    def action_centre(self) -> None:
        self.ladder.centre()
        self.ladder.retitle()

    def action_to_own(self) -> None:
        """The ladder's cursor on the next own order."""
        if self.ladder.to_own():
            self.ladder.retitle()
        else:
            self.say(f"No order of yours works in {self.state.chosen.symbol}.")

    def action_coarser(self) -> None:
        self.ladder.regroup(1)
        self.ladder.retitle()

    def action_finer(self) -> None:
        self.ladder.regroup(-1)
        self.ladder.retitle()

    def action_set_alert(self) -> None:
        """An alert on the chosen instrument; at the ladder's price when a person points at one."""
        chosen = self.state.chosen
        if chosen.conid is None:
            self.say(f"{chosen.symbol or 'Nothing'} has no listing yet; wait for its price.", Severity.WARNING)
            return
        quote = self.state.quote(chosen.conid)
        price = self.ladder.price if self.pane is self.ladder else quote.last if quote is not None else None
        name = clean(quote.description, limit=30) if quote is not None else chosen.symbol
        draft = AlertDraft(name, chosen.conid, level=plain(price) if price is not None else "")
        self.app.push_screen(AlertForm(self.state, draft), self._alert_set)

    def _alert_set(self, alert: Alert | None) -> None:
        if alert is not None:
            self.say(f"Alert set: {clean(alert.words)}.")

    def action_list_alerts(self) -> None:
        """The alerts that are set, and those that were told."""
        self.app.push_screen(AlertList(self.state))

    def action_crosshair(self) -> None:
        self.chart.toggle_cross()
        if self.chart.cross is not None:
            self.chart.focus()

    def action_longer_bars(self) -> None:
        self.chart.resize_bars(1)

    def action_shorter_bars(self) -> None:
        self.chart.resize_bars(-1)

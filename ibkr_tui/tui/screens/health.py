"""Health: is the core logged in, is the stream alive, can orders be recorded; what is wrong, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.tui import requests
from ibkr_tui.tui.action import Action, Scope
from ibkr_tui.tui.actions import of_scope
from ibkr_tui.tui.desk_state import DeskState
from ibkr_tui.tui.feed import Changed
from ibkr_tui.tui.latency import Latencies
from ibkr_tui.tui.screens.live_gate import LiveGateScreen
from ibkr_tui.tui.screens.page import Page
from ibkr_tui.tui.widgets.health_panel import HealthPanel
from ibkr_tui.tui.widgets.log_pane import LogPane

_TALL: Final = 34


class HealthScreen(Page):
    """One calm page of groups, and the core's log on demand.

    `sample` is called each second, also while another page is current.
    """

    scope = Scope.HEALTH
    action = "screen.health"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(a.key, a.method, a.label, id=a.id, show=False) for a in of_scope(Scope.HEALTH)
    ]

    def __init__(self, state: DeskState, keys: Mapping[str, str]) -> None:
        self.latencies = Latencies()
        self.panel = HealthPanel(self.latencies, id="health")
        self.log_pane = LogPane(id="log")
        self.log_pane.display = False
        self._reading = False
        self._panel_lines = 0
        super().__init__(state, keys)

    def compose(self) -> ComposeResult:
        yield self.status
        yield self.panel
        yield self.log_pane
        yield self.message
        yield self.keys_bar

    @property
    def help_pane(self) -> str:
        return "log" if self.log_pane.display else "health"

    def sample(self) -> None:
        """Remember how quick the broker is now."""
        health = self.state.health
        latency = health.api_latency_ms if health is not None and self.state.feed.is_live else None
        self.latencies.sample(self.state.clock.monotonic(), latency)

    def frame(self, changed: Changed, *, flashes: bool) -> None:
        super().frame(changed, flashes=flashes)
        if changed.link or changed.events or changed.keys.keys() & {"health", "orders", "guards"}:
            self._share_height()
            self.panel.paint()

    def second(self) -> None:
        super().second()
        self._share_height()
        self.panel.paint()
        if self.log_pane.display:
            self.read_log()

    # the log

    @work(group="log", name="log", exit_on_error=False)
    async def read_log(self) -> None:
        """Read what came since the last time. One reading at a time; one for a level that was left is dropped."""
        pane = self.log_pane
        if self._reading:
            return
        self._reading = True
        level, after = pane.level, pane.cursor
        try:
            tail = await requests.core_log(self.state.feed, level, after)
        except BrokerError as error:
            pane.fail(error.message)
        else:
            if (level, after) == (pane.level, pane.cursor):
                pane.take(tail)
        finally:
            self._reading = False

    def applies(self, action: Action) -> bool:
        if action.method in {"log_level", "close_log"}:
            return self.log_pane.display
        if action.method == "live_gate":
            return self.state.kind == "live" and self.state.feed.is_live
        return super().applies(action)

    def action_log(self) -> None:
        """Show the log, or put it away."""
        self._show_log(not self.log_pane.display)

    def action_live_gate(self) -> None:
        """What stands before live orders."""
        self.app.push_screen(LiveGateScreen(self.state.feed))

    def action_close_log(self) -> None:
        self._show_log(False)

    def action_log_level(self) -> None:
        """Another level, read anew."""
        self.log_pane.begin(self.log_pane.next_level())
        self.read_log()

    def _show_log(self, shown: bool) -> None:
        self.log_pane.display = shown
        self._share_height()
        self.keys_bar.paint()
        if shown:
            self.log_pane.focus()
            self.log_pane.begin()
            self.read_log()
        else:
            self.set_focus(None)

    def _share_height(self) -> None:
        """Beside the log the groups keep a line each where there is room, else the verdict alone."""
        lines = self.panel.least(self.size.width, grouped=self.size.height >= _TALL) if self.log_pane.display else 0
        if lines != self._panel_lines:
            self._panel_lines = lines
            self.panel.styles.height = lines or "1fr"

    def on_resize(self) -> None:
        self._share_height()

"""The alerts that are set, and the ones that were told; one can be taken away."""

from __future__ import annotations

from typing import ClassVar, Final

from textual import events, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from ibkr_tui.model.alerts import Alert, AlertState
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.text import clean
from ibkr_tui.tui import figures, requests
from ibkr_tui.tui.desk_state import DeskState

TOLD: Final = "ALERT"
_LAST_TOLD: Final = 5


class AlertList(ModalScreen[None]):
    """- or Delete takes the marked alert away; Escape closes."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape,q,A", "dismiss", "Close")]

    def __init__(self, state: DeskState) -> None:
        super().__init__()
        self._state = state
        self._ids: list[str] = []
        self._shown: list[Content] = []
        self._problem = ""

    def compose(self) -> ComposeResult:
        with Vertical(id="box") as box:
            box.border_title = Content("Alerts")
            box.border_subtitle = Content("↑↓ choose · - take away · Esc close")
            yield OptionList(id="found", compact=True, markup=False)
            yield Static(id="says", markup=False)

    def on_mount(self) -> None:
        self.query_one("#found").focus()
        self.second()

    def second(self) -> None:
        """Alerts may have come, gone or been told."""
        if not self.query("#found"):
            return
        alerts = list(self._state.feed.alerts.rows.values())
        lines = [self._line(alert) for alert in alerts]
        options = self.query_one("#found", OptionList)
        if lines != self._shown:
            at = options.highlighted
            self._ids, self._shown = [alert.id for alert in alerts], lines
            options.clear_options()
            options.add_options([Option(line) for line in lines])
            options.highlighted = min(at or 0, len(lines) - 1) if lines else None
        options.display = bool(lines)
        self.query_one("#says", Static).update(self._says(alerts))

    def _line(self, alert: Alert) -> Content:
        armed = alert.state is AlertState.ARMED
        mark, style = ("●", "$accent") if armed else ("✓", "$muted")
        quote = self._state.quote(alert.conid)
        parts: list[str | tuple[str, str]] = [
            (f"{mark} ", style),
            (clean(alert.words, limit=60), "" if armed else "$muted"),
        ]
        if alert.repeat:
            parts.append((" · each time", "$muted"))
        if alert.fired_at is not None:
            value = figures.number(alert.fired_value, quote.decimals if quote is not None else 2)
            parts.append((f" · told {self._state.clock_time(alert.fired_at)} at {value}", "$accent"))
        if alert.note:
            parts.append((f" · {clean(alert.note, limit=80)}", "$muted"))
        if alert.problem:
            parts.append((f" · blind: {clean(alert.problem, limit=80)}", "$warn"))
        return Content.assemble(*parts)

    def _says(self, alerts: list[Alert]) -> Content:
        lines: list[Content] = []
        if self._problem:
            lines.append(Content.styled(self._problem, "$warn"))
        if not alerts:
            read = self._state.feed.alerts.is_read
            lines.append(
                Content("No alert is set. a sets one on the chosen instrument." if read else "Reading the alerts…")
            )
        told = [event for event in self._state.feed.recent if event.code == TOLD][-_LAST_TOLD:]
        if told:
            lines.append(Content.styled("Told last", "$muted"))
        lines += [
            Content.assemble((f"{self._state.clock_time(event.at)} ", "$muted"), clean(event.text, limit=160))
            for event in reversed(told)
        ]
        return Content("\n").join(lines)

    def on_key(self, event: events.Key) -> None:
        options = self.query_one("#found", OptionList)
        if event.key in {"minus", "delete"} and self._ids and options.highlighted is not None:
            event.stop()
            self.take_away(self._ids[options.highlighted])

    @work(group="alert", name="alert-away", exit_on_error=False)
    async def take_away(self, alert_id: str) -> None:
        """Ask the core to forget it; its row then goes."""
        try:
            await requests.remove_alert(self._state.feed, alert_id)
        except BrokerError as error:
            self._problem = clean(str(error), limit=200)
        else:
            self._problem = ""
            self._state.feed.alerts.rows.pop(alert_id, None)
        self.second()

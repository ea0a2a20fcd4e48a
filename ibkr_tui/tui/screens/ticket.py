"""The order ticket as a dialog, over any page."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.screen import ModalScreen

from ibkr_tui.tui.desk_state import DeskState
from ibkr_tui.tui.trade.form import TicketForm
from ibkr_tui.tui.trade.panel import TicketPanel


class TicketScreen(ModalScreen[None]):
    """`form` is what it begins with. Closes when the order stands, or by Escape; what is being sent goes on."""

    def __init__(self, state: DeskState, form: TicketForm, *, name_shown: str) -> None:
        super().__init__()
        self.panel = TicketPanel(state, form, name_shown=name_shown)

    def compose(self) -> ComposeResult:
        yield self.panel

    def on_mount(self) -> None:
        self.panel.focus_first()

    def second(self) -> None:
        """A second has passed."""
        self.panel.second()

    def on_screen_resume(self) -> None:
        self.panel.shown_again()

    @on(TicketPanel.Done)
    @on(TicketPanel.Left)
    def close(self) -> None:
        """Back to the page."""
        self.dismiss(None)

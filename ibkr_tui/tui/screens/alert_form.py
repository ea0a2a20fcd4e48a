"""Sets an alert on the chosen instrument: a price, the day's change, or a price that goes stale."""

from __future__ import annotations

from typing import ClassVar

import msgspec
from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Label, Static

from ibkr_tui.model.alerts import Alert, AlertKind
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.text import clean
from ibkr_tui.tui import requests
from ibkr_tui.tui.desk_state import DeskState
from ibkr_tui.tui.market.alert_draft import LABELS, AlertDraft, arguments, in_words, problem_of


class AlertForm(ModalScreen[Alert | None]):
    """Gives the alert that the core keeps, or None. A refusal stays in the form with its reason."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape", "dismiss(None)", "Close"),
        ("f2", "next_kind", "Kind"),
        ("f3", "next_direction", "Side"),
        ("f4", "again", "Again"),
    ]

    def __init__(self, state: DeskState, draft: AlertDraft) -> None:
        super().__init__()
        self._state = state
        self.draft = draft
        self._sends = False
        self._refusal = ""

    def compose(self) -> ComposeResult:
        with Vertical(id="box") as box:
            box.border_title = Content(f"Alert · {self.draft.symbol}")
            box.border_subtitle = Content("F2 kind · F3 side · F4 again · Enter set · Esc leave")
            yield Static(id="kind", markup=False)
            with Horizontal(classes="field"):
                yield Label("Level", classes="label")
                yield Input(self.draft.level, max_length=20, id="level", compact=True)
            with Horizontal(classes="field"):
                yield Label("Note", classes="label")
                yield Input(self.draft.note, placeholder="in your own words, if you like", max_length=80, id="note",
                            compact=True)  # fmt: skip
            yield Static(id="says", markup=False)

    def on_mount(self) -> None:
        self.query_one("#level", Input).focus()
        self._show()

    def second(self) -> None:
        """The present value has moved on."""
        if not self._sends:
            self._show()

    def _show(self) -> None:
        if not self.query("#says"):
            return
        draft, quote = self.draft, self._state.quote(self.draft.conid)
        side = "by itself" if draft.direction is None else str(draft.direction)
        side = "" if draft.kind is AlertKind.STALENESS else f"  ·  side {side}"
        again = "each time" if draft.repeat else "once"
        kind = Content.assemble(("Kind     ", "$muted"), (LABELS[draft.kind], "bold"), f"{side}  ·  {again}")
        self.query_one("#kind", Static).update(kind)
        problem = self._refusal or (problem_of(draft, quote) if draft.level.strip() else "")
        if problem:
            says = Content.styled(clean(problem, limit=300), "$warn")
        else:
            says = Content.styled(in_words(draft, quote) if draft.level.strip() else "Type a level.", "$muted")
        self.query_one("#says", Static).update(says)

    @on(Input.Changed)
    def typed(self, event: Input.Changed) -> None:
        """Keep what stands in the fields, and say what it means."""
        field = {"level": "level", "note": "note"}[event.input.id or ""]
        self._redraft(msgspec.structs.replace(self.draft, **{field: event.value}))

    def _redraft(self, draft: AlertDraft) -> None:
        """Another draft: what was refused was the one before."""
        self.draft, self._refusal = draft, ""
        self._show()

    def action_next_kind(self) -> None:
        """Price, change, staleness."""
        draft = self.draft.with_next_kind()
        level = self.query_one("#level", Input)
        with level.prevent(Input.Changed):
            level.value = draft.level
        self._redraft(draft)

    def action_next_direction(self) -> None:
        """Which side of the level."""
        self._redraft(self.draft.with_next_direction())

    def action_again(self) -> None:
        """Once, or each time."""
        self._redraft(msgspec.structs.replace(self.draft, repeat=not self.draft.repeat))

    @on(Input.Submitted)
    def send(self) -> None:
        """Ask the core to keep it, once what stands there is a number."""
        quote = self._state.quote(self.draft.conid)
        self._refusal = problem_of(self.draft, quote)
        if self._refusal:
            self._show()
        elif not self._sends:
            self._sends = True
            self.keep()

    @work(exclusive=True, group="alert", name="alert", exit_on_error=False)
    async def keep(self) -> None:
        """The core's answer closes the form; its refusal stays in it."""
        try:
            alert = await requests.add_alert(self._state.feed, arguments(self.draft))
        except BrokerError as error:
            self._refusal = str(error)
            self._show()
        else:
            self.dismiss(alert)
        finally:
            self._sends = False

"""Keys: a rotation or a first set-up, step by step. The core knows where it stands, so the page can close any time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from ibkr_tui.model.events import Severity
from ibkr_tui.model.health import SessionState
from ibkr_tui.model.rotation import RotationStatus
from ibkr_tui.model.text import clean
from ibkr_tui.tui.action import Action, Scope
from ibkr_tui.tui.actions import of_scope
from ibkr_tui.tui.desk_state import DeskState
from ibkr_tui.tui.feed import Changed, LinkState
from ibkr_tui.tui.rotation.steps import Scene, lines, step_of
from ibkr_tui.tui.screens.page import Page
from ibkr_tui.tui.screens.wizard import Wizard, is_first


class KeysScreen(Wizard, Page):
    """The stepper. `sample` is called each second, also while another page is current: trying goes on."""

    scope = Scope.KEYS
    action = "screen.keys"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(a.key, a.method, a.label, id=a.id, show=False) for a in of_scope(Scope.KEYS)
    ]

    def __init__(self, state: DeskState, keys: Mapping[str, str]) -> None:
        self.begin()
        self.caller = state.feed
        self.profile, self.kind = state.profile, state.kind
        super().__init__(state, keys)
        self._text = Static(id="steps", markup=False)
        self._body = VerticalScroll(self._text, id="wizard")

    def compose(self) -> ComposeResult:
        yield self.status
        yield self._body
        yield self.message
        yield self.keys_bar

    def on_mount(self) -> None:
        self._body.focus()
        self.repaint()

    def on_resize(self) -> None:
        self.repaint()

    @property
    def help_pane(self) -> str:
        return step_of(self.found) if self.found is not None else "keys_idle"

    # what the steps need

    @property
    def can_change(self) -> bool:
        return self.state.feed.is_live

    def monotonic(self) -> float:
        return self.state.clock.monotonic()

    def show_steps(self) -> None:
        self.repaint()
        self.keys_bar.paint()

    def say(self, words: str, severity: Severity = Severity.INFO) -> None:
        Page.say(self, words, severity)

    def applies(self, action: Action) -> bool:
        return self.does(action.method) if action.scope is Scope.KEYS else super().applies(action)

    # painting

    def frame(self, changed: Changed, *, flashes: bool) -> None:
        super().frame(changed, flashes=flashes)
        if changed.link:
            self._next_reading = 0.0
        if changed.link or "health" in changed.keys:
            self.repaint()

    def resume(self) -> None:
        self._next_reading = 0.0
        super().resume()

    def second(self) -> None:
        super().second()
        self.repaint()
        self.look_again()

    def repaint(self) -> None:
        """Show where it stands now."""
        if not self.is_mounted:
            return
        state = self.state
        what = "Set up keys" if self.found is not None and is_first(self.found) else "Rotate keys"
        if self.found is None or self.found.managed_by:
            what = "Keys"
        self._body.border_title = Content(f"{what} · {clean(state.profile, limit=30)}{_beside(state)}")
        self._body.border_subtitle = Content("F1 what is this?" + ("" if state.feed.is_live else " · STALE"))
        self._body.set_class(state.kind == "live", "live")
        if self.found is None:
            self._text.update(Content.styled(" " + clean(self._no_steps(), limit=400), "$muted"))
            return
        width = max(30, self._body.scrollable_content_region.width)
        self._text.update(Content("\n").join(lines(self._scene(self.found), width)))

    def _scene(self, found: RotationStatus) -> Scene:
        state, health = self.state, self.state.health
        login = ""
        if health is not None and state.feed.is_live:
            login = "logged in" if health.session is SessionState.READY else str(health.session)
        return Scene(
            found=found,
            now=state.clock.now(),
            zone=state.zone,
            profile=state.profile,
            kind=state.kind,
            account=state.account_id,
            is_demo=state.is_demo,
            login=login,
            login_keys=health.keys_id if health is not None else "",
            busy=self.busy,
            left=self.trying.left(state.clock.monotonic()) if self.trying.is_on else None,
            tries=self.trying.tries,
            problem=clean(self.problem, limit=600),
        )

    def _no_steps(self) -> str:
        link = self.state.feed.link
        if self.problem:
            return self.problem
        if link is LinkState.STARTING:
            return "The keys are shown when the core is ready."
        return "Reading how the keys stand…" if self.state.feed.is_live else "The keys come back with the core."


def _beside(state: DeskState) -> str:
    """The kind of account, where the profile's name does not say it already."""
    if state.kind == "live":
        return " · LIVE"
    return "" if state.kind in state.profile else f" · {state.kind}"

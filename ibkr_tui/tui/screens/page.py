"""A page: what stands under a number key, with the status bar on top, the message line and the keys at the bottom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

from textual.screen import Screen

from ibkr_tui.model.events import Event, Severity
from ibkr_tui.tui.action import Action, Scope
from ibkr_tui.tui.actions import by_id, of_scope
from ibkr_tui.tui.desk_state import DeskState
from ibkr_tui.tui.feed import Changed, LinkState
from ibkr_tui.tui.narrow import NarrowCompositor
from ibkr_tui.tui.widgets.keys_bar import KeysBar
from ibkr_tui.tui.widgets.message_line import MessageLine
from ibkr_tui.tui.widgets.status_bar import StatusBar

_CORELESS: Final = {LinkState.LOST, LinkState.REFUSED}


class Page(Screen[None]):
    """Painted by `frame` (what changed) and `second` (ages and clocks) while it is current, and not while another is.

    `scope` names its own keys in the action table, `action` the one that opens it. `missed_link` is set by the app when
    the link changed while the page was away.
    """

    scope: ClassVar[Scope]
    action: ClassVar[str]

    def __init__(self, state: DeskState, keys: Mapping[str, str]) -> None:
        super().__init__()
        self._compositor = NarrowCompositor()
        self.state = state
        self.missed_link = False
        self.status = StatusBar(id="status")
        self.message = MessageLine(id="message")
        actions = [*of_scope(self.scope), *of_scope(Scope.EVERYWHERE)]
        self.keys_bar = KeysBar(actions, lambda name: keys.get(name, by_id(name).key), self.applies, id="keys")

    @property
    def help_pane(self) -> str:
        """What help should explain first."""
        return ""

    def looks_at(self) -> set[int]:
        """The instruments whose prices can be seen on it now, and should stream."""
        return set()

    def looks_deep(self) -> set[int]:
        """The instruments whose depth can be seen on it now; they stream too."""
        return set()

    def frame(self, changed: Changed, *, flashes: bool) -> None:
        """Repaint what changed, and only what can be seen of it."""
        if changed.keys.keys() & {"account", "pnl", "health", "guards"} or changed.link:
            self.status.paint()
            self.message.paint()
        if changed.link or "health" in changed.keys:
            self.keys_bar.paint()
        if changed.events:
            self.message.say(changed.events[-1])

    def sample(self) -> None:
        """A second has passed, also for a page that is not current: here it may remember how things stand."""

    def second(self) -> None:
        """Ages, clocks and countdowns have moved on."""
        self.status.paint()
        self.message.paint()

    def resume(self) -> None:
        """The page is current again: show what changed while it was away."""
        rows = {name: set(mirror.rows) for name, mirror in self.state.feed.mirrors.items()}
        self.frame(Changed(rows, [], [], self.missed_link), flashes=False)
        self.missed_link = False
        self.second()
        self.keys_bar.paint()

    def applies(self, action: Action) -> bool:
        """Whether a key does something now."""
        if action.id == self.action:
            return False
        if action.method == "take_over":
            return self.state.is_competing
        return action.method != "start_core" or self.state.feed.link in _CORELESS

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        for known in of_scope(self.scope, Scope.EVERYWHERE):
            if known.method == action:
                return self.applies(known)
        return True

    def say(self, words: str, severity: Severity = Severity.INFO) -> None:
        """A sentence of the app's own, in the message line."""
        self.message.say(Event(self.state.clock.now(), words, severity))

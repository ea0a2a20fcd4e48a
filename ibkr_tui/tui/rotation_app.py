"""The wizard of the keys inline: under the prompt, without the alternate screen, so that the scrollback stays."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from typing import ClassVar, Final

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from ibkr_tui.model.clock import Clock
from ibkr_tui.model.events import Severity
from ibkr_tui.model.rotation import RotationDone
from ibkr_tui.model.text import clean
from ibkr_tui.tui import themes
from ibkr_tui.tui.action import Action, Scope
from ibkr_tui.tui.actions import keymap, of_scope, shown_key
from ibkr_tui.tui.fresh_key import FreshKey
from ibkr_tui.tui.rotation.calls import Caller
from ibkr_tui.tui.rotation.steps import Scene, lines, step_of
from ibkr_tui.tui.screens.help import HelpScreen
from ibkr_tui.tui.screens.wizard import Wizard, is_first
from ibkr_tui.tui.themed import ThemedApp

_TICK_S: Final = 15.0
_TONES: Final = {Severity.INFO: "$accent", Severity.WARNING: "$warn", Severity.ERROR: "$danger"}


class InlineWizard(Wizard):
    """Only as high as it must be. Leaving it loses nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(a.key, a.method, a.label, id=a.id, show=False) for a in of_scope(Scope.KEYS)),
        Binding("f1,question_mark", "explain", "Help", show=False),
        Binding("q,escape,ctrl+q,ctrl+c", "leave", "Leave", show=False),
    ]

    def __init__(
        self, caller: Caller, clock: Clock, *, profile: str, kind: str, account: str, zone: tzinfo | None
    ) -> None:
        self.begin()
        self.caller, self.profile, self.kind = caller, profile, kind
        self._clock = clock
        self._account = account
        self._zone = zone
        super().__init__()
        self._text = Static(id="steps", markup=False)
        self._body = VerticalScroll(self._text, id="wizard")
        self._said = Static(id="says", markup=False)
        self._keys = Static(id="inline-keys", markup=False)
        self._shown: dict[Static, Content] = {}

    def compose(self) -> ComposeResult:
        yield self._body
        yield self._said
        yield self._keys

    def on_mount(self) -> None:
        self._body.focus()
        self.set_interval(1, self._second, name="second")
        self.show_steps()
        self.read()

    def on_resize(self) -> None:
        self.show_steps()

    def monotonic(self) -> float:
        return self._clock.monotonic()

    def _second(self) -> None:
        """Countdowns and tries move on; it is read again when it is time."""
        self.sample()
        self.look_again()
        self.show_steps()

    def show_steps(self) -> None:
        if not self.is_mounted:
            return
        found = self.found
        what = "Set up keys" if found is not None and is_first(found) else "Rotate keys"
        live = " · LIVE" if self.kind == "live" else "" if self.kind in self.profile else f" · {self.kind}"
        self._body.border_title = Content(f"{what} · {clean(self.profile, limit=30)}{live}")
        self._body.border_subtitle = Content("F1 what is this?")
        self._body.set_class(self.kind == "live", "live")
        if found is None:
            self._text.update(Content.styled(" " + clean(self.problem or "Reading how the keys stand…", limit=400)))
        else:
            scene = Scene(
                found=found, now=_coarse(self._clock.now()), zone=self._zone, profile=self.profile, kind=self.kind,
                account=self._account, busy=self.busy,
                left=self.trying.left(self.monotonic()) // _TICK_S * _TICK_S if self.trying.is_on else None,
                tries=self.trying.tries, problem=clean(self.problem, limit=600),
            )  # fmt: skip
            width = max(30, self._body.scrollable_content_region.width or self.app.size.width - 3)
            self._show(self._text, Content("\n").join(lines(scene, width)))
        self._show(self._keys, self._hints())

    def _show(self, place: Static, words: Content) -> None:
        """Inline, the toolkit paints everything anew at every change: what stands there already is no change."""
        if self._shown.get(place) != words:
            self._shown[place] = words
            place.update(words)

    def say(self, words: str, severity: Severity = Severity.INFO) -> None:
        self._said.update(Content.styled(" " + clean(words, limit=300), _TONES.get(severity, "")))

    def _hints(self) -> Content:
        parts: list[str | tuple[str, str]] = [" "]
        for action in sorted((a for a in of_scope(Scope.KEYS) if a.rank), key=lambda a: a.rank):
            if self.does(action.method):
                parts += [(shown_key(action.key), "$accent"), (f" {action.label}  ", "$muted")]
        return Content.assemble(*parts, ("q", "$accent"), (" Leave", "$muted"))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if any(known.method == action for known in _steps()):
            return self.does(action)
        return super().check_action(action, parameters)

    def action_explain(self) -> None:
        """What this step is."""
        pane = step_of(self.found) if self.found is not None else "keys_idle"
        self.app.push_screen(HelpScreen(pane, getattr(self.app, "keys", {}), only=Scope.KEYS))

    def action_leave(self) -> None:
        """Nothing is lost; not while the test login is under way, whose answer is a moment away."""
        if self.busy:
            self.say("The answer is a moment away; then q leaves.", Severity.WARNING)
        else:
            self.app.exit(0)

    def _switched(self, done: RotationDone) -> None:
        """The switch ends what it was opened for."""
        super()._switched(done)
        self.app.exit(0)


class RotationApp(ThemedApp):
    """The wizard alone. `found` is how the keys stood when it was left."""

    TITLE = "ibkr_tui keys"
    CSS_PATH = ["app.tcss", "inline.tcss"]  # noqa: RUF012
    ENABLE_COMMAND_PALETTE = False
    ALLOW_SELECT = False
    INLINE_PADDING = 0
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (112, "-wide")]  # noqa: RUF012

    def __init__(
        self,
        caller: Caller,
        clock: Clock,
        *,
        profile: str,
        kind: str,
        account: str,
        theme: str = "",
        keys: Mapping[str, str] | None = None,
        zone: tzinfo | None = None,
    ) -> None:
        super().__init__()
        self.clock = clock
        self.fresh = FreshKey()
        self.keys = dict(keys or keymap({}).keys)
        found, _ = themes.load([place] if (place := themes.folder()) is not None else [])
        for each in found:
            self.register_theme(each)
        self.theme = theme if theme in {each.name for each in found} else themes.DEFAULT
        self.wizard = InlineWizard(caller, clock, profile=profile, kind=kind, account=account, zone=zone)

    def get_default_screen(self) -> Screen[None]:
        return self.wizard

    def monotonic(self) -> float:
        """Seconds of the injected clock, for judging key presses."""
        return self.clock.monotonic()

    async def on_event(self, event: events.Event) -> None:
        if not getattr(event, "is_forwarded", False):
            if isinstance(event, events.Key):
                self.fresh.pressed(self.clock.monotonic())
            elif isinstance(event, events.Paste):
                self.fresh.pasted(self.clock.monotonic())
        await super().on_event(event)

    def copy_public(self, text: str) -> None:
        """Hand something public to the clipboard of the terminal (OSC 52)."""
        super().copy_to_clipboard(text)

    def copy_to_clipboard(self, text: str) -> None:
        """Keep a copy inside the app: an escape sequence that writes the terminal's clipboard is a leak."""
        self._clipboard = text


def _coarse(now: datetime) -> datetime:
    """The time as a countdown here shows it: each change paints the whole wizard, ten thousand bytes of it."""
    late = now.second % _TICK_S + now.microsecond / 1e6
    return now + timedelta(seconds=_TICK_S - late if late else 0)


def _steps() -> list[Action]:
    return list(of_scope(Scope.KEYS))

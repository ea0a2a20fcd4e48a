"""A question with a few answers: the base of every confirmation. The harmless answer is the default."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, cast

import msgspec
from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from ibkr_tui.tui.actions import shown_key
from ibkr_tui.tui.fresh_key import SETTLE_S, FreshKey

_ROOM: Final = 74
"""Cells in a line of the box."""


class Answer(msgspec.Struct, frozen=True):
    """One answer. `guarded`: only a fresh press, made after the question could be read, gives it."""

    value: str
    label: str
    key: str
    guarded: bool = False


class GuardedApp:
    """What a confirmation needs of its app: its judge of key presses, and the monotonic time."""

    fresh: FreshKey

    def monotonic(self) -> float:
        """Seconds of the injected clock."""
        return 0.0


class ChoiceScreen(ModalScreen[str]):
    """Arrow keys move, Enter gives the marked answer, each answer has its key; Escape gives the harmless one."""

    def __init__(
        self,
        title: str | Content,
        body: Sequence[Content],
        answers: Sequence[Answer],
        *,
        tone: str = "",
        escape: int = 0,
    ) -> None:
        super().__init__()
        self.heading = title if isinstance(title, Content) else Content(title)
        self.body = list(body)
        self.answers = list(answers)
        self.marked = 0
        self.tone = tone
        self.escape = escape

    def compose(self) -> ComposeResult:
        with Vertical(id="box", classes=self.tone) as box:
            box.border_title = self.heading
            yield Static(Content("\n").join(self.body), id="body", markup=False)
            yield Static(self._line(), id="answers", markup=False)

    def on_mount(self) -> None:
        self.call_after_refresh(self._seen)

    def _seen(self) -> None:
        app = cast(GuardedApp, self.app)
        app.fresh.show(app.monotonic())

    def on_unmount(self) -> None:
        cast(GuardedApp, self.app).fresh.hide()

    def _line(self) -> Content:
        """All answers, each with its key beside it; what does not fit in one line goes on in the next."""
        parts: list[str | Content | tuple[str, str]] = []
        used, room = 0, min(_ROOM, self.app.size.width - 4)
        for index, answer in enumerate(self.answers):
            style = "reverse bold" if index == self.marked else ""
            label, key = f" {answer.label} ", f" {shown_key(answer.key)}  "
            needed = cell_len(label + key.rstrip())
            if used and used + needed > room:
                parts.append("\n")
                used = 0
            parts += [(label, style), (key, "$muted")]
            used += cell_len(label + key)
        return Content.assemble(*parts, self.aside())

    def aside(self) -> Content:
        """Words after the answers."""
        return Content("")

    def refresh_lines(self) -> None:
        """Bring body and answers up to date."""
        if self.query("#answers"):  # not before the mount, and not while closing
            self.query_one("#body", Static).update(Content("\n").join(self.body))
            self.query_one("#answers", Static).update(self._line())

    def on_key(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()
        if event.key in {"left", "right", "tab", "shift+tab", "up", "down"}:
            step = -1 if event.key in {"left", "shift+tab", "up"} else 1
            self.marked = (self.marked + step) % len(self.answers)
            self.refresh_lines()
            return
        if event.key == "escape":
            self.give(self.answers[self.escape])
            return
        for index, answer in enumerate(self.answers):
            if event.key == answer.key or (event.key == "enter" and index == self.marked):
                self._try(answer)
                return

    def _try(self, answer: Answer) -> None:
        app = cast(GuardedApp, self.app)
        now = app.monotonic()
        if not answer.guarded:
            self.give(answer)
        elif app.fresh.may_confirm(now):
            self.set_timer(SETTLE_S, lambda: self._give_alone(answer, now))

    def _give_alone(self, answer: Answer, pressed: float) -> None:
        if self.is_current and cast(GuardedApp, self.app).fresh.stood_alone(pressed):
            self.give(answer)

    def give(self, answer: Answer) -> None:
        """This is the answer."""
        self.dismiss(answer.value)

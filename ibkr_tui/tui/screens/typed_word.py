"""A question for what cannot be taken back: the person types a word, and no single key says yes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, cast

from textual import events
from textual.content import Content

from ibkr_tui.tui.screens.choice import Answer, ChoiceScreen, GuardedApp

DONE, LEFT = "done", "left"
_MOST: Final = 24


class TypedWordScreen(ChoiceScreen):
    """`done` when the word was typed and Enter pressed afresh, `left` by Escape. A paste never confirms."""

    def __init__(self, title: str, body: Sequence[Content], word: str) -> None:
        self.word = word
        self.typed = ""
        super().__init__(title, body, [Answer(LEFT, "Leave it", "escape")], tone="danger")

    def aside(self) -> Content:
        done = self._is_typed
        shown = self.typed or "…"
        return Content.assemble(
            (f"Type {self.word}: ", "$muted"),
            (shown, "bold" if done else ""),
            ("  then Enter" if done else "", "$danger"),
        )

    def on_key(self, event: events.Key) -> None:
        event.stop()
        event.prevent_default()
        app = cast(GuardedApp, self.app)
        if event.key == "escape":
            self.give(self.answers[0])
        elif event.key == "enter":
            if self._is_typed and app.fresh.may_confirm(app.monotonic()):
                self.dismiss(DONE)
        else:
            self._type(event)
            self.refresh_lines()

    @property
    def _is_typed(self) -> bool:
        """A word in capitals may be typed small; a name is typed as it is."""
        return self.word in {self.typed, self.typed.upper()}

    def _type(self, event: events.Key) -> None:
        if event.key == "backspace":
            self.typed = self.typed[:-1]
        elif event.key in {"ctrl+u", "ctrl+w"}:
            self.typed = ""
        elif event.character is not None and event.is_printable and event.character.isascii():
            self.typed = (self.typed + event.character)[: max(_MOST, len(self.word))]

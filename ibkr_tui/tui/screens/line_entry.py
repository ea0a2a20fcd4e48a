"""One line of text from a person: a name, a filter. Enter takes it, Escape leaves things as they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, Static


class LineEntry(ModalScreen[str | None]):
    """Gives the text, or None. `refuse` says what is wrong with a text, and it stays open; empty when nothing is."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "dismiss(None)", "Close")]

    def __init__(
        self, title: str, says: str, value: str = "", *, refuse: Callable[[str], str] | None = None, most: int = 60
    ) -> None:
        super().__init__()
        self._title = title
        self._says = says
        self._value = value
        self._refuse = refuse
        self._most = most

    def compose(self) -> ComposeResult:
        with Vertical(id="box") as box:
            box.border_title = Content(self._title)
            box.border_subtitle = Content("Enter take · Esc leave")
            yield Input(self._value, max_length=self._most, id="words", compact=True)
            yield Static(Content(self._says), id="says", markup=False)

    def on_mount(self) -> None:
        self.query_one(Input).focus()

    @on(Input.Submitted, "#words")
    def take(self, event: Input.Submitted) -> None:
        """Give the text, unless something is wrong with it."""
        problem = self._refuse(event.value) if self._refuse is not None else ""
        if problem:
            self.query_one("#says", Static).update(Content.styled(problem, "$warn"))
        else:
            self.dismiss(event.value.strip())

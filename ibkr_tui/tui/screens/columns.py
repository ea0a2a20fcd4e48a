"""Which columns the market board shows, in which order, and what it is sorted by."""

from __future__ import annotations

from typing import ClassVar, Final

import msgspec
from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from ibkr_tui.tui import figures
from ibkr_tui.tui.market.columns import COLUMNS, DEFAULT, SYMBOL
from ibkr_tui.tui.remembered import BoardLook

_KEYS: Final = "Space show · J K order · s sort · r turn · d default · Enter take · Esc"


class ColumnsScreen(ModalScreen[BoardLook | None]):
    """Gives the new look, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "dismiss(None)", "Close")]

    def __init__(self, look: BoardLook) -> None:
        super().__init__()
        self.look = look
        shown = [name for name in look.columns if name in COLUMNS]
        self._order = [SYMBOL, *shown, *(name for name in COLUMNS if name not in shown)]
        self._shown = {SYMBOL, *shown}
        self._at = 0

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="box") as box:
            box.border_title = Content("Columns")
            box.border_subtitle = Content(_KEYS)
            yield Static(self._text(), id="lines", markup=False)

    def on_mount(self) -> None:
        self.query_one("#box").can_focus = False
        self.set_focus(None)

    def _text(self) -> Content:
        lines: list[Content] = []
        for at, name in enumerate(self._order):
            label = "Symbol, always first" if name == SYMBOL else COLUMNS[name].label
            sorted_by = f"  {'▼' if self.look.falling else '▲'} sorted" if name == self.look.sort else ""
            lines.append(
                Content.assemble(
                    ("▸ " if at == self._at else "  ", "$accent"),
                    ("✓ " if name in self._shown else "· ", "$accent" if name in self._shown else "$muted"),
                    (figures.left(label, 32), "bold" if at == self._at else "" if name in self._shown else "$muted"),
                    (sorted_by, "$accent"),
                )
            )
        lines.append(Content.styled("Columns that do not fit are left out from the end.", "$muted"))
        return Content("\n").join(lines)

    def on_key(self, event: events.Key) -> None:
        name = self._order[self._at]
        handled = True
        match event.key:
            case "up" | "k":
                self._at = max(0, self._at - 1)
            case "down" | "j":
                self._at = min(len(self._order) - 1, self._at + 1)
            case "K" | "shift+up":
                self._move(-1)
            case "J" | "shift+down":
                self._move(1)
            case "space":
                self._toggle(name)
            case "s":
                self.look = msgspec.structs.replace(self.look, sort="" if self.look.sort == name else name)
            case "r":
                self.look = msgspec.structs.replace(self.look, falling=not self.look.falling)
            case "d":
                self._reset()
            case "enter":
                self._take()
            case _:
                handled = False
        if handled:
            event.stop()
            event.prevent_default()
            self._refresh_lines()

    def _refresh_lines(self) -> None:
        if not self.query("#lines"):
            return
        self.query_one("#lines", Static).update(self._text())
        box = self.query_one("#box", VerticalScroll)
        height = max(1, box.content_size.height)
        box.scroll_to(y=max(0, self._at - height + 2), animate=False)

    def _toggle(self, name: str) -> None:
        if name == SYMBOL:
            return
        if name in self._shown:
            self._shown.discard(name)
        else:
            self._shown.add(name)

    def _move(self, by: int) -> None:
        to = self._at + by
        if self._at == 0 or not 0 < to < len(self._order):
            return
        self._order.insert(to, self._order.pop(self._at))
        self._at = to

    def _reset(self) -> None:
        self.look = BoardLook()
        self._shown = {SYMBOL, *DEFAULT}
        self._order = [SYMBOL, *DEFAULT, *(name for name in COLUMNS if name not in DEFAULT)]
        self._at = 0

    def _take(self) -> None:
        chosen = tuple(name for name in self._order if name in self._shown and name != SYMBOL)
        self.dismiss(msgspec.structs.replace(self.look, columns=chosen))

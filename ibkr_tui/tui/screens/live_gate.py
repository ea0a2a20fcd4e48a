"""The gate before live orders: what is met and what is not, and the checklist that is acknowledged word by word."""

from __future__ import annotations

from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.live_gate import CheckState, GateState, LiveGate
from ibkr_tui.model.text import clean
from ibkr_tui.tui import requests
from ibkr_tui.tui.feed import Feed
from ibkr_tui.tui.screens.typed_word import DONE, TypedWordScreen

_LONGEST = 70


class LiveGateScreen(ModalScreen[None]):
    """Arrow keys choose an item, Enter asks for its words. What the core refuses is said here."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "dismiss(None)", "Close")]

    def __init__(self, feed: Feed) -> None:
        super().__init__()
        self._feed = feed
        self._found: LiveGate | None = None

    def compose(self) -> ComposeResult:
        with Vertical(id="box", classes="danger") as box:
            box.border_title = Content("Live gate")
            box.border_subtitle = Content("↑↓ choose · Enter acknowledge · Esc close")
            yield Static("Reading how the gate stands…", id="gates", markup=False)
            yield OptionList(id="items", compact=True, markup=False)
            yield Static("", id="says", markup=False)

    def on_mount(self) -> None:
        self.query_one(OptionList).display = False
        self.read()

    @work(exclusive=True, group="live gate", name="live gate", exit_on_error=False)
    async def read(self) -> None:
        """Ask how it stands."""
        try:
            found = await requests.live_gate(self._feed)
        except BrokerError as error:
            self._say(clean(str(error), limit=400), "$warn")
            return
        self._show(found)

    def _show(self, found: LiveGate) -> None:
        if not self.query("#items"):  # an answer that comes while this closes
            return
        self._found = found
        self.query_one("#gates", Static).update(Content("\n").join([_gate_line(gate) for gate in found.gates]))
        items = self.query_one(OptionList)
        marked = items.highlighted
        items.clear_options()
        items.add_options([Option(_item_line(item)) for item in found.checklist])
        missing = [at for at, item in enumerate(found.checklist) if not item.is_open]
        items.highlighted = missing[0] if missing else marked or 0
        items.display = found.applies
        items.focus()
        if not found.applies:
            self._say("This profile is a paper profile: nothing stands before its orders here.")
        elif found.is_open:
            market = "" if found.allow_market else " No market orders."
            self._say(f"OPEN: every approved order goes to the exchange.{market}", "bold $live")
        else:
            self._say("LOCKED: no order of this profile leaves. Cancels do.")

    def _say(self, words: str, style: str = "$muted") -> None:
        if self.query("#says"):
            self.query_one("#says", Static).update(Content.styled(words, style))

    @on(OptionList.OptionSelected)
    def chosen(self, event: OptionList.OptionSelected) -> None:
        """Ask for the words of the marked item."""
        if self._found is None:
            return
        item = self._found.checklist[event.option_index]

        def typed(given: str | None) -> None:
            if given == DONE:
                self.acknowledge(item)

        body = [Content(clean(item.means, limit=400))]
        self.app.push_screen(TypedWordScreen(_title(item), body, item.word), typed)

    @work(exclusive=True, group="live gate", name="acknowledge", exit_on_error=False)
    async def acknowledge(self, item: CheckState) -> None:
        """Say it to the core, once."""
        try:
            found = await requests.acknowledge_live(self._feed, str(item.item), item.word)
        except BrokerError as error:
            self._say(f"Not acknowledged: {clean(str(error), limit=400)}", "$warn")
            return
        self._show(found)


def _gate_line(gate: GateState) -> Content:
    """A condition that is met says what was found, another one what to do."""
    if gate.is_open:
        return Content.assemble(("✓ ", "$accent"), (clean(gate.found, limit=_LONGEST), "$muted"))
    return Content.assemble(("✗ ", "bold $danger"), clean(gate.todo or gate.found, limit=200))


def _item_line(item: CheckState) -> Content:
    name = _title(item)
    if item.is_open and item.expires_at is not None:
        return Content.assemble(("  ✓ ", "$accent"), name, (f"  until {item.expires_at:%Y-%m-%d}", "$muted"))
    note = f"  {clean(item.note, limit=60)}" if item.note else ""
    return Content.assemble(("  ○ ", "$warn"), (name, "bold"), (note, "$warn"))


def _title(item: CheckState) -> str:
    return str(item.item).replace("_", " ").capitalize()

"""Finds a symbol as it is typed: IBKR's listings, the preferred ones first; or takes several, by brace expansion."""

from __future__ import annotations

from typing import ClassVar, Final

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.timer import Timer
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.instruments import Listing
from ibkr_tui.model.text import clean
from ibkr_tui.tui import figures, requests
from ibkr_tui.tui.feed import Feed
from ibkr_tui.tui.market.braces import ExpansionError, expand, is_expansion

_PAUSE_S: Final = 0.2
_MOST: Final = 30


class SearchScreen(ModalScreen[Listing | tuple[str, ...] | None]):
    """Gives the chosen listing, or None; where `several` may be taken, also the symbols of an expansion. `verb`: what
    Enter does with it."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "dismiss(None)", "Close")]

    def __init__(self, feed: Feed, *, several: bool = False, verb: str = "take") -> None:
        super().__init__()
        self._verb = verb
        self._several = several
        self._expanded: tuple[str, ...] = ()
        self._feed = feed
        self._found: list[Listing] = []
        self._asked = ""
        self._pause: Timer | None = None

    def compose(self) -> ComposeResult:
        with Vertical(id="box") as box:
            box.border_title = Content("Find a symbol")
            box.border_subtitle = Content(f"↑↓ choose · Enter {self._verb} · Esc close")
            yield Input(placeholder="AAPL, Apple, EUR.USD …", max_length=400, id="words", compact=True)
            yield OptionList(id="found", compact=True, markup=False)
            yield Static(self._hint, id="says", markup=False)

    def on_mount(self) -> None:
        self.query_one("#found").can_focus = False
        self.query_one(Input).focus()

    @property
    def _hint(self) -> str:
        several = " Several at once: {AAPL,MSFT} or SP{Y,XL}." if self._several else ""
        return f"Type a symbol or a part of a name.{several}"

    @on(Input.Changed, "#words")
    def ask_soon(self, event: Input.Changed) -> None:
        """Wait until the typing pauses."""
        if self._pause is not None:
            self._pause.stop()
        words = event.value.strip()
        self._expanded = ()
        if self._several and is_expansion(words):
            self._expand(words)
            return
        self._show([], self._hint if not words else "Searching…")
        if words:
            self._pause = self.set_timer(_PAUSE_S, lambda: self.ask(words))

    def _expand(self, words: str) -> None:
        """Say what the braces stand for; no search."""
        try:
            self._expanded = expand(words)
        except ExpansionError as error:
            self._show([], str(error))
        else:
            count = len(self._expanded)
            self._show([], f"Enter adds {count} symbol{'' if count == 1 else 's'}: {', '.join(self._expanded)}")

    @work(exclusive=True, group="search", name="search", exit_on_error=False)
    async def ask(self, words: str) -> None:
        """Ask the core; only the newest question is answered."""
        self._asked = words
        try:
            found = await requests.search(self._feed, words)
        except BrokerError as error:
            says = f"Nothing is called “{words}”." if error.code == "SYMBOL_NOT_FOUND" else str(error)
            self._show([], clean(says))
            return
        best = sorted(found, key=lambda listing: (not listing.preferred, listing.symbol.upper() != words.upper()))
        self._show(best[:_MOST], "" if best else f"Nothing is called “{clean(words)}”.")

    def _show(self, found: list[Listing], says: str) -> None:
        if not self.query("#found"):  # an answer that comes while this closes
            return
        self._found = found
        options = self.query_one("#found", OptionList)
        options.clear_options()
        options.add_options([Option(_line(listing)) for listing in found])
        options.highlighted = 0 if found else None
        options.display = bool(found)
        note = self.query_one("#says", Static)
        note.update(Content(says))
        note.display = bool(says)

    def on_key(self, event: events.Key) -> None:
        options = self.query_one("#found", OptionList)
        steps = {"up": options.action_cursor_up, "down": options.action_cursor_down}
        steps |= {"pageup": options.action_page_up, "pagedown": options.action_page_down}
        if event.key in steps and self._found:
            event.stop()
            event.prevent_default()
            steps[event.key]()

    @on(Input.Submitted, "#words")
    def choose(self) -> None:
        """Take the marked listing. Before an answer has come, Enter waits for it."""
        if self._expanded:
            self.dismiss(self._expanded)
            return
        options = self.query_one("#found", OptionList)
        if self._found and options.highlighted is not None:
            self.dismiss(self._found[options.highlighted])

    @on(OptionList.OptionSelected)
    def clicked(self, event: OptionList.OptionSelected) -> None:
        """Take the clicked listing."""
        self.dismiss(self._found[event.option_index])


def _line(listing: Listing) -> Content:
    name = figures.left(clean(listing.name, limit=60), 30)
    where = f"{clean(listing.exchange, limit=10):<10}{clean(listing.currency, limit=4)}"
    kind = f"{clean(listing.sec_type, limit=6):<5}{where}"
    mark = "★ " if listing.preferred else "  "
    symbol = figures.left(clean(listing.symbol, limit=20), 12)
    return Content.assemble((mark, "$accent"), (symbol, "bold"), name, "  ", (kind, "$muted"))

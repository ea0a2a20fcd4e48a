"""The first screen of someone without a configuration: the demo, an account, a gateway, how it guards money."""

from __future__ import annotations

import os
from pathlib import Path
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from ibkr_tui.tui import figures, themes
from ibkr_tui.tui.crash import FramesOnly
from ibkr_tui.tui.screens.welcome_pages import connect_page, gateway_page, guards_page

DEMO: Final = "demo"
SETUP: Final = "setup"

_MENU: Final = (
    ("demo", "Try it now", "a full desk on a simulated market, offline"),
    ("connect", "Connect an account", "set up OAuth keys, about ten minutes, paper first"),
    ("gateway", "Use a local gateway", "you already run IBKR's Client Portal Gateway"),
    ("guards", "Read the docs", "how it guards your money"),
)


class WelcomeApp(FramesOnly):
    """Exits with `DEMO` or `SETUP` when the person wants that, else with None.

    `config_file` is where a configuration belongs, `example` the text of the shipped one.
    """

    TITLE = "ibkr_tui"
    CSS_PATH = "../welcome.tcss"
    ENABLE_COMMAND_PALETTE = False
    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "quit", "Quit", show=False),
        Binding("q", "quit", "Quit", show=False),
    ]

    def __init__(self, config_file: Path, example: str) -> None:
        super().__init__()
        self.config_file = config_file
        self._example = example
        found, _ = themes.load([place] if (place := themes.folder()) is not None else [])
        for theme in found:
            self.register_theme(theme)
        self.theme = themes.DEFAULT

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Every role has a colour, also in a theme of the toolkit's own."""
        return dict(themes.FALLBACK["variables"])

    def get_default_screen(self) -> Screen[None]:
        return MenuScreen()

    def write_starter(self) -> str:
        """Put the shipped example where the configuration belongs, never over one that is there; what to say."""
        path = self.config_file
        try:
            if os.path.lexists(path):
                return f"{path} is there already and was left as it is."
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            return f"{path} could not be written: {error.strerror}."
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(self._example)
        return f"Written: {path}. Put your account in it, then `ibkr-tui config check`."


class MenuScreen(Screen[None]):
    """Four ways to go on."""

    def compose(self) -> ComposeResult:
        yield Static(
            Content.assemble(("ibkr_tui", "bold $accent"), " · a terminal for Interactive Brokers"), id="title"
        )
        options = [
            Option(Content.assemble((figures.left(label, 22), "bold"), (words, "$muted")), id=name)
            for name, label, words in _MENU
        ]
        yield OptionList(*options, id="menu", compact=True, markup=False)
        yield Static(Content("↑↓ choose · Enter go on · q quit"), id="keys")

    def on_mount(self) -> None:
        self.query_one(OptionList).focus()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Go there."""
        app = self.app
        if event.option_id == "demo" or not isinstance(app, WelcomeApp):
            app.exit(DEMO)
        elif event.option_id == "connect":
            app.push_screen(PageScreen("Connect an account", connect_page(app.config_file), writes=True, begins=True))
        elif event.option_id == "gateway":
            app.push_screen(PageScreen("Use a local gateway", gateway_page(app.config_file), writes=True))
        else:
            app.push_screen(PageScreen("How it guards your money", guards_page(), writes=False))


class PageScreen(Screen[None]):
    """A page to read; `writes`: w writes a configuration to begin with; `begins`: Enter begins the set-up."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss", "Back", show=False),
        Binding("w", "write", "Write a configuration", show=False),
        Binding("enter", "begin", "Set up", show=False),
    ]

    def __init__(self, heading: str, page: Content, *, writes: bool, begins: bool = False) -> None:
        super().__init__()
        self._heading = heading
        self._page = page
        self._writes = writes
        self._begins = begins

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="page") as page:
            page.border_title = Content(self._heading)
            yield Static(self._page, markup=False)
        yield Static(Content(""), id="said", markup=False)
        begin = "Enter set up now · " if self._begins else ""
        write = "w write an example · " if self._writes else ""
        yield Static(Content(f"{begin}{write}↑↓ scroll · Esc back · q quit"), id="keys")

    def on_mount(self) -> None:
        self.query_one("#page").focus()

    def action_begin(self) -> None:
        """Leave for the set-up, which asks in the terminal itself."""
        if self._begins:
            self.app.exit(SETUP)

    def action_write(self) -> None:
        """Write the example."""
        app = self.app
        if self._writes and isinstance(app, WelcomeApp):
            self.query_one("#said", Static).update(Content(app.write_starter()))

"""The accounts of this login: which one the core trades on, and going over to another one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, cast

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.text import clean
from ibkr_tui.tui import requests
from ibkr_tui.tui.feed import Feed
from ibkr_tui.tui.requests import LoginAccount
from ibkr_tui.tui.screens.choice import GuardedApp


class AccountChoice(ModalScreen[str | None]):
    """Gives the account that the core goes over to; a refusal stays here. It takes two presses of Enter: everything,
    orders too, is of the other account then."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "dismiss(None)", "Close")]

    def __init__(self, feed: Feed) -> None:
        super().__init__()
        self._feed = feed
        self._found: Sequence[LoginAccount] = ()
        self._asked = ""

    def compose(self) -> ComposeResult:
        with Vertical(id="box") as box:
            box.border_title = Content("Accounts of this login")
            box.border_subtitle = Content("↑↓ choose · Enter select · Esc close")
            yield OptionList(id="accounts", compact=True, markup=False)
            yield Static("Reading the accounts…", id="says", markup=False)

    def on_mount(self) -> None:
        self.query_one(OptionList).display = False
        self.read()

    @work(exclusive=True, group="accounts", name="accounts", exit_on_error=False)
    async def read(self) -> None:
        """Ask which accounts there are."""
        try:
            found = await requests.accounts(self._feed)
        except BrokerError as error:
            self._say(f"No accounts: {clean(str(error), limit=300)}")
            return
        if not self.query("#accounts"):  # an answer that comes while this closes
            return
        self._found = found
        options = self.query_one(OptionList)
        options.add_options([Option(_line(account)) for account in found])
        options.highlighted = next((n for n, account in enumerate(found) if account.selected), 0) if found else None
        options.display = bool(found)
        options.focus()
        one = "This login has one account." if len(found) == 1 else "● is the account that everything is about now."
        self._say(one if found else "IBKR names no account of this login.")

    def _say(self, words: str) -> None:
        if self.query("#says"):
            self.query_one("#says", Static).update(Content(words))

    def on_key(self, event: events.Key) -> None:
        if event.key in {"q", "a"}:
            event.stop()
            self.dismiss(None)

    @on(OptionList.OptionHighlighted)
    def moved(self) -> None:
        """What was asked was asked of another line."""
        if self._asked:
            self._asked = ""
            self._say("● is the account that everything is about now.")

    @on(OptionList.OptionSelected)
    def chosen(self, event: OptionList.OptionSelected) -> None:
        """Ask, and at a second, fresh press go over to the marked account."""
        app = cast(GuardedApp, self.app)
        account = self._found[event.option_index]
        if account.selected:
            self.dismiss(None)
        elif self._asked != account.account:
            self._asked = account.account
            self._say(
                f"Go over to {clean(account.account, limit=24)}? Positions, P&L and every new order are that account's "
                "then. It takes a new login. Enter again does it."
            )
            app.fresh.show(app.monotonic())
        elif app.fresh.may_confirm(app.monotonic()):
            app.fresh.hide()
            self._say(f"Going over to {clean(account.account, limit=24)}…")
            self.switch(account.account)

    @work(exclusive=True, group="accounts", name="switch account", exit_on_error=False)
    async def switch(self, account: str) -> None:
        """Ask for it; the core says what is against it and what to do."""
        try:
            await self._feed.switch_account(account)
        except BrokerError as error:
            self._asked = ""
            self._say(clean(str(error), limit=400))
            return
        if self.is_attached:
            self.dismiss(account)


def _line(account: LoginAccount) -> Content:
    mark = "● " if account.selected else "  "
    return Content.assemble((mark, "$accent"), (clean(account.account, limit=24), "bold"))

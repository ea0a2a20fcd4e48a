"""What a person does to the watchlists on the Market page: symbols in and out, rows moved, lists made and named."""

from __future__ import annotations

from collections.abc import Callable

from textual.content import Content

from ibkr_tui.model.events import Severity
from ibkr_tui.model.instruments import Listing
from ibkr_tui.model.text import clean
from ibkr_tui.tui.remembered import BoardLook
from ibkr_tui.tui.screens.choice import Answer, ChoiceScreen
from ibkr_tui.tui.screens.columns import ColumnsScreen
from ibkr_tui.tui.screens.line_entry import LineEntry
from ibkr_tui.tui.screens.search import SearchScreen
from ibkr_tui.tui.subscriptions import Subscriptions
from ibkr_tui.tui.trade.page_keys import OrderPage
from ibkr_tui.tui.watchlist import ListError
from ibkr_tui.tui.widgets.market_board import MarketBoard

_DELETE, _KEEP = "delete", "keep"


def _refusal_of(change: Callable[[str], None]) -> Callable[[str], str]:
    """A change of the lists that says why it can't be; empty when it is done."""

    def refuse(text: str) -> str:
        try:
            change(text)
        except ListError as error:
            return str(error)
        return ""

    return refuse


class MarketLists(OrderPage):
    """A page with a market board. Every change is kept at once; what is refused is said."""

    board: MarketBoard
    subscriptions: Subscriptions

    def _changed(self, key: str | None = None) -> None:
        """The list is another, or has other rows."""
        self.board.sort_rows()
        if key is not None:
            self.board.select(key)
        self.board.paint()
        self.subscriptions.wake()
        self.keys_bar.paint()

    def action_find(self) -> None:
        """Find a symbol, or take several."""
        self.app.push_screen(SearchScreen(self.state.feed, several=True, verb="add"), self._add)

    def _add(self, found: Listing | tuple[str, ...] | None) -> None:
        if found is None:
            return
        watchlist = self.state.watchlist
        try:
            if isinstance(found, Listing):
                known = watchlist.key_of(found.conid)
                self._changed(known or watchlist.add(clean(found.symbol, limit=20), found.conid))
                return
            before = len(watchlist.rows)
            keys = [watchlist.add(symbol) for symbol in found]
        except ListError as error:
            self.say(str(error), Severity.WARNING)
            self._changed()
            return
        self._changed(keys[0])
        added = len(watchlist.rows) - before
        there = f"; {len(keys) - added} stood there already" if added < len(keys) else ""
        self.say(f"{added} symbol{'' if added == 1 else 's'} added to {watchlist.name}{there}.")

    def action_remove_symbol(self) -> None:
        """Take the selected line off the list."""
        key = self.board.selected
        row = self.state.watchlist.remove(key) if key is not None else None
        if row is not None:
            self._changed()
            self.say(f"{row.symbol} is off {self.state.watchlist.name}.")

    def action_raise_row(self) -> None:
        self._move(-1)

    def action_lower_row(self) -> None:
        self._move(1)

    def _move(self, by: int) -> None:
        key = self.board.selected
        if key is not None and self.state.watchlist.move(key, by):
            self._changed(key)

    def action_next_list(self) -> None:
        self._show_list(1)

    def action_list_before(self) -> None:
        self._show_list(-1)

    def _show_list(self, by: int) -> None:
        self.state.watchlists.step(by)
        self.board.words = ""
        self._changed()
        self.board.move_to(0)

    def action_new_list(self) -> None:
        """Begin a list."""
        says = "A name for the new list, 24 characters at most."
        self.app.push_screen(
            LineEntry("New watchlist", says, refuse=_refusal_of(self.state.watchlists.make), most=24), self._made
        )

    def _made(self, name: str | None) -> None:
        if name is not None:
            self.board.words = ""
            self._changed()
            self.say(f"{self.state.watchlist.name} is empty; / adds a symbol.")

    def action_rename_list(self) -> None:
        """Give the list another name."""
        lists = self.state.watchlists
        says = "Another name for this list."
        screen = LineEntry("Rename watchlist", says, lists.current.name, refuse=_refusal_of(lists.rename), most=24)
        self.app.push_screen(screen, lambda _: self.board.retitle())

    def action_delete_list(self) -> None:
        """Delete the list, after asking."""
        current = self.state.watchlist
        count = len(current.rows)
        body = [
            Content(f"{current.name} has {count} symbol{'' if count == 1 else 's'}. They are forgotten with it."),
            Content("Orders, positions and alerts stay as they are."),
        ]
        answers = [Answer(_KEEP, "Keep it", "k"), Answer(_DELETE, "Delete the list", "d", guarded=True)]
        self.app.push_screen(ChoiceScreen("Delete a watchlist", body, answers, tone="warn"), self._delete_if)

    def _delete_if(self, given: str | None) -> None:
        if given != _DELETE:
            return
        try:
            name = self.state.watchlists.delete()
        except ListError as error:
            self.say(str(error), Severity.WARNING)
            return
        self.board.words = ""
        self._changed()
        self.board.move_to(0)
        self.say(f"The list {name} is deleted.")

    def action_columns(self) -> None:
        """Choose and order the columns."""
        self.app.push_screen(ColumnsScreen(self.state.watchlists.look), self._look)

    def _look(self, look: BoardLook | None) -> None:
        if look is not None:
            self.state.watchlists.show(look)
            self._changed()
            self.board.repaint()

    def action_filter(self) -> None:
        """Show only some rows."""
        says = "Rows with every one of these words: symbol, name, type, STALE, HALTED… !word leaves rows out."
        self.app.push_screen(LineEntry("Filter", says, self.board.words), self._filter)

    def _filter(self, words: str | None) -> None:
        if words is not None:
            self.board.words = clean(words, limit=40)
            self._changed()

"""Activity: what was done and what came of it, as one time line; every line opens to what stands behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ClassVar, Final

import msgspec
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container

from ibkr_tui.model.audit import AuditPage
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.tui import requests
from ibkr_tui.tui.action import Action, Scope
from ibkr_tui.tui.actions import of_scope
from ibkr_tui.tui.activity.details import details, lacks, title
from ibkr_tui.tui.activity.entry import Entry, Kind
from ibkr_tui.tui.activity.timeline import Timeline
from ibkr_tui.tui.desk_state import Chosen, DeskState
from ibkr_tui.tui.feed import Changed
from ibkr_tui.tui.replay.feed import ReplayFeed
from ibkr_tui.tui.screens.line_entry import LineEntry
from ibkr_tui.tui.screens.page import Page
from ibkr_tui.tui.widgets.activity_board import ActivityBoard
from ibkr_tui.tui.widgets.activity_details import ActivityDetails
from ibkr_tui.tui.widgets.board import Board
from ibkr_tui.tui.widgets.replay_bar import ReplayBar

_AT_ONCE: Final = 500
_BEFORE: Final = 50
_SCROLL: Final = 5


class ActivityScreen(Page):
    """The board, and the details beside it on a wide screen, under it on a narrow one."""

    scope = Scope.ACTIVITY
    action = "screen.activity"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(a.key, a.method, a.label, id=a.id, show=False) for a in of_scope(Scope.ACTIVITY)
    ]

    def __init__(self, state: DeskState, keys: Mapping[str, str]) -> None:
        self.timeline = Timeline(state.feed)
        self.board = ActivityBoard(self.timeline, id="activity")
        self.pane = ActivityDetails(id="details")
        self.pane.display = False
        self.bar = ReplayBar(state.feed.player, id="replay") if isinstance(state.feed, ReplayFeed) else None
        self._asked: set[str] = set()
        self._note = ""
        self._stale = True
        super().__init__(state, keys)

    def compose(self) -> ComposeResult:
        yield self.status
        if self.bar is not None:
            yield self.bar
        with Container(id="activity-panes"):
            yield self.board
            yield self.pane
        yield self.message
        yield self.keys_bar

    def on_mount(self) -> None:
        self.board.focus()
        self._read()

    @property
    def help_pane(self) -> str:
        return "activity"

    # painting

    def frame(self, changed: Changed, *, flashes: bool) -> None:
        super().frame(changed, flashes=flashes)
        if self.bar is not None:
            self.bar.paint()
        if changed.audited or changed.fills or changed.events or changed.link or "health" in changed.keys:
            self._read()

    def resume(self) -> None:
        super().resume()
        self._read()

    def _read(self) -> None:
        self.timeline.read()
        self.board.rearrange()
        self._tell()

    def _tell(self, *, anew: bool = False) -> None:
        """Fill the details with what is selected."""
        entry = self.board.entry
        if not self.pane.display:
            return
        if entry is None:
            self.pane.tell("Details", (), "Select a line.", anew=True)
            return
        self.pane.tell(
            title(entry, self.timeline), details(entry, self.timeline, self.board.moment), self._note, anew=anew
        )

    @on(Board.Moved)
    def moved(self, message: Board.Moved) -> None:
        """Another line: its instrument is the chosen one, its details are shown."""
        entry = self.board.entry
        self.board.retitle()
        if entry is not None and entry.fill is not None and self.is_current:
            self.state.chosen = Chosen(entry.fill.symbol, entry.fill.conid)
        self._note = ""
        self._tell(anew=True)
        self._complete(entry)
        self.keys_bar.paint()

    # what is missing

    def _complete(self, entry: Entry | None) -> None:
        """Read the rest of the order's rows, once, while its details are open."""
        if self.pane.display and entry is not None and entry.order not in self._asked and lacks(entry, self.timeline):
            self._asked.add(entry.order)
            self.read_order(entry.order)

    @work(group="audit order", name="the audit of an order", exclusive=True, exit_on_error=False)
    async def read_order(self, coid: str) -> None:
        """The rows of one order, and the approvals before it."""
        self._note = "Reading the order's rows…"
        self._tell()
        try:
            self.timeline.older(await requests.audit(self.state.feed, count=_AT_ONCE, coid=coid))
            first = min((row.seq for row in self.timeline.rows_of(coid)), default=0)
            if first > 1:
                self.timeline.older(
                    await requests.audit(self.state.feed, count=_BEFORE, kinds=("approved",), before=first)
                )
        except BrokerError as error:
            self._asked.discard(coid)
            self._note = f"The audit cannot be read: {error.message}."
        else:
            self._note = ""
        self._read()

    @work(group="audit gap", name="a gap of the audit", exclusive=True, exit_on_error=False)
    async def read_gap(self, first: int, last: int) -> None:
        """The rows of a gap, newest first; one that is longer than an answer shrinks."""
        try:
            page: AuditPage = await requests.audit(
                self.state.feed, count=min(_AT_ONCE, last - first + 1), before=last + 1
            )
        except BrokerError as error:
            self.say(f"The audit cannot be read: {error.message}")
            return
        self.timeline.older(page)
        oldest = page.rows[0].seq if page.rows else last + 1
        if not page.more:
            self.timeline.nothing_before(oldest)
        if oldest > last:
            self.say("The journal has no row of that gap any more: they went to an export, or are missing.")
        self._read()

    # actions

    def applies(self, action: Action) -> bool:
        entry, wanted = self.board.entry, self.board.wanted
        if action.method.startswith("replay_"):
            return self.bar is not None
        own = {
            "this_symbol": bool(wanted.symbol or (entry is not None and entry.symbol)),
            "this_order": bool(wanted.order or (entry is not None and entry.order)),
            "open_row": entry is not None,
            "close": self.pane.display or not wanted.is_all,
            "details_down": self.pane.display,
            "details_up": self.pane.display,
        }
        return own[action.method] if action.method in own else super().applies(action)

    def action_open_row(self) -> None:
        """The details, or what is missing in a gap."""
        entry = self.board.entry
        if entry is None:
            return
        if entry.kind is Kind.GAP and entry.last:
            self.say("Reading the rows from the journal…")
            self.read_gap(entry.first, entry.last)
            return
        self._show_details(not self.pane.display)

    def _show_details(self, shown: bool) -> None:
        self.pane.display = shown
        self.set_class(shown, "-detailed")
        self._note = ""
        self.keys_bar.paint()
        self.call_after_refresh(self._tell, anew=True)
        self._complete(self.board.entry)

    def action_close(self) -> None:
        if self.pane.display:
            self._show_details(False)
        elif not self.board.wanted.is_all:
            self._want(kind=None, words="", symbol="", order="")

    def _want(self, **changes: object) -> None:
        self.board.want(msgspec.structs.replace(self.board.wanted, **changes))
        self._tell(anew=True)
        self.keys_bar.paint()

    def action_next_kind(self) -> None:
        """Another kind of lines."""
        self._want(kind=self.board.wanted.turned().kind)

    def action_this_symbol(self) -> None:
        """Only this symbol, or all of them again."""
        entry = self.board.entry
        self._want(symbol="" if self.board.wanted.symbol else entry.symbol if entry is not None else "")

    def action_this_order(self) -> None:
        """Only this order, or all of them again."""
        entry = self.board.entry
        self._want(order="" if self.board.wanted.order else entry.order if entry is not None else "")

    def action_find(self) -> None:
        """Only lines with some words."""
        says = "Every word must be in the line: a symbol, a state, an order's cOID, a text. Empty shows every line."
        self.app.push_screen(LineEntry("Find in the time line", says, self.board.wanted.words), self._found)

    def _found(self, words: str | None) -> None:
        if words is not None:
            self._want(words=words)

    # a replay

    def _steer(self, steer: Callable[[ReplayFeed], None]) -> None:
        feed = self.state.feed
        if self.bar is not None and isinstance(feed, ReplayFeed):
            steer(feed)
            self.bar.paint()
            self.keys_bar.paint()

    def action_replay_play(self) -> None:
        """Pause, or play on."""
        self._steer(lambda feed: feed.player.toggle())

    def action_replay_faster(self) -> None:
        self._steer(lambda feed: feed.player.change_speed(1))

    def action_replay_slower(self) -> None:
        self._steer(lambda feed: feed.player.change_speed(-1))

    def action_replay_step(self) -> None:
        """The next row."""
        self._steer(lambda feed: feed.step())

    def action_replay_again(self) -> None:
        """The day from its beginning."""
        self._steer(lambda feed: feed.begin_again())

    def action_row_up(self) -> None:
        self.board.move(-1)

    def action_row_down(self) -> None:
        self.board.move(1)

    def action_details_down(self) -> None:
        self.pane.scroll_by(_SCROLL)

    def action_details_up(self) -> None:
        self.pane.scroll_by(-_SCROLL)

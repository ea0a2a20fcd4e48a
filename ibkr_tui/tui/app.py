"""The trading app: one desk on one feed, one timer that paints, and the doors out."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Final

import msgspec
from textual import events
from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.filter import LineFilter
from textual.screen import Screen
from textual.worker import Worker, WorkerState

from ibkr_tui.model.clock import Clock, SystemClock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.events import Event, Severity
from ibkr_tui.model.masking import mask_accounts
from ibkr_tui.model.orders import Question
from ibkr_tui.model.text import clean
from ibkr_tui.tui import requests, themes
from ibkr_tui.tui.account_mask import AccountMask
from ibkr_tui.tui.action import Scope
from ibkr_tui.tui.actions import keymap, of_scope
from ibkr_tui.tui.bandwidth import SparingApp
from ibkr_tui.tui.commands import ActionCommands
from ibkr_tui.tui.control_guard import ControlGuard
from ibkr_tui.tui.desk_state import DeskState
from ibkr_tui.tui.feed import Feed
from ibkr_tui.tui.fresh_key import FreshKey
from ibkr_tui.tui.launcher import Launcher
from ibkr_tui.tui.own_files import write_private
from ibkr_tui.tui.pace import Pace
from ibkr_tui.tui.pages import PagedApp
from ibkr_tui.tui.palette import Palette, palette_of
from ibkr_tui.tui.remembered import Remembered
from ibkr_tui.tui.screens.alert_list import TOLD
from ibkr_tui.tui.screens.page import Page
from ibkr_tui.tui.screens.question import GONE, YES, QuestionScreen
from ibkr_tui.tui.screens.ticket import TicketScreen
from ibkr_tui.tui.settings import UiSettings
from ibkr_tui.tui.subscriptions import Subscriptions
from ibkr_tui.tui.themed import ThemedApp
from ibkr_tui.tui.trade.alarms import Alarms
from ibkr_tui.tui.trade.doors import Doors
from ibkr_tui.tui.trade.kill import Kill
from ibkr_tui.tui.watchlist import Watchlists

_AGAIN_S: Final = 2.0
_TOASTS: Final = 5


class TradingApp(PagedApp, SparingApp, ThemedApp):
    """`files` is the folder of the app's own files. Exits with the status for the shell."""

    TITLE = "ibkr_tui"
    CSS_PATH = "app.tcss"
    COMMANDS = {ActionCommands}  # noqa: RUF012
    ALLOW_SELECT = False
    COMMAND_PALETTE_BINDING = "ctrl+p"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (112, "-wide"), (150, "-huge")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(a.key, a.method, a.label, id=a.id, show=False, priority=a.id == "order.kill")
        for a in of_scope(Scope.EVERYWHERE)
    ]

    def __init__(
        self,
        launcher: Launcher,
        files: Path,
        settings: UiSettings | None = None,
        *,
        clock: Clock | None = None,
        feed: Feed | None = None,
        remembered: Remembered | None = None,
    ) -> None:
        self.take_settings(settings or UiSettings())
        self.clock: Clock = clock or SystemClock()
        self.fresh = FreshKey()
        guards: list[LineFilter] = [ControlGuard()]
        self._line_guards = [*guards, AccountMask()] if self.settings.mask_account else guards
        self.launcher = launcher
        self.remembered = remembered or Remembered(files)
        self.feed = feed or Feed(launcher, self.clock, secrets.token_hex(8))
        watchlists = Watchlists(self.remembered)
        self.state = DeskState(
            self.feed, watchlists, self.clock, profile=launcher.profile, kind=launcher.kind, is_demo=launcher.is_demo,
            spares_line=self.settings.low_bandwidth,
        )  # fmt: skip
        self.subscriptions = Subscriptions(self.state)
        self._pace = Pace(self.settings.frame_s)
        self._next_second = 0.0
        self._asking: QuestionScreen | None = None
        super().__init__()
        keys = keymap(self.settings.keymap)
        self._complaints = [*keys.problems, *self._take_themes()]
        self.palette: Palette = palette_of(self.theme_variables)
        self.keys = keys.keys
        self.doors = Doors(self, self.state)
        self.kill = Kill(self, self.state, self.doors)
        self.alarms = Alarms(self, self.state, self.doors)

    def monotonic(self) -> float:
        """Seconds of the injected clock, for judging key presses."""
        return self.clock.monotonic()

    # look

    def _take_themes(self) -> list[str]:
        places = [place for place in (themes.folder(), self.remembered.folder / "themes") if place and place.is_dir()]
        found, problems = themes.load(places)
        for theme in found:
            self.register_theme(theme)
        self._theme_names = [theme.name for theme in found]
        wanted = self.settings.theme or self.remembered.memory.theme
        if wanted and wanted not in self._theme_names:
            problems.append(f"There is no theme “{clean(wanted, limit=40)}”; {themes.DEFAULT} is used.")
            wanted = ""
        self.theme = wanted or themes.DEFAULT
        self.get_css_variables()
        return problems

    def get_line_filters(self) -> Sequence[LineFilter]:
        """What every painted line passes: the toolkit's, the last guard, and the mask of account ids if wanted."""
        return [*super().get_line_filters(), *self._line_guards]

    def watch_theme(self) -> None:
        self.palette = palette_of(self.get_css_variables())

    def action_next_theme(self) -> None:
        """The next theme, remembered for the next run."""
        names = self._theme_names
        at = names.index(self.theme) if self.theme in names else -1
        self.theme = names[(at + 1) % len(names)]
        self.remembered.keep(msgspec.structs.replace(self.remembered.memory, theme=self.theme))
        self.page.say(self.remembered.problem or f"Theme {self.theme}.")

    def action_save_picture(self) -> None:
        """The screen as it stands, account ids masked, as a file of the user's alone in the current directory."""
        place = Path.cwd() / f"ibkr-tui-{self.clock.now():%Y%m%d-%H%M%S}.svg"
        try:
            write_private(place, mask_accounts(self.export_screenshot(title="ibkr_tui")).encode())
        except OSError as error:
            self.page.say(f"No picture: {place.parent} cannot be written ({error.strerror}).")
        else:
            self.page.say(f"Picture saved: {place}")

    # life

    def get_default_screen(self) -> Screen[None]:
        return self.desk

    @property
    def page(self) -> Page:
        """The page that is current, also under a question or a ticket."""
        shown = [screen for screen in self.screen_stack if isinstance(screen, Page)]
        return shown[-1] if shown else self.desk

    def show_page(self, page: Page) -> None:
        """Make a page current. The desk stays beneath the others; nothing gets between a person and a question."""
        before = self.page
        if page is before or self.screen is not before:
            return
        if before is not self.desk:
            self.pop_screen()
        if page is not self.desk:
            self.push_screen(page)
        page.message.follow(before.message)
        page.resume()

    def action_show_desk(self) -> None:
        self.show_page(self.desk)

    def action_show_market(self) -> None:
        self.show_page(self.market)

    def action_show_positions(self) -> None:
        self.show_page(self.positions)

    def action_show_account(self) -> None:
        self.show_page(self.account)

    def action_show_options(self) -> None:
        self.show_page(self.options)

    def action_show_activity(self) -> None:
        self.show_page(self.activity)

    def action_show_health(self) -> None:
        self.show_page(self.health)

    def action_show_keys(self) -> None:
        self.show_page(self.key_sets)

    def action_show_trade(self) -> None:
        self.show_page(self.trade)

    def action_kill(self) -> None:
        """The kill switch, at once."""
        self.kill.press()

    def tell(self, words: str, severity: Severity = Severity.INFO) -> None:
        """A sentence in the message line of the page that is current."""
        self.page.say(words, severity)

    def alarm(self, words: str) -> None:
        """Words that are seen over everything."""
        self.notify(words, severity="error", markup=False, timeout=30)

    @property
    def may_ask(self) -> bool:
        """Whether a question may open: over a page or a ticket, not over another question."""
        return self.screen is self.page or isinstance(self.screen, TicketScreen)

    def action_start_core(self) -> None:
        """Attach again, starting a core."""
        self.feed.reconnect()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        for known in of_scope(Scope.EVERYWHERE):
            if known.method == action and self._screen_stack:
                return self.page.applies(known)
        return super().check_action(action, parameters)

    def on_mount(self) -> None:
        self.set_keymap(dict(self.keys))
        for problem in (*self._complaints, self.remembered.problem):
            if problem:
                self.notify(problem, severity="warning", markup=False, timeout=15)
        self.set_interval(self.settings.look_s, self._frame, name="frame")
        self.desk.call_after_refresh(self._go_on)

    def _go_on(self) -> None:
        """The first picture stands: see to everything that was not needed for it."""
        self.load_pages()
        for name in self._lasting:
            self._start(name)

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """A fault in background work is said and survived; nothing of its values is shown."""
        if event.state is WorkerState.ERROR and event.worker.error is not None:
            error = event.worker.error
            words = str(error) if isinstance(error, BrokerError) else f"{event.worker.name}: {type(error).__name__}"
            if place := self.on_fault(error):
                words += f". Where it happened is in {place}"
            self.notify(clean(words, limit=400), title="A fault of ours", severity="error", markup=False, timeout=15)
            if event.worker.name in self._lasting:
                self.set_timer(_AGAIN_S, lambda: self._start(str(event.worker.name)))

    @property
    def _lasting(self) -> dict[str, Callable[[], Coroutine[None, None, None]]]:
        """Work that goes on as long as the app does."""
        return {"feed": self.feed.run, "subscriptions": self.subscriptions.run}

    def _start(self, name: str) -> None:
        self.run_worker(self._lasting[name](), name=name, exit_on_error=False)

    def _frame(self) -> None:
        """Paint what changed, as often as the terminal can take it."""
        now = self.clock.monotonic()
        if not self._screen_stack:  # the last timer of an app that ends
            return
        if not self.line_is_free(now) or not self._pace.due(now, self._queued()):
            return
        changed = self.feed.take()
        page = self.page
        if changed.link or "health" in changed.keys:
            self.subscriptions.wake()
        for other in self.pages:
            other.missed_link = other.missed_link or (changed.link and other is not page)
        page.frame(changed, flashes=not (self.settings.low_bandwidth or self._pace.is_slow))
        ticket = self.screen.panel.conids if isinstance(self.screen, TicketScreen) else set()
        self.subscriptions.look(page.looks_at() | ticket, page.looks_deep())
        self._tell_alerts(changed.events)
        if "questions" in changed.keys or changed.link:
            self._look_for_questions()
        self.alarms.hear(changed.events)
        self.alarms.look()
        if now >= self._next_second:
            self._next_second = now + self.settings.second_s
            for each in self.pages:
                each.sample()
            page.second()
            second = getattr(self.screen, "second", None)
            if self.screen is not page and second is not None:
                second()

    def _tell_alerts(self, news: Iterable[Event]) -> None:
        """What a person asked to be told of: a toast over whatever is shown, and the bell once."""
        told = [event for event in news if event.code == TOLD]
        for event in told[-_TOASTS:]:
            self.notify(clean(event.text, limit=200), title="Alert", severity="warning", markup=False, timeout=20)
        if told:
            self.bell()

    def _queued(self) -> int:
        """Writes that wait for the terminal; the toolkit has no public measure of it."""
        writer = getattr(self._driver, "_writer_thread", None)
        if writer is None:
            return 0
        if not writer.is_alive():
            self.exit(129)
        return int(writer._queue.qsize())

    async def on_event(self, event: events.Event) -> None:
        if not getattr(event, "is_forwarded", False):
            if isinstance(event, events.Key):
                self.fresh.pressed(self.clock.monotonic())
            elif isinstance(event, events.Paste):
                self.fresh.pasted(self.clock.monotonic())
        await super().on_event(event)

    # IBKR's questions

    def _look_for_questions(self) -> None:
        rows = self.feed.questions.rows
        if self._asking is not None and self._asking.question.id not in rows:
            screen, self._asking = self._asking, None
            if screen.is_attached:
                screen.dismiss(GONE)
        for question in rows.values():
            is_ours = question.asked_face in {"", self.feed.face_id}
            if self._asking is None and is_ours and self.feed.is_live:
                screen = self._asking = QuestionScreen(question, self.state)
                self.push_screen(screen, lambda given, asked=question: self._answered(asked, given))

    def _answered(self, question: Question, given: str | None) -> None:
        self._asking = None
        self.feed.questions.rows.pop(question.id, None)
        if given not in {None, GONE}:
            answer = {"option": given} if given in question.options else {"confirmed": given == YES}
            self.run_worker(self._answer(question.id, answer), name="answer", exit_on_error=False)

    async def _answer(self, question_id: str, answer: Mapping[str, object]) -> None:
        try:
            await requests.answer(self.feed, question_id, answer)
        except BrokerError as error:
            self.notify(clean(str(error), limit=400), severity="error", markup=False, timeout=15)

    # doors

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """None of the toolkit's own: the action table has all there is."""
        return ()

    def action_command_palette(self) -> None:
        """Over the desk only: nothing may come between a person and a question."""
        if self.screen is self.page:
            super().action_command_palette()

    def action_help(self) -> None:
        """Help on the focused pane."""
        from ibkr_tui.tui.screens.help import HelpScreen  # noqa: PLC0415

        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen(self.page.help_pane, self.keys, first=self.page.scope))

    def action_leave(self) -> None:
        """Ask how to leave; a demo just goes."""
        from ibkr_tui.tui.screens.confirmations import quit_screen  # noqa: PLC0415

        if self.launcher.is_demo:
            self.exit(0)
        elif self.screen is self.page:
            self.push_screen(quit_screen(self.state), self._leave)

    def action_take_over(self) -> None:
        """Log the other program out, after a typed word."""
        from ibkr_tui.tui.screens.confirmations import take_over_screen  # noqa: PLC0415

        if self.screen is self.page and self.state.is_competing:
            self.push_screen(take_over_screen(), self._take_over_if)

    def _take_over_if(self, given: str | None) -> None:
        from ibkr_tui.tui.screens.typed_word import DONE  # noqa: PLC0415

        if given == DONE:
            self.page.say("Taking the session over…")
            self.run_worker(self._take_over(), name="take over", exit_on_error=False)

    async def _take_over(self) -> None:
        try:
            await requests.take_over(self.feed)
        except BrokerError as error:
            self.notify(clean(str(error), limit=400), severity="error", markup=False, timeout=15)
        else:
            self.page.say("The session is ours; the other program was logged out.")

    async def action_quit(self) -> None:
        """The toolkit's own way out asks too."""
        self.action_leave()

    def _leave(self, given: str | None) -> None:
        from ibkr_tui.tui.screens.confirmations import DETACH, STOP  # noqa: PLC0415

        if given == DETACH:
            self.exit(0)
        elif given == STOP:
            self.page.say("Stopping the core…")
            self.run_worker(self._stop(), name="stop", exit_on_error=False)

    async def _stop(self) -> None:
        """Stop the core, then go; a core that does not stop is said and stays."""
        try:
            await self.launcher.stop()
        except BrokerError as error:
            self.notify(clean(str(error), limit=400), severity="error", markup=False, timeout=15)
        else:
            self.exit(0)

    def copy_public(self, text: str) -> None:
        """Hand something public to the clipboard of the terminal (OSC 52)."""
        super().copy_to_clipboard(text)

    def copy_to_clipboard(self, text: str) -> None:
        """Keep a copy inside the app: an escape sequence that writes the terminal's clipboard is a leak."""
        self._clipboard = text

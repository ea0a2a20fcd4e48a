"""Keys: a rotation or a first set-up, step by step. The core knows where it stands, so the page can close any time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import ClassVar, Final

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.events import Severity
from ibkr_tui.model.health import SessionState
from ibkr_tui.model.rotation import RotationDone, RotationPhase, RotationStatus
from ibkr_tui.model.text import clean
from ibkr_tui.tui.action import Action, Scope
from ibkr_tui.tui.actions import of_scope
from ibkr_tui.tui.desk_state import DeskState
from ibkr_tui.tui.feed import Changed, LinkState
from ibkr_tui.tui.rotation import calls, questions
from ibkr_tui.tui.rotation.calls import TokenEntered
from ibkr_tui.tui.rotation.steps import Scene, lines, short, step_of
from ibkr_tui.tui.rotation.trying import HOPELESS, Trying
from ibkr_tui.tui.screens.page import Page
from ibkr_tui.tui.screens.token_form import TokenForm
from ibkr_tui.tui.screens.typed_word import DONE

_READ_EVERY_S: Final = 5.0
_KEPT: Final = 3
_STAGED: Final = {RotationPhase.UPLOAD, RotationPhase.PROVE, RotationPhase.EXPIRED}


class KeysScreen(Page):
    """The stepper. `sample` is called each second, also while another page is current: trying goes on."""

    scope = Scope.KEYS
    action = "screen.keys"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(a.key, a.method, a.label, id=a.id, show=False) for a in of_scope(Scope.KEYS)
    ]

    def __init__(self, state: DeskState, keys: Mapping[str, str]) -> None:
        super().__init__(state, keys)
        self.found: RotationStatus | None = None
        self.trying = Trying()
        self.problem = ""
        self.busy = ""
        self._text = Static(id="steps", markup=False)
        self._body = VerticalScroll(self._text, id="wizard")
        self._next_reading = 0.0
        self._reads = False

    def compose(self) -> ComposeResult:
        yield self.status
        yield self._body
        yield self.message
        yield self.keys_bar

    def on_mount(self) -> None:
        self._body.focus()
        self.repaint()

    def on_resize(self) -> None:
        self.repaint()

    @property
    def help_pane(self) -> str:
        return step_of(self.found) if self.found is not None else "keys_idle"

    # painting

    def frame(self, changed: Changed, *, flashes: bool) -> None:
        super().frame(changed, flashes=flashes)
        if changed.link:
            self._next_reading = 0.0
        if changed.link or "health" in changed.keys:
            self.repaint()

    def resume(self) -> None:
        self._next_reading = 0.0
        super().resume()

    def second(self) -> None:
        super().second()
        self.repaint()
        now = self.state.clock.monotonic()
        if self.state.feed.is_live and now >= self._next_reading and not self._reads:
            self._next_reading = now + _READ_EVERY_S
            self.read()

    def repaint(self) -> None:
        """Show where it stands now."""
        if not self.is_mounted:
            return
        state = self.state
        what = "Set up keys" if self.found is not None and _is_first(self.found) else "Rotate keys"
        if self.found is None or self.found.managed_by:
            what = "Keys"
        self._body.border_title = Content(f"{what} · {clean(state.profile, limit=30)}{_beside(state)}")
        self._body.border_subtitle = Content("F1 what is this?" + ("" if state.feed.is_live else " · STALE"))
        self._body.set_class(state.kind == "live", "live")
        if self.found is None:
            self._text.update(Content.styled(" " + clean(self._no_steps(), limit=400), "$muted"))
            return
        width = max(30, self._body.scrollable_content_region.width)
        self._text.update(Content("\n").join(lines(self._scene(self.found), width)))

    def _scene(self, found: RotationStatus) -> Scene:
        state, health = self.state, self.state.health
        login = ""
        if health is not None and state.feed.is_live:
            login = "logged in" if health.session is SessionState.READY else str(health.session)
        return Scene(
            found=found,
            now=state.clock.now(),
            zone=state.zone,
            profile=state.profile,
            kind=state.kind,
            account=state.account_id,
            is_demo=state.is_demo,
            login=login,
            login_keys=health.keys_id if health is not None else "",
            busy=self.busy,
            left=self.trying.left(state.clock.monotonic()) if self.trying.is_on else None,
            tries=self.trying.tries,
            problem=clean(self.problem, limit=600),
        )

    def _no_steps(self) -> str:
        link = self.state.feed.link
        if self.problem:
            return self.problem
        if link is LinkState.STARTING:
            return "The keys are shown when the core is ready."
        return "Reading how the keys stand…" if self.state.feed.is_live else "The keys come back with the core."

    # reading

    @work(group="keys", name="keys", exit_on_error=False)
    async def read(self) -> None:
        """How it stands, from the core: another face may have moved it on."""
        await self._read()

    async def _read(self) -> None:
        self._reads = True
        before = self.found
        try:
            self.found = await calls.status(self.state.feed)
        except BrokerError as error:
            if self.found is None:
                self.problem = str(error)
        else:
            if before is None:
                self.problem = ""
            if self.found.phase is RotationPhase.IDLE:
                self.trying.stop()
        finally:
            self._reads = False
        self._next_reading = self.state.clock.monotonic() + _READ_EVERY_S
        self.repaint()
        self.keys_bar.paint()

    # what can be done

    def applies(self, action: Action) -> bool:
        if action.scope is not Scope.KEYS:
            return super().applies(action)
        found = self.found
        if found is None or found.managed_by or self.busy:
            return False
        phase = found.phase
        return {
            "next_step": True,
            "enter_token": phase in {RotationPhase.UPLOAD, RotationPhase.PROVE},
            "copy_part": found.current is not None or found.staged is not None,
            "keep_trying": phase is RotationPhase.PROVE,
            "abort_stage": phase in _STAGED,
            "go_back": found.previous is not None,
            "prune_sets": len(found.versions) > _KEPT,
        }[action.method]

    @property
    def _must_name(self) -> bool:
        return self.state.kind == "live"

    @property
    def _word(self) -> str:
        return self.state.profile

    def action_next_step(self) -> None:
        """Whatever comes next."""
        found = self.found
        if found is None or not self._is_free():
            return
        if found.phase is RotationPhase.IDLE:
            self.app.push_screen(questions.start_screen(found), self._start_if)
        elif found.phase is RotationPhase.EXPIRED:
            self.app.push_screen(questions.expired_screen(found), self._expired_if)
        elif found.phase is RotationPhase.UPLOAD:
            self.action_enter_token()
        else:
            self._named("Prove and switch", questions.switch_words(found), self._prove_again)

    def _is_free(self) -> bool:
        if not self.state.feed.is_live:
            self.say("The core is not there: nothing can be changed now.", Severity.WARNING)
            return False
        return not self.busy

    def _named(self, title: str, body: list[Content], then: Callable[[str], None]) -> None:
        """On live only after the profile's name was typed."""
        if not self._must_name:
            then("")
            return

        def given(answer: str | None) -> None:
            if answer == DONE:
                then(self._word)

        self.app.push_screen(questions.typed(title, body, self._word), given)

    def _start_if(self, given: str | None) -> None:
        if given in {questions.KEEP, questions.GROUP_14}:
            first = self.found is not None and _is_first(self.found)
            body = [Content("New keys are made beside those in charge; nothing is switched.")]
            self._named(
                "Make the first keys" if first else "Make new keys",
                body,
                lambda name: self._do(
                    "Making two RSA-2048 pairs…",
                    lambda: calls.start(self.state.feed, group=str(given), confirm=name),
                    "The new keys are made. Now upload the three files.",
                ),
            )

    def _expired_if(self, given: str | None) -> None:
        if given == questions.RENEW:
            body = [Content("The stage gets another day; nothing is switched.")]
            self._named(
                "Renew the stage",
                body,
                lambda name: self._do(
                    "Renewing…",
                    lambda: calls.start(self.state.feed, renew=True, confirm=name),
                    "The stage has another day.",
                ),
            )
        elif given == questions.DROP:
            self.action_abort_stage()

    def action_enter_token(self) -> None:
        """The form for the portal's values."""
        found = self.found
        if found is None or found.staged is None or not self._is_free():
            return
        known = found.staged.consumer_key or (found.current.consumer_key if found.current is not None else "")
        form = TokenForm(self._prove_with, self._word, must_name=self._must_name, consumer_key=clean(known, limit=20))
        self.app.push_screen(form)

    async def _prove_with(self, entered: TokenEntered, name: str) -> None:
        """For the form. Raises the refusal; whatever it is, the page shows how it stands afterwards."""
        self.problem = ""
        try:
            self._switched(await calls.confirm(self.state.feed, entered, confirm=name))
        except BrokerError as error:
            self._not_switched(error)
            raise
        finally:
            await self._read()

    def _prove_again(self, name: str) -> None:
        self.busy, self.problem = "Testing: a login with the new set. It can take half a minute…", ""
        self.repaint()
        self.keys_bar.paint()
        self.app.run_worker(self._prove(name), name="prove", group="keys-do", exit_on_error=False)

    async def _prove(self, name: str) -> None:
        """With what was entered before."""
        try:
            self._switched(await calls.confirm(self.state.feed, None, confirm=name))
        except BrokerError as error:
            self._not_switched(error)
        finally:
            self.busy = ""
            await self._read()

    def _switched(self, done: RotationDone) -> None:
        self.trying.stop()
        old = f" Before it: {short(done.old_version)}; b goes back." if done.old_version else ""
        words = f"Switched: {short(done.version)} is in charge, and the core logs in with it.{old}"
        self.say(words)
        if self not in self.app.screen_stack:
            self.app.notify(clean(words, limit=300), title="Keys", markup=False, timeout=15)

    def _not_switched(self, error: BrokerError) -> None:
        """The refusal of a test login stands in the status; everything else is said here."""
        cause = str((error.details or {}).get("cause", ""))
        if cause in HOPELESS or error.code in {"ROTATION_EXPIRED", "ROTATION_NOT_STARTED", "CONFIRMATION_REQUIRED"}:
            self.trying.stop()
        if error.code not in {"IBKR_ROTATION_VALIDATION_FAILED", "TOKEN_INVALID"}:
            self.problem = f"{error.message[:1].upper()}{error.message[1:]} ({error.code}). {error.user_action}"

    def action_keep_trying(self) -> None:
        """Try every ten minutes, or stop."""
        if self.trying.is_on:
            self.trying.stop()
            self.say("No more tries. Enter tries once.")
            self.repaint()
        elif self.found is not None and self._is_free():
            self._named(
                "Keep trying",
                [*questions.switch_words(self.found), Content("It is tried every ten minutes until it works.")],
                self._begin_trying,
            )

    def _begin_trying(self, name: str) -> None:
        self.trying.begin(self.state.clock.monotonic(), name)
        self.say("Trying every ten minutes while this app is open; k stops.")
        self.sample()

    def sample(self) -> None:
        """A second has passed, on whichever page."""
        now = self.state.clock.monotonic()
        if self.trying.is_due(now) and self.state.feed.is_live and not self.busy:
            self.trying.tried(now)
            self._prove_again(self.trying.confirm)

    def action_abort_stage(self) -> None:
        """Drop the stage, after a word."""
        found = self.found
        if found is not None and found.staged is not None and self._is_free():
            word = self._word if self._must_name else "ABORT"
            self.app.push_screen(questions.abort_screen(found, word), self._abort_if)

    def _abort_if(self, given: str | None) -> None:
        if given == DONE:
            self.trying.stop()
            self._do("Dropping the stage…", lambda: calls.abort(self.state.feed), "The staged set is gone.")

    def action_go_back(self) -> None:
        """The previous set in charge again, after a word."""
        found = self.found
        if found is not None and found.previous is not None and self._is_free():
            word = self._word if self._must_name else "ROLLBACK"
            self.app.push_screen(questions.rollback_screen(found, word), self._go_back_if)

    def _go_back_if(self, given: str | None) -> None:
        if given == DONE:
            name = self._word if self._must_name else ""
            self._do(
                "Going back…",
                lambda: calls.rollback(self.state.feed, confirm=name),
                "The previous set is in charge again, and the core logs in with it.",
            )

    def action_prune_sets(self) -> None:
        """Old sets off the disk, after a question."""
        if self.found is not None and self._is_free():
            self.app.push_screen(questions.prune_screen(self.found, _KEPT), self._prune_if)

    def _prune_if(self, given: str | None) -> None:
        if given == questions.PRUNE:
            self._do("Taking old sets away…", lambda: calls.prune(self.state.feed, _KEPT), "Old sets are gone.")

    def _do(self, busy: str, work: Callable[[], Awaitable[object]], done: str) -> None:
        self.busy, self.problem = busy, ""
        self.repaint()
        self.keys_bar.paint()
        self.app.run_worker(self._doing(work, done), name="keys", group="keys-do", exit_on_error=False)

    async def _doing(self, work: Callable[[], Awaitable[object]], done: str) -> None:
        try:
            await work()
        except BrokerError as error:
            self.problem = f"{error.message[:1].upper()}{error.message[1:]} ({error.code}). {error.user_action}"
        else:
            self.say(done)
        finally:
            self.busy = ""
            await self._read()

    # copying

    def action_copy_part(self) -> None:
        """Choose a public part."""
        if self.found is not None:
            self.app.push_screen(questions.copy_screen(self.found), self._copy_if)

    def _copy_if(self, given: str | None) -> None:
        if self.found is None or not given:
            return
        try:
            text = questions.public_part(self.found, given)
        except OSError as error:
            self.say(f"It cannot be read: {error.strerror}.", Severity.ERROR)
            return
        if not text:
            self.say(f"Not copied: {Path(given).name} does not hold what it should.", Severity.ERROR)
            return
        copy = getattr(self.app, "copy_public", None)
        if copy is not None:
            copy(text)
            self.say(f"Copied: {Path(given).name}. If a paste brings something else, the terminal does not allow it.")


def _is_first(found: RotationStatus) -> bool:
    """A first set-up: nothing is in charge yet."""
    return not found.managed_by and found.current is None


def _beside(state: DeskState) -> str:
    """The kind of account, where the profile's name does not say it already."""
    if state.kind == "live":
        return " · LIVE"
    return "" if state.kind in state.profile else f" · {state.kind}"

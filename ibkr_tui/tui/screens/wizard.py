"""The steps of a rotation or a first set-up as a person goes through them: on the Keys page, and inline in a shell."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from textual import work
from textual.content import Content
from textual.screen import Screen

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.events import Severity
from ibkr_tui.model.rotation import RotationDone, RotationPhase, RotationStatus
from ibkr_tui.model.text import clean
from ibkr_tui.tui.rotation import calls, questions
from ibkr_tui.tui.rotation.calls import TokenEntered
from ibkr_tui.tui.rotation.steps import short
from ibkr_tui.tui.rotation.trying import HOPELESS, Trying
from ibkr_tui.tui.screens.entry_form import CONSUMER, TOKEN, VERIFIER, EntryForm
from ibkr_tui.tui.screens.typed_word import DONE

KEPT: Final = 3
_READ_EVERY_S: Final = 5.0
_SEARCH_READ_EVERY_S: Final = 1.0
_STAGED: Final = {RotationPhase.UPLOAD, RotationPhase.PROVE, RotationPhase.EXPIRED}


class Wizard(Screen[None]):
    """A face gives `caller`, `profile`, `kind`, `monotonic`, `can_change`, and shows and says what it is told to.

    `sample` is called each second, also while another page is current: trying goes on.
    """

    profile: str
    kind: str
    caller: calls.Caller

    def begin(self) -> None:
        """Nothing is known yet."""
        self.found: RotationStatus | None = None
        self.trying = Trying()
        self.problem = ""
        self.busy = ""
        self._next_reading = 0.0
        self._reads = False

    # what a face does

    @property
    def can_change(self) -> bool:
        """Whether there is somebody to ask."""
        return True

    @abstractmethod
    def monotonic(self) -> float:
        """Seconds of the injected clock."""

    @abstractmethod
    def show_steps(self) -> None:
        """Show where it stands now, and the keys that do something."""

    @abstractmethod
    def say(self, words: str, severity: Severity = Severity.INFO) -> None:
        """A sentence about what was done."""

    # reading

    @work(group="keys", name="keys", exit_on_error=False)
    async def read(self) -> None:
        """How it stands, from the core: another face may have moved it on."""
        await self._read()

    async def _read(self) -> None:
        self._reads = True
        before = self.found
        try:
            self.found = await calls.status(self.caller)
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
        searches = self.found is not None and self.found.search is not None
        self._next_reading = self.monotonic() + (_SEARCH_READ_EVERY_S if searches else _READ_EVERY_S)
        self.show_steps()

    def look_again(self) -> None:
        """Each second: read when it is time."""
        now = self.monotonic()
        if self.can_change and now >= self._next_reading and not self._reads:
            self._next_reading = now + _READ_EVERY_S
            self.read()

    # what can be done

    def does(self, method: str) -> bool:
        """Whether that step can be done now."""
        found = self.found
        if found is None or found.managed_by or self.busy:
            return False
        phase, searches = found.phase, found.search is not None
        return {
            "next_step": not searches,
            "enter_token": phase in {RotationPhase.UPLOAD, RotationPhase.PROVE},
            "ask_permission": phase in {RotationPhase.UPLOAD, RotationPhase.PROVE},
            "copy_part": found.current is not None or found.staged is not None,
            "keep_trying": phase is RotationPhase.PROVE,
            "abort_stage": phase in _STAGED or searches,
            "go_back": found.previous is not None,
            "prune_sets": len(found.versions) > KEPT,
        }[method]

    @property
    def _must_name(self) -> bool:
        return self.kind == "live"

    @property
    def _word(self) -> str:
        return self.profile

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
        if not self.can_change:
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
        first = self.found is not None and is_first(self.found)
        if given == questions.SEARCH:
            body = [Content("A prime is looked for, then new keys are made on this machine; nothing is switched.")]
            self._named("Look for a prime of your own", body, self._search)
        elif given in {questions.KEEP, questions.GROUP_14}:
            beside = "Nothing is in charge before it has logged in." if first else "Those in charge stay in charge."
            body = [Content(f"New keys are made on this machine. {beside}")]
            self._named(
                "Make the first keys" if first else "Make new keys",
                body,
                lambda name: self._do(
                    "Making two RSA-2048 pairs…",
                    lambda: calls.start(self.caller, group=str(given), confirm=name),
                    "The new keys are made. Now upload the three files.",
                ),
            )

    def _search(self, name: str) -> None:
        self.problem = ""
        self.say("Looking for a prime of your own; a stops it.")
        self.app.run_worker(self._searching(name), name="prime", group="keys-search", exit_on_error=False)
        self._next_reading = 0.0

    async def _searching(self, name: str) -> None:
        """As long as the core looks; where it is stands in the status."""
        try:
            staged = await calls.search(self.caller, confirm=name)
        except BrokerError as error:
            self.problem = _sentence(error)
        else:
            self.say("The new keys are made. Now upload the three files." if staged else "The search was stopped.")
        finally:
            await self._read()

    def _expired_if(self, given: str | None) -> None:
        if given == questions.RENEW:
            body = [Content("The stage gets another day; nothing is switched.")]
            self._named(
                "Renew the stage",
                body,
                lambda name: self._do(
                    "Renewing…",
                    lambda: calls.start(self.caller, renew=True, confirm=name),
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
        if found.authorize_url:
            self.app.push_screen(EntryForm(VERIFIER, self._prove_with, self._word, must_name=self._must_name))
            return
        known = found.staged.consumer_key or (found.current.consumer_key if found.current is not None else "")
        known = clean(known, limit=25)
        self.app.push_screen(
            EntryForm(TOKEN, self._prove_with, self._word, must_name=self._must_name, consumer_key=known)
        )

    def action_ask_permission(self) -> None:
        """A third party's way: a request token that a person allows in a browser."""
        if self.found is not None and self.found.staged is not None and self._is_free():
            self.app.push_screen(EntryForm(CONSUMER, self._ask_with, self._word, must_name=self._must_name))

    async def _ask_with(self, entered: TokenEntered, name: str) -> None:
        """For the form. Raises the refusal."""
        self.problem = ""
        try:
            await calls.authorize(self.caller, entered.consumer_key, confirm=name)
            self.say("Allow it at that address; then Enter takes the verifier.")
        finally:
            await self._read()

    async def _prove_with(self, entered: TokenEntered, name: str) -> None:
        """For the form. Raises the refusal; whatever it is, the page shows how it stands afterwards."""
        self.problem = ""
        try:
            self._switched(await calls.confirm(self.caller, entered, confirm=name))
        except BrokerError as error:
            self._not_switched(error)
            raise
        finally:
            await self._read()

    def _prove_again(self, name: str) -> None:
        self.busy, self.problem = "Testing: a login with the new set. It can take half a minute…", ""
        self.show_steps()
        self.app.run_worker(self._prove(name), name="prove", group="keys-do", exit_on_error=False)

    async def _prove(self, name: str) -> None:
        """With what was entered before."""
        try:
            self._switched(await calls.confirm(self.caller, None, confirm=name))
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
            self.problem = _sentence(error)

    def action_keep_trying(self) -> None:
        """Try every ten minutes, or stop."""
        if self.trying.is_on:
            self.trying.stop()
            self.say("No more tries. Enter tries once.")
            self.show_steps()
        elif self.found is not None and self._is_free():
            self._named(
                "Keep trying",
                [*questions.switch_words(self.found), Content("It is tried every ten minutes until it works.")],
                self._begin_trying,
            )

    def _begin_trying(self, name: str) -> None:
        self.trying.begin(self.monotonic(), name)
        self.say("Trying every ten minutes while this app is open; k stops.")
        self.sample()

    def sample(self) -> None:
        """A second has passed, on whichever page."""
        now = self.monotonic()
        if self.trying.is_due(now) and self.can_change and not self.busy:
            self.trying.tried(now)
            self._prove_again(self.trying.confirm)

    def action_abort_stage(self) -> None:
        """Drop the stage, after a word; or stop looking for a prime, at once."""
        found = self.found
        if found is not None and found.search is not None and self.can_change:
            self.app.run_worker(self._stop_search(), name="stop", group="keys-do", exit_on_error=False)
        elif found is not None and found.staged is not None and self._is_free():
            word = self._word if self._must_name else "ABORT"
            self.app.push_screen(questions.abort_screen(found, word), self._abort_if)

    async def _stop_search(self) -> None:
        try:
            await calls.stop_search(self.caller)
        except BrokerError as error:
            self.problem = _sentence(error)
        await self._read()

    def _abort_if(self, given: str | None) -> None:
        if given == DONE:
            self.trying.stop()
            self._do("Dropping the stage…", lambda: calls.abort(self.caller), "The staged set is gone.")

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
                lambda: calls.rollback(self.caller, confirm=name),
                "The previous set is in charge again, and the core logs in with it.",
            )

    def action_prune_sets(self) -> None:
        """Old sets off the disk, after a question."""
        if self.found is not None and self._is_free():
            self.app.push_screen(questions.prune_screen(self.found, KEPT), self._prune_if)

    def _prune_if(self, given: str | None) -> None:
        if given == questions.PRUNE:
            self._do("Taking old sets away…", lambda: calls.prune(self.caller, KEPT), "Old sets are gone.")

    def _do(self, busy: str, work: Callable[[], Awaitable[object]], done: str) -> None:
        self.busy, self.problem = busy, ""
        self.show_steps()
        self.app.run_worker(self._doing(work, done), name="keys", group="keys-do", exit_on_error=False)

    async def _doing(self, work: Callable[[], Awaitable[object]], done: str) -> None:
        try:
            await work()
        except BrokerError as error:
            self.problem = _sentence(error)
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
            what = "the address" if given == questions.PAGE else Path(given).name
            self.say(f"Copied: {what}. If a paste brings something else, the terminal does not allow it.")


def is_first(found: RotationStatus) -> bool:
    """A first set-up: nothing is in charge yet."""
    return not found.managed_by and found.current is None


def _sentence(error: BrokerError) -> str:
    return f"{error.message[:1].upper()}{error.message[1:]} ({error.code}). {error.user_action}"

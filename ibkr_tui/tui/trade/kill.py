"""The kill switch's key: on at once, off only by a typed word. Where no core answers, it says what works then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from textual.screen import Screen

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.events import Severity
from ibkr_tui.model.text import clean
from ibkr_tui.tui.desk_state import DeskState
from ibkr_tui.tui.screens import closing
from ibkr_tui.tui.screens.typed_word import DONE
from ibkr_tui.tui.trade import writes
from ibkr_tui.tui.trade.doors import Doors, Host


class KillHost(Host, Protocol):
    """What the key needs of the app."""

    @property
    def may_ask(self) -> bool:
        """Whether a question may open: not over another one."""
        ...

    def alarm(self, words: str) -> None:
        """Words that are seen over everything."""
        ...


class Kill:
    """One for the app."""

    def __init__(self, app: KillHost, state: DeskState, doors: Doors) -> None:
        self._app = app
        self._state = state
        self._doors = doors

    def press(self) -> None:
        """The key: trip it; when it is on already, ask what next."""
        guards = self._state.guards
        if guards is not None and guards.kill_switch and self._state.feed.is_live:
            self._ask()
        else:
            self._app.run_worker(self._trip(), name="kill", group="kill", exit_on_error=False)

    async def _trip(self) -> None:
        try:
            await writes.kill(self._state.feed, on=True)
        except BrokerError as error:
            words = clean(str(error), limit=300)
            self._app.alarm(f"The kill switch is NOT on: {words} `ibkr-tui kill on` in a shell needs no core.")
        else:
            self._app.tell("The kill switch is ON: no new order leaves.", Severity.ERROR)
            self._ask()

    def _ask(self) -> None:
        if self._app.may_ask:
            self._open(closing.kill_screen(self._state), self._chosen)

    def _open(self, screen: Screen[Any], then: Callable[[Any], None]) -> None:
        self._app.push_screen(screen, then)

    def _chosen(self, given: str | None) -> None:
        if given == closing.CANCEL:
            self._doors.cancel_all_if(given)
        elif given == closing.LIFT:
            self._open(closing.kill_off_screen(), self._lifted)

    def _lifted(self, typed: str | None) -> None:
        if typed == DONE:
            self._app.run_worker(self._lift(), name="kill", group="kill", exit_on_error=False)

    async def _lift(self) -> None:
        try:
            await writes.kill(self._state.feed, on=False)
        except BrokerError as error:
            self._app.tell(f"The kill switch stays on: {clean(str(error), limit=300)}", Severity.ERROR)
        else:
            self._app.tell("The kill switch is off; orders can leave again.")

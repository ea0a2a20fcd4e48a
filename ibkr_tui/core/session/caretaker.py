"""Looking after a gateway's session: is it good, wait for a person to log in, and mend what can be mended.

`/iserver/reauthenticate` is deprecated: `ssodh/init` opens the brokerage session again. A logout ends the person's
login, too, so nothing can be opened after it until a person has logged in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

import msgspec

from ibkr_tui.core.session.authenticator import Query
from ibkr_tui.core.session.brokerage import read_status
from ibkr_tui.core.session.maintenance import Action, decide
from ibkr_tui.core.web.answer import Answer
from ibkr_tui.core.web.errors import problem_of
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.unreadable import UNREADABLE

LOGIN_WITHIN_S: Final = 240.0
LOOK_EVERY_S: Final = 2.0
TELL_EVERY_S: Final = 20.0
MENDED_WITHIN_S: Final = 10.0
_INIT: Final = "/iserver/auth/ssodh/init"


class Calls(Protocol):
    """What it needs of the transport."""

    async def get(self, path: str, query: Query = (), *, deadline: float = ..., settled: bool = ...) -> Answer: ...

    async def post(self, path: str, body: Any = None, *, deadline: float = ..., settled: bool = ...) -> Answer: ...


class Check(msgspec.Struct, frozen=True):
    """One thing that `verify` looked at; `found` says what it saw."""

    name: str
    ok: bool
    found: str


class Upkeep(msgspec.Struct, frozen=True):
    """What was decided, what was done about it, and what the session needs now."""

    action: Action
    done: tuple[str, ...]
    now: Action
    message: str


class Caretaker:
    """Of the gateway whose login page is `login_url`."""

    def __init__(self, calls: Calls, login_url: str, clock: Clock) -> None:
        self._calls = calls
        self._clock = clock
        self.login_url = login_url

    async def verify(self) -> list[Check]:
        """The three calls that must be answered, and the three things they must say. Raises IBKR_UNAVAILABLE."""
        validate = await self._calls.get("/sso/validate", settled=False)
        tickle = await self._calls.post("/tickle", settled=False)
        answer = await self._calls.post("/iserver/auth/status", settled=False)
        checks = [
            _answered("sso/validate", validate),
            _answered("tickle", tickle),
            _answered("auth/status", answer),
        ]
        try:
            status = read_status(answer, "the session's status")
        except BrokerError:
            said = {"authenticated": False, "connected": False, "not competing": False}
            return checks + [Check(name, ok, "not known") for name, ok in said.items()]
        return [
            *checks,
            Check("authenticated", status.authenticated, _yes(status.authenticated)),
            Check("connected", status.connected, _yes(status.connected)),
            Check("not competing", not status.competing, "another program competes" if status.competing else "yes"),
        ]

    async def wait_for_login(self, within: float, tell: Callable[[str], None]) -> float:
        """Look until the session is good; how many seconds it took. `tell` gets a line now and then.

        Raises IBKR_LOGIN_REQUIRED after `within` seconds, or IBKR_UNAVAILABLE when the gateway never answered.
        """
        began = self._clock.monotonic()
        told, told_at = "", began
        while True:
            problem, passed = await self._look(), self._clock.monotonic() - began
            if problem is None:
                return passed
            if passed >= within:
                raise problem
            if problem.message != told or self._clock.monotonic() - told_at >= TELL_EVERY_S:
                told, told_at = problem.message, self._clock.monotonic()
                tell(f"{problem.message} ({max(0.0, within - passed):.0f} s left)")
            await self._clock.sleep(min(LOOK_EVERY_S, within - passed))

    async def decide(self) -> Action:
        """What the session needs. Raises IBKR_UNAVAILABLE."""
        return (await self._tickle())[0]

    async def maintain(self) -> Upkeep:
        """Decide and do it. Raises IBKR_UNAVAILABLE, or what is wrong with an answer that decides nothing."""
        action, answer = await self._tickle()
        if action is Action.NOOP:
            return Upkeep(action, (), action, "the session is good; nothing to do")
        if action is Action.ERROR:
            raise self._error(answer)
        if action is Action.LOGIN_REQUIRED:
            return Upkeep(action, (), action, f"nobody is logged in; log in at {self.login_url}")
        if action is Action.LOGOUT_THEN_REAUTH:
            await self._calls.post("/logout", settled=False)
            message = f"logged out; the session can't be opened again until a person logs in at {self.login_url}"
            return Upkeep(action, ("POST /logout",), Action.LOGIN_REQUIRED, message)
        now = await self._mend()
        message = "the brokerage session is open again" if now is Action.NOOP else f"the session still needs: {now}"
        return Upkeep(action, (f"POST {_INIT}", "POST /tickle"), now, message)

    async def _mend(self) -> Action:
        """Open the brokerage session, and look until it is good or time is up."""
        await self._open()
        until = self._clock.monotonic() + MENDED_WITHIN_S
        while (action := await self.decide()) is not Action.NOOP and self._clock.monotonic() < until:
            await self._clock.sleep(1.0)
        return action

    async def _open(self) -> None:
        """`compete` never: taking the username from another program is a person's choice."""
        await self._calls.post(_INIT, {"publish": True, "compete": False}, settled=False)

    async def _look(self) -> BrokerError | None:
        """None when the session is good, else what it waits for."""
        try:
            action, answer = await self._tickle()
            if action is Action.REAUTH:
                await self._open()
                return BrokerError("IBKR_NO_SESSION", "somebody has logged in; the brokerage session is being opened")
        except BrokerError as error:
            if error.code == "IBKR_UNAVAILABLE":
                return BrokerError(error.code, "the gateway does not answer; is it running?", details=error.details)
            return error
        if action is Action.NOOP:
            return None
        if action is Action.LOGOUT_THEN_REAUTH:
            return BrokerError(
                "IBKR_COMPETING_SESSION", "somebody has logged in, but the brokerage session is not connected, or taken"
            )
        return self._error(answer) if action is Action.ERROR else self._nobody()

    async def _tickle(self) -> tuple[Action, Answer]:
        answer = await self._calls.post("/tickle", settled=False)
        try:
            body = msgspec.json.decode(answer.body) if answer.status == 200 else None
        except UNREADABLE:
            body = None
        return decide(answer.status, body), answer

    def _error(self, answer: Answer) -> BrokerError:
        """An answer that decides nothing; a 401 says that nobody is logged in."""
        if answer.status == 401:
            return self._nobody()
        problem = problem_of(answer, "the keep-alive")
        return problem or BrokerError("IBKR_RESPONSE_INVALID", "the keep-alive's answer could not be read")

    def _nobody(self) -> BrokerError:
        return BrokerError(
            "IBKR_LOGIN_REQUIRED",
            f"nobody is logged in at the gateway; log in at {self.login_url}",
            details={"login_url": self.login_url},
        )


def _answered(name: str, answer: Answer) -> Check:
    words = {200: "answered", 401: "401: nobody is logged in"}
    return Check(name, answer.status == 200, words.get(answer.status, f"answered {answer.status}"))


def _yes(truth: bool) -> str:
    return "yes" if truth else "no"

"""From the key files to the account, one step after the other: the first that is broken is named, with its remedy.

The doctor logs in by itself, shortly, only when no core serves the profile, and keeps one from starting meanwhile: two
logins of one username compete. A core that serves is asked instead.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from ibkr_tui.core.keys import examination
from ibkr_tui.core.login import authenticator_of
from ibkr_tui.core.session.claim import Claim
from ibkr_tui.core.session.gateway import Gateway
from ibkr_tui.core.session.oauth1 import OAuth1
from ibkr_tui.core.session.oauth2 import OAuth2
from ibkr_tui.core.session.session import Session
from ibkr_tui.core.session.skew import clock_problem
from ibkr_tui.core.settings import Profile
from ibkr_tui.core.state import StateDirectory
from ibkr_tui.core.web import reach
from ibkr_tui.core.web.answer import Answer
from ibkr_tui.core.web.errors import problem_of
from ibkr_tui.core.web.reach import Place
from ibkr_tui.core.web.transport import Transport
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.errors import CATALOGUE, BrokerError
from ibkr_tui.model.health import Health, SessionState

SESSION_WITHIN_S: Final = 20.0
ANSWER_WITHIN_S: Final = 10.0
_ACCOUNT_CODES: Final = frozenset({"IBKR_ACCOUNT_NOT_FOUND", "ACCOUNT_KIND_MISMATCH"})
_SESSION_CODES: Final = frozenset({"IBKR_NO_SESSION", "IBKR_COMPETING_SESSION", "IBKR_MAINTENANCE"})
_SETTLED: Final = frozenset({"ready", "degraded", "competing", "maintenance", "blocked"})
_LOGGED_IN: Final = frozenset({SessionState.READY, SessionState.DEGRADED})

Work = Callable[[], Awaitable[str]]
AskCore = Callable[[], Awaitable[Health | None]]


class Step(msgspec.Struct, frozen=True):
    """One step and what it found; `error` when it is the broken one."""

    name: str
    found: str
    error: BrokerError | None = None


class Doctor:
    """For one profile. `ask_core` gives the health row of the core that serves it, None when none does."""

    def __init__(self, profile: Profile, state: StateDirectory, clock: Clock, ask_core: AskCore) -> None:
        self._profile = profile
        self._state = state
        self._clock = clock
        self._ask_core = ask_core

    async def run(self, tell: Callable[[Step], None]) -> list[Step]:
        """The steps up to the first that is broken, which is the last of them. `tell` gets each as it ends."""
        steps: list[Step] = []
        async with contextlib.AsyncExitStack() as stack:
            for name, work in self._steps(stack):
                step = await _try(name, work)
                steps.append(step)
                tell(step)
                if step.error is not None:
                    break
        return steps

    def _steps(self, stack: contextlib.AsyncExitStack) -> list[tuple[str, Work]]:
        profile = self._profile
        keys = [
            ("files", examination.examine_files),
            ("keys", examination.examine_keys),
            ("diffie-hellman", examination.examine_group),
            ("secret", examination.examine_secret),
        ]
        steps: list[tuple[str, Work]] = []
        if profile.auth == "oauth1":
            steps += [(name, _in_thread(look, profile)) for name, look in keys]
        if profile.auth == "oauth2":
            steps.append(("keys", _in_thread(examination.examine_client, profile)))
        places = list({str(place): place for place in (Place(profile.rest_url), Place(profile.ws_url))}.values())
        steps += [("dns", lambda: _each(places, self._resolve)), ("tcp", lambda: _each(places, self._connect))]
        secure = [place for place in places if place.secure]
        if secure:
            steps.append(("tls", lambda: _each(secure, self._shake_hands)))
        visit = _Visit(profile, self._state, self._clock, self._ask_core, stack)
        return [*steps, ("clock", visit.clock), ("login", visit.login), ("session", visit.session),
                ("account", visit.account)]  # fmt: skip

    async def _resolve(self, place: Place) -> str:
        return f"{place.host} is {', '.join(await reach.resolve(place))}"

    async def _connect(self, place: Place) -> str:
        await reach.connect(place)
        return f"{place} takes connections"

    async def _shake_hands(self, place: Place) -> str:
        unchecked = self._profile.auth == "gateway" and place.is_local
        spoken = await reach.shake_hands(place, verify=not unchecked)
        return f"{place} speaks {spoken}" + (", its certificate unchecked on this machine" if unchecked else "")


class _Visit:
    """The steps that need the broker: its clock, then a login of our own, or the words of the core that serves."""

    def __init__(
        self, profile: Profile, state: StateDirectory, clock: Clock, ask_core: AskCore, stack: contextlib.AsyncExitStack
    ) -> None:
        self._profile = profile
        self._state = state
        self._clock = clock
        self._ask_core = ask_core
        self._stack = stack
        self._core: Health | None = None
        self._account: BrokerError | None = None
        self._authenticator = authenticator_of(profile, clock)
        self._transport = Transport(profile.rest_url, self._authenticator, clock, verify=self._authenticator.verify_tls)
        if isinstance(self._authenticator, (OAuth1, OAuth2)):
            self._authenticator.transport = self._transport
        stack.push_async_callback(self._transport.aclose)

    async def clock(self) -> str:
        """Any answer has the server's time; without a login it is a refusal."""
        answer = await self._unsigned()
        skew = self._transport.clock_skew_s
        if (problem := clock_problem(skew)) is not None:
            raise problem
        if skew is None:
            return f"answered {answer.status}, and did not say the time"
        return f"{abs(skew):.1f} s {'behind' if skew > 0 else 'ahead of'} the server's"

    async def login(self) -> str:
        self._core = await self._settled_core()
        if self._core is not None:
            return self._login_of_core(self._core)
        self._stack.enter_context(self._state.serve())
        if isinstance(self._authenticator, Gateway):
            answer = await self._unsigned()
            if answer.status == 401:
                await self._authenticator.renew(0)
            if (problem := problem_of(answer, "the keep-alive")) is not None:
                raise problem
            return f"somebody is logged in at {self._authenticator.login_url}"
        await self._authenticator.renew(self._authenticator.epoch)
        ends = self._authenticator.token_expires_at
        return "a session token was minted" + (f", good until {ends:%Y-%m-%d %H:%M} UTC" if ends else "")

    async def session(self) -> str:
        """Open the brokerage session, and let the account's step say what is wrong with the account."""
        if self._core is not None:
            if self._core.session not in _LOGGED_IN and self._core.code not in _ACCOUNT_CODES:
                raise _of_core(self._core)
            return f"open in the core (process {self._core.core_pid})"
        claim = Claim(self._state.path / "session.held", self._clock)
        session = Session(self._profile, self._authenticator, self._transport, self._clock, lambda: None, claim=claim)
        running = asyncio.create_task(session.run(), name="doctor's session")
        self._stack.push_async_callback(_end, session, running)
        try:
            await session.ready(SESSION_WITHIN_S)
        except BrokerError as error:
            if error.code not in _ACCOUNT_CODES:
                raise
            self._account = error
        return "opened, without taking it from anybody"

    async def account(self) -> str:
        problem = self._account if self._core is None else None
        if self._core is not None and self._core.code in _ACCOUNT_CODES:
            problem = _of_core(self._core)
        if problem is not None:
            raise problem
        return f"{self._profile.account_id} is this username's, and {self._profile.kind}"

    async def _unsigned(self) -> Answer:
        """A keep-alive without a signature; what hinders it is said with its cause."""
        try:
            return await self._transport.unsigned("POST", "/tickle", {}, deadline=ANSWER_WITHIN_S)
        except BrokerError as error:
            verify = self._authenticator.verify_tls
            found = await reach.why_unreachable(self._profile.rest_url, verify=verify)
            raise found or _unanswered(error) from None

    async def _settled_core(self) -> Health | None:
        """The core's words, once it has come as far as it can."""
        until = self._clock.monotonic() + SESSION_WITHIN_S
        while (found := await self._ask_patiently(until)) is not None:
            if found.session.value in _SETTLED or self._clock.monotonic() >= until:
                break
            await self._clock.sleep(0.2)
        return found

    async def _ask_patiently(self, until: float) -> Health | None:
        """A core that has just started has no words yet."""
        while True:
            try:
                return await self._ask_core()
            except BrokerError as error:
                if error.code != "IBKR_NO_SESSION" or self._clock.monotonic() >= until:
                    raise
            await self._clock.sleep(0.2)

    def _login_of_core(self, core: Health) -> str:
        if core.session not in _LOGGED_IN and core.code not in _ACCOUNT_CODES | _SESSION_CODES:
            raise _of_core(core)
        ends = core.token_expires_at
        until = f", its token is good until {ends:%Y-%m-%d %H:%M} UTC" if ends else ""
        return f"the core (process {core.core_pid}) is logged in{until}"


async def _try(name: str, work: Work) -> Step:
    try:
        return Step(name, await work())
    except BrokerError as error:
        return Step(name, error.message, error)


async def _each(places: list[Place], look: Callable[[Place], Awaitable[str]]) -> str:
    return "; ".join([await look(place) for place in places])


def _in_thread(look: Callable[[Profile], str], profile: Profile) -> Work:
    """Files may be on a disk that hangs, and primes take a moment: not in the loop."""

    async def work() -> str:
        return await asyncio.to_thread(look, profile)

    return work


async def _end(session: Session, running: asyncio.Task[None]) -> None:
    """Log out, and see the session's task end."""
    running.cancel()
    await asyncio.wait([running])
    await session.stop()


def _of_core(core: Health) -> BrokerError:
    """What keeps the core from its session, in its own words."""
    code = core.code if core.code in CATALOGUE else "IBKR_NO_SESSION"
    message = core.message or f"the core's session is {core.session.value}"
    return BrokerError(code, message.removesuffix(f". {CATALOGUE[code].user_action}"))


def _unanswered(error: BrokerError) -> BrokerError:
    """The server took the connection, and no answer came."""
    cause = "timeout" if "within" in error.message else "http"
    return BrokerError(
        error.code,
        f"the server takes connections, but gives no answer: {error.message}",
        user_action="The server hangs or is being restarted: see IBKR's status page, and try again in some minutes.",
        details={"cause": cause},
    )

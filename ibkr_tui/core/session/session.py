"""The session: log in, open the brokerage session, keep it, and get it back when it is lost.

    offline ──▶ minting ──▶ initialising ──▶ ready ◀──▶ degraded
       ▲            │             │            │            │
       └── backoff ◀┴─────────────┴────────────┴── lost ◀───┘
                                  ├──▶ competing    another program has the username: looked at again every minute
                                  ├──▶ maintenance  a planned break of IBKR's: tried again twice a minute
                                  └──▶ blocked      keys, account or login are wrong: a person must act; looked at
                                                    again every minute, and when the files of the keys change

`degraded` is ready with one keep-alive unanswered. While they are tried again, the last three stay until something else
is known. Only this file changes the state.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

from ibkr_tui.core.session.authenticator import Authenticator, Query
from ibkr_tui.core.session.breaks import named
from ibkr_tui.core.session.brokerage import (
    AccountsFacts,
    BrokerageStatus,
    Tickle,
    check_account,
    read_accounts,
    read_status,
    read_tickle,
)
from ibkr_tui.core.session.claim import Claim
from ibkr_tui.core.session.waiting import wait_for
from ibkr_tui.core.settings import Profile
from ibkr_tui.core.web.answer import Answer
from ibkr_tui.core.web.errors import decode, is_no_session
from ibkr_tui.core.web.retries import spread
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.health import SessionState

TICKLE_EVERY_S: Final = 55.0
REFRESH_EARLY_S: Final = 300.0
COMPETING_AGAIN_S: Final = 60.0
MAINTENANCE_AGAIN_S: Final = 30.0
BLOCKED_AGAIN_S: Final = 60.0
NEW_KEYS_EVERY_S: Final = 2.0
LOGIN_AGAIN_S: Final = 5.0
BACKOFF_MOST_S: Final = 30.0
TICKLES_LOST: Final = 2
INIT_ATTEMPTS: Final = 8
_STANDING: Final = {SessionState.BLOCKED, SessionState.COMPETING, SessionState.MAINTENANCE}
_BLOCKING: Final = {
    "IBKR_KEY_NOT_FOUND",
    "IBKR_KEY_INVALID",
    "IBKR_ACCOUNT_NOT_FOUND",
    "ACCOUNT_KIND_MISMATCH",
}
_REFUSED: Final = {"IBKR_CONSUMER_REVOKED", "IBKR_ACCESS_TOKEN_EXPIRED", "IBKR_AUTH_FAILED", "CLOCK_SKEW"}
_log = logging.getLogger(__name__)


class SessionTransport(Protocol):
    """What the session needs of the transport."""

    on_no_session: Callable[[], Awaitable[None]] | None
    on_renewed: Callable[[], Awaitable[None]] | None

    async def get(self, path: str, query: Query = (), *, deadline: float = ..., settled: bool = ...) -> Answer: ...

    async def post(self, path: str, body: Any = None, *, deadline: float = ..., settled: bool = ...) -> Answer: ...


class Session:
    """The login of one profile. The broker owns `run`; everybody else waits on `ready`."""

    def __init__(
        self,
        profile: Profile,
        authenticator: Authenticator,
        transport: SessionTransport,
        clock: Clock,
        on_change: Callable[[], None],
        *,
        claim: Claim | None = None,
        jitter: Callable[[], float] = spread,
    ) -> None:
        self._profile = profile
        self._authenticator = authenticator
        self._transport = transport
        self._clock = clock
        self._on_change = on_change
        self.claim = claim
        self._jitter = jitter
        self._changed = asyncio.Event()
        self._lost = asyncio.Event()
        self._again = asyncio.Event()
        self._asked_to_take = False
        self._taken_at = -COMPETING_AGAIN_S
        self._opening = asyncio.Lock()
        self._opened = 0
        self._opened_under = -1
        self._logged_in = False
        self.state = SessionState.OFFLINE
        self.problem: BrokerError | None = None
        self.epoch = 0
        transport.on_no_session = self._reopen
        transport.on_renewed = self._open_under_new_token

    @property
    def is_ready(self) -> bool:
        """Calls can be made."""
        return self.state in {SessionState.READY, SessionState.DEGRADED}

    @property
    def trouble(self) -> BrokerError | None:
        """What is wrong, or what hinders the login that is under way; None when nothing is."""
        return self.problem or self._authenticator.trouble

    async def run(self) -> None:
        """Hold the session for as long as the core lives. Never raises but for cancellation."""
        delay = 1.0
        while True:
            try:
                await self._establish()
                delay = 1.0
                await self._keep()
                self._set(SessionState.OFFLINE, BrokerError("IBKR_NO_SESSION", "the brokerage session was lost"))
            except BrokerError as error:
                if await self._wait_out(named(error, self._clock.now()), delay):
                    delay = min(delay * 2, BACKOFF_MOST_S)

    async def ready(self, deadline: float = 10.0) -> None:
        """Return when calls can be made.

        Raises at once what blocks the session; after `deadline` seconds what holds it up, or IBKR_NO_SESSION.
        """
        try:
            async with asyncio.timeout(deadline):
                while not self.is_ready:
                    if self.state in _STANDING and self.problem is not None:
                        raise self.problem.again()
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            if self.trouble is not None:
                raise self.trouble.again() from None
            raise BrokerError("IBKR_NO_SESSION", f"the login is still under way ({self.state})") from None

    async def readable(self, deadline: float = 10.0) -> None:
        """As `ready`, but a competing session is enough: account and positions can be read without one of ours."""
        if self.state is not SessionState.COMPETING:
            await self.ready(deadline)

    async def take_over(self, deadline: float = 20.0) -> bool:
        """Take the brokerage session from the program that competes for it, once, as a person asked.

        False when nobody competes and the session is ours. Raises as `ready`.
        """
        competing = self.state is SessionState.COMPETING
        if competing:
            _log.warning("a person takes the session over")
            self._asked_to_take = True
            self._set(SessionState.MINTING, None)
            self._again.set()
        await self.ready(deadline)
        return competing

    def use_new_keys(self) -> bool:
        """The key set was switched: log in with the new one now. False when the keys are those that are in use."""
        if not self._authenticator.look_again():
            return False
        _log.info("the key set was switched; logging in with it")
        self._lost.set()
        self._again.set()
        return True

    async def session_cookie(self) -> str:
        """The value of the stream's cookie, from a fresh tickle (W-02). Raises BrokerError."""
        tickle = await self._tickle()
        if not tickle.session:
            raise BrokerError("IBKR_NO_SESSION", "the keep-alive brought no session for the stream")
        return tickle.session.reveal()

    async def stop(self) -> None:
        """Log out, if we logged in; a logout that fails changes nothing for us.

        The login at a gateway is a person's, and stays.
        """
        if not self._logged_in or self._profile.auth == "gateway":
            return
        try:
            await self._transport.post("/logout", deadline=3.0, settled=False)
        except BrokerError as error:
            _log.info("logout: %s", error.code)
        else:
            if self.claim is not None:
                self.claim.drop()
        self._set(SessionState.OFFLINE, None)

    async def _establish(self) -> None:
        """From nothing to ready. Raises BrokerError."""
        self._lost.clear()
        self._step(SessionState.MINTING)
        if self._needs_token():
            await self._authenticator.renew(self._authenticator.epoch)
        async with self._opening:
            await self._open()
        self.epoch += 1
        self._set(SessionState.READY, None)

    def _needs_token(self) -> bool:
        """OAuth always; a gateway has no tokens."""
        if self._profile.auth == "gateway":
            return False
        ends = self._authenticator.token_expires_at
        return ends is None or (ends - self._clock.now()).total_seconds() <= REFRESH_EARLY_S

    async def _reopen(self) -> None:
        """The transport met "no bridge". Many callers at once open one session."""
        seen = self._opened
        async with self._opening:
            if self._opened == seen:
                await self._open_or_lose()

    async def _open_under_new_token(self) -> None:
        """The transport got a new token: `ssodh/init` follows every mint (reference 1.5)."""
        async with self._opening:
            if self._opened_under != self._authenticator.epoch:
                await self._open_or_lose()

    async def _open_or_lose(self) -> None:
        """As `_open`; whatever ends it otherwise, `run` begins anew at once."""
        opened = self._opened
        try:
            await self._open()
        except BrokerError as error:
            raise named(error, self._clock.now()) from None
        finally:
            if self._opened == opened:
                self._lost.set()

    async def _open(self) -> None:
        """Open the brokerage session, under the lock, and look whose it is, each time. Raises BrokerError."""
        was_ready = self.is_ready
        self._step(SessionState.INITIALISING)
        status = await self._init()
        if status.competing and await self._authenticator.leave_previous():
            status = await self._init()  # it was ourselves, under the token before this one
        if status.competing and self.claim is not None and self.claim.take_back():
            _log.warning("taking back the session of a core that ended without logging out")
            status = await self._init(compete=True)
        if status.competing and self._may_take():
            status = await self._init(compete=True)
        for _ in range(INIT_ATTEMPTS):
            if status.authenticated or status.competing:
                break
            await self._clock.sleep(0.5)
            status = read_status(await self._own_post("/iserver/auth/status"), "the session's status")
        if status.competing:
            raise BrokerError("IBKR_COMPETING_SESSION", "another program uses this username")
        if not status.authenticated:
            raise BrokerError("IBKR_NO_SESSION", f"IBKR opened no brokerage session {status.message}".strip())
        self._logged_in = True
        await self._take_account(read_accounts(await self._accounts()))
        self._opened += 1
        self._opened_under = self._authenticator.epoch
        self._hold()
        if was_ready:
            self._set(SessionState.READY, None)

    async def _take_account(self, facts: AccountsFacts) -> None:
        """Look whether the login has the profile's account, and make calls that name no account mean that one."""
        account = self._profile.account_id
        check_account(facts, account, self._profile.kind)
        if facts.selected not in {"", account}:
            decode(await self._own_post("/iserver/account", {"acctId": account}), "selecting the account")

    def _may_take(self) -> bool:
        """Whether a person wants the other program to lose the session: asked just now, or the profile says always.

        The profile's choice takes it at most once a minute: two programs that both insist would do nothing else.
        """
        asked, self._asked_to_take = self._asked_to_take, False
        now = self._clock.monotonic()
        if not asked and not (self._profile.compete and now - self._taken_at >= COMPETING_AGAIN_S):
            return False
        self._taken_at = now
        _log.warning("taking the session from the program that competes for it")
        return True

    async def _init(self, *, compete: bool = False) -> BrokerageStatus:
        """`compete` takes the session from whoever has it: our own former one, or another's by a person's choice."""
        answer = await self._own_post("/iserver/auth/ssodh/init", {"publish": True, "compete": compete})
        return read_status(answer, "opening the brokerage session")

    async def _accounts(self) -> Answer:
        """For a short while after init the brokerage answers “no bridge” (reference 1.5)."""
        for attempt in itertools.count(1):
            answer = await self._own(lambda: self._transport.get("/iserver/accounts", settled=False))
            if not is_no_session(answer) or attempt == INIT_ATTEMPTS:
                break
            await self._clock.sleep(0.5)
        return answer

    async def _keep(self) -> None:
        """Keep-alives until the session is lost."""
        missed = 0
        while True:
            if await wait_for(self._lost, TICKLE_EVERY_S * self._jitter() if missed else TICKLE_EVERY_S, self._clock):
                return
            try:
                early = await self._refresh_early()
                if self._opened_under != self._authenticator.epoch:
                    await self._open_under_new_token()
                status = (await self._tickle()).status
            except BrokerError as error:
                missed += error.code != "IBKR_RATE_LIMITED"  # we kept it back ourselves: that loses no session
                if missed >= TICKLES_LOST or error.code in _REFUSED or error.code == "IBKR_LOGIN_REQUIRED":
                    raise
                self._set(SessionState.DEGRADED, named(error, self._clock.now()))
                continue
            missed = 0
            if status is not None and status.competing:
                raise BrokerError("IBKR_COMPETING_SESSION", "another program uses this username")
            if status is not None and not status.authenticated:
                await self._reopen()
            self._hold()
            self._set(SessionState.DEGRADED if early else SessionState.READY, early)

    def _hold(self) -> None:
        if self.claim is not None:
            self.claim.hold()

    async def _refresh_early(self) -> BrokerError | None:
        """Replace a token that ends soon. What hinders it is no loss while the old one is still good."""
        try:
            if self._needs_token():
                await self._authenticator.renew(self._authenticator.epoch)
        except BrokerError as error:
            ends = self._authenticator.token_expires_at
            if ends is None or ends <= self._clock.now():
                raise
            return error
        return None

    async def _tickle(self) -> Tickle:
        return read_tickle(await self._own_post("/tickle"))

    async def _own_post(self, path: str, body: Any = None) -> Answer:
        return await self._own(lambda: self._transport.post(path, body, settled=False))

    async def _own(self, call: Callable[[], Awaitable[Answer]]) -> Answer:
        """One of the session's own calls: a token that the server no longer knows is replaced once."""
        seen = self._authenticator.epoch
        answer = await call()
        if answer.status == 401:
            await self._authenticator.renew(seen)
            answer = await call()
        return answer

    async def _wait_out(self, error: BrokerError, delay: float) -> bool:
        """Show `error`, wait as long as its kind asks for; True when the next wait should be longer."""
        _log.warning("session: %s %s", error.code, error.message)
        if error.code == "IBKR_COMPETING_SESSION":
            if not self._asked_to_take:
                self._set(SessionState.COMPETING, error)
                since = self._clock.monotonic() - self._taken_at if self._profile.compete else 0.0
                await wait_for(self._again, max(0.0, COMPETING_AGAIN_S - since), self._clock)
            self._again.clear()
            return False
        self._asked_to_take = False
        if error.code in _BLOCKING | _REFUSED:
            self._set(SessionState.BLOCKED, error)
            await self._for_new_keys(float(error.details.get("retry_in_s", BLOCKED_AGAIN_S)))
            return False
        if error.code == "IBKR_LOGIN_REQUIRED":
            self._set(SessionState.BLOCKED, error)
            await self._clock.sleep(LOGIN_AGAIN_S)
            return False
        if error.code == "IBKR_MAINTENANCE":
            self._set(SessionState.MAINTENANCE, error)
            again = MAINTENANCE_AGAIN_S * self._jitter()
            await self._clock.sleep(max(again, float(error.details.get("retry_in_s", 0.0))))
            return False
        self._set(SessionState.OFFLINE, error)
        told = error.details.get("retry_in_s") or error.details.get("retry_after_s")
        await self._clock.sleep(float(told) if told else delay * self._jitter())
        return not told

    async def _for_new_keys(self, seconds: float) -> None:
        """Wait that long, or until the files of the keys are others than before."""
        ends = self._clock.monotonic() + seconds
        while (left := ends - self._clock.monotonic()) > 0:
            await wait_for(self._again, min(left, NEW_KEYS_EVERY_S), self._clock)
            if self._again.is_set():  # a rotation switched them, and has looked already
                self._again.clear()
                return
            if self._authenticator.look_again():
                _log.info("the key files have changed; logging in with them")
                return

    def _step(self, state: SessionState) -> None:
        """On the way to ready: the steps of a try do not hide why it is only a try."""
        if self.state not in _STANDING:
            self._set(state, self.problem)

    def _set(self, state: SessionState, problem: BrokerError | None) -> None:
        if state is not self.state:
            _log.info("session %s", state)
        changed = (state, problem) != (self.state, self.problem)
        self.state, self.problem = state, problem
        if changed:
            self._changed.set()
            self._on_change()

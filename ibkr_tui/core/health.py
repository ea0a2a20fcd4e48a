"""The `health` row: what a status bar shows of the core, put again only when it says something new."""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Final

import msgspec

from ibkr_tui.core.journal.journal import Journal
from ibkr_tui.core.market.depth import DepthBoard
from ibkr_tui.core.market.hours import MarketClock
from ibkr_tui.core.market.quotes import QuoteBoard
from ibkr_tui.core.memory import resident_mb
from ibkr_tui.core.session.authenticator import Authenticator
from ibkr_tui.core.session.session import Session
from ibkr_tui.core.session.skew import clock_problem
from ibkr_tui.core.session.status_check import StatusCheck
from ibkr_tui.core.settings import Profile
from ibkr_tui.core.watchdog import LoopWatchdog
from ibkr_tui.core.web.pacing import IN_ALL
from ibkr_tui.core.web.socket import Stream
from ibkr_tui.core.web.transport import Transport
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.errors import CATALOGUE
from ibkr_tui.model.health import Health, SessionState, StreamState
from ibkr_tui.model.quotes import MarketHours
from ibkr_tui.model.table import Table

SHOWN_EVERY: Final = 1.0
MEMORY_EVERY: Final = 10.0
RATE_OVER: Final = 5.0


class HealthBoard:
    """Puts the one row of its table together."""

    def __init__(
        self,
        *,
        table: Table[Health],
        profile: Profile,
        session: Session,
        check: StatusCheck,
        authenticator: Authenticator,
        transport: Transport,
        stream: Stream,
        journal: Journal,
        market: MarketClock,
        subscriptions: Callable[[], int],
        boards: Callable[[], tuple[QuoteBoard, DepthBoard]],
        open_intents: Callable[[], int],
        keys_id: Callable[[], str],
        clock: Clock,
        version: str,
    ) -> None:
        self._table = table
        self._profile = profile
        self._session = session
        self._check = check
        self._authenticator = authenticator
        self._transport = transport
        self._stream = stream
        self._journal = journal
        self._market = market
        self._subscriptions = subscriptions
        self._boards = boards
        self._open_intents = open_intents
        self._keys_id = keys_id
        self._clock = clock
        self._version = version
        self._started: datetime = clock.now()
        self._session_turns = _Turns(clock)
        self._stream_turns = _Turns(clock)
        self._tokens = _Turns(clock)
        self._rate = _Rate(clock)
        self._memory = resident_mb()
        self._memory_read = clock.monotonic()
        self.count_faces: Callable[[], int] = lambda: 0
        self.watchdog: LoopWatchdog | None = None

    async def run(self) -> None:
        """Show once a second, until cancelled."""
        while True:
            self.show()
            await self._clock.sleep(SHOWN_EVERY)

    def show(self) -> None:
        """Put the row, if it is another one."""
        message, code = self._message()
        latency, skew = self._transport.latency_ms, self._transport.clock_skew_s
        pacing = self._transport.pacing
        known = self._table.get(self._profile.name)
        stream = self._stream_state()
        expires = self._authenticator.token_expires_at
        minted = self._tokens.since(self._authenticator.epoch)
        quotes, depth = self._boards()
        market = _unless_equal(self._market.hours(), known.market if known else None)
        row = Health(
            profile=self._profile.name,
            kind=self._profile.kind,
            account=self._profile.account_id,
            session=self._session_state(),
            stream=stream,
            message=message,
            code=code,
            orders_mode=self._profile.orders,
            max_leverage=self._profile.limits.max_leverage,
            api_latency_ms=None if latency is None else round(latency),
            last_frame_mono=self._stream.last_frame_mono,
            token_expires_at=expires,
            pacing_used=pacing.used,
            pacing_limit=IN_ALL,
            pacing_waiting=pacing.waiting,
            blocked_for=math.ceil(pacing.blocked_for),
            blocked_until=pacing.blocked_until,
            market=market,
            market_mono=known.market_mono if known and market is known.market else self._clock.monotonic(),
            subscriptions=self._subscriptions(),
            open_intents=self._open_intents(),
            core_pid=os.getpid(),
            core_version=self._version,
            started_at=self._started,
            session_since=self._session_turns.since(self._session_state()),
            checked_at=self._check.checked_at,
            bad_checks=self._check.bad,
            token_minted_at=minted if expires is not None else None,
            stream_since=self._stream_turns.since(stream),
            reconnects=max(0, self._stream.connections - 1),
            frames=self._stream.frames,
            frames_per_s=self._rate.of(self._stream.frames) if stream is StreamState.LIVE else None,
            most_subscriptions=self._profile.market.max_subscriptions,
            clock_skew_s=None if skew is None else round(skew, 1),
            journal_place=self._journal.place,
            journal_rows=self._journal.rows,
            journal_committed_at=self._journal.committed_at,
            journal_failure=self._journal.failure,
            keys_source=self._profile.keys_source,
            keys_id=self._keys_id(),
            memory_mb=self._memory_now(),
            faces=self.count_faces(),
            garbage_frames=self._stream.garbage,
            huge_frames=self._stream.huge,
            late_frames=quotes.late,
            repeated_frames=quotes.repeated,
            stray_frames=quotes.stray + depth.stray,
            garbled_values=quotes.garbled + depth.garbled,
            stalls=self.watchdog.stalls if self.watchdog else 0,
            last_stall_s=round(self.watchdog.last_s, 1) if self.watchdog else 0.0,
            last_stall_at=self.watchdog.last_at if self.watchdog else None,
        )
        self._table.put(self._profile.name, row)

    def _memory_now(self) -> int:
        if self._clock.monotonic() - self._memory_read >= MEMORY_EVERY:
            self._memory, self._memory_read = resident_mb(), self._clock.monotonic()
        return self._memory

    def _session_state(self) -> SessionState:
        """The session's own, unless the broker has said for too long that it is worse."""
        if self._session.state is SessionState.READY and self._check.problem is not None:
            return SessionState.DEGRADED
        return self._session.state

    def _stream_state(self) -> StreamState:
        return self._stream.state if self._profile.market.ws_enabled else StreamState.OFF

    def _message(self) -> tuple[str, str]:
        problem = self._session.trouble
        until = self._transport.pacing.blocked_until
        if until is not None and (problem is None or problem.code == "IBKR_RATE_LIMITED"):
            words = f"IBKR refused requests for their number; until {until:%H:%M:%S} UTC only cancels go out"
            return f"{words}. {CATALOGUE['IBKR_RATE_LIMITED'].user_action}", "IBKR_RATE_LIMITED"
        problem = problem or clock_problem(self._transport.clock_skew_s) or self._check.problem
        if problem is not None:
            return f"{problem.message}. {problem.user_action}", problem.code
        if self._journal.failure:
            return f"{self._journal.failure}. No order is sent.", "JOURNAL_UNAVAILABLE"
        if self._session.state is not SessionState.READY:
            return f"the session is {self._session.state.value}", "IBKR_NO_SESSION"
        if self._profile.market.ws_enabled and self._stream.state is not StreamState.LIVE:
            return "the stream is being opened; prices are not live", ""
        return "", ""


class _Turns:
    """Since when a value is what it is."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._value: object = None
        self._since = clock.now()

    def since(self, value: object) -> datetime:
        if value != self._value:
            self._value, self._since = value, self._clock.now()
        return self._since


class _Rate:
    """How fast a counter grows, over the last seconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: deque[tuple[float, int]] = deque()

    def of(self, count: int) -> float | None:
        """Growth a second; None before a second has passed."""
        now = self._clock.monotonic()
        self._seen.append((now, count))
        while len(self._seen) > 2 and now - self._seen[1][0] >= RATE_OVER:
            self._seen.popleft()
        first_at, first = self._seen[0]
        return round((count - first) / (now - first_at), 1) if now - first_at >= 1 else None


def _unless_equal(now: MarketHours | None, shown: MarketHours | None) -> MarketHours | None:
    """The hours that are shown already, where only the time of asking differs: no change, nothing to send."""
    if now is None or shown is None:
        return now
    return shown if msgspec.structs.replace(now, now=shown.now) == shown else now

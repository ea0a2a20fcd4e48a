"""The mirror of the core: its tables on this side of the link, and whether they may be believed.

The feed attaches, watches, and re-attaches by itself. Whatever happens to the link, the rows stay and are STALE until
the core speaks again. A core that is connected but says nothing is asked; no answer makes it silent, which is stale
too.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import aclosing
from datetime import datetime
from enum import StrEnum
from typing import Any, Final, TypeVar, overload

import msgspec

from ibkr_tui.link.client import LinkClient, watch
from ibkr_tui.link.frames import Farewell
from ibkr_tui.model.alerts import Alert
from ibkr_tui.model.audit import AuditRow
from ibkr_tui.model.boards import LOGS, TABLES
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.depth import DepthBook
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.events import Event
from ibkr_tui.model.guards import Guards
from ibkr_tui.model.health import Health
from ibkr_tui.model.log import LogPage
from ibkr_tui.model.orders import Fill, Order, Question
from ibkr_tui.model.portfolio import AccountSummary, Pnl, Position
from ibkr_tui.model.quotes import Quote
from ibkr_tui.model.table import Mirror, TableDelta
from ibkr_tui.model.tape import Print
from ibkr_tui.model.text import clean
from ibkr_tui.tui.launcher import Attachment, Launcher

T = TypeVar("T")

FACE: Final = "app"
_QUIET_S: Final = 2.0
_PROBE_S: Final = 2.0
_FIRST_WAIT_S: Final = 0.5
_LONGEST_WAIT_S: Final = 10.0
_PRINTS_KEPT: Final = 400
_TAPES_KEPT: Final = 200
_AUDIT_KEPT: Final = 4000


class LinkState(StrEnum):
    """How the app stands with its core. Only LIVE lets a price be painted as live."""

    STARTING = "starting"
    LIVE = "live"
    SILENT = "silent"
    LOST = "lost"
    REFUSED = "refused"


class Missed(msgspec.Struct, frozen=True):
    """So many entries of a log were gone before this face could take them."""

    log: str
    at: datetime
    count: int


class Changed(msgspec.Struct):
    """What a frame has to repaint: keys by table, new log entries, and whether the link changed.

    `taped` are the conids whose tape went on, `audited` whether audit rows came, or events that are no news.
    """

    keys: dict[str, set[str]]
    events: list[Event]
    fills: list[Fill]
    link: bool
    taped: set[int] = msgspec.field(default_factory=set)
    audited: bool = False

    def __bool__(self) -> bool:
        return bool(self.keys or self.events or self.fills or self.link or self.taped or self.audited)


class Feed:
    """Mirrors of every table, and the connection that fills them. `is_replay`: what they hold is a recorded day."""

    is_replay = False

    def __init__(self, launcher: Launcher, clock: Clock, face_id: str) -> None:
        self.face_id = face_id
        self.mirrors: dict[str, Mirror[Any]] = {name: Mirror(name) for name in TABLES}
        self.quotes: Mirror[Quote] = self.mirrors["quotes"]
        self.depth: Mirror[DepthBook] = self.mirrors["depth"]
        self.alerts: Mirror[Alert] = self.mirrors["alerts"]
        self.positions: Mirror[Position] = self.mirrors["positions"]
        self.orders: Mirror[Order] = self.mirrors["orders"]
        self.questions: Mirror[Question] = self.mirrors["questions"]
        self.account: Mirror[AccountSummary] = self.mirrors["account"]
        self.pnl: Mirror[Pnl] = self.mirrors["pnl"]
        self.health: Mirror[Health] = self.mirrors["health"]
        self.guards: Mirror[Guards] = self.mirrors["guards"]
        self.link = LinkState.STARTING
        self.sentence = "Starting…"
        self.steps: list[str] = []
        self.link_since = clock.monotonic()
        self.connections = 0
        self.recent: deque[Event] = deque(maxlen=1000)
        self.fills: deque[Fill] = deque(maxlen=1000)
        self.audit: dict[int, AuditRow] = {}
        self.missed: deque[Missed] = deque(maxlen=50)
        self.tapes: dict[int, deque[Print]] = {}
        self._launcher = launcher
        self._clock = clock
        self.market_heard = self.core_seconds
        self._market_now: object = None
        self._client: LinkClient | None = None
        self._again = asyncio.Event()
        self._heard = clock.monotonic()
        self._log_ends: dict[str, int] = {}
        self._core_pid = 0
        self._goes_to = ""
        self._news_since: datetime | None = None
        self._full: set[str] = set()
        self._changed = Changed({}, [], [], True)

    @property
    def is_live(self) -> bool:
        """Whether what the mirrors hold may be shown as the present."""
        return self.link is LinkState.LIVE

    @property
    def core_seconds(self) -> float:
        """The present on the clock of the rows' monotonic seconds: one clock serves core and app."""
        return self._clock.monotonic()

    def take(self) -> Changed:
        """What changed since the last take."""
        changed, self._changed = self._changed, Changed({}, [], [], False)
        return changed

    def apply(self, delta: TableDelta[Any]) -> None:
        """Take a table's change into its mirror."""
        mirror = self.mirrors.get(delta.table)
        if mirror is None:
            return
        was_read = mirror.is_read
        touched = mirror.apply(delta)
        if mirror.is_read is not was_read:
            self._changed.link = True  # an empty board has other words now
        self._full.add(delta.table)
        if touched:
            self._changed.keys.setdefault(delta.table, set()).update(touched)
        if delta.table == "health":
            self._note_market_time()

    def _note_market_time(self) -> None:
        """The venue's clock goes on from the moment it was heard, not from each repetition of the same reading."""
        for health in self.health.rows.values():
            now = health.market.now if health.market is not None else None
            if now != self._market_now:
                self._market_now, self.market_heard = now, self.core_seconds

    def accept(self, page: LogPage[Any]) -> None:
        """Take new log entries; a gap is said as one."""
        self._log_ends[page.log] = page.first + len(page.entries) - 1
        if page.missed:
            self.missed.append(Missed(page.log, self._clock.now(), page.missed))
        if page.log == "events":
            self._take_events(page)
        elif page.log == "audit":
            self.audit |= {row.seq: row for row in page.entries}
            for seq in sorted(self.audit)[:-_AUDIT_KEPT]:
                del self.audit[seq]
            self._changed.audited = True
        elif page.log == "fills":
            self._changed.fills.extend(page.entries)
            self.fills.extend(page.entries)
        elif page.log == "tape":
            self._take_prints(page.entries)

    def _take_events(self, page: LogPage[Event]) -> None:
        """What happened before this face first came is kept, but no news."""
        since = self._news_since
        news = [event for event in page.entries if since is None or event.at >= since]
        if page.missed and len(news) == len(page.entries):
            gap = Event(self._clock.now(), f"{page.missed} earlier events were missed while away")
            self._changed.events.append(gap)
        self._changed.events.extend(news)
        self._changed.audited = self._changed.audited or len(news) < len(page.entries)
        self.recent.extend(page.entries)

    def _take_prints(self, prints: Iterable[Print]) -> None:
        """The newest of each instrument; of too many instruments those that were quiet longest go."""
        for seen in prints:
            tape = self.tapes.pop(seen.conid, None) or deque(maxlen=_PRINTS_KEPT)
            tape.append(seen)
            self.tapes[seen.conid] = tape
            self._changed.taped.add(seen.conid)
        while len(self.tapes) > _TAPES_KEPT:
            del self.tapes[next(iter(self.tapes))]

    def say(self, link: LinkState, sentence: str = "") -> None:
        """The link is in another state."""
        if (link, sentence) != (self.link, self.sentence):
            if link is not self.link:
                self.link_since = self._clock.monotonic()
            self.link, self.sentence = link, sentence
            self._changed.link = True

    def reconnect(self) -> None:
        """Attach again now, starting a core if none serves."""
        self._again.set()

    @overload
    async def call(self, operation: str, arguments: Mapping[str, Any], *, deadline: float = 15) -> Any: ...

    @overload
    async def call(
        self, operation: str, arguments: Mapping[str, Any], *, result: type[T], deadline: float = 15
    ) -> T: ...

    async def call(
        self, operation: str, arguments: Mapping[str, Any], *, result: Any = Any, deadline: float = 15
    ) -> Any:
        """Run an operation in the core. Raises its BrokerError, and CORE_UNREACHABLE while there is no link."""
        client = self._client
        if client is None:
            raise BrokerError("CORE_UNREACHABLE", "the core is not connected yet")
        return await client.call(operation, arguments, result=result, deadline=deadline)

    async def run(self) -> None:
        """Attach and watch until cancelled; after a loss, again and again with longer pauses."""
        wait_s = _FIRST_WAIT_S
        while True:
            self._again.clear()
            before = self.connections
            try:
                attachment = await self._launcher.attach(self._step)
                await self._serve(attachment)
                self.say(LinkState.LOST, "The core has gone. Starting it again…")
            except BrokerError as error:
                waits = not error.retryable
                self.say(LinkState.REFUSED if waits else LinkState.LOST, str(error))
                if waits:
                    await self._again.wait()
            except _Left as left:
                await self._follow(left)
            wait_s = _FIRST_WAIT_S if self.connections > before else min(wait_s * 2, _LONGEST_WAIT_S)
            if not self._again.is_set():
                await self._clock.sleep(wait_s)

    async def switch_account(self, account: str) -> None:
        """Go over to another account of the login, with the core. Raises the core's refusal."""
        self._goes_to = account
        try:
            said = await self.call("switch_account", {"account": account}, result=_Switched, deadline=20)
        except BrokerError:
            self._goes_to = ""
            raise
        if not said.changed:
            self._goes_to = ""

    async def _follow(self, left: _Left) -> None:
        """The core has left in order. To another account only the face that asked for it goes by itself: on every
        other one a person may be in the middle of an order."""
        if not left.account:
            self.say(LinkState.LOST, f"The core was stopped: {left}. Press r to start it again.")
            await self._again.wait()
            return
        if left.account == self._goes_to:
            self.say(LinkState.LOST, f"Going over to account {left.account}…")
        else:
            self.say(LinkState.LOST, f"Another face took the core to account {left.account}. Press r to follow it.")
            await self._again.wait()
        try:
            self._launcher.mean(left.account)
        except BrokerError as error:  # a configuration that has changed meanwhile
            self.say(LinkState.REFUSED, str(error))
            await self._again.wait()
        self._goes_to, self._core_pid = "", -1  # the process is the same, what it tells begins anew
        self.fills.clear()

    def _step(self, step: str) -> None:
        words = clean(step)
        self.steps.append(words)
        del self.steps[:-8]
        if not self.connections:
            self.say(LinkState.STARTING, words)
        self._changed.link = True

    async def _serve(self, at: Attachment) -> None:
        """One connection's life. Raises BrokerError, or _Left when the core said farewell."""
        client = await LinkClient.connect(
            at.socket_path, fingerprint=at.fingerprint, face=FACE, face_id=self.face_id, interactive=True
        )
        try:
            if client.welcome.pid != self._core_pid:
                first = self._core_pid == 0
                self._core_pid = client.welcome.pid
                # Everything is wanted whole; old events are no news at the first sight.
                self._log_ends = dict.fromkeys(LOGS, 0)
                if first:
                    self._news_since = self._clock.now()
            self._client = client
            self._heard = self._clock.monotonic()
            async with asyncio.TaskGroup() as group:
                probe = group.create_task(self._ask_when_quiet(client), name="feed-probe")
                await self._watch(at)
                probe.cancel()
        except* BrokerError as errors:
            raise _first(errors) from None
        except* _Left as errors:
            raise _first(errors) from None
        finally:
            self._client = None
            self._full.clear()
            if self.link is LinkState.LIVE:
                self.say(LinkState.LOST, "The link to the core was lost.")
            await client.close()

    async def _watch(self, at: Attachment) -> None:
        frames = watch(
            at.socket_path,
            tables=tuple(TABLES),
            logs=self._log_ends,
            fingerprint=at.fingerprint,
            face=FACE,
            face_id=self.face_id,
        )
        async with aclosing(frames) as news:
            async for frame in news:
                self._heard = self._clock.monotonic()
                if isinstance(frame, TableDelta):
                    self.apply(frame)
                elif isinstance(frame, LogPage):
                    self.accept(frame)
                elif isinstance(frame, Farewell):
                    raise _Left(clean(frame.reason), clean(frame.account, limit=24))
                if self.link is not LinkState.LIVE and self._full >= set(TABLES):
                    self._alive()

    def _alive(self) -> None:
        if self.link is not LinkState.SILENT:
            self.connections += 1
        self.say(LinkState.LIVE)

    async def _ask_when_quiet(self, client: LinkClient) -> None:
        """A quiet market and a core that hangs look the same from here; asking tells them apart."""
        while True:
            await self._clock.sleep(1)
            if self._clock.monotonic() - self._heard < _QUIET_S:
                continue
            try:
                await client.call("status", {}, deadline=_PROBE_S)
            except BrokerError as error:
                if error.code == "CORE_UNREACHABLE":
                    self.say(LinkState.SILENT, "The core does not answer. What is shown is old.")
                    continue
            self._heard = self._clock.monotonic()
            if self.link is LinkState.SILENT:
                self.say(LinkState.LIVE)


class _Left(Exception):
    """The core said farewell, with this reason; `account`: it serves again on that one."""

    def __init__(self, reason: str, account: str) -> None:
        super().__init__(reason)
        self.account = account


class _Switched(msgspec.Struct, frozen=True):
    """The core's answer: whether it goes over to another account."""

    account: str
    changed: bool


def _first(errors: BaseExceptionGroup[Any]) -> BaseException:
    error = errors.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error

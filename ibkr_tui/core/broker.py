"""The broker core: one profile's session, stream, tables and orders, wired together, supervised and stopped."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, Final, TypeVar

from ibkr_tui.core.dispatch import Dispatcher
from ibkr_tui.core.feed import Feed
from ibkr_tui.core.health import HealthBoard
from ibkr_tui.core.journal.journal import Journal
from ibkr_tui.core.kill_switch import KillSwitch
from ibkr_tui.core.live_gate import LiveDesk
from ibkr_tui.core.login import authenticator_of
from ibkr_tui.core.logs import LOG_NAME
from ibkr_tui.core.market.alert_file import AlertFile
from ibkr_tui.core.market.alerts import AlertDesk
from ibkr_tui.core.market.chains import Chains
from ibkr_tui.core.market.contracts import Contracts
from ibkr_tui.core.market.depth import DepthBoard
from ibkr_tui.core.market.depth_subscriptions import DepthSubscriptions
from ibkr_tui.core.market.hours import MarketClock
from ibkr_tui.core.market.look import LookDesk
from ibkr_tui.core.market.polling import poll
from ibkr_tui.core.market.quotes import QuoteBoard
from ibkr_tui.core.market.subscriptions import Subscriptions
from ibkr_tui.core.market.tape import Tape
from ibkr_tui.core.operations.catalogue import operations
from ibkr_tui.core.order_room import OrderRoom, Surroundings
from ibkr_tui.core.orders.recall import open_journal
from ibkr_tui.core.portfolio.performance import Reports
from ibkr_tui.core.portfolio.pnl import PnlBoard
from ibkr_tui.core.portfolio.portfolio import Portfolio
from ibkr_tui.core.quiet import QuietWindow
from ibkr_tui.core.session.claim import Claim
from ibkr_tui.core.session.oauth1 import OAuth1
from ibkr_tui.core.session.oauth2 import OAuth2
from ibkr_tui.core.session.session import Session
from ibkr_tui.core.session.skew import clock_problem
from ibkr_tui.core.session.status_check import StatusCheck
from ibkr_tui.core.settings import Profile
from ibkr_tui.core.supervision import supervise
from ibkr_tui.core.web.endpoints import Endpoints
from ibkr_tui.core.web.socket import Stream
from ibkr_tui.core.web.transport import Transport
from ibkr_tui.model.audit import AuditRow
from ibkr_tui.model.boards import LOGS, TABLES
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.events import Severity
from ibkr_tui.model.log import Log
from ibkr_tui.model.quotes import Quote
from ibkr_tui.model.table import Table

log = logging.getLogger(__name__)

T = TypeVar("T")

READ_FROM_BROKER: Final = {"account", "positions", "orders"}
TEND_EVERY: Final = 1.0
STOP_WITHIN: Final = 5.0
CANCEL_AGAIN: Final = 0.5


class Broker:
    """Everything the core is. `tables` and `logs` have the names of `model.boards`; the link serves them.

    A broker has one account for life. `on_switch` is whoever can put one on another account in its place, set by them.
    """

    def __init__(self, profile: Profile, state_dir: Path, clock: Clock, version: str) -> None:
        self.profile = profile
        self.clock = clock
        self.version = version
        self.log_path = state_dir / LOG_NAME
        epoch = int(clock.now().timestamp())
        self.tables: dict[str, Table[Any]] = {
            name: Table(name, epoch=epoch, is_read=name not in READ_FROM_BROKER) for name in TABLES
        }
        self.logs: dict[str, Log[Any]] = {name: Log(name) for name in LOGS}
        self.on_switch: Callable[[Profile], None] | None = None
        self._stopped = asyncio.Event()
        self._placing: set[asyncio.Task[Any]] = set()
        self._refusing = False
        self._epoch = 0
        self.switch = KillSwitch(state_dir, clock)
        self.live = LiveDesk(profile, state_dir, clock)
        self._wire_web(state_dir)
        self._wire_market()
        self._wire_orders(Journal(state_dir, clock, version, profile.audit_secret))
        self._wire_alerts(state_dir)
        self._wire_stream()
        self.dispatcher = Dispatcher(operations(self))

    def _wire_web(self, state_dir: Path) -> None:
        profile, clock = self.profile, self.clock
        self.authenticator = authenticator_of(profile, clock)
        self.transport = Transport(profile.rest_url, self.authenticator, clock, verify=self.authenticator.verify_tls)
        if isinstance(self.authenticator, (OAuth1, OAuth2)):
            self.authenticator.transport = self.transport
        claim = Claim(state_dir / "session.held", clock)
        self.session = Session(profile, self.authenticator, self.transport, clock, self._session_changed, claim=claim)
        self.status_check = StatusCheck(
            self.transport, lambda: self.session.is_ready, clock, every=profile.session.status_check_s
        )
        self.endpoints = Endpoints(self.transport)
        self.transport.quiet = self.quiet = QuietWindow(clock)
        self.reads = self.endpoints

    def _wire_market(self) -> None:
        profile, clock = self.profile, self.clock
        self.contracts = Contracts(self.reads, clock, profile.market.prefer)
        self.chains = Chains(self.reads, self.contracts, clock)
        self.contracts.find_option = self.chains.option
        self.reports = Reports(self.reads, profile.account_id, clock)
        most, idle_after = profile.market.max_subscriptions, profile.market.idle_timeout_s
        self.board = QuoteBoard(self.tables["quotes"], clock)
        self.depth_board = DepthBoard(self.tables["depth"], clock, self.board.pulse, self._quote_of)
        self.depth = DepthSubscriptions(
            self.depth_board,
            self._send,
            clock,
            account=profile.account_id,
            most=most,
            idle_after=idle_after,
            others=lambda: len(self.subscriptions),
        )
        self.subscriptions = Subscriptions(
            self.board, self._send, clock, most=most, idle_after=idle_after, others=lambda: len(self.depth)
        )
        self.looks = LookDesk(
            self.subscriptions, self.depth, self.contracts.glimpse, has_stream=profile.market.ws_enabled
        )
        tape = Tape(self.logs["tape"], self._is_taped, clock)
        self.board.on_change.append(tape.observe)
        self.market = MarketClock(self.reads, self.contracts, clock)
        self.portfolio = Portfolio(
            account=profile.account_id,
            reads=self.reads,
            summaries=self.tables["account"],
            positions=self.tables["positions"],
            clock=clock,
        )
        self.pnl = PnlBoard(self.tables["pnl"], profile.account_id, clock)

    def _wire_orders(self, journal: Journal) -> None:
        self.journal = journal
        journal.on_rows = self._audited
        self.orders = OrderRoom(
            Surroundings(
                profile=self.profile,
                tables=self.tables,
                logs=self.logs,
                journal=journal,
                calls=self.endpoints,
                quiet=self.quiet,
                portfolio=self.portfolio,
                board=self.board,
                contract=self.contracts.instrument,
                switch=self.switch,
                live=self.live,
                alarm=self._alarm,
                clock=self.clock,
            )
        )

    def _wire_alerts(self, state_dir: Path) -> None:
        self.alerts = AlertDesk(
            table=self.tables["alerts"],
            quotes=self.tables["quotes"],
            subscriptions=self.subscriptions,
            file=AlertFile(state_dir),
            find=self.contracts.glimpse,
            tell=lambda text, severity, code: self.orders.recorder.say(text, severity, code=code),
            may_ask=lambda: self.session.is_ready,
            clock=self.clock,
        )
        self.board.on_change.append(self.alerts.observe)
        self.board.is_followed = lambda conid: self._is_taped(conid) or conid in self.alerts

    def _wire_stream(self) -> None:
        self.feed = Feed(
            send=self._send,
            board=self.board,
            subscriptions=self.subscriptions,
            depth=self.depth_board,
            depth_subscriptions=self.depth,
            book=self.orders.book,
            reconciler=self.orders.reconciler,
            pnl=self.pnl,
            tell=self.orders.recorder.say,
            prompted=self.orders.prompts.heard,
        )
        self.stream = Stream(self.authenticator, self.session.session_cookie, self.clock, self.feed)
        self.health = HealthBoard(
            table=self.tables["health"],
            profile=self.profile,
            session=self.session,
            check=self.status_check,
            authenticator=self.authenticator,
            transport=self.transport,
            stream=self.stream,
            journal=self.journal,
            market=self.market,
            subscriptions=lambda: len(self.subscriptions) + len(self.depth),
            boards=lambda: (self.board, self.depth_board),
            open_intents=lambda: self.open_intents,
            keys_id=lambda: self.authenticator.keys_id if isinstance(self.authenticator, (OAuth1, OAuth2)) else "",
            clock=self.clock,
            version=self.version,
        )

    @property
    def fingerprint(self) -> str:
        """Names the configuration, so that no face meets another one's core."""
        return self.profile.fingerprint

    @property
    def open_intents(self) -> int:
        """Orders whose fate is not proven, those being sent included."""
        return max(self.orders.book.unproven, len(self._placing))

    async def run(self) -> None:
        """Serve until `stop`. A part that fails is told of and restarted; the core stays up."""
        await open_journal(self.journal, self.orders.recorder, self.orders.book, self.profile.account_id)
        self.alerts.load()
        try:
            async with asyncio.TaskGroup() as group:
                parts = [
                    group.create_task(supervise(name, work, self._fault, self.clock), name=name)
                    for name, work in self._parts().items()
                ]
                await self._stopped.wait()
                await _end(parts)
        finally:
            await self.orders.recorder.drain()
            await self.journal.close()
            await self.transport.aclose()

    async def stop(self) -> None:
        """End in an orderly way: no new orders, a moment for those under way, then log out."""
        self._refusing = True
        self.orders.desk.interrupt("the core stops")
        if self._placing:
            await asyncio.wait(self._placing, timeout=STOP_WITHIN)
        for task in self._placing:
            task.cancel()
        if self._placing:
            await asyncio.wait(set(self._placing), timeout=CANCEL_AGAIN)
        await self.session.stop()
        self._stopped.set()

    def face_left(self, face_id: str) -> None:
        """That face's last connection ended: nobody there can answer a question."""
        self.orders.desk.face_left(face_id)
        self.looks.leave(face_id)

    def check_open(self) -> None:
        """Raise BrokerError CORE_UNREACHABLE when the core is about to end."""
        if self._refusing:
            raise BrokerError("CORE_UNREACHABLE", "the core is stopping and takes no orders")

    def check_clock(self) -> None:
        """Raise BrokerError CLOCK_SKEW when this machine's clock is so wrong that prices can't be judged by it."""
        problem = clock_problem(self.transport.clock_skew_s)
        if problem is not None:
            raise problem

    async def outlives(self, work: Callable[[], Awaitable[T]], name: str = "place order") -> T:
        """Run what places or cancels orders to its end, whatever becomes of the caller. Raises what it raises."""
        self.check_open()

        async def run() -> T:
            return await work()

        task = asyncio.create_task(run(), name=name)
        self._placing.add(task)
        task.add_done_callback(self._place_ended)
        return await asyncio.shield(task)

    def _place_ended(self, task: asyncio.Task[Any]) -> None:
        self._placing.discard(task)
        if task.cancelled():
            return
        error = task.exception()  # taken here too: the caller may be gone
        if error is not None and not isinstance(error, BrokerError):
            log.error("placing an order failed", exc_info=error)
            self._fault(f"placing an order failed ({type(error).__name__}); the log has the details")

    def _parts(self) -> dict[str, Callable[[], Awaitable[None]]]:
        parts: dict[str, Callable[[], Awaitable[None]]] = {
            "recorder": self.orders.recorder.run,
            "audit anchors": self.journal.keep_anchored,
            "session": self.session.run,
            "portfolio": self._after_login(self.portfolio.run, self.session.readable),
            "orders": self._after_login(self.orders.reconciler.run),
            "market hours": self._after_login(self.market.run),
            "cancels kept up": self.orders.pursuit.run,
            "prompts": self.orders.prompts.run,
            "subscriptions": self._tend,
            "alerts": self.alerts.run,
            "guards": self.orders.guards.run,
            "health": self.health.run,
            "status check": self.status_check.run,
        }
        if self.profile.market.ws_enabled:
            parts["stream"] = self._after_login(self.stream.run)
        else:
            parts["snapshots"] = self._after_login(lambda: poll(self.reads, self.subscriptions, self.board, self.clock))
        return parts

    def _after_login(
        self, work: Callable[[], Awaitable[None]], arrive: Callable[[float], Awaitable[None]] | None = None
    ) -> Callable[[], Awaitable[None]]:
        """`work`, begun when `arrive` returns: by default when the session is ready."""

        async def wait_and_work() -> None:
            while True:
                try:
                    await (arrive or self.session.ready)(3600.0)
                    break
                except BrokerError:
                    await self.clock.sleep(1.0)
            await work()

        return wait_and_work

    async def _tend(self) -> None:
        while True:
            self.subscriptions.tend()
            self.depth.tend()
            self.board.review()
            self.depth_board.review()
            await self.clock.sleep(TEND_EVERY)

    def _is_taped(self, conid: int) -> bool:
        return conid in self.depth or conid in self.depth.looking

    def _quote_of(self, conid: int) -> Quote | None:
        return self.tables["quotes"].get(str(conid))

    def _audited(self, rows: Iterable[AuditRow]) -> None:
        for row in rows:
            self.logs["audit"].append(row)

    def _send(self, text: str) -> bool:
        return self.stream.send(text)

    def _session_changed(self) -> None:
        if self.session.epoch != self._epoch:
            self._epoch = self.session.epoch
            self.endpoints.session_opened()
            self.portfolio.new_session()
            self.stream.reconnect()
            self.orders.reconciler.look_everywhere()
        self.health.show()

    def _alarm(self, text: str, order_key: str) -> None:
        log.error("%s", text)
        self.orders.recorder.say(text, Severity.ERROR, order_key=order_key)

    def _fault(self, text: str) -> None:
        self.orders.recorder.say(text, Severity.ERROR, code="INTERNAL")


async def _end(parts: Iterable[asyncio.Task[None]]) -> None:
    """Cancel until all have ended: a cancel that meets a failing task group is lost (Python 3.11 and 3.12)."""
    pending = set(parts)
    while pending:
        for part in pending:
            part.cancel()
        _, pending = await asyncio.wait(pending, timeout=CANCEL_AGAIN)

"""The room where orders are judged, sent, followed and recorded: its parts, wired together."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ibkr_tui.core.dispatch import Caller
from ibkr_tui.core.guards import GuardDesk
from ibkr_tui.core.journal.journal import Journal
from ibkr_tui.core.kill_switch import KillSwitch
from ibkr_tui.core.live_gate import LiveDesk
from ibkr_tui.core.market.quotes import QuoteBoard
from ibkr_tui.core.orders.amend import Amender
from ibkr_tui.core.orders.approvals import Approvals
from ibkr_tui.core.orders.cancel import Canceller
from ibkr_tui.core.orders.closing import Closer
from ibkr_tui.core.orders.conversation import Conversation
from ibkr_tui.core.orders.facts import FactsDesk
from ibkr_tui.core.orders.gate import Gate
from ibkr_tui.core.orders.lifecycle import OrderBook
from ibkr_tui.core.orders.limits import LimitsInForce
from ibkr_tui.core.orders.preview import Previewer
from ibkr_tui.core.orders.prompt_desk import PromptDesk
from ibkr_tui.core.orders.pursuit import Pursuit
from ibkr_tui.core.orders.questions import QuestionDesk
from ibkr_tui.core.orders.reconcile import Reconciler
from ibkr_tui.core.orders.recorder import Recorder
from ibkr_tui.core.orders.resolve import Resolver
from ibkr_tui.core.orders.submit import Submitter
from ibkr_tui.core.orders.sweep import Sweeper, SweepResult
from ibkr_tui.core.portfolio.portfolio import Portfolio
from ibkr_tui.core.quiet import QuietWindow
from ibkr_tui.core.settings import Profile
from ibkr_tui.core.web.endpoints import Endpoints
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.groups import Proposal
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.log import Log
from ibkr_tui.model.table import Table


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What the room stands on, all of it the broker's: the journal and the calls, the market and the holdings, the
    guards, and the tables and logs that it writes. `contract` fetches an instrument, `alarm` tells people."""

    profile: Profile
    tables: Mapping[str, Table[Any]]
    logs: Mapping[str, Log[Any]]
    journal: Journal
    calls: Endpoints
    quiet: QuietWindow
    portfolio: Portfolio
    board: QuoteBoard
    contract: Callable[[int], Awaitable[Instrument]]
    switch: KillSwitch
    live: LiveDesk
    alarm: Callable[[str, str], None]
    clock: Clock

    @property
    def account(self) -> str:
        """The one account whose orders these are."""
        return self.profile.account_id

    @property
    def operator(self) -> str:
        """Who is named to exchanges that want to know it."""
        return self.profile.safety.ext_operator or self.account


class OrderRoom:
    """Everything about the orders of one account, in the sequence in which one lives: it is followed and recorded,
    judged, sent, taken back, guarded. The parts are public: the operations use them.
    """

    def __init__(self, around: Surroundings) -> None:
        self.operator = around.operator
        self._follow(around)
        self._judge(around)
        self._send(around)
        self._take_back(around)
        self._guard(around)

    def _follow(self, around: Surroundings) -> None:
        """What is known of orders, and written down: the recorder, the book, the reads that fill it."""
        account, clock, portfolio = around.account, around.clock, around.portfolio
        events, fills = around.logs["events"], around.logs["fills"]
        self.recorder = Recorder(around.journal, events, fills, account, clock)
        self.recorder.keep(lambda coid: self.book.find(coid) is not None)
        self.recorder.on_fill = lambda fill: portfolio.filled()
        self.book = OrderBook(around.tables["orders"], account, clock, self.recorder.changed, around.alarm)
        self.book.on_naked, self.book.on_restated = self.recorder.naked, self.recorder.restated
        self.reconciler = Reconciler(reads=around.calls, book=self.book, recorder=self.recorder, clock=clock)

    def _judge(self, around: Surroundings) -> None:
        """What decides whether an order may leave: limits, facts, approvals, the gate; and its preview."""
        self.limits = LimitsInForce(around.profile.limits)
        self.facts = FactsDesk(
            profile=around.profile,
            portfolio=around.portfolio,
            positions=around.tables["positions"],
            quotes=around.tables["quotes"],
            board=around.board,
            book=self.book,
            contract=around.contract,
            reads=around.calls,
            clock=around.clock,
            limits=lambda: self.limits.now,
        )
        self.approvals = Approvals(around.clock, around.profile.safety.approval_expires_s)
        self.gate = Gate(
            profile=around.profile,
            read_facts=self.facts.gather,
            switch=around.switch,
            live=around.live,
            journal=around.journal,
            book=self.book,
            limits=self.limits,
            approvals=self.approvals,
            clock=around.clock,
            on_journal_failure=self._trip,
        )
        self.previewer = Previewer(gate=self.gate, approvals=self.approvals, reads=around.calls, limits=self.limits)

    def _send(self, around: Surroundings) -> None:
        """What speaks with the broker: orders, their cancels and amends, the answers to its questions and prompts."""
        self.desk = QuestionDesk(around.tables["questions"], around.profile.safety, around.clock)
        self.canceller = Canceller(
            account=around.account,
            calls=around.calls,
            book=self.book,
            desk=self.desk,
            recorder=self.recorder,
            look=self.reconciler.look,
            operator=self.operator,
        )
        conversation = Conversation(around.calls, self.desk, around.quiet)
        self.submitter = Submitter(
            account=around.account,
            calls=around.calls,
            journal=around.journal,
            book=self.book,
            recorder=self.recorder,
            conversation=conversation,
            gate=self.gate,
            identify=self.reconciler.look_at,
            cancel=self.canceller.cancel,
            clock=around.clock,
            instance=secrets.token_hex(8),
        )
        self.amender = Amender(
            account=around.account,
            calls=around.calls,
            journal=around.journal,
            book=self.book,
            recorder=self.recorder,
            conversation=conversation,
            gate=self.gate,
            lock=self.submitter.lock,
            look=self.reconciler.look,
        )
        self.prompts = PromptDesk(
            calls=around.calls,
            desk=self.desk,
            book=self.book,
            recorder=self.recorder,
            quiet=around.quiet,
            check=self.gate.check_switch,
            look=self.reconciler.look,
        )

    def _take_back(self, around: Surroundings) -> None:
        """What takes risk away: cancels that are kept up, sweeps, closings, verdicts on orders of unknown fate."""
        self.pursuit = Pursuit(book=self.book, recorder=self.recorder, cancel=self.canceller.cancel, clock=around.clock)
        self.sweeper = Sweeper(
            book=self.book,
            canceller=self.canceller,
            read=self.reconciler.read_orders,
            quiet=around.quiet,
            keep_up=self.pursuit.begin,
            clock=around.clock,
        )
        self.closer = Closer(
            account=around.account,
            positions=around.portfolio.read_positions,
            book=self.book,
            sweeper=self.sweeper,
            send=self.submitter.send_one,
            refusals=self._refusals,
            clock=around.clock,
            operator=self.operator,
        )
        self.resolver = Resolver(
            book=self.book,
            recorder=self.recorder,
            pursuit=self.pursuit,
            looked=self.reconciler.looked,
            clock=around.clock,
        )

    def _guard(self, around: Surroundings) -> None:
        """What watches over all of it: the kill switch's file, the limits, the journal."""
        around.journal.on_failure = self._trip
        self.guards = GuardDesk(
            table=around.tables["guards"],
            profile=around.profile.name,
            switch=around.switch,
            limits=self.limits,
            journal=around.journal,
            recorder=self.recorder,
            clock=around.clock,
            sweep=self._cancel_on_kill if around.profile.safety.cancel_on_kill else None,
        )

    async def _refusals(self, proposal: Proposal, approval: str) -> tuple[BrokerError, ...]:
        refusals = (await self.gate.examine(proposal)).refusals
        if self.gate.needs_approval and not approval:
            refusals += (BrokerError("APPROVAL_REQUIRED", "closing is sent only when it was previewed and approved"),)
        return refusals

    def _trip(self, why: str) -> None:
        self.guards.trip(why)

    async def _cancel_on_kill(self) -> SweepResult:
        return await self.sweeper.cancel_all(Caller("kill switch"))

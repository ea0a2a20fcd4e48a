"""The room where orders are judged, sent, followed and recorded: its parts, wired together."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
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


class OrderRoom:
    """Everything about the orders of one account. Its parts are public: the operations use them."""

    def __init__(
        self,
        *,
        profile: Profile,
        tables: Mapping[str, Table[Any]],
        logs: Mapping[str, Log[Any]],
        journal: Journal,
        calls: Endpoints,
        quiet: QuietWindow,
        portfolio: Portfolio,
        board: QuoteBoard,
        contract: Callable[[int], Awaitable[Instrument]],
        switch: KillSwitch,
        live: LiveDesk,
        alarm: Callable[[str, str], None],
        clock: Clock,
    ) -> None:
        account = profile.account_id
        journal.on_failure = self._trip
        self.recorder = Recorder(journal, logs["events"], logs["fills"], account, clock)
        self.recorder.keep(lambda coid: self.book.find(coid) is not None)
        self.recorder.on_fill = lambda fill: portfolio.filled()
        self.book = OrderBook(tables["orders"], account, clock, self.recorder.changed, alarm)
        self.book.on_naked, self.book.on_restated = self.recorder.naked, self.recorder.restated
        self.desk = QuestionDesk(tables["questions"], profile.safety, clock)
        conversation = Conversation(calls, self.desk, quiet)
        self.operator = profile.safety.ext_operator or account
        self.reconciler = Reconciler(reads=calls, book=self.book, recorder=self.recorder, clock=clock)
        self.limits = LimitsInForce(profile.limits)
        self.facts = FactsDesk(
            profile=profile,
            portfolio=portfolio,
            positions=tables["positions"],
            quotes=tables["quotes"],
            board=board,
            book=self.book,
            contract=contract,
            reads=calls,
            clock=clock,
            limits=lambda: self.limits.now,
        )
        self.approvals = Approvals(clock, profile.safety.approval_expires_s)
        self.gate = Gate(
            profile=profile,
            read_facts=self.facts.gather,
            switch=switch,
            live=live,
            journal=journal,
            book=self.book,
            limits=self.limits,
            approvals=self.approvals,
            clock=clock,
            on_journal_failure=self._trip,
        )
        self.prompts = PromptDesk(
            calls=calls,
            desk=self.desk,
            book=self.book,
            recorder=self.recorder,
            quiet=quiet,
            check=self.gate.check_switch,
            look=self.reconciler.look,
        )
        self.canceller = Canceller(
            account=account,
            calls=calls,
            book=self.book,
            desk=self.desk,
            recorder=self.recorder,
            look=self.reconciler.look,
            operator=self.operator,
        )
        self.submitter = Submitter(
            account=account,
            calls=calls,
            journal=journal,
            book=self.book,
            recorder=self.recorder,
            conversation=conversation,
            gate=self.gate,
            identify=self.reconciler.look_at,
            cancel=self.canceller.cancel,
            clock=clock,
            instance=secrets.token_hex(8),
        )
        self.amender = Amender(
            account=account,
            calls=calls,
            journal=journal,
            book=self.book,
            recorder=self.recorder,
            conversation=conversation,
            gate=self.gate,
            lock=self.submitter.lock,
            look=self.reconciler.look,
        )
        self.pursuit = Pursuit(book=self.book, recorder=self.recorder, cancel=self.canceller.cancel, clock=clock)
        self.sweeper = Sweeper(
            book=self.book,
            canceller=self.canceller,
            read=self.reconciler.read_orders,
            quiet=quiet,
            keep_up=self.pursuit.begin,
            clock=clock,
        )
        self.closer = Closer(
            account=account,
            positions=portfolio.read_positions,
            book=self.book,
            sweeper=self.sweeper,
            send=self.submitter.send_one,
            refusals=self._refusals,
            clock=clock,
            operator=self.operator,
        )
        self.previewer = Previewer(gate=self.gate, approvals=self.approvals, reads=calls, limits=self.limits)
        self.guards = GuardDesk(
            table=tables["guards"],
            profile=profile.name,
            switch=switch,
            limits=self.limits,
            journal=journal,
            recorder=self.recorder,
            clock=clock,
            sweep=self._cancel_on_kill if profile.safety.cancel_on_kill else None,
        )
        self.resolver = Resolver(
            book=self.book,
            recorder=self.recorder,
            pursuit=self.pursuit,
            looked=self.reconciler.looked,
            clock=clock,
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

"""A desk with a real journal and a broker whose answers a test writes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ibkr_tui.core.dispatch import Caller
from ibkr_tui.core.journal.journal import Journal
from ibkr_tui.core.kill_switch import KillSwitch
from ibkr_tui.core.live_gate import LiveDesk
from ibkr_tui.core.orders.amend import Amender
from ibkr_tui.core.orders.approvals import Approvals
from ibkr_tui.core.orders.cancel import Canceller
from ibkr_tui.core.orders.conversation import Conversation
from ibkr_tui.core.orders.gate import Gate
from ibkr_tui.core.orders.lifecycle import OrderBook
from ibkr_tui.core.orders.limits import LimitsInForce
from ibkr_tui.core.orders.prompt_desk import PromptDesk
from ibkr_tui.core.orders.pursuit import Pursuit
from ibkr_tui.core.orders.questions import QuestionDesk
from ibkr_tui.core.orders.reconcile import Reconciler
from ibkr_tui.core.orders.recorder import Recorder
from ibkr_tui.core.orders.resolve import Resolver
from ibkr_tui.core.orders.risk import QuoteFacts, RiskFacts
from ibkr_tui.core.orders.submit import Submitter
from ibkr_tui.core.orders.sweep import Sweeper
from ibkr_tui.core.quiet import QuietWindow
from ibkr_tui.core.settings import Limits, MarketSettings, Profile, SafetySettings, UiSettings
from ibkr_tui.core.web.answer import Answer, NotSent
from ibkr_tui.core.web.course import Check
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.events import Event
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.log import Log
from ibkr_tui.model.orders import Fill, Order, OrderTicket, OrderType, Question, Side
from ibkr_tui.model.quotes import QuoteStatus
from ibkr_tui.model.table import Table

ACCOUNT = "DU1234567"
AAPL = Instrument(265598, "AAPL", "AAPL", "Apple Inc", "STK", "NASDAQ", "USD")
Reply = Answer | Exception | Callable[[], Awaitable[Answer]]


class Script:
    """The broker's side of the writing calls: the answers in their order, and what was asked."""

    def __init__(self) -> None:
        self.answers: list[Reply] = []
        self.asked: list[tuple[str, Any]] = []
        self.reads: dict[str, list[Any]] = {"orders": [], "trades": [], "status": []}
        self.read_calls: list[str] = []
        self.on_wire: Callable[[str], None] = lambda name: None
        """Called when the connection of a request stands, before its first byte leaves."""

    def will(self, data: Any, status: int = 200) -> None:
        """The next call is answered with `data`."""
        self.answers.append(Answer(status, data if isinstance(data, bytes) else msgspec.json.encode(data)))

    def fails(self, error: Exception | Callable[[], Awaitable[Answer]]) -> None:
        """The next call raises, or does what `error` does."""
        self.answers.append(error)

    async def place(self, account: str, body: bytes, *, check: Check | None = None) -> Answer:
        return await self._leave("place", msgspec.json.decode(body), check)

    async def reply(self, question_id: str, confirmed: bool, *, check: Check | None = None) -> Answer:
        return await self._leave(f"reply {question_id}", confirmed, check)

    async def notify(self, order_id: str, request_id: str, text: str, *, check: Check | None = None) -> Answer:
        return await self._leave(f"notify {order_id} {request_id}", text, check)

    async def modify(self, account: str, order_id: str, body: bytes, *, check: Check | None = None) -> Answer:
        return await self._leave(f"modify {order_id}", msgspec.json.decode(body), check)

    async def _leave(self, name: str, what: Any, check: Check | None) -> Answer:
        self.on_wire(name)
        if check is not None:
            try:
                check()
            except BrokerError as error:
                raise NotSent(error.message, error.code) from None
        self.asked.append((name, what))
        return await self._next()

    async def cancel(self, account: str, order_id: str, **who: Any) -> Answer:
        self.asked.append((f"cancel {order_id}", account))
        return await self._next()

    async def orders(self, force: bool = False) -> dict[str, Any]:
        self.read_calls.append("orders")
        return {"orders": self._read("orders") or [], "snapshot": True}

    async def trades(self, days: int) -> list[Any]:
        self.read_calls.append("trades")
        return self._read("trades") or []

    async def order_status(self, order_id: str) -> dict[str, Any]:
        self.read_calls.append(f"status {order_id}")
        return self._read("status") or {}

    def _read(self, name: str) -> Any:
        found = self.reads[name]
        answer = found.pop(0) if len(found) > 1 else found[0] if found else None
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def _next(self) -> Answer:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Answer) else await answer()


class OrderDesk:
    """Everything about orders, around a script."""

    def __init__(self, state: Path, clock: Any, **profile: Any) -> None:
        fields: dict[str, Any] = {
            "name": "paper", "kind": "paper", "auth": "oauth1", "account_id": ACCOUNT, "rest_url": "", "ws_url": "",
            "orders": "send", "limits": Limits(duplicate_window_s=0), "market": MarketSettings(),
            "safety": SafetySettings(),
            "ui": UiSettings(),
        }  # fmt: skip
        self.profile = Profile(**(fields | profile))
        self.clock = clock
        self.script = Script()
        self.orders: Table[Order] = Table("orders")
        self.questions: Table[Question] = Table("questions")
        self.events: Log[Event] = Log("events")
        self.fills: Log[Fill] = Log("fills")
        self.journal = Journal(state, clock, "test")
        self.recorder = Recorder(self.journal, self.events, self.fills, ACCOUNT, clock)
        self.book = OrderBook(self.orders, ACCOUNT, clock, self.recorder.changed, self._alarm)
        self.desk = QuestionDesk(self.questions, self.profile.safety, clock)
        self.quiet = QuietWindow(clock)
        self.reconciler = Reconciler(reads=self.script, book=self.book, recorder=self.recorder, clock=clock)
        self.facts = RiskFacts(
            orders_mode=self.profile.orders, account=ACCOUNT, pinned_account=ACCOUNT,
            net_liquidation=D(1000000), gross_value=D(0), position=D(0), rate=D(1),
            quote=QuoteFacts(QuoteStatus.LIVE, D("189.42"), D("189.44"), D("189.43"), 0.1),
        )  # fmt: skip
        conversation = Conversation(self.script, self.desk, self.quiet)
        self.switch = KillSwitch(state, clock)
        self.limits = LimitsInForce(self.profile.limits)
        self.approvals = Approvals(clock, self.profile.safety.approval_expires_s)
        self.gate = Gate(
            profile=self.profile, read_facts=self._facts, switch=self.switch, journal=self.journal, book=self.book,
            live=LiveDesk(self.profile, state, clock), limits=self.limits, approvals=self.approvals, clock=clock,
        )  # fmt: skip
        self.canceller = Canceller(
            account=ACCOUNT, calls=self.script, book=self.book, desk=self.desk, recorder=self.recorder,
            look=self.reconciler.look,
        )  # fmt: skip
        self.submitter = Submitter(
            account=ACCOUNT, calls=self.script, journal=self.journal, book=self.book, recorder=self.recorder,
            conversation=conversation, gate=self.gate, identify=self.reconciler.look_at, cancel=self.canceller.cancel,
            clock=clock, instance="test",
        )  # fmt: skip
        self.amender = Amender(
            account=ACCOUNT, calls=self.script, journal=self.journal, book=self.book, recorder=self.recorder,
            conversation=conversation, gate=self.gate, lock=self.submitter.lock, look=self.reconciler.look,
        )  # fmt: skip
        self.book.on_naked, self.book.on_restated = self.recorder.naked, self.recorder.restated
        self.prompts = PromptDesk(
            calls=self.script, desk=self.desk, book=self.book, recorder=self.recorder, quiet=self.quiet,
            check=self.gate.check_switch, look=self.reconciler.look,
        )  # fmt: skip
        self.pursuit = Pursuit(book=self.book, recorder=self.recorder, cancel=self.canceller.cancel, clock=clock)
        self.resolver = Resolver(
            book=self.book, recorder=self.recorder, pursuit=self.pursuit, looked=self.reconciler.looked, clock=clock
        )
        self.sweeper = Sweeper(
            book=self.book, canceller=self.canceller, read=self.reconciler.read_orders, quiet=self.quiet,
            keep_up=self.pursuit.begin, clock=clock,
        )  # fmt: skip
        self.state = state
        self.person = Caller("app", "face-1", True)
        self.nobody = Caller("call", "face-2", False)

    def _alarm(self, text: str, key: str) -> None:
        self.recorder.say(text, order_key=key)

    async def _facts(self, ticket: OrderTicket, instrument: Instrument, *, without: str = "") -> RiskFacts:
        unknown = self.book.blocking(instrument.conid, ticket.side)
        return msgspec.structs.replace(self.facts, unknown_same_side=unknown)

    async def buy(self, price: str | None = "188.00", caller: Caller | None = None, qty: str = "10") -> Order:
        """Place a limit order (a market order without a price)."""
        kind = OrderType.LIMIT if price else OrderType.MARKET
        ticket = OrderTicket(Side.BUY, D(qty), "AAPL", order_type=kind, limit_price=D(price) if price else None)
        return await self.submitter.place(ticket, AAPL, caller or self.nobody)

    async def audit(self) -> list[str]:
        """The kinds of the audit's order rows, in sequence."""
        await self.recorder.settled()
        rows = await self.journal._database.run(lambda c: c.execute("SELECT kind FROM audit WHERE seq > 1").fetchall())
        return [kind for (kind,) in rows]

    @property
    def said(self) -> list[str]:
        """What people were told."""
        return [event.text for event in self.events.entries()]


@pytest.fixture
async def order_desk(tmp_path: Path, fake_clock: Any) -> AsyncIterator[OrderDesk]:
    made = OrderDesk(tmp_path, fake_clock)
    await made.journal.open()
    recording = asyncio.create_task(made.recorder.run())
    yield made
    recording.cancel()
    await made.journal.close()

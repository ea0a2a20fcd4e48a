"""Sending an order (design 6.1, 6.2): gate, one commit, one POST, and an honest name for what came back.

Under the account's lock, one order at a time: two at once mix up their questions (reference 4.6). Nothing here is ever
sent a second time. Whatever ends this early — a lost answer, a cancelled task, a fault of ours — leaves the order
UNKNOWN, never forgotten.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from ibkr_tui.core.dispatch import Caller
from ibkr_tui.core.journal.intents import Intent, IntentState
from ibkr_tui.core.journal.journal import Journal, Turn
from ibkr_tui.core.orders.answers import Accepted, Asked, Outcome, Questions, Refused, Registered, Unclear, classify
from ibkr_tui.core.orders.coid import new_coid
from ibkr_tui.core.orders.lifecycle import OrderBook
from ibkr_tui.core.orders.payloads import encode, order_payload
from ibkr_tui.core.orders.questions import Decision, QuestionDesk
from ibkr_tui.core.orders.recorder import Recorder, summary
from ibkr_tui.core.orders.refusals import refusal
from ibkr_tui.core.orders.risk import Assessment, RiskFacts, check, check_mode, check_rehearsal
from ibkr_tui.core.quiet import QuietWindow
from ibkr_tui.core.settings import Profile
from ibkr_tui.core.web.answer import Answer, AnswerLost, NotSent
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.orders import Order, OrderState, OrderTicket
from ibkr_tui.model.tickets import check_ticket


class OrderCalls(Protocol):
    """The calls that change something. Each leaves exactly once; raises NotSent or AnswerLost."""

    async def place(self, account: str, body: bytes) -> Answer: ...
    async def reply(self, question_id: str, confirmed: bool) -> Answer: ...


ReadFacts = Callable[[OrderTicket, Instrument], Awaitable[RiskFacts]]


class Unsent(msgspec.Struct, frozen=True):
    """No byte left this machine."""

    error: NotSent


class Submitter:
    """Places orders for one account."""

    def __init__(
        self,
        *,
        profile: Profile,
        calls: OrderCalls,
        journal: Journal,
        book: OrderBook,
        desk: QuestionDesk,
        recorder: Recorder,
        quiet: QuietWindow,
        read_facts: ReadFacts,
        clock: Clock,
        instance: str,
    ) -> None:
        self._profile = profile
        self._calls = calls
        self._journal = journal
        self._book = book
        self._desk = desk
        self._recorder = recorder
        self._quiet = quiet
        self._read_facts = read_facts
        self._clock = clock
        self._instance = instance
        self._lock = asyncio.Lock()

    async def place(self, ticket: OrderTicket, instrument: Instrument, caller: Caller) -> Order:
        """The order as it stands once its POST is answered.

        Raises BrokerError: the rule that refused it, JOURNAL_UNAVAILABLE (nothing was sent), IBKR_ORDER_REJECTED…,
        QUESTION_DECLINED, or IBKR_ORDER_UNKNOWN with the cOID in its details.
        """
        async with self._lock:
            check_ticket(ticket, instrument)
            facts = await self._read_facts(ticket, instrument)
            check_mode(facts)
            assessment = check(ticket, instrument, facts, self._profile.limits)
            check_rehearsal(facts)
            if self._journal.failure:
                raise BrokerError("JOURNAL_UNAVAILABLE", f"nothing was sent: {self._journal.failure}")
            async with self._quiet.quiet():  # a read between the POST and the reply to its question voids the question
                return await self._send(ticket, instrument, caller, assessment)

    async def _send(self, ticket: OrderTicket, instrument: Instrument, caller: Caller, assessment: Assessment) -> Order:
        now, account = self._clock.now(), self._profile.account_id
        coid = new_coid(now)
        body = encode(order_payload(ticket, instrument.conid, account, coid))
        digest = hashlib.sha256(body).hexdigest()
        order = Order(
            key=coid,
            account=account,
            conid=instrument.conid,
            symbol=instrument.symbol,
            description=instrument.description,
            side=ticket.side,
            order_type=ticket.order_type.value,
            qty=ticket.qty,
            state=OrderState.SENDING,
            coid=coid,
            limit_price=ticket.limit_price,
            tif=ticket.tif.value,
            placed_at=now,
            since=now,
        )
        await self._journal.begin(
            _intent(order, digest, self._instance), _facts(order, ticket, digest, assessment, caller)
        )
        self._recorder.remember(coid)
        self._book.begin(order)
        self._recorder.note(coid, Turn("sent", {"request_hash": digest}))
        outcome: Outcome | Unsent = Unclear("this core was interrupted before the answer came")
        try:
            outcome = await self._exchange(lambda: self._calls.place(account, body), coid, reply=False)
            if isinstance(outcome, Questions):
                outcome = await self._converse(outcome, order, caller)
        finally:
            settled = self._settle(coid, outcome)
        return self._result(settled, outcome)

    async def _exchange(self, call: Callable[[], Awaitable[Answer]], coid: str, *, reply: bool) -> Outcome | Unsent:
        try:
            answer = await call()
        except NotSent as error:
            # A reply that did not leave decides nothing: the question's order may still be taken.
            return Unclear(f"the reply did not leave: {error.message}") if reply else Unsent(error)
        except AnswerLost as error:
            return Unclear(error.message)
        return classify(answer.status, answer.body, coid=coid, reply=reply)

    async def _converse(self, first: Questions, order: Order, caller: Caller) -> Outcome | Unsent:
        """Answer questions until the broker decides. Every question of an answer is answered before it counts."""
        waiting = list(first.items)
        outcome: Outcome | Unsent = first
        answered: set[str] = set()
        rounds = 0
        self._quiet.asking = True
        while waiting:
            asked = waiting.pop(0)
            if asked.id in answered:
                continue
            answered.add(asked.id)
            decision = await self._decide(asked, order, caller, rounds)
            rounds += 1
            outcome = await self._exchange(
                lambda asked=asked, decision=decision: self._calls.reply(asked.id, decision.confirmed),  # type: ignore[misc]
                order.coid,
                reply=True,
            )
            if isinstance(outcome, Questions):
                waiting.extend(outcome.items)
            elif not decision.confirmed:
                return _declined(outcome, asked, decision)
            elif not isinstance(outcome, Accepted):
                return outcome
        return Unclear("the broker repeated its questions") if isinstance(outcome, Questions) else outcome

    async def _decide(self, asked: Asked, order: Order, caller: Caller, rounds: int) -> Decision:
        text = " · ".join(asked.messages)
        self._book.answered(order.coid, OrderState.QUESTION, text=text)
        facts = {"message_ids": asked.message_ids, "text": text}
        self._recorder.note(order.coid, Turn("question", facts, IntentState.QUESTION))
        decision = await self._desk.decide(asked, caller, order_key=order.key, summary=summary(order), rounds=rounds)
        word = "yes" if decision.confirmed else "no"
        self._recorder.note(
            order.coid, Turn("answered", {"message_ids": asked.message_ids, "answer": word, "by": decision.by})
        )
        return decision

    def _settle(self, coid: str, outcome: Outcome | Unsent) -> Order:
        """Book and journal what the answer proved."""
        note, book = self._recorder.note, self._book
        if isinstance(outcome, Accepted):
            row = outcome.rows[0]
            facts = {"order_id": row.order_id, "status": row.status}
            note(coid, Turn("accepted", facts, IntentState.WORKING, row.order_id))
            order = book.answered(coid, OrderState.WORKING, order_id=row.order_id, status=row.status)
            if order.state is OrderState.REJECTED:
                note(coid, Turn("rejected", facts, IntentState.REJECTED))
            return order
        if isinstance(outcome, Unsent):
            text = f"not sent: {outcome.error.message}"
            note(coid, Turn("not_sent", {"text": text}, IntentState.NOT_SENT))
            return book.answered(coid, OrderState.REJECTED, text=text)
        if isinstance(outcome, Refused):
            order = book.answered(coid, OrderState.REJECTED, text=outcome.text)
            if order.state is OrderState.REJECTED:
                note(coid, Turn("rejected", {"text": outcome.text}, IntentState.REJECTED))
            return order
        text = outcome.text if isinstance(outcome, Registered | Unclear) else "the broker's questions were not answered"
        order = book.answered(coid, OrderState.UNKNOWN, text=text)
        if order.state is OrderState.UNKNOWN:
            facts = {"text": text}
            if isinstance(outcome, Unclear):
                facts |= {"body_hash": outcome.body_hash, "body_start": outcome.body_start}
            note(coid, Turn("unknown", facts, IntentState.UNKNOWN))
        return order

    def _result(self, order: Order, outcome: Outcome | Unsent) -> Order:
        details = {"coid": order.coid}
        if order.state is OrderState.UNKNOWN:
            raise BrokerError(
                "IBKR_ORDER_UNKNOWN", f"{summary(order)}: its fate is not known: {order.text}", details=details
            )
        if order.state is not OrderState.REJECTED:
            return order
        if isinstance(outcome, Unsent):
            error = outcome.error
            raise BrokerError(error.code, f"the order was not sent: {error.message}", details=details)
        if isinstance(outcome, Refused):
            raise refusal(outcome, details)
        raise BrokerError("IBKR_ORDER_REJECTED", order.text or order.broker_status, details=details)


def _declined(outcome: Outcome | Unsent, asked: Asked, decision: Decision) -> Outcome | Unsent:
    """A no that the broker took carries the broker's question; one that got lost leaves the fate open."""
    if not isinstance(outcome, Refused):
        return outcome
    text = " · ".join(asked.messages)
    return Refused(f"{text} — answered no ({decision.by})", declined=True)


def _intent(order: Order, digest: str, instance: str) -> Intent:
    assert order.placed_at is not None  # noqa: S101 - set by the only caller
    return Intent(
        coid=order.coid,
        account=order.account,
        conid=order.conid,
        symbol=order.symbol,
        description=order.description,
        side=order.side,
        qty=order.qty,
        order_type=order.order_type,
        limit_price=order.limit_price,
        tif=order.tif,
        request_hash=digest,
        instance=instance,
        state=IntentState.SENDING,
        created_at=order.placed_at,
    )


def _facts(order: Order, ticket: OrderTicket, digest: str, assessment: Assessment, caller: Caller) -> dict[str, object]:
    after = assessment.leverage_after
    return {
        "conid": order.conid, "symbol": order.symbol, "side": order.side, "qty": order.qty,
        "order_type": order.order_type, "limit_price": order.limit_price, "tif": order.tif,
        "request_hash": digest, "value": round(assessment.value, 2), "face": caller.face,
        "leverage_after": None if after is None else round(after, 3),
        "outside_rth": ticket.outside_rth, "exchange": ticket.exchange,
    }  # fmt: skip

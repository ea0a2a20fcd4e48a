"""Sending orders (design 6.1, 6.2, 6.6): gate, one commit, one POST, and an honest name for what came back.

Under the account's lock, one submission at a time: two at once mix up their questions (reference 4.6). Nothing here is
ever sent a second time. Whatever ends this early — a lost answer, a cancelled task, a fault of ours — leaves the orders
UNKNOWN, never forgotten.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, Protocol

from ibkr_tui.core.dispatch import Caller
from ibkr_tui.core.journal.intents import IntentState
from ibkr_tui.core.journal.journal import Journal, Turn
from ibkr_tui.core.orders.answers import Asked, Outcome, Refused, Unclear
from ibkr_tui.core.orders.conversation import Conversation, SendCall, Topic, Unsent
from ibkr_tui.core.orders.gate import Judgement
from ibkr_tui.core.orders.lifecycle import OrderBook
from ibkr_tui.core.orders.payloads import child_payload, encode, order_payload
from ibkr_tui.core.orders.recorder import Recorder, summary
from ibkr_tui.core.orders.refusals import refusal
from ibkr_tui.core.orders.settlement import Settlement
from ibkr_tui.core.orders.submission import Submission, group_details, group_result, intents, prepare
from ibkr_tui.core.web.answer import Answer
from ibkr_tui.core.web.course import Check
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.events import Severity
from ibkr_tui.model.groups import GroupKind, GroupResult, Leg, Proposal
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.orders import Order, OrderState, OrderTicket, Role

IDENTIFY_WITHIN: Final = 5.0
CANCEL_WITHIN: Final = 5.0
LOOK_EVERY: Final = 0.5


class OrderCalls(Protocol):
    """The call that places. It leaves exactly once, after a last `check`; raises NotSent or AnswerLost."""

    async def place(self, account: str, body: bytes, *, check: Check | None = None) -> Answer: ...


class Judge(Protocol):
    """The gate, as far as sending needs it."""

    async def judge(
        self, proposal: Proposal, caller: Caller, approval: str = "", *, follows: bool = False
    ) -> Judgement: ...
    def check_switch(self, *, adds_risk: bool = True) -> None: ...


class Submitter:
    """Places orders for one account. `lock` is the account's; `identify` reads one order of the broker's into the book,
    `cancel` asks to cancel one."""

    def __init__(
        self,
        *,
        account: str,
        calls: OrderCalls,
        journal: Journal,
        book: OrderBook,
        recorder: Recorder,
        conversation: Conversation,
        gate: Judge,
        identify: Callable[[str], Awaitable[None]],
        cancel: Callable[[str, Caller], Awaitable[Order]],
        clock: Clock,
        instance: str,
    ) -> None:
        self._account = account
        self._calls = calls
        self._journal = journal
        self._book = book
        self._recorder = recorder
        self._conversation = conversation
        self._gate = gate
        self._identify = identify
        self._cancel = cancel
        self._clock = clock
        self._instance = instance
        self._settlement = Settlement(book, recorder)
        self.lock = asyncio.Lock()

    async def place(self, ticket: OrderTicket, instrument: Instrument, caller: Caller, approval: str = "") -> Order:
        """One simple order, as `send_one`."""
        leg = Leg(Role.SINGLE, ticket, instrument)
        return await self.send_one(Proposal(GroupKind.SIMPLE, self._account, (leg,)), caller, approval)

    async def send_one(self, proposal: Proposal, caller: Caller, approval: str = "") -> Order:
        """The order as it stands once its POST is answered.

        Raises BrokerError: the rule that refused it, JOURNAL_UNAVAILABLE (nothing was sent), IBKR_ORDER_REJECTED…,
        QUESTION_DECLINED, or IBKR_ORDER_UNKNOWN with the cOID in its details.
        """
        submission, outcome = await self._submit(proposal, caller, approval)
        order = self._book.find(submission.lead.key) or submission.lead
        details = {"coid": order.coid}
        if order.state is OrderState.UNKNOWN:
            raise _unknown(order, details)
        if order.state is OrderState.REJECTED or _is_declined(outcome):
            raise _rejected(order, outcome, details, caller)
        return order

    async def send_group(
        self, proposal: Proposal, caller: Caller, approval: str = "", *, sequential: bool = False
    ) -> GroupResult:
        """A bracket, OCO or OTO as it stands once its POST is answered and its legs are told apart.

        `sequential` sends the child of an OTO by itself, after its trigger: where a broker takes no array of both.
        Raises as `send_one`, and IBKR_GROUP_PARTIAL or IBKR_OTO_PARTIAL_FAILURE when only a part of it works.
        """
        if sequential and proposal.kind is not GroupKind.OTO:
            raise BrokerError("BAD_ARGUMENT", "only an OTO can be sent in sequence", details={"field": "sequential"})
        submission, outcome = await self._submit(proposal, caller, approval, sequential=sequential)
        await self._tell_apart(submission.group_id)
        orders = self._book.group(submission.group_id)
        details = {"coid": submission.lead.coid} | group_details(submission.group_id, orders)
        for order in orders:
            if order.state is OrderState.UNKNOWN:
                raise _unknown(order, details | {"coid": order.coid})
        rejected = [order for order in orders if order.state is OrderState.REJECTED]
        if len(rejected) == len(orders) or _is_declined(outcome):
            raise _rejected(orders[0], outcome, details, caller)
        if not rejected:
            return group_result(submission.group_id, proposal.kind, orders)
        if proposal.kind is GroupKind.OTO and rejected[0].role is Role.CHILD:
            raise await self._broken_oto(submission.group_id, rejected[0], caller)
        names = ", ".join(order.role.value for order in rejected)
        raise BrokerError(
            "IBKR_GROUP_PARTIAL", f"IBKR refused a part of the {proposal.kind} ({names}): {rejected[0].text}",
            details=details,
        )  # fmt: skip

    async def _submit(
        self, proposal: Proposal, caller: Caller, approval: str, *, sequential: bool = False
    ) -> tuple[Submission, Outcome | Unsent]:
        async with self.lock:
            judgement = await self._gate.judge(proposal, caller, approval)
            if self._journal.failure:
                raise BrokerError("JOURNAL_UNAVAILABLE", f"nothing was sent: {self._journal.failure}")
            submission = prepare(proposal, self._clock.now())
            await self._journal.begin_all(intents(submission, judgement, caller, self._instance))
            for order, leg in zip(submission.orders, proposal.legs, strict=True):
                self._recorder.remember(order.key)
                self._book.begin(order, leg.ticket, submission.parent(order))
            check = partial(self._gate.check_switch, adds_risk=judgement.adds_risk)
            if sequential:
                return submission, await self._in_sequence(submission, check, caller)
            send = partial(self._calls.place, self._account, submission.body)
            return submission, await self._send(submission, submission.orders, send, check, caller)

    async def _send(
        self,
        submission: Submission,
        orders: Sequence[Order],
        send: SendCall,
        check: Check,
        caller: Caller,
    ) -> Outcome | Unsent:
        """One POST of these orders, and what it came to."""
        heads = [order for order in orders if not submission.parent(order)] or orders

        def check_wanted() -> None:
            check()
            if all(self._book.is_unwanted(order.key) for order in heads):
                raise BrokerError("ORDER_CANCELLED", "it was cancelled while it was being sent")

        for order in orders:
            self._recorder.note(order.key, Turn("sent", {"request_hash": submission.digest}))
        outcome: Outcome | Unsent = Unclear("this core was interrupted before the answer came")
        try:
            outcome = await self._conversation.hold(send, self._topic(orders, check_wanted), caller)
        finally:
            self._settlement.settle(orders, outcome)
        return outcome

    async def _in_sequence(self, submission: Submission, check: Check, caller: Caller) -> Outcome | Unsent:
        """The trigger, and when the broker has it, the child that names it by the broker's id (W-06)."""
        trigger, child = submission.orders
        first, second = submission.proposal.legs
        outcome: Outcome | Unsent = Unclear("this core was interrupted before the answer came")
        alone = encode(order_payload(first.ticket, first.instrument.conid, self._account, trigger.coid))
        try:
            send = partial(self._calls.place, self._account, alone)
            outcome = await self._send(submission, [trigger], send, check, caller)
        finally:
            placed = self._book.find(trigger.key) or trigger
            lives = placed.state in {OrderState.WORKING, OrderState.FILLED} and placed.order_id
            if not lives:
                self._settlement.not_sent(child, "not sent: its trigger is not at work")
        if lives:
            body = encode(child_payload(second, self._account, placed.order_id))
            outcome = await self._send(
                submission, [child], partial(self._calls.place, self._account, body), check, caller
            )
        return outcome

    def _topic(self, orders: Sequence[Order], check: Check) -> Topic:
        def asked(question: Asked, text: str) -> None:
            facts = {"message_ids": question.message_ids, "text": text}
            for order in orders:
                self._book.answered(order.key, OrderState.QUESTION, text=text)
                state = None if self._book.is_unwanted(order.key) else IntentState.QUESTION
                self._recorder.note(order.key, Turn("question", facts, state))

        def answered(question: Asked, word: str, by: str) -> None:
            for order in orders:
                self._recorder.note(
                    order.key, Turn("answered", {"message_ids": question.message_ids, "answer": word, "by": by})
                )

        lead = orders[0]
        more = f" and {len(orders) - 1} more" if len(orders) > 1 else ""
        return Topic(lead.coid, lead.key, summary(lead) + more, asked, answered, check, len(orders))

    async def _tell_apart(self, group_id: str) -> None:
        """Look at the orders that the broker took without saying which leg they are, for five seconds at most."""
        until = self._clock.monotonic() + IDENTIFY_WITHIN
        while names := self._book.unplaced(group_id):
            for order_id in names:
                await self._identify(order_id)
            if not self._book.unplaced(group_id) or self._clock.monotonic() >= until:
                return
            await self._clock.sleep(LOOK_EVERY)

    async def _broken_oto(self, group_id: str, child: Order, caller: Caller) -> BrokerError:
        """The trigger without its child is not what was asked for: it is cancelled if it still can be (A-089)."""
        trigger = self._book.group(group_id)[0]
        said = ""
        try:
            if not trigger.state.is_done:
                await self._cancel(trigger.key, caller)
        except BrokerError as error:
            said = f"failed: {error.message}"
        until = self._clock.monotonic() + CANCEL_WITHIN
        while not said and self._clock.monotonic() < until:
            trigger = self._book.find(trigger.key) or trigger
            if trigger.state.is_done:
                break
            await self._clock.sleep(LOOK_EVERY)
        trigger = self._book.find(trigger.key) or trigger
        outcome = said or ("requested" if trigger.state is OrderState.CANCELLING else trigger.state.value)
        words = f"IBKR refused the child of the OTO: {child.text}. Cancelling its trigger: {outcome}"
        self._recorder.say(words, Severity.ERROR, code="IBKR_OTO_PARTIAL_FAILURE", order_key=trigger.key)
        details = group_details(group_id, self._book.group(group_id)) | {
            "coid": trigger.coid, "trigger_order_id": trigger.order_id, "trigger_status": trigger.state.value,
            "cancel": outcome,
        }  # fmt: skip
        return BrokerError("IBKR_OTO_PARTIAL_FAILURE", words, details=details)


def _unknown(order: Order, details: dict[str, object] | dict[str, str]) -> BrokerError:
    words = f"{summary(order)}: its fate is not known: {order.text}"
    return BrokerError("IBKR_ORDER_UNKNOWN", words, details=details)


def _is_declined(outcome: Outcome | Unsent) -> bool:
    return isinstance(outcome, Refused) and outcome.declined


def _rejected(
    order: Order, outcome: Outcome | Unsent, details: dict[str, object] | dict[str, str], caller: Caller
) -> BrokerError:
    if isinstance(outcome, Unsent):
        error = outcome.error
        return BrokerError(error.code, f"the order was not sent: {error.message}", details=details)
    if isinstance(outcome, Refused):
        return refusal(outcome, details, interactive=caller.interactive)
    return BrokerError("IBKR_ORDER_REJECTED", order.text or order.broker_status, details=details)

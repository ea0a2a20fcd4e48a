"""Changing an order (design 6; reference 4.6): the whole ticket is said again, once, and its fate is never guessed.

An amend whose answer was lost blocks the next one until the broker's rows show what the order is (fault R21).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, Protocol

import msgspec

from ibkr_tui.core.dispatch import Caller
from ibkr_tui.core.journal.journal import Journal, Turn
from ibkr_tui.core.orders.answers import Accepted, Asked, Outcome, Refused, Unclear
from ibkr_tui.core.orders.conversation import Conversation, Topic, Unsent
from ibkr_tui.core.orders.gate import Judgement
from ibkr_tui.core.orders.lifecycle import OrderBook
from ibkr_tui.core.orders.payloads import amend_payload, broker_id, encode
from ibkr_tui.core.orders.recorder import Recorder, summary
from ibkr_tui.core.orders.refusals import refusal
from ibkr_tui.core.orders.submission import ticket_facts
from ibkr_tui.core.orders.submit import Judge
from ibkr_tui.core.web.answer import Answer
from ibkr_tui.core.web.course import Check
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.events import Severity
from ibkr_tui.model.groups import GroupKind, Leg, Proposal
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.numbers import plain
from ibkr_tui.model.orders import LOOKED_FOR, Order, OrderState, OrderTicket, Role
from ibkr_tui.model.text import clean
from ibkr_tui.model.tickets import check_ticket

_BRACKET: Final = {Role.ENTRY, Role.STOP, Role.TARGET}
_OVER: Final = re.compile(r"inactive|already|filled|cannot be (cancel|modif)|doesn.t exist|not found", re.IGNORECASE)


class ModifyCall(Protocol):
    """The one call; leaves exactly once, after a last `check`; raises NotSent or AnswerLost."""

    async def modify(self, account: str, order_id: str, body: bytes, *, check: Check | None = None) -> Answer: ...


class _Step(msgspec.Struct, frozen=True):
    """One order as it is to be said again, judged."""

    order: Order
    order_id: str
    leg: Leg
    judgement: Judgement


class Amender:
    """Changes orders of one account, under the account's lock. `look` asks for an order read soon."""

    def __init__(
        self,
        *,
        account: str,
        calls: ModifyCall,
        journal: Journal,
        book: OrderBook,
        recorder: Recorder,
        conversation: Conversation,
        gate: Judge,
        lock: asyncio.Lock,
        look: Callable[[], None],
    ) -> None:
        self._account = account
        self._calls = calls
        self._journal = journal
        self._book = book
        self._recorder = recorder
        self._conversation = conversation
        self._gate = gate
        self._lock = lock
        self._look = look

    def order(self, name: str) -> Order:
        """The order that may be changed. Raises BrokerError ORDER_NOT_FOUND, ORDER_DONE, ORDER_BLOCKED_UNKNOWN,
        AMEND_PENDING."""
        order = self._book.find(name) if name else None
        if order is None:
            raise BrokerError("ORDER_NOT_FOUND", f"there is no order “{clean(name, limit=40)}”")
        details = {"coid": order.coid, "order_id": order.order_id}
        if order.state in {OrderState.UNKNOWN, OrderState.SENDING, OrderState.QUESTION}:
            words = f"{summary(order)} is {order.state.value}: nothing of it is changed before its fate is known"
            raise BrokerError("ORDER_BLOCKED_UNKNOWN", words, details=details)
        if order.state is not OrderState.WORKING:
            words = f"{summary(order)} is {order.state.value}"
            raise BrokerError("ORDER_DONE", words, user_action="There is nothing to change.", details=details)
        if self._book.is_amending(order.key) and not self._book.may_restate(order.key):
            words = f"{summary(order)}: what became of its last change is not known yet"
            if not self._book.is_unseen(order.key):
                raise BrokerError("AMEND_PENDING", words, details=details)
            todo = (
                f"Cancel it, or change it again {LOOKED_FOR:.0f} s after the last try: the whole ticket is said anew."
            )
            words += ", and IBKR's lists need not show what it changed"
            raise BrokerError("AMEND_PENDING", words, details=details, user_action=todo)
        return order

    async def amend(
        self, name: str, changes: Mapping[str, Any], instrument: Instrument, caller: Caller, approval: str = ""
    ) -> Order:
        """The order with these fields of its ticket changed. A bracket has one quantity: it changes in all its legs.

        All legs are judged before any is sent. Raises BrokerError as `order`; BAD_TICKET, a rule's code,
        IBKR_ORDER_REJECTED (it is what it was), IBKR_ORDER_UNKNOWN when nobody knows whether the change was taken, or
        IBKR_GROUP_PARTIAL with what became of each leg.
        """
        order = self.order(name)
        async with self._lock:
            order = self.order(order.key)  # it may have ended while another order was being sent
            steps = await self._judged(order, changes, instrument, caller, approval)
            await self._take(steps, caller)
        return self._book.find(order.key) or order

    async def _judged(
        self, order: Order, changes: Mapping[str, Any], instrument: Instrument, caller: Caller, approval: str
    ) -> list[_Step]:
        """What is to be sent, in the sequence that never leaves exits larger than what they guard; all of it passed
        the gate. The order that was named comes last there: it uses the approval up."""
        asked = [(leg, {"qty": changes["qty"]}) for leg in self._followers(order, changes)]
        steps = []
        for leg, said in [*asked, (order, changes)]:
            proposal = Proposal(
                GroupKind.SIMPLE, self._account, (Leg(leg.role, self.ticket(leg, said, instrument), instrument),),
                amends=leg.key,
            )  # fmt: skip
            follows = leg.key != order.key
            judgement = await self._gate.judge(proposal, caller, "" if follows else approval, follows=follows)
            steps.append(_Step(leg, broker_id(leg.order_id), proposal.legs[0], judgement))
        grows = bool(asked) and changes["qty"] > order.qty
        places = {leg.key: place for place, leg in enumerate(self._book.group(order.group_id))}
        return sorted(
            steps, key=lambda step: ((step.order.role is Role.ENTRY) is not grows, places.get(step.order.key, 0))
        )

    def _followers(self, order: Order, changes: Mapping[str, Any]) -> list[Order]:
        """The other legs of its bracket, for its new quantity. Raises BrokerError as `order` for one that can't."""
        if "qty" not in changes or order.role not in _BRACKET:
            return []
        others = [leg for leg in self._book.group(order.group_id) if leg.key != order.key and not leg.state.is_done]
        return [self.order(leg.key) for leg in others if leg.qty != changes["qty"]]

    async def _take(self, steps: Sequence[_Step], caller: Caller) -> None:
        """Send them one after the other. What the first one comes to is its own error; later, each leg's is told."""
        told: list[dict[str, str]] = []
        failed: BrokerError | None = None
        for step in steps:
            entered = bool(told) and told[0]["role"] == Role.ENTRY and told[0]["outcome"] == "changed"
            if failed is not None and not entered:  # an entry that grew is guarded as far as it can be
                told.append(_told(step.order, "not sent"))
                continue
            try:
                await self._send(step, caller)
                told.append(_told(self._book.find(step.order.key) or step.order, "changed"))
            except BrokerError as error:
                failed = failed or error
                outcome = "unknown" if error.code == "IBKR_ORDER_UNKNOWN" else "not changed"
                told.append(_told(step.order, outcome, error))
        if failed is None:
            return
        if not any(one["outcome"] == "changed" for one in told):
            raise failed
        words = ", ".join(f"{one['role']} {one['outcome']}" for one in told)
        raise BrokerError(
            "IBKR_GROUP_PARTIAL",
            f"only a part of the bracket is changed ({words}): {failed.message}",
            user_action="Look at its legs: change the others by themselves, or cancel the group.",
            details={"group_id": steps[0].order.group_id, "orders": told, "cause": failed.code},
        )

    def ticket(self, order: Order, changes: Mapping[str, Any], instrument: Instrument) -> OrderTicket:
        """The whole ticket as it would be said again. Raises BrokerError BAD_TICKET."""
        known = self._book.ticket(order.key)
        if known is None:
            words = f"{summary(order)} was not placed here, and not all of it is known: change it where it was placed"
            raise BrokerError("BAD_TICKET", words, details={"coid": order.coid})
        ticket = msgspec.structs.replace(known, conid=order.conid, **changes)
        if ticket == msgspec.structs.replace(known, conid=order.conid) and not self._book.is_amending(order.key):
            raise BrokerError("BAD_TICKET", f"that is what {summary(order)} is already")
        check_ticket(ticket, instrument)
        if ticket.qty <= order.filled:
            words = f"{plain(order.filled)} are filled already: the quantity must be more."
            raise BrokerError("BAD_TICKET", words, details={"field": "qty", "fields": {"qty": words}})
        return ticket

    async def _send(self, step: _Step, caller: Caller) -> None:
        order, leg, judgement = step.order, step.leg, step.judgement
        body = encode(
            amend_payload(
                leg.ticket,
                order.conid,
                self._account,
                parent=self._parent(order),
                single_group=order.role is Role.LEG,
            )
        )
        value = judgement.legs[0].value if judgement.legs else judgement.value
        facts = ticket_facts(leg) | {"order_id": step.order_id, "face": caller.face, "value": round(value, 2)}
        if order.group_id:
            facts |= {"group_id": order.group_id, "role": order.role}
        await self._journal.record(order.key, self._account, [Turn("amend", facts)])
        self._book.amend_asked(order.key, leg.ticket)
        outcome: Outcome | Unsent = Unclear("this core was interrupted before the answer came")
        check = partial(self._gate.check_switch, adds_risk=judgement.adds_risk)
        try:
            call = partial(self._calls.modify, self._account, step.order_id, body)
            outcome = await self._conversation.hold(call, self._topic(order, check), caller)
        finally:
            self._settle(order, outcome)
        self._check(order, outcome, caller)

    def _parent(self, order: Order) -> str:
        """What its parent is called: by our cOID, or by the broker's id where it was placed elsewhere."""
        parent = self._book.parent(order.key)
        if parent is not None:
            return parent.coid
        above = self._book.find(order.parent_id) if order.parent_id else None
        return above.order_id if above is not None else ""

    def _topic(self, order: Order, check: Callable[[], None]) -> Topic:
        note = self._recorder.note

        def asked(question: Asked, text: str) -> None:
            note(order.key, Turn("question", {"message_ids": question.message_ids, "text": text}))

        def answered(question: Asked, word: str, by: str) -> None:
            note(order.key, Turn("answered", {"message_ids": question.message_ids, "answer": word, "by": by}))

        return Topic(order.coid, order.key, f"amend {summary(order)}", asked, answered, check)

    def _settle(self, order: Order, outcome: Outcome | Unsent) -> None:
        if isinstance(outcome, Accepted) and outcome.rows[0].order_id == order.order_id:
            self._book.amended(order.key, outcome.rows[0].status)
            self._recorder.say(f"amended {summary(self._book.find(order.key) or order)}", order_key=order.key)
            return
        if isinstance(outcome, Refused | Unsent):
            text = outcome.text if isinstance(outcome, Refused) else outcome.error.message
            self._recorder.note(order.key, Turn("amend_refused", {"text": text, "order_id": order.order_id}))
            self._book.amend_refused(order.key, f"not changed: {text}")
            return
        text = outcome.text if isinstance(outcome, Unclear) else "IBKR answered with something else"
        facts = {"text": text, "order_id": order.order_id}
        if isinstance(outcome, Unclear):
            facts |= {"body_hash": outcome.body_hash, "body_start": outcome.body_start}
        self._recorder.note(order.key, Turn("amend_unknown", facts))
        self._book.amend_lost(order.key, f"it is not known whether its change was taken: {text}")
        if self._book.is_unseen(order.key):
            words = f"{summary(order)}: IBKR's lists need not show whether its change was taken; it stays open"
            self._recorder.say(words, Severity.WARNING, order_key=order.key)
        self._look()

    def _check(self, order: Order, outcome: Outcome | Unsent, caller: Caller) -> None:
        """Raise BrokerError unless the change was taken."""
        now = self._book.find(order.key) or order
        details = {"coid": order.coid, "order_id": order.order_id}
        if isinstance(outcome, Unsent):
            error = outcome.error
            raise BrokerError(error.code, f"the change was not sent: {error.message}", details=details)
        if isinstance(outcome, Refused):
            self._look()
            if _OVER.search(outcome.text) and not outcome.declined:
                raise BrokerError("ORDER_DONE", f"not changed: {outcome.text}", details=details)
            raise refusal(outcome, details, interactive=caller.interactive)
        if self._book.is_amending(order.key):
            words = f"{summary(now)}: {now.text}"
            raise BrokerError(
                "IBKR_ORDER_UNKNOWN", words, details=details | {"amend": True},
                user_action="The order works; whether it was changed is looked for. It is not changed again meanwhile.",
            )  # fmt: skip


def _told(order: Order, outcome: str, error: BrokerError | None = None) -> dict[str, str]:
    """A leg in the details of an error."""
    why = {"code": error.code, "text": error.message} if error else {}
    return {
        "order_id": order.order_id, "coid": order.coid, "role": order.role.value, "qty": plain(order.qty),
        "outcome": outcome,
    } | why  # fmt: skip

"""Changing an order (design 6; reference 4.6): the whole ticket is said again, once, and its fate is never guessed.

An amend whose answer was lost blocks the next one until the broker's rows show what the order is (fault R21).
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import Any, Final, Protocol

import msgspec

from ibkr_tui.core.dispatch import Caller
from ibkr_tui.core.journal.journal import Journal, Turn
from ibkr_tui.core.orders.answers import Accepted, Asked, Outcome, Refused, Unclear
from ibkr_tui.core.orders.conversation import Conversation, Topic, Unsent
from ibkr_tui.core.orders.lifecycle import OrderBook
from ibkr_tui.core.orders.payloads import amend_payload, broker_id, encode
from ibkr_tui.core.orders.recorder import Recorder, summary
from ibkr_tui.core.orders.refusals import refusal
from ibkr_tui.core.orders.submission import ticket_facts
from ibkr_tui.core.orders.submit import Judge
from ibkr_tui.core.web.answer import Answer
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.groups import GroupKind, Leg, Proposal
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.numbers import plain
from ibkr_tui.model.orders import Order, OrderState, OrderTicket, Role
from ibkr_tui.model.text import clean
from ibkr_tui.model.tickets import check_ticket

_BRACKET: Final = {Role.ENTRY, Role.STOP, Role.TARGET}
_OVER: Final = re.compile(r"inactive|already|filled|cannot be (cancel|modif)|doesn.t exist|not found", re.IGNORECASE)


class ModifyCall(Protocol):
    """The one call; leaves exactly once; raises NotSent or AnswerLost."""

    async def modify(self, account: str, order_id: str, body: bytes) -> Answer: ...


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
        if self._book.is_amending(order.key):
            words = f"{summary(order)}: what became of its last change is not known yet"
            raise BrokerError("AMEND_PENDING", words, details=details)
        return order

    async def amend(
        self, name: str, changes: Mapping[str, Any], instrument: Instrument, caller: Caller, approval: str = ""
    ) -> Order:
        """The order with these fields of its ticket changed. A bracket has one quantity: it changes in all its legs.

        Raises BrokerError as `order`; BAD_TICKET, a rule's code, IBKR_ORDER_REJECTED (it is what it was), or
        IBKR_ORDER_UNKNOWN when nobody knows whether the change was taken.
        """
        order = self.order(name)
        amended = await self._amend(order, changes, instrument, caller, approval)
        if "qty" in changes and order.role in _BRACKET:
            for leg in self._book.group(order.group_id):
                if leg.key != order.key and leg.state is OrderState.WORKING and leg.qty != changes["qty"]:
                    await self._follow(amended, leg, changes["qty"], instrument, caller)
        return self._book.find(amended.key) or amended

    async def _follow(self, lead: Order, leg: Order, qty: Decimal, instrument: Instrument, caller: Caller) -> None:
        """Give another leg of the bracket the quantity that `lead` has now."""
        try:
            await self._amend(leg, {"qty": qty}, instrument, caller, "", follows=True)
        except BrokerError as error:
            raise BrokerError(
                "IBKR_GROUP_PARTIAL",
                f"{summary(lead)} is changed, its {leg.role.value} of {plain(leg.qty)} is not: {error.message}",
                details={"coid": leg.coid, "order_id": leg.order_id, "cause": error.code},
            ) from None

    def ticket(self, order: Order, changes: Mapping[str, Any], instrument: Instrument) -> OrderTicket:
        """The whole ticket as it would be said again. Raises BrokerError BAD_TICKET."""
        known = self._book.ticket(order.key)
        if known is None:
            words = f"{summary(order)} was not placed here, and not all of it is known: change it where it was placed"
            raise BrokerError("BAD_TICKET", words, details={"coid": order.coid})
        ticket = msgspec.structs.replace(known, conid=order.conid, **changes)
        if ticket == msgspec.structs.replace(known, conid=order.conid):
            raise BrokerError("BAD_TICKET", f"that is what {summary(order)} is already")
        check_ticket(ticket, instrument)
        if ticket.qty <= order.filled:
            words = f"{plain(order.filled)} are filled already: the quantity must be more."
            raise BrokerError("BAD_TICKET", words, details={"field": "qty", "fields": {"qty": words}})
        return ticket

    async def _amend(
        self,
        order: Order,
        changes: Mapping[str, Any],
        instrument: Instrument,
        caller: Caller,
        approval: str,
        *,
        follows: bool = False,
    ) -> Order:
        async with self._lock:
            order = self.order(order.key)  # it may have ended while another order was being sent
            order_id = broker_id(order.order_id)
            ticket = self.ticket(order, changes, instrument)
            leg = Leg(order.role, ticket, instrument)
            proposal = Proposal(GroupKind.SIMPLE, self._account, (leg,), amends=order.key)
            judgement = await self._gate.judge(proposal, caller, approval, follows=follows)
            body = encode(
                amend_payload(
                    ticket,
                    order.conid,
                    self._account,
                    parent=self._parent(order),
                    single_group=order.role is Role.LEG,
                )
            )
            value = judgement.legs[0].value if judgement.legs else judgement.value
            facts = ticket_facts(leg) | {"order_id": order_id, "face": caller.face, "value": round(value, 2)}
            if order.group_id:
                facts |= {"group_id": order.group_id, "role": order.role}
            await self._journal.record(order.key, self._account, [Turn("amend", facts)])
            self._book.amend_asked(order.key, ticket)
            outcome: Outcome | Unsent = Unclear("this core was interrupted before the answer came")
            check = partial(self._gate.check_switch, adds_risk=judgement.adds_risk)
            try:
                call = partial(self._calls.modify, self._account, order_id, body)
                outcome = await self._conversation.hold(call, self._topic(order, check), caller)
            finally:
                self._settle(order, outcome)
            return self._result(order, outcome, caller)

    def _parent(self, order: Order) -> str:
        parent = self._book.parent(order.key)
        return parent.coid if parent else ""

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
        self._look()

    def _result(self, order: Order, outcome: Outcome | Unsent, caller: Caller) -> Order:
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
        return now

"""Cancelling (reference 4.6): only a request, always allowed, and never without the broker's own id."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, Protocol

import msgspec

from ibkr_tui.core.dispatch import Caller
from ibkr_tui.core.journal.intents import IntentState
from ibkr_tui.core.journal.journal import Turn
from ibkr_tui.core.orders.lifecycle import FOREIGN, OrderBook
from ibkr_tui.core.orders.payloads import broker_id
from ibkr_tui.core.orders.questions import QuestionDesk
from ibkr_tui.core.orders.recorder import Recorder, summary
from ibkr_tui.core.web.answer import Answer, AnswerLost, NotSent
from ibkr_tui.core.web.errors import is_no_session, problem_of
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.events import Severity
from ibkr_tui.model.orders import Order, OrderState, Verdict
from ibkr_tui.model.text import clean, sentence
from ibkr_tui.model.unreadable import UNREADABLE

_NO_SUCH: Final = re.compile(r"doesn.t exist|not exist|not found", re.IGNORECASE)
_OVER: Final = re.compile(r"inactive|already (cancel|fill)|filled|cannot be cancel", re.IGNORECASE)
_NOT_HEARD: Final = {401, 410, 429}
_GONE: Final = {"ORDER_DONE", "ORDER_NOT_FOUND"}


class CancelCall(Protocol):
    """The one call; raises NotSent or AnswerLost."""

    async def cancel(
        self, account: str, order_id: str, *, manual: bool | None = None, operator: str = ""
    ) -> Answer: ...


class Canceller:
    """Cancels orders of one account. `look` asks for an order read soon; `operator` is who cancels futures."""

    def __init__(
        self,
        *,
        account: str,
        calls: CancelCall,
        book: OrderBook,
        desk: QuestionDesk,
        recorder: Recorder,
        look: Callable[[], None],
        operator: str = "",
    ) -> None:
        self._operator = operator or account
        self._account = account
        self._calls = calls
        self._book = book
        self._desk = desk
        self._recorder = recorder
        self._look = look

    async def cancel(self, name: str, caller: Caller, *, again: bool = False) -> Order:
        """Ask to cancel the order of that cOID or broker's id; it is `cancelling` until the broker says more.

        `again`: it was asked for before, and nothing is told before this request is taken or lost.
        One that is being sent is cancelled on sight.

        Raises BrokerError ORDER_NOT_FOUND, ORDER_DONE, IBKR_REQUEST_REFUSED, or why the request did not leave.
        """
        order = self._book.find(name.strip()) if name.strip() else None
        if order is None:
            raise BrokerError("ORDER_NOT_FOUND", f"there is no order “{clean(name, limit=40)}”")
        if order.state.is_done and order.state is not OrderState.REJECTED:
            raise BrokerError("ORDER_DONE", f"{summary(order)} is {order.state.value}")
        if order.state is OrderState.QUESTION and not order.order_id:
            self.on_sight(order, caller)  # the no that declines it may get lost
            self._desk.interrupt("cancelled by a person")
            return self._now(order)
        if order.state is OrderState.SENDING and not order.order_id:
            return self.on_sight(order, caller)  # it does not leave any more, or is cancelled when it is seen
        order_id = self._number(order)
        self._desk.interrupt("a cancel was more urgent")
        if not again:
            self._requested(order, caller)
        who = self._asker(caller) if self._book.is_future(order.key) else {}
        await self._ask(summary(order), order.key, order_id, who)
        if again:
            self._requested(self._now(order), caller)
        return self._now(order)

    def _number(self, order: Order) -> str:
        try:
            return broker_id(order.order_id)
        except BrokerError as error:
            todo = f"resolve_order coid={order.coid} verdict=cancel_on_sight cancels it as soon as it is seen."
            raise BrokerError(error.code, error.message, details={"coid": order.coid}, user_action=todo) from None

    def _requested(self, order: Order, caller: Caller) -> None:
        if not order.key.startswith(FOREIGN):
            facts = {"order_id": order.order_id, "face": caller.face}
            self._recorder.note(order.key, Turn("cancel_requested", facts))
        self._recorder.say(f"cancel requested {summary(order)}", order_key=order.key)
        self._book.cancel_asked(order.key)

    async def cancel_unseen(self, order_id: str, caller: Caller) -> None:
        """Ask to cancel an order that nothing has told of, by the broker's id. Raises as `cancel`."""
        number = broker_id(order_id)
        self._desk.interrupt("a cancel was more urgent")
        self._recorder.say(f"cancel requested for IBKR's order {number}, which is not known here")
        await self._ask(f"IBKR's order {number}", "", number, self._asker(caller))  # it may be for a future

    async def cancel_group(
        self, group_id: str, caller: Caller, *, held_back: Callable[[str, Caller], None] = lambda key, caller: None
    ) -> list[Order]:
        """Ask to cancel every leg that is not over, the parent first; one that is not seen yet, when it is seen.
        `held_back` gets the key of each whose request a penalty holds back.

        Raises BrokerError ORDER_NOT_FOUND, ORDER_DONE, or why the first request failed after all were asked for.
        """
        legs = self._book.group(group_id)
        if not legs:
            raise BrokerError("ORDER_NOT_FOUND", f"there is no group “{clean(group_id, limit=40)}”")
        if all(leg.state.is_done for leg in legs):
            raise BrokerError("ORDER_DONE", "every order of the group is over")
        failed: list[BrokerError] = []
        for leg in legs:
            now = self._now(leg)
            if now.state.is_done or now.state is OrderState.CANCELLING:
                continue
            if not now.order_id and now.state is not OrderState.QUESTION:
                self.on_sight(now, caller)
                continue
            try:
                await self.cancel(now.key, caller)
            except BrokerError as error:
                if error.code not in _GONE:  # its group's cancel was faster
                    failed.append(error)
                if error.code == "IBKR_RATE_LIMITED":
                    held_back(now.key, caller)
        if failed:
            raise failed[0]
        return self._book.group(group_id)

    def on_sight(self, order: Order, caller: Caller) -> Order:
        """Have an order that the broker has given no id yet cancelled as soon as it is seen."""
        facts = {"verdict": Verdict.CANCEL_ON_SIGHT, "face": caller.face}
        self._recorder.note(order.key, Turn("resolved", facts, IntentState.CANCEL_ON_SIGHT))
        return self._book.mark_cancel_on_sight(order.key, True)

    def _asker(self, caller: Caller) -> dict[str, Any]:
        """What the cancel of an order for a future has to say."""
        return {"manual": caller.interactive, "operator": self._operator}

    async def _ask(self, words: str, key: str, order_id: str, who: dict[str, Any]) -> None:
        """One request for the order that goes by these words; `key` is empty for one that the book does not have."""
        try:
            answer = await self._calls.cancel(self._account, order_id, **who)
        except NotSent as error:
            self._book.cancel_refused(key, "")
            raise BrokerError(error.code, f"the cancel was not sent: {error.message}") from None
        except AnswerLost:
            text = f"the answer to the cancel of {words} was lost: look, and cancel again if it works on"
            self._recorder.say(text, Severity.WARNING, order_key=key)
            self._look()
            return
        if (unheard := _unheard(answer)) is not None:
            self._book.cancel_refused(key, "")
            raise unheard
        self._look()
        said = _error(answer)
        if not said and answer.status == 200:
            return
        if answer.status >= 500 or not said:
            text = f"IBKR answered the cancel of {words} with {answer.status}: it may work on"
            self._recorder.say(text, Severity.WARNING, order_key=key)
            return
        self._book.cancel_refused(key, said)
        if _OVER.search(said):
            raise BrokerError("ORDER_DONE", said)
        if _NO_SUCH.search(said):
            raise BrokerError("ORDER_NOT_FOUND", said)
        raise BrokerError("IBKR_REQUEST_REFUSED", f"the cancel was refused: {said}")

    def _now(self, order: Order) -> Order:
        return self._book.find(order.key) or order


def _unheard(answer: Answer) -> BrokerError | None:
    """The answer of a broker that did not look at the request: it counts nothing, has no session, knows no token."""
    if answer.status not in _NOT_HEARD and not is_no_session(answer):
        return None
    return problem_of(answer, "the cancel")


def _error(answer: Answer) -> str:
    try:
        data = msgspec.json.decode(answer.body)
    except UNREADABLE:
        return ""
    error = data.get("error") if isinstance(data, dict) else None
    return sentence(error, limit=300) if isinstance(error, str) else ""

"""The ways out of UNKNOWN that a person has (design 6.3): keep watching, cancel on sight, declare not sent.

A verdict proves nothing: what is seen later beats it, and raises an alarm.
"""

from __future__ import annotations

from collections.abc import Callable

from ibkr_tui.core.dispatch import Caller
from ibkr_tui.core.journal.intents import IntentState
from ibkr_tui.core.journal.journal import Turn
from ibkr_tui.core.orders.lifecycle import FOREIGN, OrderBook
from ibkr_tui.core.orders.pursuit import Pursuit
from ibkr_tui.core.orders.recorder import Recorder, summary
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.events import Severity
from ibkr_tui.model.orders import LOOKED_FOR, Order, OrderState, Verdict
from ibkr_tui.model.text import clean


class Resolver:
    """Takes verdicts. `looked` says whether orders and trades have both been read since a monotonic second; `pursuit`
    cancels what was to be cancelled on sight, once it is seen."""

    def __init__(
        self,
        *,
        book: OrderBook,
        recorder: Recorder,
        pursuit: Pursuit,
        looked: Callable[[float], bool],
        clock: Clock,
    ) -> None:
        self._book = book
        self._recorder = recorder
        self._pursuit = pursuit
        self._looked = looked
        self._clock = clock
        book.on_sight = lambda order: pursuit.begin(order.key, Caller("cancel on sight"))

    async def resolve(self, name: str, verdict: Verdict, confirm: str, caller: Caller) -> Order:
        """The order after the verdict.

        KEEP also ends the cancels of an order that was seen.

        Raises BrokerError ORDER_NOT_FOUND, ORDER_DONE (its fate is known), CONFIRMATION_REQUIRED, IBKR_ORDER_UNKNOWN
        (not looked for long enough; `retry_after_s` in its details).
        """
        order = self._book.find(name) if name else None
        if order is None:
            raise BrokerError("ORDER_NOT_FOUND", f"there is no order “{clean(name, limit=40)}”")
        let_be = verdict is Verdict.KEEP and self._pursuit.drop(order)
        if let_be and order.state in {OrderState.WORKING, OrderState.CANCELLING}:
            return self._let_be(order, caller)
        if order.state is not OrderState.UNKNOWN:
            raise BrokerError(
                "ORDER_DONE",
                f"the fate of {summary(order)} is known: {order.state.value}",
                user_action="Nothing is left to resolve.",
            )
        if verdict is Verdict.NOT_SENT:
            return self._not_sent(order, confirm, caller)
        on_sight = verdict is Verdict.CANCEL_ON_SIGHT
        state = IntentState.CANCEL_ON_SIGHT if on_sight else IntentState.UNKNOWN
        self._recorder.note(order.key, Turn("resolved", {"verdict": verdict, "face": caller.face}, state))
        marked = self._book.mark_cancel_on_sight(order.key, on_sight)
        self._recorder.say(
            f"{summary(order)}: {'cancelled when it is seen' if on_sight else 'watched until it is seen'}",
            Severity.WARNING,
            order_key=order.key,
        )
        if on_sight and order.order_id:
            self._pursuit.begin(order.key, caller)
        return marked

    def _let_be(self, order: Order, caller: Caller) -> Order:
        """It was seen and its cancel is kept up: no more."""
        if not order.key.startswith(FOREIGN):
            facts = {"verdict": Verdict.KEEP, "face": caller.face}
            self._recorder.note(order.key, Turn("resolved", facts, IntentState.WORKING))
        self._recorder.say(f"{summary(order)}: no more cancels are sent", Severity.WARNING, order_key=order.key)
        return order

    def _not_sent(self, order: Order, confirm: str, caller: Caller) -> Order:
        since = self._book.unknown_since(order.key)
        left = since + LOOKED_FOR - self._clock.monotonic()
        if left > 0:
            raise BrokerError(
                "IBKR_ORDER_UNKNOWN",
                f"{summary(order)} is still looked for; it can be declared not sent in {left:.0f} s",
                retryable=True,
                details={"coid": order.coid, "retry_after_s": round(left, 1)},
            )
        if not self._looked(since):
            raise BrokerError(
                "IBKR_ORDER_UNKNOWN",
                "orders and trades could not be read since: nobody has looked for it",
                retryable=True,
                details={"coid": order.coid},
            )
        if confirm.strip().upper() != order.symbol.upper():
            raise BrokerError(
                "CONFIRMATION_REQUIRED",
                f"confirm is the symbol of the order, {clean(order.symbol, limit=20)}",
                user_action="Look at IBKR's own list of orders first; then name the symbol.",
                details={"coid": order.coid},
            )
        what = "over" if order.order_id else "not sent"  # an order with IBKR's id was sent: only its end is unproven
        text = f"declared {what} by {clean(caller.face, limit=20)}"
        facts = {"verdict": Verdict.NOT_SENT, "face": caller.face, "order_id": order.order_id}
        self._recorder.note(order.key, Turn("resolved", facts))
        declared = self._book.declare(order.key, text)
        self._recorder.note(order.key, Turn(state=IntentState.NOT_SENT))
        return declared

"""Orders: look, preview, place, cancel, decide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ibkr_tui.core.dispatch import Caller, Operation, Tier
from ibkr_tui.core.operations.arguments import Nothing
from ibkr_tui.core.operations.order_arguments import AnswerQuestion, PlaceOrder, ResolveOrder, WhichOrder
from ibkr_tui.core.operations.prerequisites import FIRST_ORDERS_WITHIN, Prerequisites
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.orders import Order
from ibkr_tui.model.tickets import check_ticket

if TYPE_CHECKING:
    from ibkr_tui.core.broker import Broker


def order_operations(broker: Broker) -> list[Operation[Any]]:
    """The operations of this file, bound to a broker."""
    do = OrderHandlers(broker)
    read, change = Tier.READ, Tier.CHANGE
    return [
        Operation("get_open_orders", read, Nothing, do.get_open_orders, "Orders that work, or whose fate is open."),
        Operation("get_order", read, WhichOrder, do.get_order, "One order, by our id or IBKR's."),
        Operation("place_order", change, PlaceOrder, do.place_order, "Place a market or limit order."),
        Operation("cancel_order", change, WhichOrder, do.cancel_order, "Ask to cancel an order."),
        Operation(
            "resolve_order",
            Tier.DANGEROUS,
            ResolveOrder,
            do.resolve_order,
            "Decide on an order of unknown fate: keep, cancel_on_sight, or not_sent (confirm=SYMBOL).",
        ),
        Operation("answer_question", change, AnswerQuestion, do.answer_question, "Answer a question of the broker's."),
    ]


class OrderHandlers:
    """What they do. Every one raises BrokerError."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._first = Prerequisites(broker)

    async def get_open_orders(self, arguments: Nothing, caller: Caller) -> list[Order]:
        await self._first.ready()
        await self._broker.reconciler.first_read(FIRST_ORDERS_WITHIN)
        return [order for order in self._broker.book if not order.state.is_done]

    async def get_order(self, arguments: WhichOrder, caller: Caller) -> Order:
        order = self._broker.book.find(arguments.name) if arguments.name else None
        if order is None and arguments.name:
            await self._first.ready()
            await self._broker.reconciler.first_read(FIRST_ORDERS_WITHIN)
            order = self._broker.book.find(arguments.name)
        if order is None:
            raise BrokerError("ORDER_NOT_FOUND", "there is no such order among today's")
        return order

    async def place_order(self, arguments: PlaceOrder, caller: Caller) -> Order:
        ticket = arguments.ticket()
        if self._broker.profile.kind == "live" or self._broker.profile.orders == "refuse":
            raise BrokerError("ORDERS_REFUSED", f"profile {self._broker.profile.name} refuses every order")
        self._broker.check_open()
        self._broker.desk.face_came(caller.face_id)
        await self._first.ready()
        self._broker.check_clock()
        instrument = await self._first.traded(arguments)
        check_ticket(ticket, instrument)
        await self._first.holdings()
        return await self._broker.placed(lambda: self._broker.submitter.place(ticket, instrument, caller))

    async def cancel_order(self, arguments: WhichOrder, caller: Caller) -> Order:
        name = arguments.name
        if not name:
            raise BrokerError("ORDER_NOT_FOUND", "name the order to cancel: order_id or coid")
        if self._broker.book.find(name) is None:
            await self._first.ready()
            await self._broker.reconciler.read_orders()
        return await self._broker.placed(lambda: self._broker.canceller.cancel(name, caller))

    async def resolve_order(self, arguments: ResolveOrder, caller: Caller) -> Order:
        work = self._broker.resolver.resolve
        return await self._broker.placed(lambda: work(arguments.name, arguments.verdict, arguments.confirm, caller))

    async def answer_question(self, arguments: AnswerQuestion, caller: Caller) -> dict[str, Any]:
        question = self._broker.desk.answer(arguments.question_id, arguments.confirmed, caller)
        return {"question_id": question.id, "confirmed": arguments.confirmed, "order_key": question.order_key}

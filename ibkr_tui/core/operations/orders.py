"""Orders and groups: look, place, change, cancel, decide."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any, Final

from ibkr_tui.core.dispatch import Caller, Operation, Tier
from ibkr_tui.core.journal.counts import kind_of
from ibkr_tui.core.operations.arguments import Nothing
from ibkr_tui.core.operations.order_arguments import (
    AmendOrder,
    AnswerQuestion,
    PlaceBracketOrder,
    PlaceOcoOrder,
    PlaceOrder,
    PlaceOtoOrder,
    ResolveOrder,
    WhichOrder,
)
from ibkr_tui.core.operations.prerequisites import FIRST_ORDERS_WITHIN, Prerequisites
from ibkr_tui.core.operations.proposals import Proposals
from ibkr_tui.core.orders.submission import group_result
from ibkr_tui.core.orders.sweep import CancelOutcome
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.groups import GroupResult, Proposal
from ibkr_tui.model.orders import Order, OrderState
from ibkr_tui.model.text import clean

if TYPE_CHECKING:
    from ibkr_tui.core.broker import Broker

LOOK_WITHIN: Final = 5.0


def order_operations(broker: Broker) -> list[Operation[Any]]:
    """The operations of this file, bound to a broker."""
    do = OrderHandlers(broker)
    read, change = Tier.READ, Tier.CHANGE
    return [
        Operation("get_open_orders", read, Nothing, do.get_open_orders, "Orders that work, or whose fate is open."),
        Operation("get_order", read, WhichOrder, do.get_order, "One order, by our id or IBKR's, or a whole group."),
        Operation(
            "place_order",
            change,
            PlaceOrder,
            do.place_order,
            "Place an order: market, limit, stop, stop_limit, trail, trail_limit or midprice.",
        ),
        Operation(
            "place_bracket_order",
            change,
            PlaceBracketOrder,
            do.place_bracket_order,
            "Place an entry with a stop and a target behind it, as one.",
        ),
        Operation(
            "place_oco_order",
            change,
            PlaceOcoOrder,
            do.place_oco_order,
            "Place 2 or more orders (legs) of which the first to fill cancels the others.",
        ),
        Operation(
            "place_oto_order",
            change,
            PlaceOtoOrder,
            do.place_oto_order,
            "Place an order (child) that waits until another one (trigger) is filled.",
        ),
        Operation("amend_order", change, AmendOrder, do.amend_order, "Change an order that works."),
        Operation("cancel_order", change, WhichOrder, do.cancel_order, "Ask to cancel an order, or a whole group."),
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
        self._build = Proposals(broker)

    async def get_open_orders(self, arguments: Nothing, caller: Caller) -> list[Order]:
        await self._first.ready()
        await self._broker.orders.reconciler.first_read(FIRST_ORDERS_WITHIN)
        return [order for order in self._broker.orders.book if not order.state.is_done]

    async def get_order(self, arguments: WhichOrder, caller: Caller) -> Order | GroupResult:
        name = _named(arguments)
        found = self._find(name)
        if found is None:
            await self._first.ready()
            await self._broker.orders.reconciler.first_read(FIRST_ORDERS_WITHIN)
            found = self._find(name)
        if found is None:
            raise BrokerError("ORDER_NOT_FOUND", "there is no such order among today's")
        return found

    async def place_order(self, arguments: PlaceOrder, caller: Caller) -> Order:
        arguments.ticket()  # what can't be read is said before anything is waited for
        await self._prepare(caller)
        proposal = await self._build.simple(arguments, caller)
        await self._first.holdings()
        send = self._broker.orders.submitter.send_one
        return await self._broker.outlives(lambda: send(proposal, caller, arguments.approval))

    async def place_bracket_order(self, arguments: PlaceBracketOrder, caller: Caller) -> GroupResult:
        arguments.prices()
        await self._prepare(caller)
        return await self._send(await self._build.bracket(arguments, caller), caller, arguments.approval)

    async def place_oco_order(self, arguments: PlaceOcoOrder, caller: Caller) -> GroupResult:
        await self._prepare(caller)
        return await self._send(await self._build.oco(arguments, caller), caller, arguments.approval)

    async def place_oto_order(self, arguments: PlaceOtoOrder, caller: Caller) -> GroupResult:
        await self._prepare(caller)
        proposal = await self._build.oto(arguments, caller)
        return await self._send(proposal, caller, arguments.approval, sequential=arguments.sequential)

    async def amend_order(self, arguments: AmendOrder, caller: Caller) -> Order:
        arguments.changes()
        await self._prepare(caller)
        await self._first.holdings()
        proposal, order = await self._build.amendment(arguments, caller)
        amend, leg = self._broker.orders.amender.amend, proposal.legs[0]
        known = self._broker.orders.book.ticket(order.key)
        changes = {
            name: getattr(leg.ticket, name)
            for name in leg.ticket.__struct_fields__
            if name != "conid" and getattr(leg.ticket, name) != getattr(known, name)
        }
        return await self._broker.outlives(
            lambda: amend(order.key, changes, leg.instrument, caller, arguments.approval)
        )

    async def cancel_order(self, arguments: WhichOrder, caller: Caller) -> Order | GroupResult | CancelOutcome:
        name = _named(arguments)
        if self._find(name) is None:
            await self._first.ready()
            await self._look_for(name)
        if self._find(name) is None and name.isascii() and name.isdigit():
            return await self._broker.outlives(lambda: self._cancel_unseen(name, caller), "cancel order")
        if not self._broker.orders.book.group(name):
            return await self._broker.outlives(lambda: self._cancel_one(name, caller), "cancel order")
        legs = await self._broker.outlives(lambda: self._cancel_group(name, caller), "cancel group")
        return _group(name, legs)

    async def _cancel_one(self, name: str, caller: Caller) -> Order:
        """Ask for it; what a penalty of the broker's holds back is asked for again, until the order is over."""
        orders = self._broker.orders
        try:
            return await orders.canceller.cancel(name, caller)
        except BrokerError as error:
            order = orders.book.find(name)
            if error.code != "IBKR_RATE_LIMITED" or order is None:
                raise
            orders.pursuit.begin(order.key, caller)
            raise _goes_on(error) from None

    async def _cancel_group(self, group_id: str, caller: Caller) -> list[Order]:
        """As `_cancel_one`, for each leg."""
        orders = self._broker.orders
        try:
            return await orders.canceller.cancel_group(group_id, caller, held_back=orders.pursuit.begin)
        except BrokerError as error:
            raise (_goes_on(error) if error.code == "IBKR_RATE_LIMITED" else error) from None

    async def _look_for(self, name: str) -> None:
        """Read the broker's list for an order that is to be cancelled.

        What has the broker's id waits for no read: it is not looked for while an order or a question is under way, and
        goes without the list that can't be read. Of what has another name, only the list says that id.
        """
        orders, is_id = self._broker.orders, name.isascii() and name.isdigit()
        if not self._broker.quiet.is_calm:
            if is_id:
                return
            orders.desk.interrupt("a cancel was more urgent")
        try:
            async with asyncio.timeout(LOOK_WITHIN if is_id else None):
                await orders.reconciler.read_orders()
        except (BrokerError, TimeoutError):
            if not is_id:
                raise

    async def _cancel_unseen(self, order_id: str, caller: Caller) -> Order | CancelOutcome:
        """An order that no list has told of: asked for by its number, and looked at then."""
        orders = self._broker.orders
        await orders.canceller.cancel_unseen(order_id, caller)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_WITHIN):
                await orders.reconciler.look_at(order_id)
        found = orders.book.find(order_id)
        if found is not None:
            return orders.book.cancel_asked(found.key)
        words = "cancel requested; IBKR has told nothing of this order yet"
        return CancelOutcome(order_id, "", f"IBKR's order {order_id}", OrderState.CANCELLING, text=words)

    async def resolve_order(self, arguments: ResolveOrder, caller: Caller) -> Order | GroupResult:
        work, broker, name = self._broker.orders.resolver.resolve, self._broker, arguments.name
        legs = broker.orders.book.group(name)
        if not legs:
            return await broker.outlives(lambda: work(name, arguments.verdict, arguments.confirm, caller))
        pursuit = broker.orders.pursuit
        for leg in [leg for leg in legs if leg.state is OrderState.UNKNOWN or leg in pursuit] or legs[:1]:
            await broker.outlives(lambda leg=leg: work(leg.key, arguments.verdict, arguments.confirm, caller))  # type: ignore[misc]
        return _group(name, broker.orders.book.group(name))

    async def answer_question(self, arguments: AnswerQuestion, caller: Caller) -> dict[str, Any]:
        desk = self._broker.orders.desk
        question, decision = desk.answer(arguments.question_id, arguments.confirmed, caller, arguments.option)
        told = {"question_id": question.id, "confirmed": decision.confirmed, "order_key": question.order_key}
        return told | ({"option": clean(decision.option, limit=60)} if question.options else {})

    async def _prepare(self, caller: Caller) -> None:
        broker = self._broker
        broker.live.check_orders()
        broker.check_open()
        broker.orders.desk.face_came(caller.face_id)
        await self._first.ready()
        broker.check_clock()

    async def _send(
        self, proposal: Proposal, caller: Caller, approval: str, *, sequential: bool = False
    ) -> GroupResult:
        await self._first.holdings()
        send = self._broker.orders.submitter.send_group
        return await self._broker.outlives(
            lambda: send(proposal, caller, approval, sequential=sequential), f"place {proposal.kind}"
        )

    def _find(self, name: str) -> Order | GroupResult | None:
        legs = self._broker.orders.book.group(name)
        return _group(name, legs) if legs else self._broker.orders.book.find(name)


def _named(which: WhichOrder) -> str:
    """The id that was given. Raises BrokerError BAD_ARGUMENT where none was."""
    if not which.name:
        raise BrokerError("BAD_ARGUMENT", "name the order: order_id, coid or group_id")
    return which.name


def _goes_on(error: BrokerError) -> BrokerError:
    """What a penalty held back, and who asks again."""
    again = "The cancel is asked for again until the order is over; resolve_order verdict=keep ends that."
    return BrokerError(error.code, error.message, details=error.details, user_action=again)


def _group(group_id: str, legs: list[Order]) -> GroupResult:
    return group_result(group_id, kind_of(leg.role for leg in legs), legs)

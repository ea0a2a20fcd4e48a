"""From the arguments of an operation to what is proposed to the gate: the same for the order and for its preview."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Final

import msgspec

from ibkr_tui.core.dispatch import Caller
from ibkr_tui.core.operations.order_arguments import (
    AmendOrder,
    PlaceBracketOrder,
    PlaceOcoOrder,
    PlaceOrder,
    PlaceOtoOrder,
)
from ibkr_tui.core.operations.prerequisites import Prerequisites
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.groups import GroupKind, Leg, Proposal
from ibkr_tui.model.increments import round_price
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.orders import Order, OrderTicket, OrderType, Role, Side, Tif, TrailBy
from ibkr_tui.model.tickets import TicketProblem, bracket_problems, check_ticket, refuse, ticket_problems

if TYPE_CHECKING:
    from ibkr_tui.core.broker import Broker

FUTURES: Final = {"FUT", "FOP"}
MOST_LEGS: Final = 8


class Proposals:
    """Builds proposals. Every method raises BrokerError: BAD_NUMBER, BAD_TICKET with its fields, SYMBOL_…"""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._first = Prerequisites(broker)

    async def simple(self, arguments: PlaceOrder, caller: Caller) -> Proposal:
        """One order."""
        return self._proposal(GroupKind.SIMPLE, await self._leg(Role.SINGLE, arguments, caller))

    async def bracket(self, arguments: PlaceBracketOrder, caller: Caller) -> Proposal:
        """An entry, its stop, its target: the children on the other side, of the same quantity."""
        prices = arguments.prices()
        refuse(bracket_problems(arguments.side, prices))
        if arguments.tif not in {Tif.DAY, Tif.GTC}:
            refuse([TicketProblem("tif", "A bracket is day or gtc: its stop and target outlive its entry.")])
        entry = await self._leg(Role.ENTRY, arguments.entry(), caller, {"limit_price": "entry_price"})
        refuse(bracket_problems(arguments.side, prices, entry.instrument))
        other = Side.SELL if arguments.side is Side.BUY else Side.BUY
        child = msgspec.structs.replace(entry.ticket, side=other, order_type=OrderType.STOP, limit_price=None)
        stop = msgspec.structs.replace(child, stop_price=prices.stop_loss)
        target = msgspec.structs.replace(child, order_type=OrderType.LIMIT, limit_price=prices.take_profit)
        legs = [entry]
        for role, ticket in ((Role.STOP, stop), (Role.TARGET, target)):
            check_ticket(ticket, entry.instrument)
            legs.append(Leg(role, ticket, entry.instrument))
        return self._proposal(GroupKind.BRACKET, *legs)

    async def oco(self, arguments: PlaceOcoOrder, caller: Caller) -> Proposal:
        """Two or more alternatives."""
        if not 2 <= len(arguments.legs) <= MOST_LEGS:
            refuse([TicketProblem("legs", f"An OCO has 2 to {MOST_LEGS} legs; this one has {len(arguments.legs)}.")])
        for index, leg in enumerate(arguments.legs):
            if leg.order_type is OrderType.MARKET:
                words = "A market order fills at once: it leaves nothing to choose."
                refuse([TicketProblem(f"legs.{index}.order_type", words)])
        legs = [
            await self._leg(Role.LEG, leg, caller, prefix=f"legs.{index}.") for index, leg in enumerate(arguments.legs)
        ]
        return self._proposal(GroupKind.OCO, *legs)

    async def oto(self, arguments: PlaceOtoOrder, caller: Caller) -> Proposal:
        """An order, and one that waits for it."""
        trigger = await self._leg(Role.TRIGGER, arguments.trigger, caller, prefix="trigger.")
        child = await self._leg(Role.CHILD, arguments.child, caller, prefix="child.")
        return self._proposal(GroupKind.OTO, trigger, child)

    async def amendment(self, arguments: AmendOrder, caller: Caller) -> tuple[Proposal, Order]:
        """An order as it would be said again, and as it is."""
        amender = self._broker.orders.amender
        order = amender.order(arguments.name)
        for field, said, known in (
            ("side", arguments.side, order.side),
            ("conid", arguments.conid, order.conid),
            ("order_type", arguments.order_type and arguments.order_type.value, order.order_type),
        ):
            if said not in {None, known}:
                words = f"The {field} of an order stays what it is: cancel this one and place another."
                refuse([TicketProblem(field, words)])
        instrument = await self._broker.contracts.instrument(order.conid)
        changes = {} if instrument.sec_type not in FUTURES else self._of_future(order, caller)
        changes |= arguments.changes()
        ticket = amender.ticket(order, changes, instrument)
        await self._first.quoted(instrument, needed=False)
        leg = Leg(order.role, ticket, instrument)
        account = self._broker.profile.account_id
        return Proposal(GroupKind.SIMPLE, account, (leg,), amends=order.key), order

    def _proposal(self, kind: GroupKind, *legs: Leg) -> Proposal:
        return Proposal(kind, self._broker.profile.account_id, legs)

    async def _leg(
        self,
        role: Role,
        arguments: PlaceOrder,
        caller: Caller,
        names: dict[str, str] | None = None,
        *,
        prefix: str = "",
    ) -> Leg:
        """One leg on its instrument, subscribed. Problems are named by the field they were given in."""
        try:
            ticket = arguments.ticket()
        except BrokerError as error:
            if prefix and "field" in error.details:
                details = error.details | {"field": prefix + str(error.details["field"])}
                raise BrokerError(error.code, f"{prefix}{error.message}", details=details) from None
            raise
        problems = ticket_problems(ticket)
        if not problems:
            instrument = await self._first.traded(arguments)
            ticket = self._complete(ticket, instrument, caller)
            problems = ticket_problems(ticket, instrument)
            if not problems:
                return Leg(role, ticket, instrument)
        renamed = names or {}
        refuse([TicketProblem(prefix + renamed.get(p.field, p.field), p.message) for p in problems])
        raise AssertionError("refused above")

    def _complete(self, ticket: OrderTicket, instrument: Instrument, caller: Caller) -> OrderTicket:
        """What a ticket says without its person having to: who enters a future, where a trailing stop begins."""
        changes: dict[str, object] = {}
        if instrument.sec_type in FUTURES:
            if ticket.manual_indicator is None:
                changes["manual_indicator"] = caller.interactive
            changes["ext_operator"] = ticket.ext_operator or self._broker.orders.operator
        if ticket.order_type is OrderType.TRAIL_LIMIT and ticket.stop_price is None:
            changes["stop_price"] = self._begins(ticket, instrument)
        return msgspec.structs.replace(ticket, **changes)

    def _of_future(self, order: Order, caller: Caller) -> dict[str, object]:
        """Who changes it; one that was placed elsewhere has no operator of its own."""
        orders = self._broker.orders
        known = orders.book.ticket(order.key)
        return {
            "manual_indicator": caller.interactive,
            "ext_operator": (known.ext_operator if known else "") or orders.operator,
        }

    def _begins(self, ticket: OrderTicket, instrument: Instrument) -> Decimal:
        """The stop that a trailing stop-limit order begins with: its distance from the market."""
        quote = self._broker.orders.facts.quote(instrument.conid)
        side = None if quote is None else quote.bid if ticket.side is Side.SELL else quote.ask
        price = side or (quote.last if quote else None)
        if price is None or ticket.trail is None:
            words = "There is no price to trail from: give the stop_price that it begins with."
            raise BrokerError("BAD_TICKET", words, details={"field": "stop_price", "fields": {"stop_price": words}})
        distance = price * ticket.trail / 100 if ticket.trail_by is TrailBy.PERCENT else ticket.trail
        return round_price(instrument.increments, price + ticket.side.sign * distance)

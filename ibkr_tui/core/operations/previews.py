"""Previews of every kind of order: what it would do, judged by the same gate, creating nothing at the broker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from ibkr_tui.core.dispatch import Arguments, Caller, Operation, Tier, unfit
from ibkr_tui.core.operations.guard_arguments import ClosePosition, PreviewOrder, ReversePosition
from ibkr_tui.core.operations.guards import GuardHandlers
from ibkr_tui.core.operations.order_arguments import (
    AmendOrder,
    PlaceBracketOrder,
    PlaceOcoOrder,
    PlaceOrder,
    PlaceOtoOrder,
)
from ibkr_tui.core.operations.prerequisites import Prerequisites
from ibkr_tui.core.operations.proposals import Proposals
from ibkr_tui.model.groups import Proposal
from ibkr_tui.model.orders import OrderPreview

if TYPE_CHECKING:
    from ibkr_tui.core.broker import Broker


def preview_operations(broker: Broker) -> list[Operation[Any]]:
    """The operations of this file, bound to a broker."""
    do = PreviewHandlers(broker)
    return [
        Operation(
            "preview_order",
            Tier.READ,
            PreviewOrder,
            do.preview_order,
            "What an order of any kind would do; sends nothing. Its preview_id can be approved.",
        )
    ]


class PreviewHandlers:
    """What they do. Every one raises BrokerError."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._first = Prerequisites(broker)
        self._guards = GuardHandlers(broker)
        self._build = Proposals(broker)

    async def preview_order(self, arguments: PreviewOrder, caller: Caller) -> OrderPreview:
        await self._first.ready()
        proposal = await self._proposal(arguments, caller)
        await self._first.holdings()
        return await self._broker.orders.previewer.preview(proposal)

    async def _proposal(self, arguments: PreviewOrder, caller: Caller) -> Proposal:
        """What the operation of that kind would send, built as it builds it."""
        given = arguments.given()
        if arguments.kind == "close":
            close = _read(ClosePosition, given, "close_position")
            how, closer = close.how(caller), self._broker.orders.closer
            instrument = await self._guards.held_instrument(close.symbol, close.conid)
            await self._first.quoted(instrument, needed=how.limit_price is None)
            held = await closer.held(instrument.conid, instrument.description)
            return closer.proposal(held, instrument, how)
        if arguments.kind == "reverse":
            turn = _read(ReversePosition, given, "reverse_position")
            how, closer = turn.how(caller), self._broker.orders.closer
            instrument = await self._guards.held_instrument(turn.symbol, turn.conid)
            await self._first.quoted(instrument, needed=how.limit_price is None)
            held = await closer.held(instrument.conid, instrument.description)
            return closer.reversal(held, instrument, how)
        return await self._sent(arguments.kind, given, caller)

    async def _sent(self, kind: str, given: dict[str, Any], caller: Caller) -> Proposal:
        if kind == "amend":
            proposal, _ = await self._build.amendment(_read(AmendOrder, given, "amend_order"), caller)
            return proposal
        if kind == "bracket":
            return await self._build.bracket(_read(PlaceBracketOrder, given, "place_bracket_order"), caller)
        if kind == "oco":
            return await self._build.oco(_read(PlaceOcoOrder, {"legs": []} | given, "place_oco_order"), caller)
        if kind == "oto":
            return await self._build.oto(_read(PlaceOtoOrder, given, "place_oto_order"), caller)
        return await self._build.simple(_read(PlaceOrder, given, "place_order"), caller)


def _read(struct: type[Arguments], given: dict[str, Any], operation: str) -> Arguments:
    try:
        return msgspec.convert(given, struct, strict=False)
    except msgspec.ValidationError as error:
        raise unfit(operation, error) from None

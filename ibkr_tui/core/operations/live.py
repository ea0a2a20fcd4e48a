"""The gate before live orders: how it stands, and a person's acknowledgement of one item of its checklist."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from ibkr_tui.core.dispatch import Caller, Operation, Tier
from ibkr_tui.core.operations.arguments import Nothing
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.events import Severity
from ibkr_tui.model.live_gate import LiveCheck, LiveGate
from ibkr_tui.model.text import clean

if TYPE_CHECKING:
    from ibkr_tui.core.broker import Broker


class AcknowledgeLive(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`typed` are the item's words, as a person typed them."""

    item: LiveCheck
    typed: str


def live_operations(broker: Broker) -> list[Operation[Any]]:
    """The operations of this file, bound to a broker."""
    do = LiveHandlers(broker)
    return [
        Operation(
            "get_live_gate",
            Tier.READ,
            Nothing,
            do.get_live_gate,
            "What stands between this profile and live orders, and what to do about each.",
        ),
        Operation(
            "acknowledge_live",
            Tier.DANGEROUS,
            AcknowledgeLive,
            do.acknowledge_live,
            "Acknowledge one item of the checklist for live trading, by typing its words.",
            link_only=True,  # a person reads each item in the app: no script works the list off
        ),
    ]


class LiveHandlers:
    """What they do. Every one raises BrokerError."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    async def get_live_gate(self, arguments: Nothing, caller: Caller) -> LiveGate:
        return self._broker.live.state()

    async def acknowledge_live(self, arguments: AcknowledgeLive, caller: Caller) -> LiveGate:
        broker, item = self._broker, arguments.item
        if not caller.interactive:
            raise BrokerError(
                "CONFIRMATION_REQUIRED",
                "the checklist is acknowledged by a person, in the app",
                user_action="Open the app, Health page, Live gate.",
            )
        if why := broker.journal.failure:
            raise BrokerError("JOURNAL_UNAVAILABLE", f"nothing was acknowledged: {why}")
        before = broker.live.state().is_open
        found = broker.live.acknowledge(item, arguments.typed)
        face = clean(caller.face, limit=40)
        await broker.journal.note("live_acknowledged", {"item": str(item), "face": face},
                                  account=broker.profile.account_id)  # fmt: skip
        broker.orders.recorder.say(f"live trading: {item.value.replace('_', ' ')}, acknowledged in the {face}")
        if found.is_open and not before:
            broker.orders.recorder.say(
                "LIVE TRADING is open: orders of this profile go to the market", Severity.WARNING
            )
        return found

"""Alerts: set, list, forget."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from ibkr_tui.core.dispatch import Caller, Operation, Tier
from ibkr_tui.core.operations.arguments import Nothing, WhichInstrument
from ibkr_tui.core.operations.prerequisites import Prerequisites
from ibkr_tui.model.alerts import Alert, AlertKind, Direction
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.numbers import parse_entry
from ibkr_tui.model.text import clean

if TYPE_CHECKING:
    from ibkr_tui.core.broker import Broker


class AddAlert(WhichInstrument, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`level`: a price, a change in percent, or seconds without a fresh price. Without `direction` it is the side that
    the price is not on now. `repeat=true` tells again each time the condition becomes true."""

    level: str | int | float
    kind: AlertKind = AlertKind.PRICE
    direction: Direction | None = None
    note: str = ""
    repeat: bool = False


class RemoveAlert(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An alert by its id."""

    id: str | int


def alert_operations(broker: Broker) -> list[Operation[Any]]:
    """The operations of this file, bound to a broker."""
    do = AlertHandlers(broker)
    return [
        Operation("get_alerts", Tier.READ, Nothing, do.get_alerts, "The alerts, armed and fired."),
        Operation(
            "add_alert", Tier.STREAM, AddAlert, do.add_alert, "Tell when a price, a change or staleness is reached."
        ),
        Operation("remove_alert", Tier.STREAM, RemoveAlert, do.remove_alert, "Forget an alert."),
    ]


class AlertHandlers:
    """What they do. Every one raises BrokerError."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._first = Prerequisites(broker)

    async def get_alerts(self, arguments: Nothing, caller: Caller) -> list[Alert]:
        return list(self._broker.tables["alerts"].rows().values())

    async def add_alert(self, arguments: AddAlert, caller: Caller) -> Alert:
        if isinstance(arguments.level, bool):
            raise BrokerError("BAD_NUMBER", "level: is not a number", details={"field": "level"})
        text = arguments.level if isinstance(arguments.level, str) else repr(arguments.level)
        level = parse_entry(text, what="level")
        which = WhichInstrument(arguments.symbol, arguments.conid, arguments.sec_type, arguments.exchange)
        instrument = await self._first.instrument(which)
        if arguments.direction is None and arguments.kind is AlertKind.PRICE:
            await self._known_price(instrument.conid)
        note = clean(arguments.note, limit=80)
        return await self._broker.alerts.add(
            instrument,
            arguments.kind,
            level,
            direction=arguments.direction,
            note=note,
            repeat=arguments.repeat,
        )

    async def remove_alert(self, arguments: RemoveAlert, caller: Caller) -> Alert:
        return await self._broker.alerts.remove(str(arguments.id).strip())

    async def _known_price(self, conid: int) -> None:
        """A level alone means a side only where a price is known: wait for the first one as `get_tick` does."""
        instrument = await self._broker.contracts.instrument(conid)
        self._broker.subscriptions.add(instrument, pinned=False)
        try:
            await self._first.first_tick(instrument)
        except BrokerError as error:
            if error.code not in {"IBKR_TICK_TIMEOUT", "IBKR_NO_MARKET_DATA_SUBSCRIPTION"}:
                raise

"""Option chains."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from ibkr_tui.core.dispatch import Caller, Operation, Tier
from ibkr_tui.core.market.chains import DEFAULT_ROWS, MOST_ROWS
from ibkr_tui.core.market.snapshots import read_snapshots
from ibkr_tui.core.operations.arguments import WhichInstrument
from ibkr_tui.core.operations.prerequisites import Prerequisites
from ibkr_tui.model.chains import ChainRow, OptionChain, OptionContract
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.numbers import parse_entry
from ibkr_tui.model.quotes import Quote

if TYPE_CHECKING:
    from ibkr_tui.core.broker import Broker


class GetOptionChain(WhichInstrument, frozen=True, forbid_unknown_fields=True):
    """A part of a chain: `rows` strikes around the underlying's price, or around `around`.

    `expiry` is a month (JAN27) or a day (2027-01-15), the nearest one when it is empty. `quotes=true` adds a snapshot
    with greeks of every contract; a face that stays subscribes to them instead (`look_at`).
    """

    expiry: str = ""
    rows: int = DEFAULT_ROWS
    around: str | int | float | None = None
    quotes: bool = False


def option_operations(broker: Broker) -> list[Operation[Any]]:
    """The operations of this file, bound to a broker."""
    do = OptionHandlers(broker)
    return [
        Operation(
            "get_option_chain", Tier.READ, GetOptionChain, do.get_option_chain, "Calls and puts by strike, one expiry."
        )
    ]


class OptionHandlers:
    """What they do. Every one raises BrokerError."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._first = Prerequisites(broker)

    async def get_option_chain(self, arguments: GetOptionChain, caller: Caller) -> OptionChain:
        if not 1 <= arguments.rows <= MOST_ROWS:
            raise BrokerError("BAD_ARGUMENT", f"rows: 1 to {MOST_ROWS} strikes at once, not {arguments.rows}")
        around = None if arguments.around in {None, ""} else _price(arguments.around)
        which = WhichInstrument(arguments.symbol, arguments.conid, arguments.sec_type, arguments.exchange)
        underlying = await self._first.instrument(which)
        spot = await self._spot(underlying)
        chain = await self._broker.chains.chain(underlying, arguments.expiry, arguments.rows, around, spot)
        return await self._quoted(chain) if arguments.quotes else chain

    async def _spot(self, underlying: Instrument) -> tuple[Decimal | None, str]:
        """The underlying's price as it is known, or why there is none."""
        known = self._broker.tables["quotes"].get(str(underlying.conid))
        quote = known if isinstance(known, Quote) and known.last is not None else None
        if quote is None:
            found = await read_snapshots(self._broker.reads, [underlying], self._broker.clock)
            quote = found.get(underlying.conid)
        if quote is None:
            return None, f"IBKR sent no price of {underlying.description}"
        return quote.last or quote.mid or quote.close, quote.problem

    async def _quoted(self, chain: OptionChain) -> OptionChain:
        sides = [side for row in chain.rows for side in (row.call, row.put) if side is not None]
        options = [await self._broker.contracts.glimpse(side.conid) for side in sides]
        quotes = await read_snapshots(self._broker.reads, options, self._broker.clock)

        def quoted(side: OptionContract | None) -> OptionContract | None:
            return side and msgspec.structs.replace(side, quote=quotes.get(side.conid))

        rows = tuple(ChainRow(row.strike, quoted(row.call), quoted(row.put)) for row in chain.rows)
        return msgspec.structs.replace(chain, rows=rows)


def _price(value: str | int | float | None) -> Decimal:
    if isinstance(value, bool) or value is None:
        raise BrokerError("BAD_NUMBER", "around: is not a number", details={"field": "around"})
    return parse_entry(value if isinstance(value, str) else repr(value), what="around")

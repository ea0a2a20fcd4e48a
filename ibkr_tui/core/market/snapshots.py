"""One snapshot as a quote, merged by the same rules as the stream's frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from ibkr_tui.core.market.fields import fields_of
from ibkr_tui.core.market.quotes import QuoteBoard
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.quotes import Quote
from ibkr_tui.model.table import Table

AGAIN: Final = 0.6
TRIES: Final = 5
AT_ONCE: Final = 100


class SnapshotReads(Protocol):
    """The read this module needs."""

    async def snapshot(self, conids: Sequence[int], fields: Sequence[str]) -> Mapping[int, Mapping[str, Any]]: ...


async def read_snapshots(reads: SnapshotReads, instruments: Sequence[Instrument], clock: Clock) -> dict[int, Quote]:
    """Quotes by conid of what the broker tells: asked up to five times, for the first call only starts a stream (W-14).

    An instrument without permission has its quote too, which says so.
    """
    found: dict[int, Quote] = {}
    wanted = {instrument.conid: instrument for instrument in instruments}
    fields = tuple(dict.fromkeys(code for instrument in instruments for code in fields_of(instrument.sec_type)))
    for attempt in range(TRIES):
        missing = [conid for conid in wanted if conid not in found]
        if not missing:
            break
        if attempt:
            await clock.sleep(AGAIN)
        for first in range(0, len(missing), AT_ONCE):
            rows = await reads.snapshot(missing[first : first + AT_ONCE], fields)
            for conid, row in rows.items():
                if conid in wanted and "6509" in row:
                    found[conid] = _quote(wanted[conid], row, clock)
    return found


def read_snapshot(instrument: Instrument, row: Mapping[str, Any], clock: Clock) -> Quote:
    """The quote in `row`. Raises BrokerError IBKR_NO_MARKET_DATA_SUBSCRIPTION where the broker gives no prices."""
    quote = _quote(instrument, row, clock)
    if quote.availability[:1] in {"N", "O"}:
        raise BrokerError("IBKR_NO_MARKET_DATA_SUBSCRIPTION", f"{instrument.description}: {quote.problem}")
    return quote


def _quote(instrument: Instrument, row: Mapping[str, Any], clock: Clock) -> Quote:
    table: Table[Quote] = Table("snapshot")
    board = QuoteBoard(table, clock)
    board.polled("a single snapshot")
    board.expect(instrument)
    board.merge(instrument.conid, row)
    return table.rows()[str(instrument.conid)]

"""One snapshot as a quote, merged by the same rules as the stream's frames."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ibkr_tui.core.market.quotes import QuoteBoard
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.quotes import Quote
from ibkr_tui.model.table import Table


def read_snapshot(instrument: Instrument, row: Mapping[str, Any], clock: Clock) -> Quote:
    """The quote in `row`. Raises BrokerError IBKR_NO_MARKET_DATA_SUBSCRIPTION where the broker gives no prices."""
    table: Table[Quote] = Table("snapshot")
    board = QuoteBoard(table, clock)
    board.polled()
    board.expect(instrument)
    board.merge(instrument.conid, row)
    quote = table.rows()[str(instrument.conid)]
    if quote.availability[:1] in {"N", "O"}:
        raise BrokerError("IBKR_NO_MARKET_DATA_SUBSCRIPTION", f"{instrument.description}: {quote.problem}")
    return quote

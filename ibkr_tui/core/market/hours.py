"""Whether the market is open: the trading schedule of a reference instrument, read once a day (reference 4.7)."""

from __future__ import annotations

import logging
from typing import Final, Protocol

from ibkr_tui.core.market.contracts import Contracts
from ibkr_tui.core.web.wire import TradingSchedule
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.quotes import MarketHours

log = logging.getLogger(__name__)

REFERENCE: Final = "SPY"
VENUE: Final = "NYSE"
READ_EVERY: Final = 6 * 3600.0
RETRY_EVERY: Final = 60.0


class ScheduleReads(Protocol):
    """The read this module needs."""

    async def trading_schedule(self, conid: int) -> TradingSchedule: ...


class MarketClock:
    """Knows the hours of the reference venue."""

    def __init__(self, reads: ScheduleReads, contracts: Contracts, clock: Clock) -> None:
        self._reads = reads
        self._contracts = contracts
        self._clock = clock
        self._schedule: TradingSchedule | None = None

    def hours(self) -> MarketHours | None:
        """Open or closed now; None until a schedule is known."""
        return None if self._schedule is None else self._schedule.hours(VENUE, self._clock.now())

    async def read(self) -> MarketHours:
        """Read the schedule now. Raises BrokerError."""
        instrument = await self._contracts.resolve(REFERENCE, sec_type="STK")
        self._schedule = await self._reads.trading_schedule(instrument.conid)
        return self._schedule.hours(VENUE, self._clock.now())

    async def run(self) -> None:
        """Keep the schedule, until cancelled."""
        while True:
            try:
                await self.read()
                wait = READ_EVERY
            except BrokerError as error:
                log.warning("market hours: %s (%s)", error.message, error.code)
                wait = RETRY_EVERY
            await self._clock.sleep(wait)

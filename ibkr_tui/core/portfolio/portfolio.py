"""Keeps the `account` and `positions` tables: at start, every thirty seconds, and soon after a fill."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, Protocol

import msgspec

from ibkr_tui.core.market.contracts import Recent
from ibkr_tui.core.portfolio.account import BASE, read_ledger, read_summary
from ibkr_tui.core.portfolio.positions import is_sparse, read_positions
from ibkr_tui.core.session.waiting import wait_for
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.numbers import parse_wire_or_none
from ibkr_tui.model.portfolio import AccountSummary, LedgerLine, Position
from ibkr_tui.model.table import Table

log = logging.getLogger(__name__)

EVERY: Final = 30.0
AFTER_FILL: Final = 1.0
AGAIN: Final = 1.0
LEDGER_FOR: Final = 60.0


class PortfolioReads(Protocol):
    """The reads this module needs."""

    async def summary(self, account: str) -> Mapping[str, Any]: ...
    async def ledger(self, account: str) -> Mapping[str, Any]: ...
    async def positions(self, account: str, page: int) -> Sequence[Mapping[str, Any]]: ...
    async def exchange_rate(self, source: str, target: str) -> Mapping[str, Any]: ...


class Portfolio:
    """Reads one account."""

    def __init__(
        self,
        *,
        account: str,
        reads: PortfolioReads,
        summaries: Table[AccountSummary],
        positions: Table[Position],
        clock: Clock,
    ) -> None:
        self._account = account
        self._reads = reads
        self._summaries = summaries
        self._positions = positions
        self._clock = clock
        self._asked = asyncio.Event()
        self._enriched = False
        self._read_at: float | None = None
        self._rates: Recent[Decimal] = Recent(clock, seconds=LEDGER_FOR)
        self._ledger: tuple[float, list[LedgerLine]] | None = None
        self._summary_lock = asyncio.Lock()
        self._positions_lock = asyncio.Lock()

    def new_session(self) -> None:
        """The brokerage session is another one: its first read of positions is sparse again."""
        self._enriched = False

    def filled(self) -> None:
        """A fill changed the account: read it soon."""
        self._asked.set()

    async def run(self) -> None:
        """Keep the tables, until cancelled. A failed read is tried again and leaves what was known, with its time."""
        while True:
            try:
                await self.refresh()
            except BrokerError as error:
                log.warning("portfolio: %s (%s)", error.message, error.code)
            if await wait_for(self._asked, EVERY, self._clock):
                self._asked.clear()
                await self._clock.sleep(AFTER_FILL)

    async def refresh(self) -> None:
        """Summary and positions now. Raises BrokerError."""
        await self.summary(at_most=0)
        await self.read_positions()

    async def summary(self, *, at_most: float = EVERY) -> AccountSummary:
        """The summary, at most that many seconds old. Raises BrokerError when it can't be read."""
        async with self._summary_lock:
            known = self._summaries.get(self._account)
            if known is not None and self._read_at is not None and self._clock.monotonic() - self._read_at < at_most:
                return known
            found = read_summary(self._account, await self._reads.summary(self._account), self._clock.now())
            self._read_at = self._clock.monotonic()
            self._summaries.put(self._account, found)
            self._summaries.mark_read()
            return found

    async def read_positions(self) -> list[Position]:
        """All positions, now. Raises BrokerError."""
        async with self._positions_lock:
            if not self._enriched:
                first = await self._page(0)
                if is_sparse(first):
                    await self._clock.sleep(AGAIN)
                self._enriched = True
            self._positions.replace(await read_positions(self._account, self._page, self._clock.now))
            self._positions.mark_read()
            return list(self._positions.rows().values())

    async def first_positions(self, seconds: float) -> None:
        """Return when the positions have been read once. Raises BrokerError IBKR_UNAVAILABLE after `seconds`."""
        if self._positions.is_read:
            return
        try:
            async with asyncio.timeout(seconds):
                await self.read_positions()
        except (TimeoutError, BrokerError) as error:
            why = f": {error.message}" if isinstance(error, BrokerError) else ""
            raise BrokerError("IBKR_UNAVAILABLE", f"the positions have not been read yet{why}") from None

    async def ledger(self, *, at_most: float = 0) -> list[LedgerLine]:
        """The ledger's lines, at most that many seconds old. Raises BrokerError."""
        if self._ledger is not None and self._clock.monotonic() - self._ledger[0] < at_most:
            return self._ledger[1]
        lines = [await self._rated(line) for line in read_ledger(await self._reads.ledger(self._account))]
        self._ledger = (self._clock.monotonic(), lines)
        return lines

    async def rate(self, currency: str) -> Decimal:
        """One unit of `currency` in the base currency. Raises BrokerError RISK_NO_QUOTE when nothing says it."""
        if not currency:
            raise BrokerError("RISK_NO_QUOTE", "IBKR does not name the currency")
        base = (await self.summary()).currency
        if currency in {base, BASE}:
            return Decimal(1)
        for line in await self.ledger(at_most=LEDGER_FOR):
            if line.currency == currency and line.rate is not None:
                return line.rate
        try:
            return await self.market_rate(currency, base)
        except BrokerError as error:
            raise BrokerError(
                "RISK_NO_QUOTE", f"neither the ledger nor IBKR says a rate from {currency} to {base}: {error.message}"
            ) from None

    async def _rated(self, line: LedgerLine) -> LedgerLine:
        """The line with IBKR's rate where the ledger says none."""
        if line.rate is not None:
            return line
        try:
            rate = await self.market_rate(line.currency, (await self.summary()).currency)
        except BrokerError as error:
            log.warning("ledger: %s (%s)", error.message, error.code)
            return line
        return msgspec.structs.replace(line, rate=rate)

    async def market_rate(self, source: str, target: str) -> Decimal:
        """One unit of `source` in `target`, at most a minute old. Raises BrokerError where IBKR says none."""
        if source == target:
            return Decimal(1)
        known = self._rates.get((source, target))
        if known is None:
            known = parse_wire_or_none((await self._reads.exchange_rate(source, target)).get("rate"))
            if known is None or known <= 0:
                raise BrokerError("IBKR_RESPONSE_INVALID", f"IBKR says no rate from {source} to {target}")
            self._rates.put((source, target), known)
        return known

    async def _page(self, page: int) -> Sequence[Mapping[str, Any]]:
        return await self._reads.positions(self._account, page)

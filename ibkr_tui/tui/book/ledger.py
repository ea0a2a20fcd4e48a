"""The ledger by currency as the app last read it, for the Account page and for exchange rates."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from ibkr_tui.model.clock import Clock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.portfolio import LedgerLine
from ibkr_tui.model.text import clean
from ibkr_tui.tui import requests
from ibkr_tui.tui.feed import Feed

BASE: Final = "BASE"
_EVERY_S: Final = 15.0
_SOONER_S: Final = 5.0


class Ledger:
    """`lines` have `BASE` first. `problem` says why the last reading failed; the lines before it stay, with their age.

    `read` it when `is_due`: every 15 s while a page shows it, 5 s after a failure.
    """

    def __init__(self, feed: Feed, clock: Clock) -> None:
        self._feed = feed
        self._clock = clock
        self._next = 0.0
        self._reading = False
        self._account = ""
        self.lines: tuple[LedgerLine, ...] = ()
        self.problem = ""
        self.read_at: float | None = None

    def is_due(self, account: str) -> bool:
        """Whether it is time to read, and there is a core to ask. The lines of another account are forgotten."""
        if account != self._account:
            self._account, self._next = account, 0.0
            self.lines, self.problem, self.read_at = (), "", None
        return self._feed.is_live and not self._reading and self._clock.monotonic() >= self._next

    async def read(self) -> None:
        """Read it once. A failure is kept in `problem`."""
        self._reading = True
        account = self._account
        try:
            lines = await requests.ledger(self._feed)
        except BrokerError as error:
            self.problem = f"{clean(error.message)} ({error.code}). {error.user_action}".strip()
            self._next = self._clock.monotonic() + _SOONER_S
        else:
            if account == self._account:
                self.lines, self.problem, self.read_at = tuple(lines), "", self._clock.monotonic()
                self._next = self._clock.monotonic() + _EVERY_S
        finally:
            self._reading = False

    @property
    def age(self) -> float | None:
        """Seconds since the lines were read."""
        return None if self.read_at is None else max(0.0, self._clock.monotonic() - self.read_at)

    @property
    def rates(self) -> Mapping[str, Decimal]:
        """What one unit of a currency is worth in the base currency."""
        return {line.currency: line.rate for line in self.lines if line.currency != BASE and line.rate}

"""When a new token may be asked for, whatever kind it is: one at a time, patiently, and not where one is unwelcome."""

from __future__ import annotations

import asyncio
import logging
import math
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from ibkr_tui.core.session.breaker import Breaker
from ibkr_tui.core.web.retries import spread
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.errors import BrokerError

MINT_AGAIN_S: Final = (1.0, 2.0, 4.0)
"""The waits before a mint that got no usable answer is tried again, each ±10 % (requirement A-058)."""
REFUSALS_ALLOWED: Final = 3
REFUSAL_WINDOW_S: Final = 600.0
REFUSALS: Final = frozenset({"IBKR_CONSUMER_REVOKED", "IBKR_ACCESS_TOKEN_EXPIRED", "IBKR_AUTH_FAILED", "CLOCK_SKEW"})
_log = logging.getLogger(__name__)


class Renewal:
    """Counts tokens, failures and refusals. `epoch` grows with every new token; `trouble` is a login in difficulty."""

    def __init__(self, clock: Clock, jitter: Callable[[], float] = spread) -> None:
        self._clock = clock
        self._jitter = jitter
        self._lock = asyncio.Lock()
        self._refusals: deque[float] = deque(maxlen=REFUSALS_ALLOWED)
        self._breaker = Breaker(clock)
        self._failures = 0
        self._failure: BrokerError | None = None
        self.epoch = 0
        self.trouble: BrokerError | None = None

    def forget(self) -> None:
        """There are other keys: what was refused to the old ones counts no longer."""
        self._refusals.clear()
        self._breaker.succeeded()
        self._failure = None

    async def renew(self, seen: int, mint: Callable[[], Awaitable[None]]) -> None:
        """Run `mint` unless a token newer than `seen` is there.

        Raises what `mint` raises. IBKR_SESSION_MINT_FAILED is tried four times; after five such failures in a row
        nothing is sent for a minute, and after three refusals in ten minutes nothing until those are over.
        """
        failures = self._failures
        async with self._lock:
            if self.epoch != seen:
                return
            if self._failures != failures and self._failure is not None:
                raise self._failure.again()  # it failed while we waited: one mint for all who asked, also then
            self._check_refusals()
            self._check_breaker()
            try:
                await self._patiently(mint)
            except BrokerError as error:
                raise self._remembered(error) from None
            finally:
                self.trouble = None
            self.forget()
            self.epoch += 1

    def _check_refusals(self) -> None:
        """No storm of mints: IBKR locks out who keeps knocking."""
        if len(self._refusals) < REFUSALS_ALLOWED:
            return
        wait = REFUSAL_WINDOW_S - (self._clock.monotonic() - self._refusals[0])
        if wait > 0 and self._failure is not None:
            raise BrokerError(
                self._failure.code,
                f"{self._failure.message}; IBKR refused the login {REFUSALS_ALLOWED} times in ten minutes, "
                f"the next attempt is in {math.ceil(wait / 60)} min",
                details={"retry_in_s": math.ceil(wait)},
            )

    def _check_breaker(self) -> None:
        """While the breaker is open nobody mints, and all are told until when."""
        if self._breaker.retry_in_s and self._failure is not None:
            raise self._breaker.error(self._failure)

    def _remembered(self, error: BrokerError) -> BrokerError:
        """`error`, counted; it names the next attempt when it is the one that opens the breaker."""
        self._failures += 1
        self._failure = error.again()
        if error.code in REFUSALS:
            self._refusals.append(self._clock.monotonic())
        if error.code != "IBKR_SESSION_MINT_FAILED":
            return error
        self._breaker.failed()
        return self._breaker.error(error) if self._breaker.retry_in_s else error

    async def _patiently(self, mint: Callable[[], Awaitable[None]]) -> None:
        """Mint; without a usable answer three times more. What the server refused is not asked again."""
        for wait in () if self._breaker.is_doubtful else MINT_AGAIN_S:
            try:
                return await mint()
            except BrokerError as error:
                if error.code != "IBKR_SESSION_MINT_FAILED":
                    raise
                _log.warning("login: %s; trying again", error.message)
                self.trouble = error.again()
                await self._clock.sleep(wait * self._jitter())
        return await mint()

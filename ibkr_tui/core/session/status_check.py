"""A second opinion on the session, every six hours: what does the broker itself say of it? (requirements A-117…A-119)

The keep-alive notices a loss within minutes; this notices a session that only looks alive. A bad answer is doubted: a
keep-alive first, then the question again. The health degrades after more than two bad checks in a row.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Final

from ibkr_tui.core.session.brokerage import read_status, read_tickle
from ibkr_tui.core.session.session import SessionTransport
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.errors import BrokerError

CHECK_EVERY_S: Final = 6 * 3600.0
CHECKS_FORGIVEN: Final = 2

_log = logging.getLogger(__name__)


class StatusCheck:
    """`is_ready` says whether there is a session to ask about: one that is known to be lost is not asked for.

    `checked_at` is when the broker was last asked, `bad` how many checks in a row were bad.
    """

    def __init__(
        self, transport: SessionTransport, is_ready: Callable[[], bool], clock: Clock, *, every: float = CHECK_EVERY_S
    ) -> None:
        self._transport = transport
        self._is_ready = is_ready
        self._clock = clock
        self._every = every
        self._reason = ""
        self.checked_at: datetime | None = None
        self.bad = 0

    @property
    def problem(self) -> BrokerError | None:
        """What to say, once more than two checks in a row were bad."""
        if self.bad <= CHECKS_FORGIVEN:
            return None
        return BrokerError(
            "IBKR_NO_SESSION",
            f"IBKR's status was bad {self.bad} times in a row: {self._reason}",
            user_action="If it stays so, log in anew: `ibkr-tui core stop`, then start again.",
        )

    async def run(self) -> None:
        """Check again and again, until cancelled."""
        while True:
            await self._clock.sleep(self._every)
            if self._is_ready():
                await self.check()

    async def check(self) -> None:
        """Ask once; a bad answer is asked for again after a keep-alive."""
        reason = await self._ask()
        if reason:
            await self._tickle()
            reason = await self._ask()
        self.checked_at = self._clock.now()
        self.bad = self.bad + 1 if reason else 0
        self._reason = reason
        if reason:
            _log.warning("status check: %s (%d in a row)", reason, self.bad)
        else:
            _log.info("status check: authenticated, not competing")

    async def _ask(self) -> str:
        """Why the status is bad; empty when it is good."""
        try:
            status = read_status(await self._transport.post("/iserver/auth/status", settled=False), "the status")
        except BrokerError as error:
            return error.message
        if status.competing:
            return "another program uses this username"
        return "" if status.authenticated else "the session is not authenticated"

    async def _tickle(self) -> None:
        try:
            read_tickle(await self._transport.post("/tickle", settled=False))
        except BrokerError as error:
            _log.info("status check: the keep-alive failed too: %s", error.code)

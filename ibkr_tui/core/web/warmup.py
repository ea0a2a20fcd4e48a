"""Calls that must come before others, once a session (reference 4.1): else the others answer with nothing, or 401."""

from __future__ import annotations

import asyncio
from typing import Final

from ibkr_tui.core.web.errors import problem_of
from ibkr_tui.core.web.transport import Transport

ISERVER: Final = "/iserver/accounts"
PORTFOLIO: Final = "/portfolio/accounts"
_WORDS: Final = {ISERVER: "the accounts", PORTFOLIO: "the portfolio's accounts"}


class WarmUps:
    """Makes each such call once after every login and every new brokerage session; callers at once share one."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._done: dict[str, tuple[int, int]] = {}
        self._locks = {path: asyncio.Lock() for path in _WORDS}

    def forget(self) -> None:
        """A new brokerage session began: everything is cold again."""
        self._done.clear()

    def note(self, path: str) -> None:
        """The call was made well by somebody else."""
        self._done[path] = self._transport.generation

    async def need(self, path: str) -> None:
        """Return when `path` has been called in this session. Raises what the call raises."""
        if self._done.get(path) == self._transport.generation:
            return
        async with self._locks[path]:
            if self._done.get(path) == self._transport.generation:
                return
            answer = await self._transport.get(path)
            problem = problem_of(answer, _WORDS[path])
            if problem is not None:
                raise problem
            self.note(path)

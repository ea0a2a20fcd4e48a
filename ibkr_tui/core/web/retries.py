"""How often a read is asked again, and when (requirement C-019, correction W-15): five times, within its deadline."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from ibkr_tui.core.web.answer import Answer
from ibkr_tui.core.web.errors import is_users_error
from ibkr_tui.model.clock import Clock

WAITS: Final = (1.0, 2.0, 4.0, 8.0, 16.0)
_SERVERS: Final = {500, 502, 503}


def spread() -> float:
    """±10 %, so that many clients do not come back in one moment."""
    return random.uniform(0.9, 1.1)  # noqa: S311 (no secret)


def is_worth_repeating(answer: Answer, path: str) -> bool:
    """Whether the server, and not the request, was at fault. 429 is another matter: its penalty says when."""
    return answer.status in _SERVERS and not is_users_error(answer, path)


class Patience:
    """The waits that one read may still take before `deadline` seconds have passed.

    `answer` is the last one it got: when the time is over in the midst of another try, that one counts.
    """

    def __init__(self, clock: Clock, deadline: float, jitter: Callable[[], float] = spread) -> None:
        self._clock = clock
        self._ends = clock.monotonic() + deadline
        self._jitter = jitter
        self._taken = 0
        self.answer: Answer | None = None

    async def wait(self, at_least: float = 0.0) -> bool:
        """Take the next wait, `at_least` so many seconds; False at once when none is left or it would end too late."""
        if self._taken == len(WAITS):
            return False
        wait = max(WAITS[self._taken] * self._jitter(), at_least)
        if self._clock.monotonic() + wait >= self._ends:
            return False
        self._taken += 1
        await self._clock.sleep(wait)
        return True

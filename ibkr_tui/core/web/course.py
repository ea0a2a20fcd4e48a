"""How far an order's request has come: whether a byte of it left, and the last word before the first one does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Check = Callable[[], None]
"""Raises BrokerError when a request must not leave any more."""


class Course:
    """How far a request has come, as httpcore's trace tells it. What it does not tell counts as sent.

    `check` is asked once, when the connection stands and the first byte is about to leave: what it raises stops it.
    """

    __slots__ = ("_check", "_left", "_stopped", "proven_unsent")

    def __init__(self, check: Check | None = None) -> None:
        self.proven_unsent = True
        self._check = check
        self._left = False
        self._stopped = False

    def entrusted(self) -> None:
        """The request is httpcore's: from here on only an event can say that nothing left."""
        self.proven_unsent = False

    async def __call__(self, event: str, _info: Mapping[str, Any]) -> None:
        if self._stopped:
            return
        if not self._left and not event.startswith("connection."):
            self._last_check()
            self._left = True
        self.proven_unsent = not self._left

    def _last_check(self) -> None:
        if self._check is None:
            return
        try:
            self._check()
        except BaseException:
            self._stopped = self.proven_unsent = True
            raise

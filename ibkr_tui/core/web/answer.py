"""What came back from IBKR, and the two ways in which a request that must not be repeated can fail."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ibkr_tui.model.errors import BrokerError


class Answer(msgspec.Struct, frozen=True):
    """One HTTP answer, whole and decompressed. `headers` keeps the few that mean something, in lower case."""

    status: int
    body: bytes
    headers: Mapping[str, str] = {}
    elapsed_ms: float = 0.0


class NotSent(BrokerError):
    """No byte of the request left this machine: it is proven that nothing happened at the broker."""

    def __init__(self, message: str, code: str = "IBKR_UNAVAILABLE") -> None:
        super().__init__(code, message)


class AnswerLost(BrokerError):
    """The request, or a part of it, left, and no whole answer came: whether it took effect is not known."""

    def __init__(self, message: str) -> None:
        super().__init__(
            "IBKR_UNAVAILABLE",
            message,
            retryable=False,
            user_action="It may have taken effect: look before you do it again.",
        )

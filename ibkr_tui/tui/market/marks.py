"""What stands beside a price and says why it is not live: socket down, no subscription, market closed. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

from ibkr_tui.model.health import Health, SessionState, StreamState
from ibkr_tui.model.quotes import QuoteStatus
from ibkr_tui.model.text import clean

_UNSUBSCRIBED: Final = ("SUBSCRIPTION", "subscription", "permission")
_QUIET_S: Final = 60.0


class Cause(StrEnum):
    """Why a price is not, or not quite, a present one."""

    NONE = ""
    WAITING = "waiting"
    NO_CORE = "no core"
    SOCKET_DOWN = "socket down"
    NO_SUBSCRIPTION = "no subscription"
    MARKET_CLOSED = "market closed"
    HALTED = "trading is halted"
    DELAYED = "15 minutes late"
    SILENT = "not confirmed"
    OTHER = "no price"


class Mark(msgspec.Struct, frozen=True):
    """`word` fits seven cells; `cause` tells apart what one word leaves open; `words` is the whole reason."""

    word: str
    cause: Cause
    words: str = ""

    @property
    def is_live(self) -> bool:
        """The price may be painted as live."""
        return self.word == ""


class Conditions(msgspec.Struct, frozen=True):
    """What every row has in common: the link to the core, its stream, the venue."""

    linked: bool
    streaming: bool
    closed: bool


LIVE: Final = Mark("", Cause.NONE)


def conditions(health: Health | None, *, linked: bool) -> Conditions:
    """Read the health row. A stream that is switched off is not down: prices come by snapshots then."""
    if health is None:
        return Conditions(linked, linked, False)
    ready = health.session in {SessionState.READY, SessionState.DEGRADED}
    streaming = health.stream is StreamState.LIVE or (health.stream is StreamState.OFF and ready)
    closed = health.market is not None and not health.market.is_open
    return Conditions(linked, streaming, closed)


def mark(status: QuoteStatus | None, problem: str, age: float | None, now: Conditions) -> Mark:
    """The mark of a row. `status` None: nothing was heard of it yet."""
    words = clean(problem, limit=200)
    if not now.linked:
        return Mark("STALE" if status not in {None, QuoteStatus.NO_DATA} else "NO DATA", Cause.NO_CORE, "no core")
    if status is None or status is QuoteStatus.NO_DATA:
        return _nothing(words, now, known=status is not None)
    if status is QuoteStatus.LIVE:
        quiet = now.closed and age is not None and age >= _QUIET_S
        return Mark("CLOSED", Cause.MARKET_CLOSED, "market closed") if quiet else LIVE
    causes = {
        QuoteStatus.HALTED: Cause.HALTED,
        QuoteStatus.FROZEN: Cause.MARKET_CLOSED,
        QuoteStatus.DELAYED: Cause.NO_SUBSCRIPTION if _unsubscribed(words) else Cause.DELAYED,
        QuoteStatus.STALE: Cause.SILENT if now.streaming else Cause.SOCKET_DOWN,
    }
    told = words if status in {QuoteStatus.HALTED, QuoteStatus.DELAYED} else ""
    return Mark(str(status).upper(), causes[status], told or str(causes[status]))


def _nothing(words: str, now: Conditions, *, known: bool) -> Mark:
    if _unsubscribed(words):
        return Mark("NO DATA", Cause.NO_SUBSCRIPTION, words)
    if not now.streaming:
        return Mark("NO DATA", Cause.SOCKET_DOWN, "socket down")
    if not known and not words:
        return Mark("waiting", Cause.WAITING, "waiting for the first price")
    if not words or words.startswith("waiting"):
        return Mark("waiting", Cause.WAITING, words or "waiting for the first price")
    return Mark("NO DATA", Cause.OTHER, words)


def _unsubscribed(words: str) -> bool:
    return any(word in words for word in _UNSUBSCRIBED)

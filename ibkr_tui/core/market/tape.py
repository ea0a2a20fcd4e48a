"""The tape: one entry for each observed change of last price or last size of what somebody watches closely."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from ibkr_tui.model.clock import Clock
from ibkr_tui.model.log import Log
from ibkr_tui.model.quotes import Quote, QuoteStatus
from ibkr_tui.model.tape import Print

_TRADES = frozenset({QuoteStatus.LIVE, QuoteStatus.DELAYED})


class Tape:
    """Writes the `tape` log. `is_watched`: a tape of every instrument would drown whoever reads it."""

    def __init__(self, log: Log[Print], is_watched: Callable[[int], bool], clock: Clock) -> None:
        self._log = log
        self._is_watched = is_watched
        self._clock = clock
        self._last: dict[int, tuple[Decimal, Decimal | None]] = {}

    def observe(self, quote: Quote) -> None:
        """A frame changed `quote`. The first sight of an instrument is where its tape begins, and no print."""
        if not self._is_watched(quote.conid):
            self._last.pop(quote.conid, None)
            return
        if quote.last is None or quote.status not in _TRADES:
            return
        seen = (quote.last, quote.last_size)
        before = self._last.get(quote.conid)
        self._last[quote.conid] = seen
        if before is None or before == seen:
            return
        tick = (quote.last > before[0]) - (quote.last < before[0])
        at = quote.changed_at or self._clock.now()
        self._log.append(Print(quote.conid, quote.description, at, quote.last, quote.last_size, tick))

"""What was observed of prices: the points of the sparklines, and the rows of the tape. No widget, no link."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final

from ibkr_tui.model.quotes import Bar, Quote, QuoteStatus

_MOST: Final = 120
_EVERY_S: Final = 60.0


class Trends:
    """The day's course of each instrument: closes of its bars, then the prices seen since, one a minute."""

    def __init__(self) -> None:
        self._points: dict[int, deque[Decimal]] = {}
        self._sampled: dict[int, float] = {}
        self.loaded: dict[int, float] = {}

    def load(self, conid: int, bars: Sequence[Bar], now: float) -> None:
        """History as the core gave it; what was seen before is in it."""
        self._points[conid] = deque((bar.close for bar in bars), maxlen=_MOST)
        self.loaded[conid] = self._sampled[conid] = now

    def miss(self, conid: int, now: float) -> None:
        """There is no history of it, or not now: what is seen from here on is all there is."""
        self.loaded[conid] = now

    def see(self, quote: Quote, now: float) -> None:
        """Take a live price: it replaces the last point until a minute is over."""
        if quote.last is None or quote.status is not QuoteStatus.LIVE:
            return
        points = self._points.setdefault(quote.conid, deque(maxlen=_MOST))
        if not points or now - self._sampled.get(quote.conid, now - _EVERY_S) >= _EVERY_S:
            points.append(quote.last)
            self._sampled[quote.conid] = now
        else:
            points[-1] = quote.last

    def points(self, conid: int | None) -> Sequence[Decimal]:
        """What is known, oldest first."""
        return tuple(self._points.get(conid, ())) if conid is not None else ()

    def forget_all_but(self, conids: Iterable[int]) -> None:
        """Keep a desk that runs for weeks small."""
        kept = set(conids)
        for conid in [conid for conid in self._points if conid not in kept]:
            self._points.pop(conid, None)
            self._sampled.pop(conid, None)
            self.loaded.pop(conid, None)

"""A replay of what `ibkr-tui record` wrote: prices, positions, money, orders, health and the logs, as they stood."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.health import Health
from ibkr_tui.model.quotes import Bar, Quote
from ibkr_tui.model.table import TableDelta
from ibkr_tui.tui.remembered import MOST_WATCHED, Memory, NamedList, Remembered, WatchedSymbol
from ibkr_tui.tui.replay.feed import ReplayFeed, ReplayLauncher, refused
from ibkr_tui.tui.replay.moments import Line, Reader, Recording

LIST: Final = "Recorded"
_BAR_S: Final = {"1min": 60, "5min": 300, "15min": 900, "1h": 3600, "1d": 86_400}


class RecordedDay(ReplayFeed):
    """The moments of `recording`. Bars are made of the prices that were played."""

    def __init__(self, recording: Recording, path: Path, launcher: ReplayLauncher) -> None:
        self.recording = recording
        self._reader = Reader()
        self._prices: dict[int, list[tuple[datetime, Decimal, Decimal]]] = {}
        super().__init__(recording.lines, path, launcher)

    def begin(self) -> None:
        self._reader = Reader()
        self._prices.clear()
        self._news_since = self.recording.beginning.at
        self.put("health", {"replay": Health("replay", self.recording.beginning.kind, "", message=self.words)})

    def take_rows(self, rows: Sequence[Line]) -> None:
        for row in rows:
            taken = self._reader.take(row.raw)
            if not isinstance(taken, TableDelta):
                self.accept(taken)
                continue
            if taken.table == "health" and taken.rows:
                taken = msgspec.structs.replace(taken, full=True, rows=self._health(taken.rows))
            if taken.table == "quotes":
                self._see(taken.rows.values())
            self.apply(msgspec.structs.replace(taken, epoch=self.mirrors[taken.table].epoch))

    def _health(self, rows: Mapping[str, Health]) -> dict[str, Any]:
        """What was recorded, and that nothing is sent now."""
        return {
            key: msgspec.structs.replace(row, orders_mode="refuse", message=row.message or self.words)
            for key, row in rows.items()
        }

    def _see(self, quotes: Iterable[Quote]) -> None:
        for quote in quotes:
            if quote.last is not None and quote.changed_at is not None:
                seen = self._prices.setdefault(quote.conid, [])
                if not seen or seen[-1][0] < quote.changed_at:
                    seen.append((quote.changed_at, quote.last, quote.volume or Decimal(0)))

    def answer(self, operation: str, asked: Mapping[str, Any]) -> Any:
        if operation == "get_bars":
            return {"bars": [msgspec.to_builtins(bar) for bar in self._bars(asked)]}
        if operation != "get_contract":
            raise refused()
        for found in self.recording.instruments:
            if asked.get("conid") == found.conid or (
                asked.get("conid") is None and asked.get("symbol") == found.symbol
            ):
                return found
        raise BrokerError("REPLAY_ONLY", "the recording has no price of it")

    def _bars(self, asked: Mapping[str, Any]) -> list[Bar]:
        size = _BAR_S.get(str(asked.get("bar")), 300)
        bars: list[Bar] = []
        before = None
        for at, price, volume in self._prices.get(asked.get("conid") or 0, ()):
            start = datetime.fromtimestamp(at.timestamp() // size * size, UTC)
            traded = max(Decimal(0), volume - before) if before is not None else Decimal(0)
            before = volume
            if bars and bars[-1].at == start:
                last = bars[-1]
                bars[-1] = Bar(
                    start, last.open, max(last.high, price), min(last.low, price), price, last.volume + traded
                )
            else:
                bars.append(Bar(start, price, price, price, price, traded))
        if not bars:
            raise BrokerError("REPLAY_ONLY", "no price of it was played yet", retryable=True)
        return bars


class RecordedMemory(Remembered):
    """A person's theme and columns with the recorded instruments as the only list. Nothing is written."""

    def __init__(self, folder: Path, recording: Recording) -> None:
        super().__init__(folder)
        watched = tuple(WatchedSymbol(one.symbol, one.conid) for one in recording.instruments[:MOST_WATCHED])
        if watched:
            lists = (NamedList(LIST, watched),)
            self.memory = msgspec.structs.replace(self.memory, watchlists=lists, current=LIST)

    def keep(self, memory: Memory) -> None:
        self.memory = memory

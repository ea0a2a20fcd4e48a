"""What a watcher is sent: deltas of tables and pages of logs, taken only when all before them has left for the socket.

A watcher that stops reading costs a set of dirty keys, and is caught up with the newest values when it reads again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar

import msgspec

from ibkr_tui.link.frames import LogFrame, TableFrame, Watch, encoder, pack
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.log import Log, LogPage, LogWatcher
from ibkr_tui.model.table import Table, TableDelta, TableWatcher

SPACING_S: Final = 0.02
_ROWS_A_TURN: Final = 256
_Source = TypeVar("_Source")


class Feed:
    """One watcher's tables and logs. `close` it when the watcher goes."""

    def __init__(
        self, tables: Mapping[str, Table[Any]], logs: Mapping[str, Log[Any]], watch: Watch, clock: Clock
    ) -> None:
        """Raises BrokerError UNKNOWN_TABLE."""
        wanted_tables = [_named(tables, name, "table") for name in dict.fromkeys(watch.tables)]
        wanted_logs = [(_named(logs, name, "log"), after) for name, after in watch.logs.items()]
        self._clock = clock
        self._changed = asyncio.Event()
        self._tables: list[TableWatcher[Any]] = [table.watch(self._changed) for table in wanted_tables]
        self._logs: list[LogWatcher[Any]] = [
            log.watch(after if after >= 0 else log.last, self._changed) for log, after in wanted_logs
        ]

    async def run(self, writer: asyncio.StreamWriter) -> None:
        """Send until cancelled. Raises ConnectionError when the watcher has gone.

        The spacing makes one delta of a burst. Nothing may be awaited between the takes: each clears the event.
        """
        while True:
            await self._changed.wait()
            await writer.drain()
            deltas = [delta for watcher in self._tables if (delta := watcher.take()) is not None]
            pages = [page for watcher in self._logs if (page := watcher.take()) is not None]
            if pages:
                self._changed.set()  # a page may not be all: a later take has cleared what this log had set
            for delta in deltas:
                writer.write(await _table_frame(delta))
            for page in pages:
                writer.write(await _log_frame(page))
            await self._clock.sleep(SPACING_S)

    def close(self) -> None:
        """Stop watching."""
        for table in self._tables:
            table.close()
        for log in self._logs:
            log.close()


def _named(sources: Mapping[str, _Source], name: str, what: str) -> _Source:
    found = sources.get(name)
    if found is None:
        raise BrokerError("UNKNOWN_TABLE", f"there is no {what} “{name[:40]}”; there are: {' '.join(sources)}")
    return found


async def _raws(rows: Iterable[Any]) -> list[msgspec.Raw]:
    """The rows encoded; ten thousand of them must not hold up the stream."""
    raws: list[msgspec.Raw] = []
    for row in rows:
        raws.append(msgspec.Raw(encoder.encode(row)))
        if len(raws) % _ROWS_A_TURN == 0:
            await asyncio.sleep(0)
    return raws


async def _table_frame(delta: TableDelta[Any]) -> bytes:
    raws = dict(zip(delta.rows, await _raws(delta.rows.values()), strict=True))
    return pack(TableFrame(delta.table, delta.epoch, delta.full, raws, delta.gone, delta.is_read))


async def _log_frame(page: LogPage[Any]) -> bytes:
    return pack(LogFrame(page.log, page.first, tuple(await _raws(page.entries)), page.missed))

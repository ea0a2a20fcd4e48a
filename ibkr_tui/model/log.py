"""`Log`: entries in sequence, never conflated; what a slow reader missed is shown as a gap, not hidden."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

import msgspec

Entry = TypeVar("Entry")


class LogPage(msgspec.Struct, Generic[Entry], frozen=True):
    """Entries `first`, `first`+1, …; `missed` entries before them are gone."""

    log: str
    first: int
    entries: tuple[Entry, ...]
    missed: int = 0


class Log(Generic[Entry]):
    """The newest `keep` entries, numbered from 1. For one event loop."""

    def __init__(self, name: str, *, keep: int = 2000) -> None:
        self.name = name
        self._entries: deque[Entry] = deque(maxlen=keep)
        self._next = 1
        self._watchers: set[LogWatcher[Entry]] = set()

    @property
    def last(self) -> int:
        """The number of the newest entry; 0 when there is none."""
        return self._next - 1

    def entries(self) -> tuple[Entry, ...]:
        """What is kept, oldest first."""
        return tuple(self._entries)

    def append(self, entry: Entry) -> int:
        """Add an entry; its number."""
        self._entries.append(entry)
        number = self._next
        self._next += 1
        for watcher in self._watchers:
            watcher.changed.set()
        return number

    def after(self, number: int, most: int = 500) -> LogPage[Entry] | None:
        """Up to `most` entries after `number`; None when there is none."""
        if number >= self.last:
            return None
        oldest = self._next - len(self._entries)
        first = max(number + 1, oldest)
        skip = first - oldest
        entries = tuple(self._entries)[skip : skip + most]
        return LogPage(self.name, first, entries, first - number - 1)

    def watch(self, after: int = 0, changed: asyncio.Event | None = None) -> LogWatcher[Entry]:
        """A new watcher that begins after entry `after`; `changed` as for a table."""
        watcher = LogWatcher(self, after, changed)
        self._watchers.add(watcher)
        return watcher

    def _forget(self, watcher: LogWatcher[Entry]) -> None:
        self._watchers.discard(watcher)


class LogWatcher(Generic[Entry]):
    """One face's place in a log."""

    def __init__(self, log: Log[Entry], after: int, changed: asyncio.Event | None = None) -> None:
        self._log = log
        self._at = after
        self.changed = changed or asyncio.Event()
        self.changed.set()

    def take(self) -> LogPage[Entry] | None:
        """The next entries, or None."""
        self.changed.clear()
        page = self._log.after(self._at)
        if page is not None:
            self._at = page.first + len(page.entries) - 1
            if self._at < self._log.last:
                self.changed.set()
        return page

    def close(self) -> None:
        """Stop watching."""
        self._log._forget(self)

"""`Table`: rows by key that conflate. A watcher gets the newest value of what changed since it last took.

A writer only marks keys dirty, so a watcher that stops reading costs a set of keys and no queue (design 2).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

import msgspec

Row = TypeVar("Row")


class TableDelta(msgspec.Struct, Generic[Row], frozen=True):
    """Rows that changed and keys that went. `full` means: forget what you had, this is all there is.

    `epoch` changes when a table starts anew; a mirror of another epoch must be replaced.
    """

    table: str
    epoch: int
    full: bool
    rows: dict[str, Row]
    gone: tuple[str, ...] = ()
    is_read: bool = True


class Table(Generic[Row]):
    """Rows by key, watched by any number of faces. For one event loop.

    `is_read` tells "there is nothing" from "nothing is known yet": a table of the broker's begins unread.
    A writer whose rows change faster than they are read may `touch` them: `write`, which it sets, is called with the
    key when somebody reads the row, and puts it.
    """

    def __init__(self, name: str, *, epoch: int = 1, is_read: bool = True) -> None:
        self.name = name
        self.epoch = epoch
        self.is_read = is_read
        self._rows: dict[str, Row] = {}
        self._watchers: set[TableWatcher[Row]] = set()
        self._touched: set[str] = set()
        self.write: Callable[[str], None] = lambda key: None

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __contains__(self, key: str) -> bool:
        return key in self._rows

    def get(self, key: str) -> Row | None:
        """The row of `key`, if there is one."""
        if key in self._touched:
            self._touched.discard(key)
            self.write(key)
        return self._rows.get(key)

    def rows(self) -> dict[str, Row]:
        """A copy of all rows, in order of first arrival."""
        self.settle()
        return dict(self._rows)

    def touch(self, key: str) -> None:
        """The row of `key`, which is there, may be another one: it is written when somebody reads it."""
        if key not in self._touched:
            self._touched.add(key)
            for watcher in self._watchers:
                watcher.changed.set()

    def settle(self) -> None:
        """Have every touched row written."""
        while self._touched:
            self.write(self._touched.pop())

    def put(self, key: str, row: Row) -> None:
        """Set a row. An equal row is not a change."""
        self._touched.discard(key)
        if key in self._rows and self._rows[key] == row:
            return
        self._rows[key] = row
        self._mark(key)

    def remove(self, key: str) -> None:
        """Take a row away; watchers get a tombstone. A key that is not there is no error."""
        self._touched.discard(key)
        if self._rows.pop(key, None) is not None:
            self._mark(key)

    def replace(self, rows: dict[str, Row]) -> None:
        """Make `rows` the whole content: put each, remove the others."""
        for key in [k for k in self._rows if k not in rows]:
            self.remove(key)
        for key, row in rows.items():
            self.put(key, row)

    def mark_read(self) -> None:
        """The broker has told all there is; an empty table is empty from now on."""
        if not self.is_read:
            self.is_read = True
            for watcher in self._watchers:
                watcher._tell()

    def watch(self, changed: asyncio.Event | None = None) -> TableWatcher[Row]:
        """A new watcher, whose first delta is full. Close it when its face goes.

        `changed` lets several watchers of one face share an event; taking clears it, so take from all of them at once.
        """
        watcher = TableWatcher(self, changed)
        self._watchers.add(watcher)
        return watcher

    def _mark(self, key: str) -> None:
        for watcher in self._watchers:
            watcher._mark(key)

    def _forget(self, watcher: TableWatcher[Row]) -> None:
        self._watchers.discard(watcher)


class TableWatcher(Generic[Row]):
    """One face's view of a table: a set of dirty keys, nothing else."""

    def __init__(self, table: Table[Row], changed: asyncio.Event | None = None) -> None:
        self._table = table
        self._dirty: set[str] = set()
        self._full = True
        self._epoch = table.epoch
        self._told = False
        self.changed = changed or asyncio.Event()
        self.changed.set()

    def _mark(self, key: str) -> None:
        if not self._full:
            self._dirty.add(key)
        self.changed.set()

    def _tell(self) -> None:
        self._told = True
        self.changed.set()

    def take(self) -> TableDelta[Row] | None:
        """What changed since the last take, newest values only; None when nothing did."""
        table = self._table
        table.settle()
        self.changed.clear()
        if self._full or self._epoch != table.epoch:
            self._full = False
            self._epoch = table.epoch
            self._dirty.clear()
            self._told = False
            return TableDelta(table.name, table.epoch, True, table.rows(), is_read=table.is_read)
        if not self._dirty and not self._told:
            return None
        self._told = False
        dirty, self._dirty = self._dirty, set()
        rows: dict[str, Row] = {}
        gone: list[str] = []
        for key in dirty:
            row = table.get(key)
            if row is None:
                gone.append(key)
            else:
                rows[key] = row
        return TableDelta(table.name, table.epoch, False, rows, tuple(gone), table.is_read)

    def close(self) -> None:
        """Stop watching."""
        self._table._forget(self)


class Mirror(Generic[Row]):
    """A table on the other side of the link: apply deltas, read rows, and learn which keys to paint."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.epoch = 0
        self.rows: dict[str, Row] = {}
        self.is_read = False

    def apply(self, delta: TableDelta[Row]) -> set[str]:
        """Take `delta` in; return the keys whose row changed, came or went."""
        self.is_read = delta.is_read
        if delta.full or delta.epoch != self.epoch:
            touched = set(self.rows) | set(delta.rows)
            self.rows = dict(delta.rows)
            self.epoch = delta.epoch
            return touched
        self.rows.update(delta.rows)
        for key in delta.gone:
            self.rows.pop(key, None)
        return set(delta.rows) | set(delta.gone)

"""Which symbols a watchlist holds, which listing each one turned out to be, and why one shows no data."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.text import clean
from ibkr_tui.tui.remembered import BoardLook, NamedList, Remembered, WatchedSymbol

MOST_LISTS: Final = 50
MOST_ROWS: Final = 200


class WatchRow(msgspec.Struct, frozen=True):
    """One line. `asked` means that its listing was asked for on the present connection."""

    key: str
    symbol: str
    conid: int | None = None
    wanted_conid: int | None = None
    problem: str = ""
    asked: bool = False


class Watchlist:
    """One list: its lines by key, in order. `changed` is called after each change that is to be kept."""

    def __init__(self, name: str, symbols: Iterable[WatchedSymbol], changed: Callable[[], None]) -> None:
        self.name = name
        self._changed = changed
        self.rows: dict[str, WatchRow] = {}
        for watched in symbols:
            key = _key(watched.symbol, watched.conid)
            self.rows[key] = WatchRow(key, watched.symbol, watched.conid, watched.conid)

    def add(self, symbol: str, conid: int | None = None) -> str:
        """Put a symbol at the end and return its key; one that is there already stays where it is.

        Raises ListError when the list is full.
        """
        for key, row in self.rows.items():
            if (conid is not None and row.conid == conid) or (conid is None and row.symbol == symbol):
                return key
        if len(self.rows) >= MOST_ROWS:
            raise ListError(f"{self.name} has {MOST_ROWS} lines, which is all it holds. Begin another list.")
        key = _key(symbol, conid)
        self.rows[key] = WatchRow(key, symbol, conid, conid)
        self._changed()
        return key

    def remove(self, key: str) -> WatchRow | None:
        """Take a line away."""
        row = self.rows.pop(key, None)
        if row is not None:
            self._changed()
        return row

    def move(self, key: str, by: int) -> bool:
        """Move a line up (negative) or down; whether it moved."""
        order = list(self.rows)
        if key not in self.rows:
            return False
        at = order.index(key)
        to = max(0, min(len(order) - 1, at + by))
        if to == at:
            return False
        order.insert(to, order.pop(at))
        self.rows = {name: self.rows[name] for name in order}
        self._changed()
        return True

    def waiting(self) -> list[WatchRow]:
        """Lines whose listing is still to be asked for."""
        return [row for row in self.rows.values() if not row.asked]

    def begin_again(self) -> None:
        """A new connection: every line has to be asked for again."""
        for row in self.rows.values():
            self._set(row.key, asked=False, problem="")

    def asked(self, key: str, conid: int | None) -> None:
        """The core knows this line's listing."""
        row = self.rows.get(key)
        if row is not None:
            self._set(key, asked=True, problem="", conid=conid or row.conid)

    def refused(self, key: str, error: BrokerError) -> None:
        """The core will not stream this line; the reason is shown in its place."""
        if key in self.rows:
            self._set(key, asked=True, problem=f"{error.message} ({error.code})")

    def key_of(self, conid: int) -> str | None:
        """The line of a listing."""
        for key, row in self.rows.items():
            if row.conid == conid:
                return key
        return None

    @property
    def watched(self) -> NamedList:
        """What is kept of it."""
        return NamedList(self.name, tuple(WatchedSymbol(row.symbol, row.wanted_conid) for row in self.rows.values()))

    def _set(self, key: str, **changes: object) -> None:
        self.rows[key] = msgspec.structs.replace(self.rows[key], **changes)


class ListError(ValueError):
    """A list that can't be made, named or filled; the message is for people."""


class Watchlists:
    """Every list by name, the current one, and how the board shows them; every change is kept on disk."""

    def __init__(self, remembered: Remembered) -> None:
        self._remembered = remembered
        memory = remembered.memory
        self.look: BoardLook = memory.board
        self.lists: list[Watchlist] = [Watchlist(one.name, one.symbols, self._keep) for one in memory.watchlists]
        self._at = next((at for at, one in enumerate(self.lists) if one.name == memory.current), 0)

    @property
    def current(self) -> Watchlist:
        """The list that the boards show."""
        return self.lists[self._at]

    @property
    def names(self) -> list[str]:
        return [one.name for one in self.lists]

    @property
    def place(self) -> tuple[int, int]:
        """Which list it is, of how many; from 1."""
        return self._at + 1, len(self.lists)

    def step(self, by: int) -> None:
        """The next list, or the one before; round and round."""
        self._at = (self._at + by) % len(self.lists)
        self._keep()

    def make(self, name: str) -> None:
        """A new empty list, which becomes the current one. Raises ListError."""
        if len(self.lists) >= MOST_LISTS:
            raise ListError(f"There are {MOST_LISTS} lists already; delete one first.")
        self.lists.append(Watchlist(self._named(name), (), self._keep))
        self._at = len(self.lists) - 1
        self._keep()

    def rename(self, name: str) -> None:
        """Another name for the current list. Raises ListError."""
        self.current.name = self._named(name, self.current)
        self._keep()

    def delete(self) -> str:
        """Delete the current list; its name. Raises ListError when it is the only one."""
        if len(self.lists) == 1:
            raise ListError("This is the only list, and one there must be. Rename it, or empty it with -.")
        gone = self.lists.pop(self._at)
        self._at = min(self._at, len(self.lists) - 1)
        self._keep()
        return gone.name

    def show(self, look: BoardLook) -> None:
        """The board's columns and order."""
        self.look = look
        self._keep()

    def _named(self, name: str, itself: Watchlist | None = None) -> str:
        words = clean(name, limit=24)
        if not words:
            raise ListError("A list needs a name.")
        if any(one.name.casefold() == words.casefold() and one is not itself for one in self.lists):
            raise ListError(f"There is a list “{words}” already.")
        return words

    def _keep(self) -> None:
        memory = msgspec.structs.replace(
            self._remembered.memory,
            watchlists=tuple(one.watched for one in self.lists),
            current=self.current.name,
            board=self.look,
        )
        self._remembered.keep(memory)


def _key(symbol: str, conid: int | None) -> str:
    return symbol if conid is None else f"{symbol}#{conid}"

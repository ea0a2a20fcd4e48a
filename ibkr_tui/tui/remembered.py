"""What the app remembers between runs, in a file of its own: watchlists, how the market board looks, the theme."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Final

import msgspec

from ibkr_tui.model.unreadable import UNREADABLE
from ibkr_tui.tui.book.arrangement import View
from ibkr_tui.tui.market.columns import DEFAULT
from ibkr_tui.tui.own_files import write_private

_DEFAULT: Final = ("AAPL", "MSFT", "NVDA", "AMZN", "GOOGL", "META", "TSLA", "SPY", "QQQ", "EUR.USD")
MOST_WATCHED: Final = 200
_MOST_LISTS: Final = 50
FIRST_LIST: Final = "Main"


class WatchedSymbol(msgspec.Struct, frozen=True):
    """A line of a watchlist; `conid` names the listing when a person chose it."""

    symbol: str
    conid: int | None = None


class NamedList(msgspec.Struct, frozen=True):
    """A watchlist with its name."""

    name: str
    symbols: tuple[WatchedSymbol, ...] = ()


class BoardLook(msgspec.Struct, frozen=True):
    """The market board: its columns in their order, and the column it is sorted by; none is the list's own order."""

    columns: tuple[str, ...] = DEFAULT
    sort: str = ""
    falling: bool = False


class Memory(msgspec.Struct, frozen=True):
    """The content of the file. `version` counts changes of its shape: 1 had one list without a name, in `watchlist`."""

    version: int = 2
    theme: str = ""
    watchlist: tuple[WatchedSymbol, ...] | msgspec.UnsetType = msgspec.UNSET
    watchlists: tuple[NamedList, ...] = (NamedList(FIRST_LIST, tuple(WatchedSymbol(symbol) for symbol in _DEFAULT)),)
    current: str = ""
    board: BoardLook = BoardLook()
    book: View = View()


class Remembered:
    """`Memory` on disk. Reading never fails: a file that can't be read is set aside and said in `problem`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder / "app.json"
        self.problem = ""
        self.memory = self._read()

    def _read(self) -> Memory:
        try:
            raw = self._path.read_bytes()
        except FileNotFoundError:
            return Memory()
        except OSError as error:
            self.problem = f"{self._path.name} could not be read ({error.strerror}); the defaults are used."
            return Memory()
        try:
            memory = msgspec.json.decode(raw, type=Memory)
        except UNREADABLE:
            aside = self._path.with_suffix(".broken")
            with contextlib.suppress(OSError):
                self._path.replace(aside)
            self.problem = f"{self._path.name} was damaged and is now {aside.name}; the defaults are used."
            return Memory()
        return _brought_up(memory)

    def keep(self, memory: Memory) -> None:
        """Write `memory` atomically. A disk that refuses is said in `problem`; the app goes on."""
        self.memory = memory
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_private(self._path, msgspec.json.format(msgspec.json.encode(memory)))
            self.problem = ""
        except OSError as error:
            self.problem = f"{self._path.name} could not be written: {error.strerror}."


def _brought_up(memory: Memory) -> Memory:
    """The single list of version 1 gets a name; names stand once and lists have a length that a board can hold."""
    lists = memory.watchlists if memory.watchlist is msgspec.UNSET else (NamedList(FIRST_LIST, memory.watchlist),)
    named: dict[str, NamedList] = {}
    for one in lists[:_MOST_LISTS]:
        named.setdefault(one.name, NamedList(one.name, one.symbols[:MOST_WATCHED]))
    kept = tuple(named.values()) or Memory().watchlists
    return msgspec.structs.replace(memory, version=2, watchlist=msgspec.UNSET, watchlists=kept)

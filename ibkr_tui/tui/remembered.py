"""What the app itself remembers between runs, in a file of its own: the watchlist and the theme."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Final

import msgspec

from ibkr_tui.tui.book.arrangement import View
from ibkr_tui.tui.own_files import write_private

_DEFAULT: Final = ("AAPL", "MSFT", "NVDA", "AMZN", "GOOGL", "META", "TSLA", "SPY", "QQQ", "EUR.USD")
_MOST: Final = 200


class WatchedSymbol(msgspec.Struct, frozen=True):
    """A line of the watchlist; `conid` names the listing when a person chose it."""

    symbol: str
    conid: int | None = None


class Memory(msgspec.Struct, frozen=True):
    """The content of the file. `version` counts changes of its shape."""

    version: int = 1
    theme: str = ""
    book: View = View()
    watchlist: tuple[WatchedSymbol, ...] = tuple(WatchedSymbol(symbol) for symbol in _DEFAULT)


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
        except msgspec.MsgspecError:
            aside = self._path.with_suffix(".broken")
            with contextlib.suppress(OSError):
                self._path.replace(aside)
            self.problem = f"{self._path.name} was damaged and is now {aside.name}; the defaults are used."
            return Memory()
        return msgspec.structs.replace(memory, watchlist=memory.watchlist[:_MOST])

    def keep(self, memory: Memory) -> None:
        """Write `memory` atomically. A disk that refuses is said in `problem`; the app goes on."""
        self.memory = memory
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_private(self._path, msgspec.json.format(msgspec.json.encode(memory)))
            self.problem = ""
        except OSError as error:
            self.problem = f"{self._path.name} could not be written: {error.strerror}."

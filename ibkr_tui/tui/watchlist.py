"""Which symbols the watchlist holds, which listing each one turned out to be, and why one shows no data."""

from __future__ import annotations

import msgspec

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.tui.remembered import Remembered, WatchedSymbol


class WatchRow(msgspec.Struct, frozen=True):
    """One line. `asked` means that its subscription was asked for on the present connection."""

    key: str
    symbol: str
    conid: int | None = None
    wanted_conid: int | None = None
    problem: str = ""
    asked: bool = False


class Watchlist:
    """The lines by key, in order; every change is kept on disk."""

    def __init__(self, remembered: Remembered) -> None:
        self._remembered = remembered
        self.rows: dict[str, WatchRow] = {}
        for watched in remembered.memory.watchlist:
            key = _key(watched.symbol, watched.conid)
            self.rows[key] = WatchRow(key, watched.symbol, watched.conid, watched.conid)

    def add(self, symbol: str, conid: int | None = None) -> str:
        """Put a symbol at the end and return its key; one that is there already stays where it is."""
        for key, row in self.rows.items():
            if (conid is not None and row.conid == conid) or (conid is None and row.symbol == symbol):
                return key
        key = _key(symbol, conid)
        self.rows[key] = WatchRow(key, symbol, conid, conid)
        self._keep()
        return key

    def remove(self, key: str) -> WatchRow | None:
        """Take a line away."""
        row = self.rows.pop(key, None)
        if row is not None:
            self._keep()
        return row

    def waiting(self) -> list[WatchRow]:
        """Lines whose subscription is still to be asked for."""
        return [row for row in self.rows.values() if not row.asked]

    def begin_again(self) -> None:
        """A new connection: every line has to be asked for again."""
        for row in self.rows.values():
            self._set(row.key, asked=False, problem="")

    def asked(self, key: str, conid: int | None) -> None:
        """The core streams this line now."""
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

    def _set(self, key: str, **changes: object) -> None:
        self.rows[key] = msgspec.structs.replace(self.rows[key], **changes)

    def _keep(self) -> None:
        watched = tuple(WatchedSymbol(row.symbol, row.wanted_conid) for row in self.rows.values())
        self._remembered.keep(msgspec.structs.replace(self._remembered.memory, watchlist=watched))


def _key(symbol: str, conid: int | None) -> str:
    return symbol if conid is None else f"{symbol}#{conid}"

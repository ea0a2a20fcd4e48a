"""Which lines of the time line a person wants to see. Pure."""

from __future__ import annotations

from typing import Final

import msgspec

from ibkr_tui.tui.activity.entry import Entry, Kind

KINDS: Final = (None, Kind.FILL, Kind.ORDER, Kind.AUDIT, Kind.ALERT)


class Wanted(msgspec.Struct, frozen=True):
    """`kind` None: everything. `audit` is every row of the chain. `words` must all be in the line, in any case of
    letters; `symbol` and `order` are exact."""

    kind: Kind | None = None
    words: str = ""
    symbol: str = ""
    order: str = ""

    @property
    def is_all(self) -> bool:
        """Whether nothing is left out."""
        return self == Wanted()

    def turned(self) -> Wanted:
        """The next kind."""
        return msgspec.structs.replace(self, kind=KINDS[(KINDS.index(self.kind) + 1) % len(KINDS)])

    def told(self) -> str:
        """What is wanted, for a title: `fills · AAPL · “stop”`; empty for everything."""
        parts = [str(self.kind) if self.kind else "", self.symbol, f"order {self.order}" if self.order else ""]
        parts.append(f"“{self.words}”" if self.words else "")
        return " · ".join(part for part in parts if part)

    def takes(self, entry: Entry) -> bool:
        """Whether a line is shown. A gap is shown unless one order is asked for: its rows are read whole."""
        if entry.kind is Kind.GAP:
            return not self.order and (entry.last > 0 or self.kind is not Kind.AUDIT)
        if self.kind is Kind.AUDIT:
            if not entry.seq:
                return False
        elif self.kind is not None and entry.kind is not self.kind:
            return False
        if (self.symbol and entry.symbol != self.symbol) or (self.order and entry.order != self.order):
            return False
        if not self.words:
            return True
        line = f"{entry.word} {entry.symbol} {entry.text} {entry.order} {entry.who}".casefold()
        return all(word in line for word in self.words.casefold().split())

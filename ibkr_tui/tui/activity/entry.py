"""One line of the time line: what happened, in a word and a sentence, and where it comes from."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from ibkr_tui.model.audit import AuditRow
from ibkr_tui.model.events import Event
from ibkr_tui.model.orders import Fill


class Kind(StrEnum):
    """Where a line belongs. A gap belongs everywhere: what is missing could have been of any kind."""

    FILL = "fills"
    ORDER = "orders"
    AUDIT = "audit"
    ALERT = "alerts"
    NEWS = "news"
    GAP = "gap"


class Ink(StrEnum):
    """The role of the palette in which a state is written; the word beside it says the same without colour."""

    PLAIN = "text"
    BRIGHT = "bright"
    MUTED = "muted"
    GOING = "accent"
    BUY = "buy"
    SELL = "sell"
    WARN = "warn"
    DANGER = "danger"


class Entry(msgspec.Struct, frozen=True):
    """`order` is the cOID, or `ib:` and the broker's id of an order placed elsewhere; `seq` the number of the audit
    row, 0 for what has none; `who` the face that did it. A gap misses rows `first` to `last` of the audit; both are 0
    for one of another log.
    """

    key: str
    at: datetime
    kind: Kind
    word: str
    text: str
    ink: Ink = Ink.PLAIN
    symbol: str = ""
    order: str = ""
    seq: int = 0
    who: str = ""
    row: AuditRow | None = None
    fill: Fill | None = None
    event: Event | None = None
    first: int = 0
    last: int = 0

"""The arguments of every operation: their names are those of requirements A-070…A-085."""

from __future__ import annotations

from typing import Annotated

import msgspec

from ibkr_tui.model.core_log import LogLevel

Conid = Annotated[int, msgspec.Meta(gt=0)]
Days = Annotated[int, msgspec.Meta(ge=0)]


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """No arguments."""


class WhichInstrument(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An instrument by symbol or conid; `sec_type` and `exchange` narrow a symbol down."""

    symbol: str = ""
    conid: Conid | None = None
    sec_type: str = ""
    exchange: str = ""


class GetDepth(WhichInstrument, frozen=True, forbid_unknown_fields=True):
    """The best `rows` levels of a book, from 1 to 10."""

    rows: int = 5


class LookAt(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything the face shows from now on, by conid; what it showed before and is not here, it shows no more."""

    quotes: tuple[Conid, ...] = ()
    depth: tuple[Conid, ...] = ()


class SearchContracts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a person typed of a symbol."""

    symbol: str
    sec_type: str = ""


class GetBars(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """History: `period` such as 1d, 2w, 6m; `bar` such as 5min, 1h, 1d."""

    symbol: str = ""
    conid: Conid | None = None
    period: str = "1d"
    bar: str = "5min"
    sec_type: str = ""
    exchange: str = ""
    outside_rth: bool = False


class RunScanner(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One of IBKR's scanners by its codes; `filters` such as {"priceAbove": "10"}."""

    type: str = "TOP_PERC_GAIN"
    instrument: str = "STK"
    location: str = "STK.US.MAJOR"
    filters: dict[str, str | int | float] = {}
    rows: Annotated[int, msgspec.Meta(ge=1, le=50)] = 25


class GetActivities(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The trades of the last days: seven of every instrument, up to ninety of one."""

    days: Days = 7
    symbol: str = ""
    conid: Conid | None = None
    sec_type: str = ""
    exchange: str = ""


class GetLog(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The newest records of the core's log of at least `level`; `after`: only what came since that cursor."""

    lines: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 100
    level: LogLevel = LogLevel.INFO
    after: str = ""


class TakeOver(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`confirm` is the word TAKE-OVER, typed by the person who wants it."""

    confirm: str = ""

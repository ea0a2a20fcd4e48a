"""What a face shows, and what came of asking the stream for it."""

from __future__ import annotations

import msgspec


class Refusal(msgspec.Struct, frozen=True):
    """An instrument that could not be subscribed, and why."""

    conid: int
    code: str
    message: str


class Looks(msgspec.Struct, frozen=True):
    """The conids that stream for a face after it said what it shows."""

    quotes: tuple[int, ...] = ()
    depth: tuple[int, ...] = ()
    refused: tuple[Refusal, ...] = ()

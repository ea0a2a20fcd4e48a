"""What one entry of the action table says: the key, where it works, how much harm it can do."""

from __future__ import annotations

from enum import StrEnum

import msgspec


class Tier(StrEnum):
    """How much a key can harm: nothing, a change that asks first, or one that wants a word typed."""

    READ = "read"
    CHANGE = "change"
    DANGEROUS = "dangerous"


class Scope(StrEnum):
    """Where a key works."""

    EVERYWHERE = "everywhere"
    DESK = "desk"
    MARKET = "market"
    TRADE = "trade"
    POSITIONS = "positions"
    ACCOUNT = "account"
    OPTIONS = "options"
    ACTIVITY = "activity"
    HEALTH = "health"
    KEYS = "keys"
    TICKET = "ticket"


class Action(msgspec.Struct, frozen=True):
    """One thing to do. `rank` orders the keys line when it is narrow: 1 is dropped last, 0 never stands there.

    `method` is the action of the screen or the app that does it, `where` the pane it needs; empty for any.
    """

    id: str
    key: str
    label: str
    help: str
    scope: Scope
    method: str
    tier: Tier = Tier.READ
    rank: int = 0
    where: str = ""

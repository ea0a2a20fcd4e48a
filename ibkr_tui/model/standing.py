"""How a core stands, in one word that a monitor can act on, and why (pure)."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from ibkr_tui.model.health import Health, StreamState


class Standing(StrEnum):
    """`ok`: nothing to do. `degraded`: it works in part, or is on its way. `down`: it does not serve."""

    OK = "ok"
    DEGRADED = "degraded"
    DOWN = "down"


_PARTLY: Final = frozenset({"degraded", "minting", "initialising", "competing", "maintenance"})


def standing(health: Health) -> tuple[Standing, str]:
    """The word, and one line that says what is wrong and what to do; empty when nothing is.

    A stream that was open and is lost degrades; one that is switched off does not.
    """
    session = health.session.value
    if session != "ready":
        word = Standing.DEGRADED if session in _PARTLY else Standing.DOWN
        return word, health.message or f"the session is {session}"
    if health.journal_failure:
        return Standing.DEGRADED, f"{health.journal_failure}. No order is sent."
    if health.stream not in {StreamState.LIVE, StreamState.OFF}:
        return Standing.DEGRADED, health.message or f"the stream is {health.stream.value}; prices are not live"
    return (Standing.DEGRADED, health.message) if health.message else (Standing.OK, "")


def worst(found: list[Standing]) -> Standing:
    """The worst of them; nothing at all is down."""
    order = list(Standing)
    return max(found, key=order.index) if found else Standing.DOWN

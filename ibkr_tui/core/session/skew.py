"""A machine whose clock is wrong: signatures are refused beyond five minutes, and prices look older than they are."""

from __future__ import annotations

from typing import Final

from ibkr_tui.model.errors import BrokerError

MOST_SKEW_S: Final = 30.0


def clock_problem(skew_s: float | None) -> BrokerError | None:
    """CLOCK_SKEW when the broker's clock minus ours is more than half a minute, else None (fault O6)."""
    if skew_s is None or abs(skew_s) <= MOST_SKEW_S:
        return None
    side = "behind" if skew_s > 0 else "ahead of"
    return BrokerError(
        "CLOCK_SKEW", f"this machine's clock is {_words(abs(skew_s))} {side} IBKR's", details={"skew_s": round(skew_s)}
    )


def _words(seconds: float) -> str:
    """A duration for people, by its two largest units."""
    whole = round(seconds)
    for size, large, step, small in ((86_400, "d", 3_600, "h"), (3_600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // step
            return f"{whole // size} {large} {rest} {small}" if rest else f"{whole // size} {large}"
    return f"{whole} s"

"""Why a price is not live, told apart."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from ibkr_tui.model.health import SessionState, StreamState
from ibkr_tui.model.quotes import QuoteStatus
from ibkr_tui.tui.market.marks import LIVE, Cause, Conditions, conditions, mark

OPEN = Conditions(True, True, False)
DOWN = Conditions(True, False, False)
CLOSED = Conditions(True, True, True)
ALONE = Conditions(False, True, False)


@pytest.mark.parametrize(
    ("status", "problem", "age", "now", "made"),
    [
        ("live", "", 0.0, OPEN, ("", Cause.NONE)),
        ("live", "", 5.0, CLOSED, ("", Cause.NONE)),
        ("live", "", 600.0, CLOSED, ("CLOSED", Cause.MARKET_CLOSED)),
        ("live", "", 0.0, ALONE, ("STALE", Cause.NO_CORE)),
        ("stale", "the stream is lost", 9.0, DOWN, ("STALE", Cause.SOCKET_DOWN)),
        ("stale", "not confirmed", 9.0, OPEN, ("STALE", Cause.SILENT)),
        ("frozen", "", 9.0, CLOSED, ("FROZEN", Cause.MARKET_CLOSED)),
        ("halted", "", 9.0, OPEN, ("HALTED", Cause.HALTED)),
        ("delayed", "", 900.0, OPEN, ("DELAYED", Cause.DELAYED)),
        ("delayed", "no subscription for live data", 900.0, OPEN, ("DELAYED", Cause.NO_SUBSCRIPTION)),
        ("no_data", "no market data subscription", None, OPEN, ("NO DATA", Cause.NO_SUBSCRIPTION)),
        ("no_data", "no market data subscription", None, DOWN, ("NO DATA", Cause.NO_SUBSCRIPTION)),
        ("no_data", "waiting for the first price", None, OPEN, ("waiting", Cause.WAITING)),
        ("no_data", "waiting for the first price", None, DOWN, ("NO DATA", Cause.SOCKET_DOWN)),
        ("no_data", "no price yet", None, OPEN, ("NO DATA", Cause.OTHER)),
        (None, "", None, OPEN, ("waiting", Cause.WAITING)),
        (None, "", None, ALONE, ("NO DATA", Cause.NO_CORE)),
        (None, "there is no NOPE (SYMBOL_NOT_FOUND)", None, OPEN, ("NO DATA", Cause.OTHER)),
    ],
)
def test_each_reason_has_its_mark(
    status: str | None, problem: str, age: float | None, now: Conditions, made: tuple[str, Cause]
) -> None:
    found = mark(QuoteStatus(status) if status is not None else None, problem, age, now)
    assert (found.word, found.cause) == made
    assert len(found.word) <= 7
    assert found.is_live is (found == LIVE)


def test_the_health_row_says_what_all_rows_share(scene: Any) -> None:
    health = scene.health()
    assert conditions(health, linked=True) == OPEN
    assert conditions(None, linked=False) == Conditions(False, False, False)
    assert not conditions(msgspec.structs.replace(health, stream=StreamState.LOST), linked=True).streaming
    off = msgspec.structs.replace(health, stream=StreamState.OFF)
    assert conditions(off, linked=True).streaming
    assert not conditions(msgspec.structs.replace(off, session=SessionState.OFFLINE), linked=True).streaming
    shut = msgspec.structs.replace(health, market=msgspec.structs.replace(health.market, is_open=False))
    assert conditions(shut, linked=True).closed

"""What `watch` says when there is nothing to watch."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from ibkr_tui.cli.watch import _print
from ibkr_tui.model.errors import CATALOGUE, BrokerError
from ibkr_tui.model.health import Health, SessionState
from ibkr_tui.model.table import TableDelta


async def told(*deltas: TableDelta[Any]) -> AsyncIterator[Any]:
    for delta in deltas:
        yield delta


def health(state: SessionState, **changes: Any) -> TableDelta[Any]:
    row = Health(profile="paper", kind="paper", account="DU1", session=state, **changes)
    return TableDelta("health", 1, True, {"paper": row})


async def test_a_core_that_cannot_log_in_ends_the_watch_with_its_reason() -> None:
    action = CATALOGUE["IBKR_COMPETING_SESSION"].user_action
    words = f"another program uses this username. {action}"
    blocked = health(SessionState.COMPETING, message=words, code="IBKR_COMPETING_SESSION")
    with pytest.raises(BrokerError) as caught:
        await _print(told(TableDelta("quotes", 1, True, {}), blocked), ("quotes",), 3)
    assert (caught.value.code, caught.value.message) == (
        "IBKR_COMPETING_SESSION",
        "another program uses this username",
    )


async def test_no_subscription_is_said_and_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(BrokerError):
        await _print(told(health(SessionState.READY), TableDelta("quotes", 1, True, {})), ("quotes",), 1)
    out, err = capsys.readouterr()
    assert out == ""
    assert "subscribe_tick" in err

"""How a core stands, in one word."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from ibkr_tui.model.health import Health, SessionState, StreamState
from ibkr_tui.model.standing import Standing, standing, worst

GOOD = Health("paper", "paper", "DU1", session=SessionState.READY, stream=StreamState.LIVE)


def test_all_is_well() -> None:
    assert standing(GOOD) == (Standing.OK, "")
    assert standing(msgspec.structs.replace(GOOD, stream=StreamState.OFF)) == (Standing.OK, "")


@pytest.mark.parametrize("state", list(SessionState))
def test_every_state_of_the_session_has_its_word(state: SessionState) -> None:
    word, message = standing(msgspec.structs.replace(GOOD, session=state))
    expected = {
        "ready": Standing.OK, "degraded": Standing.DEGRADED, "minting": Standing.DEGRADED,
        "initialising": Standing.DEGRADED, "maintenance": Standing.DEGRADED, "competing": Standing.DEGRADED,
    }  # fmt: skip
    assert word is expected.get(state.value, Standing.DOWN)
    assert bool(message) is (word is not Standing.OK)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"stream": StreamState.LOST}, "the stream is lost"),
        ({"stream": StreamState.CONNECTING, "message": "it is being opened"}, "it is being opened"),
        ({"journal_failure": "the disk is full"}, "No order is sent"),
        ({"message": "the clock is off", "code": "CLOCK_SKEW"}, "the clock is off"),
    ],
)
def test_what_degrades_a_ready_session(changed: dict[str, Any], words: str) -> None:
    word, message = standing(msgspec.structs.replace(GOOD, **changed))
    assert word is Standing.DEGRADED and words in message


def test_the_worst_of_many() -> None:
    assert worst([Standing.OK, Standing.DEGRADED]) is Standing.DEGRADED
    assert worst([Standing.DOWN, Standing.OK]) is Standing.DOWN
    assert worst([Standing.OK]) is Standing.OK
    assert worst([]) is Standing.DOWN

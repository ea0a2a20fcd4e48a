"""The six-hourly look at the broker's own status: doubted once, degraded after more than two bad ones in a row."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ibkr_tui.core.session.status_check import CHECK_EVERY_S, StatusCheck
from ibkr_tui.core.web.answer import Answer
from ibkr_tui.model.errors import BrokerError
from tests.core.session.conftest import ScriptedBroker, answer

STATUS, TICKLE = "/iserver/auth/status", "/tickle"
COMPETING = answer({"authenticated": False, "competing": True, "connected": True})
LOGGED_OUT = answer({"authenticated": False, "competing": False, "connected": True})
BAD = [COMPETING, LOGGED_OUT, Answer(503, b""), BrokerError("IBKR_UNAVAILABLE", "no answer from IBKR within 10 s")]


class Checked:
    def __init__(self, clock: Any) -> None:
        self.clock = clock
        self.broker = ScriptedBroker(clock)
        self.ready = True
        self.check = StatusCheck(self.broker, lambda: self.ready, clock)


@pytest.fixture
async def checked(fake_clock: Any) -> AsyncIterator[Checked]:
    made = Checked(fake_clock)
    task = asyncio.create_task(made.check.run())
    await fake_clock.settle()
    yield made
    assert not task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_every_six_hours_the_status_and_nothing_else(checked: Checked) -> None:
    await checked.clock.advance(3 * CHECK_EVERY_S)
    assert [(at, path) for at, _, path, _ in checked.broker.calls] == [
        (6 * 3600.0, STATUS), (12 * 3600.0, STATUS), (18 * 3600.0, STATUS),
    ]  # fmt: skip
    assert (checked.check.bad, checked.check.problem, checked.check.checked_at) == (0, None, checked.clock.now())


@pytest.mark.parametrize("reply", BAD, ids=["competing", "logged out", "error", "no answer"])
async def test_two_bad_checks_are_forgiven_and_the_third_is_said(checked: Checked, reply: Any) -> None:
    checked.broker.standard[STATUS] = reply
    await checked.clock.advance(2 * CHECK_EVERY_S)
    assert (checked.check.bad, checked.check.problem) == (2, None)
    await checked.clock.advance(CHECK_EVERY_S)
    assert checked.check.problem is not None
    assert checked.check.problem.code == "IBKR_NO_SESSION"
    assert "3 times in a row" in checked.check.problem.message


async def test_a_bad_answer_is_asked_for_again_after_a_keep_alive(checked: Checked) -> None:
    checked.broker.next[STATUS] = [LOGGED_OUT]
    await checked.clock.advance(CHECK_EVERY_S)
    assert checked.broker.paths() == [STATUS, TICKLE, STATUS]
    assert checked.check.bad == 0


async def test_a_keep_alive_that_fails_is_no_fault_of_the_check(checked: Checked) -> None:
    checked.broker.standard |= {STATUS: LOGGED_OUT, TICKLE: BrokerError("IBKR_UNAVAILABLE", "no answer")}
    await checked.clock.advance(CHECK_EVERY_S)
    assert (checked.check.bad, checked.broker.paths()) == (1, [STATUS, TICKLE, STATUS])


async def test_bad_checks_must_be_in_a_row(checked: Checked) -> None:
    good = checked.broker.standard[STATUS]
    checked.broker.next[STATUS] = [COMPETING] * 4 + [good] + [COMPETING] * 4
    await checked.clock.advance(5 * CHECK_EVERY_S)
    assert (checked.check.bad, checked.check.problem) == (2, None)
    await checked.clock.advance(CHECK_EVERY_S)
    assert checked.check.bad == 0


async def test_a_session_that_is_known_to_be_lost_is_not_asked_about(checked: Checked) -> None:
    checked.ready = False
    await checked.clock.advance(CHECK_EVERY_S)
    assert (checked.broker.calls, checked.check.checked_at) == ([], None)

"""Planned breaks: by the clock in New York, by the symptom, and as the session lives through them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ibkr_tui.core.session.breaks import NEW_YORK, named, planned_break
from ibkr_tui.core.web.answer import Answer
from ibkr_tui.model.errors import BrokerError

INIT = "/iserver/auth/ssodh/init"
LOST = BrokerError("IBKR_UNAVAILABLE", "the keep-alive: IBKR answered 503", details={"status": 503})
AWAY = Answer(503, b"<html><h1>503 Service Temporarily Unavailable</h1></html>")
CUT = Answer(200, b'{"session":"0a","iserver":{"authStatus":{"authenticated":false,"connected":false}}}')


def new_york(year: int, month: int, day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=NEW_YORK).astimezone(UTC)


@pytest.mark.parametrize(
    ("now", "name", "ends"),
    [
        (new_york(2025, 11, 5, 23, 44), "", ""),
        (new_york(2025, 11, 5, 23, 45), "nightly reset", "2025-11-06T01:30:00-05:00"),
        (new_york(2025, 11, 6, 0, 0), "nightly reset", "2025-11-06T01:30:00-05:00"),
        (new_york(2025, 11, 6, 1, 0), "nightly reset", "2025-11-06T01:30:00-05:00"),
        (new_york(2025, 11, 6, 1, 30), "", ""),
        (new_york(2025, 11, 6, 12, 0), "", ""),
        (new_york(2025, 7, 1, 1, 5), "nightly reset", "2025-07-01T01:30:00-04:00"),
        (new_york(2025, 11, 8, 17, 59), "", ""),  # a Saturday
        (new_york(2025, 11, 8, 18, 0), "weekend maintenance", "2025-11-09T06:00:00-05:00"),
        (new_york(2025, 11, 8, 23, 50), "weekend maintenance", "2025-11-09T06:00:00-05:00"),
        (new_york(2025, 11, 9, 5, 59), "weekend maintenance", "2025-11-09T06:00:00-05:00"),
        (new_york(2025, 11, 9, 6, 0), "", ""),
        (new_york(2025, 11, 1, 20, 0), "weekend maintenance", "2025-11-02T06:00:00-05:00"),  # summer time ends
        (new_york(2026, 3, 7, 20, 0), "weekend maintenance", "2026-03-08T06:00:00-04:00"),  # and begins
    ],
)
def test_when_a_break_is_planned(now: datetime, name: str, ends: str) -> None:
    found = planned_break(now)
    assert (found.name if found else "", found.ends.isoformat() if found else "") == (name, ends)


@pytest.mark.parametrize("code", ["IBKR_UNAVAILABLE", "IBKR_NO_SESSION", "IBKR_SESSION_MINT_FAILED"])
def test_a_symptom_is_named_in_its_time_only(code: str) -> None:
    error = BrokerError(code, "IBKR answered 503", details={"status": 503})
    night = named(error, new_york(2025, 11, 6, 1, 0))
    assert (night.code, night.retryable) == ("IBKR_MAINTENANCE", True)
    assert "nightly reset, over by 01:30 New York time (IBKR answered 503)" in night.message
    assert night.details == {"status": 503, "until": "2025-11-06T01:30:00-05:00"}
    assert named(error, new_york(2025, 11, 6, 12, 0)) is error


@pytest.mark.parametrize("code", ["IBKR_COMPETING_SESSION", "IBKR_AUTH_FAILED", "IBKR_KEY_INVALID", "CLOCK_SKEW"])
def test_what_is_no_symptom_stays_what_it_is(code: str) -> None:
    error = BrokerError(code, "x")
    assert named(error, new_york(2025, 11, 6, 1, 0)) is error


async def at_night(login: Any) -> None:
    """To 00:55 in New York, in good health."""
    night = new_york(2025, 11, 6, 0, 55)
    await login.clock.advance((night - login.clock.now()).total_seconds())
    assert login.session.state == "ready"


async def test_the_nightly_reset_is_waited_out(scripted: Any) -> None:
    """00:55 ready; for five minutes no session is to be had; then it opens by itself."""
    async with scripted() as login:
        await at_night(login)
        standard, begin = login.broker.standard[INIT], len(login.seen)
        login.broker.next["/tickle"] = [CUT]
        login.broker.standard[INIT] = AWAY
        await login.clock.advance(56)
        assert (login.session.state, login.session.problem.code) == ("maintenance", "IBKR_MAINTENANCE")
        with pytest.raises(BrokerError, match="nightly reset, over by 01:30") as caught:
            await login.session.ready(5)
        assert caught.value.code == "IBKR_MAINTENANCE"
        tried = len(login.broker.times(INIT))
        await login.clock.advance(300)
        assert len(login.broker.times(INIT)) - tried == 10
        login.broker.standard[INIT] = standard
        await login.clock.advance(31)
        assert (login.session.state, login.session.problem, login.session.epoch) == ("ready", None, 2)
        changes = list(dict.fromkeys(login.states[begin:]))
        assert changes == ["initialising", "maintenance", "ready"]  # no try hides why it is one


async def test_a_lost_keep_alive_at_night_says_so_already(scripted: Any) -> None:
    async with scripted() as login:
        await at_night(login)
        login.broker.next["/tickle"] = [LOST]
        await login.clock.advance(55)
        assert (login.session.state, login.session.problem.code) == ("degraded", "IBKR_MAINTENANCE")
        await login.clock.advance(55)
        assert (login.session.state, login.session.problem) == ("ready", None)


async def test_who_meets_no_bridge_at_night_is_told_why(scripted: Any) -> None:
    async with scripted() as login:
        await at_night(login)
        login.broker.next[INIT] = [AWAY, AWAY]
        with pytest.raises(BrokerError) as caught:
            await login.broker.on_no_session()
        assert caught.value.code == "IBKR_MAINTENANCE"
        await login.clock.settle()
        assert login.session.state == "maintenance"


async def test_the_breakers_wait_is_kept_in_a_break(scripted: Any) -> None:
    """The weekend: every login fails, and an open breaker is not knocked at."""

    def prepare(login: Any) -> None:
        saturday = new_york(2025, 11, 8, 20, 0)
        login.clock.jump_wall((saturday - login.clock.now()).total_seconds())
        failure = BrokerError("IBKR_SESSION_MINT_FAILED", "no answer", details={"retry_in_s": 60})
        login.tokens.failures = [failure] * 5

    async with scripted(prepare) as login:
        assert login.session.state == "maintenance"
        assert "weekend maintenance, over by 06:00" in login.session.problem.message
        await login.clock.advance(60 * 5)
        assert login.session.state == "ready"
        assert [round(at - 1000) for at in login.tokens.renewals] == [0, 60, 120, 180, 240, 300]


async def test_after_the_break_the_same_fault_is_a_fault(scripted: Any) -> None:
    async with scripted() as login:
        await at_night(login)
        login.broker.next["/tickle"] = [LOST, LOST]
        login.broker.standard[INIT] = AWAY
        await login.clock.advance(timedelta(minutes=34).total_seconds())
        assert login.session.state == "maintenance"
        await login.clock.advance(120)
        assert (login.session.state, login.session.problem.code) == ("offline", "IBKR_UNAVAILABLE")

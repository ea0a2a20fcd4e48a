"""The session's timing on a fake clock: keep-alives, early tokens, what is lost and how it comes back."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from ibkr_tui.core.web.answer import Answer
from ibkr_tui.model.errors import BrokerError

INIT = "/iserver/auth/ssodh/init"
NO_BRIDGE = Answer(400, b'{"error":"Bad Request: no bridge","statusCode":400}')
READY = {"authenticated": True, "connected": True, "competing": False}
LOST = BrokerError("IBKR_UNAVAILABLE", "no answer from IBKR within 10 s")


def said(body: str, status: int = 200) -> Answer:
    return Answer(status, body.encode())


def tickled(status: str) -> Answer:
    return said('{"session":"0a","iserver":{"authStatus":' + status + "}}")


COMPETING = '{"authenticated":false,"connected":true,"competing":true}'
NOT_YET = '{"authenticated":false,"connected":true,"competing":false,"message":"wait"}'


async def test_from_nothing_to_ready(scripted: Any) -> None:
    async with scripted() as login:
        assert login.states == ["minting", "initialising", "ready"]
        assert login.broker.paths() == [INIT, "/iserver/accounts"]
        assert login.broker.calls[0][3] == {"publish": True, "compete": False}
        assert (login.session.epoch, login.session.problem, len(login.tokens.renewals)) == (1, None, 1)
        await login.session.ready(0.1)


async def test_a_keep_alive_every_55_seconds(scripted: Any) -> None:
    async with scripted() as login:
        await login.clock.advance(55 * 5 + 1)
        assert login.broker.times("/tickle") == [55, 110, 165, 220, 275]
        assert login.states == ["minting", "initialising", "ready"]


async def test_degraded_at_one_lost_keep_alive(scripted: Any) -> None:
    async with scripted() as login:
        login.broker.next["/tickle"] = [LOST]
        await login.clock.advance(55)
        assert (login.session.state, login.session.problem.code) == ("degraded", "IBKR_UNAVAILABLE")
        await login.session.ready(0.1)
        await login.clock.advance(55)
        assert login.states[-2:] == ["degraded", "ready"]
        assert (login.session.problem, login.session.epoch) == (None, 1)


@pytest.mark.parametrize("reply", [LOST, said("<html>x</html>"), said("", 503), said("", 200), said("[]")])
async def test_re_established_at_two(scripted: Any, reply: Any) -> None:
    async with scripted() as login:
        login.broker.next["/tickle"] = [reply, reply]
        await login.clock.advance(110)
        assert login.states[3:] == ["degraded", "offline"]
        await login.clock.advance(1)
        assert login.states[5:] == ["minting", "initialising", "ready"]
        assert (login.session.epoch, len(login.tokens.renewals)) == (2, 1)
        await login.clock.advance(55)
        assert login.broker.times("/tickle") == [55, 110, 166]


async def test_lost_keep_alives_must_be_in_a_row(scripted: Any) -> None:
    async with scripted() as login:
        good = login.broker.standard["/tickle"]
        login.broker.next["/tickle"] = [LOST, good, LOST, good, LOST]
        await login.clock.advance(55 * 6)
        assert "offline" not in login.states
        assert login.session.epoch == 1


async def test_the_token_is_replaced_300_seconds_early(scripted: Any) -> None:
    async with scripted() as login:
        first = login.tokens.ends
        await login.clock.advance(86_000 - 300 - 1)
        assert len(login.tokens.renewals) == 1
        await login.clock.advance(55)
        assert len(login.tokens.renewals) == 2
        assert login.tokens.ends > first
        at = round(login.tokens.renewals[1] - login.tokens.renewals[0])
        assert 86_000 - 300 <= at < 86_000 - 300 + 55
        assert login.broker.times(INIT) == [0, at]
        assert login.session.state == "ready"
        assert login.tokens.left == 0


async def test_a_token_that_cannot_be_replaced_is_used_to_its_end(scripted: Any) -> None:
    failure = BrokerError("IBKR_SESSION_MINT_FAILED", "no answer")
    async with scripted() as login:
        login.tokens.failures = [failure, failure, failure]
        await login.clock.advance(86_000 - 300 + 54)
        assert (login.session.state, login.session.problem.code) == ("degraded", "IBKR_SESSION_MINT_FAILED")
        await login.clock.advance(55 * 3)
        assert (login.session.state, login.session.epoch) == ("ready", 1)
        assert len(login.tokens.renewals) == 5
        assert "offline" not in login.states


async def test_a_token_that_ended_without_another_is_a_loss(scripted: Any) -> None:
    failure = BrokerError("IBKR_SESSION_MINT_FAILED", "no answer")
    async with scripted() as login:
        login.tokens.failures = [failure] * 9
        await login.clock.advance(86_000 + 120)
        assert "offline" in login.states
        login.tokens.failures = []
        await login.clock.advance(60)
        assert (login.session.state, login.session.epoch) == ("ready", 2)


async def test_the_broker_forgot_the_token(scripted: Any) -> None:
    """A 401 on the session's own call brings a new token and opens a brokerage session under it."""
    async with scripted() as login:
        login.broker.next["/tickle"] = [said("", 401)]
        await login.clock.advance(56)
        assert len(login.tokens.renewals) == 2
        await login.clock.advance(55)
        assert login.session.state == "ready"
        assert len(login.broker.times(INIT)) == 2


async def test_a_forgotten_token_while_logging_in(scripted: Any) -> None:
    """Without the new token the login would be refused for ever: the old one seems good for a day."""

    def prepare(login: Any) -> None:
        login.broker.next[INIT] = [said("", 401)]

    async with scripted(prepare) as login:
        assert login.session.state == "ready"
        assert len(login.tokens.renewals) == 2


@pytest.mark.parametrize(
    "code", ["IBKR_CONSUMER_REVOKED", "IBKR_ACCESS_TOKEN_EXPIRED", "IBKR_AUTH_FAILED", "CLOCK_SKEW"]
)
async def test_a_refused_login_is_shown_and_tried_rarely(scripted: Any, code: str) -> None:
    def prepare(login: Any) -> None:
        refused = BrokerError(code, "refused")
        silent = BrokerError(code, "refused", details={"retry_in_s": 480})
        login.tokens.failures = [refused, refused, refused, silent]

    async with scripted(prepare) as login:
        assert (login.session.state, login.session.problem.code) == ("blocked", code)
        with pytest.raises(BrokerError) as caught:
            await login.session.ready(5)
        assert caught.value.code == code
        await login.clock.advance(180 + 479)
        assert len(login.tokens.renewals) == 4
        assert login.broker.calls == []
        await login.clock.advance(1)
        assert login.session.state == "ready"


async def test_a_refused_token_in_mid_session_blocks_at_once(scripted: Any) -> None:
    async with scripted() as login:
        login.broker.next["/tickle"] = [said("", 401)]
        login.tokens.failures = [BrokerError("IBKR_ACCESS_TOKEN_EXPIRED", "not known")]
        await login.clock.advance(55)
        assert (login.session.state, login.session.problem.code) == ("blocked", "IBKR_ACCESS_TOKEN_EXPIRED")


async def test_failed_logins_back_off_to_30_seconds(scripted: Any) -> None:
    def prepare(login: Any) -> None:
        login.tokens.failures = [BrokerError("IBKR_SESSION_MINT_FAILED", "no answer")] * 9

    async with scripted(prepare) as login:
        with pytest.raises(BrokerError) as caught:
            await login.session.ready(0.01)
        assert caught.value.code == "IBKR_SESSION_MINT_FAILED"
        await login.clock.advance(1 + 2 + 4 + 8 + 16 + 30 + 30 + 30 + 30)
        begin = login.tokens.renewals[0]
        gaps = [round(b - a) for a, b in zip(login.tokens.renewals, login.tokens.renewals[1:], strict=False)]
        assert gaps == [1, 2, 4, 8, 16, 30, 30, 30, 30]
        assert login.session.state == "ready"
        assert begin == 1000.0
        login.broker.next["/tickle"] = [LOST, LOST]
        await login.clock.advance(110)
        assert login.session.state == "offline"
        await login.clock.advance(1)
        assert login.session.state == "ready"


async def test_an_open_breaker_says_when_the_next_login_is(scripted: Any) -> None:
    def prepare(login: Any) -> None:
        closed = BrokerError("IBKR_SESSION_MINT_FAILED", "no answer", details={"retry_in_s": 60})
        login.tokens.failures = [closed, closed]

    async with scripted(prepare) as login:
        await login.clock.advance(59)
        assert (login.session.state, len(login.tokens.renewals)) == ("offline", 1)
        await login.clock.advance(61)
        assert (login.session.state, len(login.tokens.renewals)) == ("ready", 3)


async def test_a_penalty_loses_no_session(scripted: Any) -> None:
    held_back = BrokerError("IBKR_RATE_LIMITED", "too many", details={"retry_after_s": 900})
    async with scripted() as login:
        login.broker.next["/tickle"] = [held_back] * 5
        await login.clock.advance(55 * 5)
        assert (login.session.state, login.session.problem.code) == ("degraded", "IBKR_RATE_LIMITED")
        await login.clock.advance(55)
        assert (login.session.state, login.session.epoch) == ("ready", 1)


async def test_a_login_in_a_penalty_waits_for_its_end(scripted: Any) -> None:
    def prepare(login: Any) -> None:
        login.broker.next[INIT] = [BrokerError("IBKR_RATE_LIMITED", "too many", details={"retry_after_s": 400.0})]

    async with scripted(prepare) as login:
        await login.clock.advance(399)
        assert (login.session.state, login.broker.times(INIT)) == ("offline", [0])
        await login.clock.advance(1)
        assert (login.session.state, login.broker.times(INIT)) == ("ready", [0, 400])


async def test_a_hindered_login_says_what_hinders_it(scripted: Any) -> None:
    async def slow() -> Answer:
        await login.clock.sleep(30)
        return said("{}")

    async with scripted() as login:
        login.broker.next["/tickle"] = [LOST, LOST]
        login.broker.next[INIT] = [slow]
        await login.clock.advance(112)
        login.session.problem = None
        login.tokens.trouble = BrokerError("IBKR_SESSION_MINT_FAILED", "the login got no answer")
        assert login.session.trouble is login.tokens.trouble
        with pytest.raises(BrokerError, match="the login got no answer"):
            await login.session.ready(0.01)


async def test_competing_waits_and_never_competes(scripted: Any) -> None:
    def prepare(login: Any) -> None:
        login.broker.next[INIT] = [said(COMPETING)] * 4

    async with scripted(prepare) as login:
        assert (login.session.state, login.session.problem.code) == ("competing", "IBKR_COMPETING_SESSION")
        with pytest.raises(BrokerError) as caught:
            await login.session.ready(5)
        assert caught.value.code == "IBKR_COMPETING_SESSION"
        await login.clock.advance(180)
        assert login.broker.times(INIT) == [0, 60, 120, 180]
        assert login.session.state == "competing"
        await login.clock.advance(60)
        assert login.session.state == "ready"
        assert all(body["compete"] is False for _, _, path, body in login.broker.calls if path == INIT)
        assert len(login.tokens.renewals) == 1


def competes(login: Any) -> list[bool]:
    """What each `ssodh/init` asked for."""
    return [body["compete"] for _, _, path, body in login.broker.calls if path == INIT]


async def test_a_person_takes_the_session_over(scripted: Any) -> None:
    def prepare(login: Any) -> None:
        login.broker.next[INIT] = [said(COMPETING)] * 2

    async with scripted(prepare) as login:
        await login.clock.advance(10)
        assert login.session.state == "competing"
        assert await login.session.take_over(5) is True
        assert (login.session.state, login.session.problem) == ("ready", None)
        assert competes(login) == [False, False, True]
        assert await login.session.take_over(5) is False
        login.broker.next["/tickle"] = [tickled(COMPETING)]
        login.broker.next[INIT] = [said(COMPETING)]
        await login.clock.advance(56)
        assert login.session.state == "competing"  # that was asked once, and not for ever
        assert competes(login) == [False, False, True]


async def test_a_take_over_that_does_not_help_is_told_and_not_repeated(scripted: Any) -> None:
    def prepare(login: Any) -> None:
        login.broker.standard[INIT] = said(COMPETING)

    async with scripted(prepare) as login:
        with pytest.raises(BrokerError) as caught:
            await login.session.take_over(5)
        assert caught.value.code == "IBKR_COMPETING_SESSION"
        await login.clock.advance(120)
        assert competes(login) == [False, False, True, False, False]


async def test_a_take_over_needs_a_session_to_take(scripted: Any) -> None:
    def prepare(login: Any) -> None:
        login.tokens.failures = [BrokerError("IBKR_KEY_INVALID", "bad")] * 5

    async with scripted(prepare) as login:
        with pytest.raises(BrokerError) as caught:
            await login.session.take_over(5)
        assert caught.value.code == "IBKR_KEY_INVALID"


async def test_competing_is_enough_for_reading(scripted: Any) -> None:
    def prepare(login: Any) -> None:
        login.broker.next[INIT] = [said(COMPETING)] * 9

    async with scripted(prepare) as login:
        await login.session.readable(0.01)
        await login.clock.advance(60)
        assert "initialising" not in login.states[3:]  # no try lets an order through
        with pytest.raises(BrokerError):
            await login.session.ready(0.01)


async def test_not_every_trouble_is_enough_for_reading(scripted: Any) -> None:
    def prepare(login: Any) -> None:
        login.tokens.failures = [BrokerError("IBKR_KEY_INVALID", "bad")]

    async with scripted(prepare) as login:
        with pytest.raises(BrokerError) as caught:
            await login.session.readable(5)
        assert caught.value.code == "IBKR_KEY_INVALID"


async def test_the_standing_choice_takes_it_at_most_once_a_minute(scripted: Any) -> None:
    def prepare(login: Any) -> None:
        login.broker.next[INIT] = [said(COMPETING)]

    async with scripted(prepare, compete=True) as login:
        assert (login.session.state, competes(login)) == ("ready", [False, True])
        login.broker.next["/tickle"] = [tickled(COMPETING)]
        login.broker.next[INIT] = [said(COMPETING)]
        await login.clock.advance(55)
        assert (login.session.state, competes(login)) == ("competing", [False, True])
        await login.clock.advance(5)
        assert (login.session.state, competes(login)) == ("ready", [False, True, False, True])
        await login.clock.advance(120)
        login.broker.next["/tickle"] = [tickled(COMPETING)]
        login.broker.next[INIT] = [said(COMPETING)]
        await login.clock.advance(55)
        assert (login.session.state, competes(login)[4:]) == ("ready", [False, True])


async def test_another_program_takes_the_username(scripted: Any) -> None:
    async with scripted() as login:
        login.broker.next["/tickle"] = [tickled(COMPETING)]
        login.broker.next[INIT] = [said(COMPETING)]
        await login.clock.advance(55)
        assert login.session.state == "competing"
        await login.clock.advance(120)
        assert login.session.state == "ready"


async def test_our_own_old_token_does_not_compete(scripted: Any) -> None:
    def prepare(login: Any) -> None:
        login.broker.next[INIT] = [said(COMPETING)]
        login.tokens.previous = True

    async with scripted(prepare) as login:
        assert login.session.state == "ready"
        assert (login.tokens.left, login.broker.times(INIT)) == (1, [0, 0])
        assert "competing" not in login.states


async def test_an_opening_may_take_its_time(scripted: Any) -> None:
    def prepare(login: Any) -> None:
        login.broker.next[INIT] = [said(NOT_YET)]
        login.broker.next["/iserver/auth/status"] = [said(NOT_YET), said(NOT_YET)]
        login.broker.next["/iserver/accounts"] = [NO_BRIDGE, NO_BRIDGE]

    async with scripted(prepare) as login:
        assert login.session.state == "initialising"
        with pytest.raises(BrokerError) as caught:
            await login.session.ready(0.01)
        assert (caught.value.code, "initialising" in caught.value.message) == ("IBKR_NO_SESSION", True)
        await login.clock.advance(2.5)
        assert login.session.state == "ready"


async def test_an_opening_that_never_comes(scripted: Any) -> None:
    def prepare(login: Any) -> None:
        login.broker.standard[INIT] = login.broker.standard["/iserver/auth/status"] = said(NOT_YET)

    async with scripted(prepare) as login:
        await login.clock.advance(4)
        assert (login.session.state, login.session.problem.code) == ("offline", "IBKR_NO_SESSION")
        assert login.session.problem.message.endswith("wait")


async def test_accounts_that_never_come(scripted: Any) -> None:
    def prepare(login: Any) -> None:
        login.broker.standard["/iserver/accounts"] = NO_BRIDGE

    async with scripted(prepare) as login:
        await login.clock.advance(3.5)
        assert (login.session.state, login.session.problem.code) == ("offline", "IBKR_NO_SESSION")
        assert len(login.broker.times("/iserver/accounts")) == 8


async def test_a_session_that_is_no_longer_authenticated_is_opened_again(scripted: Any) -> None:
    async with scripted() as login:
        login.broker.next["/tickle"] = [tickled(NOT_YET)]
        await login.clock.advance(56)
        assert login.session.state == "ready"
        assert login.broker.times(INIT) == [0, 55]


async def test_no_bridge_opens_one_session_for_all_who_met_it(scripted: Any) -> None:
    async with scripted() as login:
        await asyncio.gather(*(login.broker.on_no_session() for _ in range(10)))
        assert len(login.broker.times(INIT)) == 2
        assert login.session.state == "ready"
        await login.broker.on_no_session()
        assert len(login.broker.times(INIT)) == 3


async def test_a_new_token_of_the_transport_opens_one_session(scripted: Any) -> None:
    async with scripted() as login:
        await login.tokens.renew(1)
        await asyncio.gather(*(login.broker.on_renewed() for _ in range(10)))
        assert len(login.broker.times(INIT)) == 2
        assert login.session.state == "ready"


async def test_a_new_token_that_nobody_told_of_is_noticed(scripted: Any) -> None:
    async with scripted() as login:
        await login.tokens.renew(1)
        await login.clock.advance(55)
        assert login.broker.times(INIT) == [0, 55]


async def test_a_session_that_cannot_be_opened_again_is_lost_at_once(scripted: Any) -> None:
    async with scripted() as login:
        login.broker.next[INIT] = [said(COMPETING), said(COMPETING)]
        with pytest.raises(BrokerError) as caught:
            await login.broker.on_no_session()
        assert caught.value.code == "IBKR_COMPETING_SESSION"
        await login.clock.advance(1)
        assert login.session.state == "competing"


@pytest.mark.parametrize(
    ("accounts", "code"),
    [
        ('{"accounts":["DU7"],"isPaper":true}', "IBKR_ACCOUNT_NOT_FOUND"),
        ('{"accounts":[],"isPaper":true}', "IBKR_ACCOUNT_NOT_FOUND"),
        ('{"accounts":"DU1234567"}', "IBKR_ACCOUNT_NOT_FOUND"),
        ('{"accounts":["DU1234567"],"isPaper":false}', "ACCOUNT_KIND_MISMATCH"),
    ],
)
async def test_a_wrong_account_blocks_and_is_looked_at_each_minute(scripted: Any, accounts: str, code: str) -> None:
    def prepare(login: Any) -> None:
        login.broker.standard["/iserver/accounts"] = said(accounts)

    async with scripted(prepare) as login:
        assert (login.session.state, login.session.problem.code) == ("blocked", code)
        with pytest.raises(BrokerError) as caught:
            await login.session.ready(5)
        assert caught.value.code == code
        assert login.states == ["minting", "initialising", "blocked"]
        await login.clock.advance(180)
        assert login.broker.times(INIT) == [0, 60, 120, 180]
        assert set(login.states[2:]) == {"blocked"}
        login.broker.standard["/iserver/accounts"] = said('{"accounts":["DU1234567"],"isPaper":true}')
        await login.clock.advance(60)
        assert (login.session.state, login.session.problem) == ("ready", None)
        assert len(login.tokens.renewals) == 1
        await login.session.stop()
        assert login.broker.paths()[-1] == "/logout"


async def test_an_account_that_changes_its_kind_is_noticed_at_the_next_opening(scripted: Any) -> None:
    async with scripted() as login:
        login.broker.standard["/iserver/accounts"] = said('{"accounts":["DU1234567"],"isPaper":false}')
        with pytest.raises(BrokerError) as caught:
            await login.broker.on_no_session()
        assert caught.value.code == "ACCOUNT_KIND_MISMATCH"
        await login.clock.settle()
        assert login.session.state == "blocked"


@pytest.mark.parametrize("code", ["IBKR_KEY_INVALID", "IBKR_KEY_NOT_FOUND"])
async def test_keys_that_cannot_be_used_block_until_they_can(scripted: Any, code: str) -> None:
    def prepare(login: Any) -> None:
        login.tokens.failures = [BrokerError(code, "bad")] * 3

    async with scripted(prepare) as login:
        await login.clock.advance(61)
        assert (login.session.state, login.session.problem.code) == ("blocked", code)
        assert [at - 1000 for at in login.tokens.renewals] == [0, 60]
        assert login.broker.calls == []
        await login.clock.advance(7)
        login.tokens.new_files = True
        await login.clock.advance(2)
        assert login.session.state == "blocked"
        assert [at - 1000 for at in login.tokens.renewals] == [0, 60, 70]
        await login.clock.advance(60)
        assert login.session.state == "ready"


async def test_new_keys_end_the_silence_after_refusals(scripted: Any) -> None:
    def prepare(login: Any) -> None:
        login.tokens.failures = [BrokerError("IBKR_CONSUMER_REVOKED", "not active", details={"retry_in_s": 600})]

    async with scripted(prepare) as login:
        await login.clock.advance(301)
        assert login.session.state == "blocked"
        login.tokens.new_files = True
        await login.clock.advance(2)
        assert login.session.state == "ready"


async def test_the_cookie_of_the_stream_is_a_fresh_one(scripted: Any) -> None:
    async with scripted() as login:
        login.broker.next["/tickle"] = [said('{"session":"aa11"}'), said('{"session":"bb22"}')]
        assert [await login.session.session_cookie(), await login.session.session_cookie()] == ["aa11", "bb22"]


@pytest.mark.parametrize("value", ["null", '""', '"a\\r\\nX: 1"', '"a;b"', "5", '"' + "a" * 300 + '"'])
async def test_a_cookie_that_is_none(scripted: Any, value: str) -> None:
    async with scripted() as login:
        login.broker.next["/tickle"] = [said(f'{{"session":{value}}}')]
        with pytest.raises(BrokerError) as caught:
            await login.session.session_cookie()
        assert caught.value.code == "IBKR_NO_SESSION"


async def test_waiting_for_a_session_that_comes(scripted: Any) -> None:
    def prepare(login: Any) -> None:
        login.tokens.failures = [BrokerError("IBKR_SESSION_MINT_FAILED", "no answer")]

    async with scripted(prepare) as login:
        waiting = [asyncio.create_task(login.session.ready(5)) for _ in range(3)]
        await login.clock.settle()
        assert not any(task.done() for task in waiting)
        await login.clock.advance(1)
        await asyncio.gather(*waiting)


async def test_stop_logs_out_and_bears_a_failure(scripted: Any) -> None:
    async with scripted() as login:
        await login.session.stop()
        assert login.broker.paths()[-1] == "/logout"
        assert login.session.state == "offline"
        login.broker.next["/logout"] = [LOST]
        await login.session.stop()


async def test_a_session_that_never_opened_is_not_logged_out(scripted: Any) -> None:
    def prepare(login: Any) -> None:
        login.broker.standard[INIT] = LOST

    async with scripted(prepare) as login:
        await login.session.stop()
        assert "/logout" not in login.broker.paths()


async def test_a_short_token_is_no_storm(scripted: Any) -> None:
    def prepare(login: Any) -> None:
        login.tokens.life = timedelta(seconds=400)

    async with scripted(prepare) as login:
        await login.clock.advance(3600)
        assert len(login.tokens.renewals) <= 3600 / 100
        assert login.session.state == "ready"

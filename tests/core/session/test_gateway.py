"""The gateway: nothing is signed, a person logs in, and only a loopback certificate goes unchecked."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ibkr_tui.core.session.gateway import Gateway
from ibkr_tui.core.web.answer import Answer
from ibkr_tui.model.errors import BrokerError

INIT = "/iserver/auth/ssodh/init"
REST, STREAM = "https://localhost:5000/v1/api", "wss://localhost:5000/v1/api/ws"


@pytest.fixture
def gateway() -> Gateway:
    return Gateway(REST, STREAM)


async def test_nothing_is_signed(gateway: Gateway) -> None:
    assert await gateway.authorize("GET", REST + "/tickle", [("a", "b")]) == {}
    assert gateway.token_expires_at is None
    assert not await gateway.leave_previous()


async def test_nobody_is_logged_in(gateway: Gateway) -> None:
    with pytest.raises(BrokerError) as caught:
        await gateway.renew(0)
    assert caught.value.code == "IBKR_LOGIN_REQUIRED"
    assert caught.value.details == {"login_url": "https://localhost:5000"}
    assert "https://localhost:5000" in caught.value.message


def test_the_cookie_is_json(gateway: Gateway) -> None:
    url, headers = gateway.stream_request("0123abcd")
    assert url == STREAM
    assert json.loads(headers["Cookie"].removeprefix("api=")) == {"session": "0123abcd"}
    assert headers["Cookie"] == 'api={"session":"0123abcd"}'


@pytest.mark.parametrize(
    ("url", "verified"),
    [
        (REST, False), ("https://127.0.0.1:5000/v1/api", False), ("https://[::1]:5000/v1/api", False),
        ("https://api.ibkr.com/v1/api", True), ("https://127.0.0.1.evil.example/v1/api", True),
        ("https://localhost./v1/api", True), ("https://0.0.0.0:5000/v1/api", True), ("", True),
    ],
)  # fmt: skip
def test_certificates_go_unchecked_on_this_machine_only(url: str, verified: bool) -> None:
    assert Gateway(url, STREAM).verify_tls is verified


async def test_a_session_waits_for_the_person(scripted: Any, gateway: Gateway) -> None:
    """A 401 shows where to log in; once somebody has, the session comes by itself."""

    def prepare(login: Any) -> None:
        login.broker.next[INIT] = [Answer(401, b"")] * 2

    async with scripted(prepare, gateway, auth="gateway") as login:
        session = login.session
        assert (session.state, session.problem.code) == ("blocked", "IBKR_LOGIN_REQUIRED")
        assert session.problem.details["login_url"] == "https://localhost:5000"
        with pytest.raises(BrokerError) as caught:
            await session.ready(5)
        assert caught.value.code == "IBKR_LOGIN_REQUIRED"
        await login.clock.advance(10)
        assert login.states[-1] == "ready"


async def test_a_login_that_ends_is_asked_for_again(scripted: Any, gateway: Gateway) -> None:
    async with scripted(authenticator=gateway, auth="gateway") as login:
        assert login.states == ["minting", "initialising", "ready"]
        login.broker.next["/tickle"] = [Answer(401, b"")]
        await login.clock.advance(55)
        assert (login.session.state, login.session.problem.code) == ("blocked", "IBKR_LOGIN_REQUIRED")
        await login.clock.advance(5)
        assert login.session.state == "ready"


async def test_a_login_of_a_person_is_not_ended(scripted: Any) -> None:
    async with scripted(auth="gateway") as login:
        assert login.tokens.renewals == []
        await login.session.stop()
        assert "/logout" not in login.broker.paths()
        assert login.session.state == "ready"

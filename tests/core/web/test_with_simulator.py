"""Transport, endpoints and stream against the embedded simulator, with its own reading of the protocol, over OAuth."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from ibkr_tui.core.config import load
from ibkr_tui.core.login import authenticator_of
from ibkr_tui.core.session.oauth1 import OAuth1
from ibkr_tui.core.session.session import Session
from ibkr_tui.core.web.endpoints import Endpoints
from ibkr_tui.core.web.socket import Stream
from ibkr_tui.core.web.transport import Transport
from ibkr_tui.model.clock import SystemClock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.health import StreamState

Until = Callable[..., Awaitable[None]]
Control = Callable[[str, Any], Awaitable[Any]]
AAPL = 265598


class Login:
    """A session of the paper profile, as the broker wires it."""

    def __init__(self, simulator: Any) -> None:
        profile = load(simulator.config, os.environ).profile
        clock = SystemClock()
        authenticator = authenticator_of(profile, clock)
        assert isinstance(authenticator, OAuth1)
        self.authenticator = authenticator
        self.account = profile.account_id
        self.transport = Transport(profile.rest_url, authenticator, clock)
        authenticator.transport = self.transport
        self.session = Session(profile, authenticator, self.transport, clock, lambda: None)
        self.endpoints = Endpoints(self.transport)


@pytest.fixture
async def login(simulator: Any, control: Control) -> AsyncIterator[Login]:
    found = Login(simulator)
    keeping = asyncio.create_task(found.session.run())
    try:
        await found.session.ready(20)
        yield found
    finally:
        await found.session.stop()  # one brokerage session a username
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        await found.transport.aclose()


async def test_reads_of_every_room(login: Login) -> None:
    endpoints, account = login.endpoints, login.account
    accounts = await endpoints.accounts()
    assert accounts.accounts == (account,)
    assert accounts.is_paper is True
    assert (await endpoints.summary(account))["netliquidation"]["amount"] > 0
    assert "BASE" in await endpoints.ledger(account)
    assert any(int(row["conid"]) == AAPL for row in await endpoints.positions(account, 0))
    assert {row["conid"] for row in await endpoints.search("AAPL")} >= {str(AAPL)}
    assert await endpoints.search("NOSUCHTHING") == []
    assert "AAPL" in await endpoints.stocks("AAPL")
    assert (await endpoints.contract(AAPL))["symbol"] == "AAPL"
    schedule = await endpoints.trading_schedule(AAPL)
    assert schedule.liquid
    assert schedule.timezone
    assert (await endpoints.history(AAPL, "1d", "30min"))["data"]
    await endpoints.snapshot([AAPL], ["31"])
    assert AAPL in await endpoints.snapshot([AAPL], ["31", "84"])
    assert abs(login.transport.clock_skew_s or 0.0) < 2


async def test_an_order_from_question_to_cancel(login: Login) -> None:
    endpoints, account = login.endpoints, login.account
    coid = f"web{os.urandom(6).hex()}"
    order = {
        "acctId": account, "conid": AAPL, "cOID": coid, "orderType": "LMT", "price": 10, "side": "BUY", "tif": "DAY",
        "quantity": 1,
    }  # fmt: skip
    await endpoints.snapshot([AAPL], ["31"])
    assert "USD" in (await endpoints.whatif(account, {"orders": [order]})).commission
    rows = json.loads((await endpoints.place(account, {"orders": [order]})).body)
    while "id" in rows[0]:
        rows = json.loads((await endpoints.reply(rows[0]["id"], True)).body)
    order_id = rows[0]["order_id"]
    assert (await endpoints.order_status(order_id))["order_id"] == int(order_id)
    assert (await endpoints.cancel(account, order_id)).status == 200


async def test_a_token_that_the_broker_dropped_is_renewed_once_under_six_reads_at_once(
    login: Login, control: Control
) -> None:
    await login.endpoints.accounts()
    epoch = login.authenticator.epoch
    await control("session", {"do": "expire"})
    found = await asyncio.gather(*(login.endpoints.contract(AAPL) for _ in range(6)))
    assert [contract["symbol"] for contract in found] == ["AAPL"] * 6
    assert login.authenticator.epoch == epoch + 1


async def test_the_stream_brings_prices(login: Login, until: Until) -> None:
    frames: list[tuple[str, dict[str, Any]]] = []

    class Listener:
        def opened(self) -> None:
            assert stream.send(f'smd+{AAPL}+{{"fields":["31","84","86","6509"]}}')

        def frame(self, topic: str, message: dict[str, Any]) -> None:
            frames.append((topic, message))

        def closed(self, reason: str) -> None:
            return

    stream = Stream(login.authenticator, login.session.session_cookie, SystemClock(), Listener())
    running = asyncio.create_task(stream.run())
    try:
        await until(lambda: any(topic == f"smd+{AAPL}" for topic, _ in frames), 10)
        assert stream.state is StreamState.LIVE
        assert (stream.garbage, stream.failures, stream.connections) == (0, 0, 1)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_an_account_that_is_not_ours(login: Login) -> None:
    with pytest.raises(BrokerError) as caught:
        await login.endpoints.summary("DU7654321")
    assert caught.value.code == "IBKR_AUTH_FAILED"

"""Endpoints: what each sends (against a server of our own), and that the embedded simulator understands it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest

from ibkr_tui.core.web.answer import NotSent
from ibkr_tui.core.web.endpoints import Endpoints
from ibkr_tui.core.web.transport import Transport
from ibkr_tui.model.errors import BrokerError

from .conftest import CountingSigner, RawServer, response, serving

ACCOUNT = "DU1234567"
GOOD: dict[str, Any] = {
    "/iserver/accounts": {"accounts": [ACCOUNT]},
    "/iserver/account/orders": {"orders": [], "snapshot": False},
    "/contract/trading-schedule": {"schedules": {}},
    "/iserver/account/pnl/partitioned": {"upnl": {f"{ACCOUNT}.Core": {"dpl": 1.5}}},
}
ROWS = ("/positions", "/portfolio/accounts", "/snapshot", "/trades", "/search")


class Desk:
    """Endpoints with the server they talk to; `answers` overrides what a path is answered."""

    def __init__(self, server: RawServer, endpoints: Endpoints, answers: dict[str, tuple[int, Any]]) -> None:
        self.server = server
        self.endpoints = endpoints
        self.answers = answers

    @property
    def asked(self) -> list[str]:
        return [line.replace(" /v1/api", " ") for line in self.server.lines]


@pytest.fixture
async def desk(connect: Callable[..., Transport]) -> AsyncIterator[Desk]:
    answers: dict[str, tuple[int, Any]] = {}

    async def respond(_: RawServer, head: str, writer: asyncio.StreamWriter) -> None:
        path = head.split(" ")[1].partition("?")[0].removeprefix("/v1/api")
        status, body = answers.get(
            path, (200, GOOD.get(path, [] if path.endswith(ROWS) or "/positions/" in path else {}))
        )
        writer.write(response(json.dumps(body).encode(), f"{status} X"))

    async with serving(respond) as server:
        yield Desk(server, Endpoints(connect(server.url, jitter=lambda: 0.01)), answers)


Call = Callable[[Endpoints], Awaitable[Any]]
READS: list[tuple[Call, list[str]]] = [
    (lambda e: e.accounts(), ["GET /iserver/accounts"]),
    (lambda e: e.portfolio_accounts(), ["GET /portfolio/accounts"]),
    (lambda e: e.summary(ACCOUNT), ["GET /portfolio/accounts", f"GET /portfolio/{ACCOUNT}/summary"]),
    (lambda e: e.ledger(ACCOUNT), ["GET /portfolio/accounts", f"GET /portfolio/{ACCOUNT}/ledger"]),
    (lambda e: e.positions(ACCOUNT, 3), ["GET /portfolio/accounts", f"GET /portfolio/{ACCOUNT}/positions/3"]),
    (lambda e: e.pnl(), ["GET /iserver/accounts", "GET /iserver/account/pnl/partitioned"]),
    (lambda e: e.search("BRK B", "STK"), ["POST /iserver/secdef/search"]),
    (lambda e: e.stocks("AAPL"), ["GET /trsrv/stocks?symbols=AAPL"]),
    (lambda e: e.contract(265598), ["GET /iserver/contract/265598/info-and-rules"]),
    (lambda e: e.futures("ES"), ["GET /trsrv/futures?symbols=ES"]),
    (
        lambda e: e.strikes(265598, "JAN27"),
        ["GET /iserver/accounts", "GET /iserver/secdef/strikes?conid=265598&sectype=OPT&month=JAN27"],
    ),
    (
        lambda e: e.option_info(265598, "JAN27", Decimal("187.50"), "C"),
        [
            "GET /iserver/accounts",
            "GET /iserver/secdef/info?conid=265598&sectype=OPT&month=JAN27&strike=187.5&right=C",
        ],
    ),
    (lambda e: e.scan("STK", "TOP_PERC_GAIN", "STK.US", {}), ["GET /iserver/accounts", "POST /iserver/scanner/run"]),
    (lambda e: e.performance(ACCOUNT, "1M"), ["GET /iserver/accounts", "POST /pa/performance"]),
    (lambda e: e.transactions(ACCOUNT, 1, "USD", 90), ["GET /iserver/accounts", "POST /pa/transactions"]),
    (
        lambda e: e.exchange_rate("EUR", "USD"),
        ["GET /iserver/accounts", "GET /iserver/exchangerate?source=EUR&target=USD"],
    ),
    (lambda e: e.select_account(ACCOUNT), ["GET /iserver/accounts", "POST /iserver/account"]),
    (lambda e: e.trading_schedule(265598), ["GET /contract/trading-schedule?conid=265598"]),
    (
        lambda e: e.snapshot([1, 2], ["31", "84"]),
        ["GET /iserver/accounts", "GET /iserver/marketdata/snapshot?conids=1%2C2&fields=31%2C84"],
    ),
    (
        lambda e: e.history(1, "1d", "5min", outside_rth=True),
        ["GET /iserver/accounts", "GET /iserver/marketdata/history?conid=1&period=1d&bar=5min&outsideRth=true"],
    ),
    (lambda e: e.orders(), ["GET /iserver/accounts", "GET /iserver/account/orders"]),
    (lambda e: e.orders(force=True), ["GET /iserver/accounts", "GET /iserver/account/orders?force=true"]),
    (lambda e: e.order_status("77"), ["GET /iserver/accounts", "GET /iserver/account/order/status/77"]),
    (lambda e: e.trades(7), ["GET /iserver/accounts", "GET /iserver/account/trades?days=7"]),
    (lambda e: e.whatif(ACCOUNT, b"{}"), ["GET /iserver/accounts", f"POST /iserver/account/{ACCOUNT}/orders/whatif"]),
    (lambda e: e.place(ACCOUNT, b"{}"), [f"POST /iserver/account/{ACCOUNT}/orders"]),
    (lambda e: e.reply("a-b/..?", False), ["POST /iserver/reply/a-b%2F..%3F"]),
    (lambda e: e.cancel(ACCOUNT, "77"), [f"DELETE /iserver/account/{ACCOUNT}/order/77"]),
]


@pytest.mark.parametrize(("call", "lines"), READS, ids=[lines[-1].split("?")[0] for _, lines in READS])
async def test_each_call_and_what_must_come_before_it(desk: Desk, call: Call, lines: list[str]) -> None:
    await call(desk.endpoints)
    assert desk.asked == lines


async def test_bodies(desk: Desk) -> None:
    await desk.endpoints.search("BRK B", "STK")
    await desk.endpoints.reply("q", True)
    await desk.endpoints.place(ACCOUNT, {"orders": []})
    assert desk.server.bodies == [
        b'{"symbol":"BRK B","name":false,"secType":"STK"}',
        b'{"confirmed":true}',
        b'{"orders":[]}',
    ]


async def test_bodies_of_reads(desk: Desk) -> None:
    await desk.endpoints.scan("STK", "TOP_PERC_GAIN", "STK.US.MAJOR", {"priceAbove": "5"})
    await desk.endpoints.performance(ACCOUNT, "1M")
    await desk.endpoints.transactions(ACCOUNT, 265598, "USD", 30)
    await desk.endpoints.select_account(ACCOUNT)
    assert [json.loads(body) for body in desk.server.bodies if body] == [
        {
            "instrument": "STK", "type": "TOP_PERC_GAIN", "location": "STK.US.MAJOR",
            "filter": [{"code": "priceAbove", "value": "5"}],
        },
        {"acctIds": [ACCOUNT], "period": "1M"},
        {"acctIds": [ACCOUNT], "conids": [265598], "currency": "USD", "days": 30},
        {"acctId": ACCOUNT},
    ]  # fmt: skip


async def test_a_scan_that_the_broker_does_not_know_is_a_refusal(desk: Desk) -> None:
    desk.answers["/iserver/scanner/run"] = (500, {"error": "unknown scan"})
    with pytest.raises(BrokerError) as caught:
        await desk.endpoints.scan("STK", "NOPE", "STK.US", {})
    assert (caught.value.code, caught.value.retryable) == ("IBKR_REQUEST_REFUSED", False)
    assert "unknown scan" in caught.value.message


async def test_a_warm_up_is_made_once_a_session_whoever_asks(desk: Desk, signer: CountingSigner) -> None:
    warm = "GET /iserver/accounts"
    await asyncio.gather(desk.endpoints.snapshot([1], ["31"]), desk.endpoints.snapshot([2], ["31"]))
    await desk.endpoints.history(1, "1d", "1h")
    assert desk.asked.count(warm) == 1
    desk.endpoints.session_opened()
    await desk.endpoints.history(1, "1d", "1h")
    assert desk.asked.count(warm) == 2
    await signer.renew(signer.epoch)
    await desk.endpoints.history(1, "1d", "1h")
    assert desk.asked.count(warm) == 3
    await desk.endpoints.accounts()  # the caller's own read warms as well
    await desk.endpoints.history(1, "1d", "1h")
    assert desk.asked.count(warm) == 4


async def test_a_warm_up_that_fails_is_the_calls_failure_and_is_made_again(desk: Desk) -> None:
    desk.answers["/iserver/accounts"] = (400, {"error": "starting"})
    with pytest.raises(BrokerError, match="starting"):
        await desk.endpoints.history(1, "1d", "1h")
    del desk.answers["/iserver/accounts"]
    await desk.endpoints.history(1, "1d", "1h")
    assert desk.asked.count("GET /iserver/accounts") == 2


@pytest.mark.parametrize("order_id", ["", "-1", "0", "7 ", "1/../2", "٣", "None"])
async def test_a_cancel_without_a_real_id_never_leaves(desk: Desk, order_id: str) -> None:
    with pytest.raises(NotSent) as caught:
        await desk.endpoints.cancel(ACCOUNT, order_id)
    assert caught.value.code == "ORDER_NOT_FOUND"
    assert desk.asked == []


async def test_an_account_is_no_path(desk: Desk) -> None:
    with pytest.raises(NotSent):
        await desk.endpoints.place("DU1/../U2", b"{}")
    with pytest.raises(BrokerError):
        await desk.endpoints.summary("")
    assert not any("DU1" in line for line in desk.asked)


@pytest.mark.parametrize(
    "call",
    [
        lambda e: e.snapshot([], ["31"]),
        lambda e: e.snapshot(range(1, 102), ["31"]),
        lambda e: e.snapshot([1], []),
        lambda e: e.snapshot([1], ["31"] * 51),
        lambda e: e.trades(8),
        lambda e: e.trades(-1),
    ],
)
async def test_what_the_broker_would_refuse_is_refused_here(desk: Desk, call: Call) -> None:
    with pytest.raises(BrokerError) as caught:
        await call(desk.endpoints)
    assert caught.value.code == "BAD_ARGUMENT"


async def test_rows_of_a_snapshot_by_conid(desk: Desk) -> None:
    rows = [{"conid": 1, "31": "5"}, {"conidEx": "2@NYSE"}, {"conid": "3"}, {"conid": None}]
    desk.answers["/iserver/marketdata/snapshot"] = (200, rows)
    assert set(await desk.endpoints.snapshot([1, 2, 3], ["31"])) == {1, 2, 3}


async def test_an_unknown_symbol_is_an_empty_list_and_another_error_is_an_error(desk: Desk) -> None:
    desk.answers["/iserver/secdef/search"] = (200, {"error": "No symbol found"})
    assert await desk.endpoints.search("ZZZZ") == []
    desk.answers["/iserver/secdef/search"] = (400, {"error": "secType is wrong"})
    with pytest.raises(BrokerError, match="secType is wrong"):
        await desk.endpoints.search("ZZZZ")


async def test_profit_and_loss(desk: Desk) -> None:
    assert await desk.endpoints.pnl() == {f"{ACCOUNT}.Core": {"dpl": 1.5}}


async def test_profit_and_loss_may_be_empty_at_first(desk: Desk) -> None:
    desk.answers["/iserver/account/pnl/partitioned"] = (200, {})
    assert await desk.endpoints.pnl() == {}


async def test_refusals_carry_the_brokers_words(desk: Desk) -> None:
    desk.answers[f"/portfolio/{ACCOUNT}/ledger"] = (500, {"error": "backend &amp; down"})
    with pytest.raises(BrokerError, match="the ledger: IBKR answered 500: backend & down"):
        await desk.endpoints.ledger(ACCOUNT)

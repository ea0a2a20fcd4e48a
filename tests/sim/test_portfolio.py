"""The account: arithmetic in whole cents, and its REST answers."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ibkr_tui.sim.clock import ExchangeTime
from ibkr_tui.sim.market import Market
from ibkr_tui.sim.portfolio import Portfolio

ES, AAPL, EURUSD, CALL = 495512572, 265598, 12087792, 684233891


class StoppedClock:
    def now(self):
        return 1_762_300_000.0

    monotonic = now

    async def sleep(self, seconds):
        raise AssertionError("nothing waits here")


@pytest.fixture(scope="module")
def market():
    return Market(StoppedClock(), ExchangeTime(StoppedClock()), 3)


fills = st.lists(
    st.tuples(
        st.sampled_from([AAPL, ES, CALL]), st.integers(-9, 9).filter(bool), st.integers(1, 90_000), st.integers(0, 300)
    ),
    max_size=25,
)


@given(fills)
def test_net_liquidation_moves_by_profit_and_nothing_else(market, executions):
    """Cash flow and position values must agree, however executions open, add, close and turn positions."""
    book = Portfolio("DU1", market)
    book.cash["USD"] = Decimal(100_000)
    profit = Decimal(0)
    for conid, quantity, cents, commission in executions:
        item = market.instruments[conid]
        price, fee = Decimal(cents) / 100, Decimal(commission) / 100
        book.fill(conid, Decimal(quantity), price, fee)
        profit += quantity * (book.mark(conid) - price) * item.multiplier - fee
    assert book.net_liquidation == pytest.approx(Decimal(100_000) + profit, abs=Decimal("1e-9"))
    assert book.net_liquidation == pytest.approx(
        Decimal(100_000) + book.realized_today + book.total_unrealized(), abs=Decimal("1e-9")
    )


def test_average_cost_holds_commissions_and_survives_a_partial_close(market):
    book = Portfolio("DU1", market)
    book.fill(AAPL, Decimal(100), Decimal("180"), Decimal("1.00"))
    assert book.holdings[AAPL].average(1) == Decimal("180.01")
    realized = book.fill(AAPL, Decimal(-40), Decimal("181"), Decimal("1.00"))
    assert realized == Decimal("38.60")
    assert book.holdings[AAPL].average(1) == Decimal("180.01")


def test_currency_trades_move_two_balances(market):
    book = Portfolio("DU1", market)
    book.fill(EURUSD, Decimal(10_000), Decimal("1.08"), Decimal(2))
    assert book.cash == {"EUR": Decimal(10_000), "USD": Decimal("-10802")}
    assert not list(book.open_positions())


async def test_the_demo_account(client):
    state = (await client.state())["accounts"]["DU1234567"]
    assert 1_018_000 < Decimal(state["net_liquidation"]) < 1_030_000
    positions = await client.get(f"/portfolio/{client.account}/positions/0")
    kinds = [(row["assetClass"], row["position"] < 0) for row in positions]
    assert len(positions) == 8 and ("STK", True) in kinds
    assert {"OPT", "FUT"} < {kind for kind, _ in kinds}
    working = [row for row in (await client.state())["orders"] if row["status"] == "Submitted"]
    assert len(working) == 3


async def test_the_first_read_of_positions_is_sparse(client):
    path = f"/portfolio/{client.account}/positions/0"
    sparse, full = (await client.get(path))[0], (await client.get(path))[0]
    assert "name" not in sparse and sparse["strike"] == 0.0 and sparse["multiplier"] is None
    assert full["name"] == "APPLE INC" and full["strike"] == "0" and full["multiplier"] == 0.0
    assert isinstance(full["conid"], int) and full["avgPrice"] == pytest.approx(180.10)
    second = await client.get(f"/portfolio2/{client.account}/positions")
    assert isinstance(second[0]["conid"], str)


async def test_positions_come_in_pages_and_end_with_an_empty_one(start):
    client = await (await start(page_size=5, extra_positions=4)).login()
    sizes = [len(await client.get(f"/portfolio/{client.account}/positions/{page}")) for page in range(4)]
    assert sizes == [5, 5, 2, 0]


async def test_portfolio_calls_before_portfolio_accounts_are_empty(start):
    client = await start()
    await client.mint()
    assert await client.get(f"/portfolio/{client.account}/positions/0") == []
    assert await client.get(f"/portfolio/{client.account}/summary") == {}


async def test_a_strangers_account_is_401_without_words(client):
    response = await client.call("GET", "/portfolio/U1111111/ledger")
    assert (response.status_code, response.content) == (401, b"")
    assert (await client.call("GET", "/iserver/account/U1111111/summary")).status_code == 400


async def test_summary_and_ledger_agree_with_the_book(client):
    for conid in (await client.state())["accounts"]["DU1234567"]["positions"]:
        await client.control("market", {"conid": int(conid), "frozen": True})
    for conid in (12087792, 265598, 76792991, 756733):
        await client.control("market", {"conid": conid, "frozen": True})
    book = (await client.state())["accounts"]["DU1234567"]
    summary = await client.get(f"/portfolio/{client.account}/summary")
    assert summary["netliquidation"]["amount"] == float(round(Decimal(book["net_liquidation"]), 2))
    assert summary["netliquidation"]["value"] is None and summary["accountcode"]["value"] == client.account
    assert {f"availablefunds{suffix}" for suffix in ("", "-s", "-c", "-p")} < set(summary) and len(summary) > 120
    ledger = await client.get(f"/portfolio/{client.account}/ledger")
    assert set(ledger) == {"EUR", "USD", "BASE"}
    assert ledger["EUR"]["cashbalance"] == 25_000.0 and ledger["BASE"]["currency"] == "BASE"
    assert ledger["BASE"]["netliquidationvalue"] == summary["netliquidation"]["amount"]
    flat = await client.get(f"/iserver/account/{client.account}/summary")
    assert flat["netLiquidationValue"] == summary["netliquidation"]["amount"]
    margins = await client.get(f"/iserver/account/{client.account}/summary/margins")
    assert margins["total"]["current_initial"] == f"{round(flat['initialMargin']):,} USD"


async def test_partitioned_pnl_is_empty_at_first(client):
    assert await client.get("/iserver/account/pnl/partitioned") == {"upnl": {}}
    row = (await client.get("/iserver/account/pnl/partitioned"))["upnl"]["DU1234567.Core"]
    assert set(row) == {"rowType", "dpl", "nl", "upl", "el", "uel", "mv"}


async def test_the_daily_profit_starts_again_with_a_new_day(client):
    await client.get("/iserver/account/pnl/partitioned")
    first = (await client.get("/iserver/account/pnl/partitioned"))["upnl"]["DU1234567.Core"]
    await client.control("clock", {"exchange_seconds": 96 * 3600})
    later = (await client.get("/iserver/account/pnl/partitioned"))["upnl"]["DU1234567.Core"]
    state = client.running.sim.broker.portfolios["DU1234567"]
    assert first["dpl"] != later["dpl"]
    assert later["nl"] - later["dpl"] == pytest.approx(float(state.previous_equity), abs=0.02)
    assert float(state.previous_equity) != pytest.approx(first["nl"] - first["dpl"], abs=0.02)


async def test_the_summary_pages_are_words_with_commas(client):
    base = f"/iserver/account/{client.account}/summary"
    balances = await client.get(f"{base}/balances")
    assert balances["total"]["net_liquidation"].startswith("1,0") and balances["total"]["cash"].endswith(" USD")
    funds = await client.get(f"{base}/available_funds")
    assert float(funds["total"]["leverage"]) > 0 and funds["Crypto at Paxos"]["buying_power"] == "0 USD"
    values = await client.get(f"{base}/market_value")
    assert set(values) == {"EUR", "USD"} and values["EUR"]["total_cash"] == "25,000"


async def test_one_position_and_the_allocation(client):
    row = (await client.get(f"/portfolio/{client.account}/position/265598"))[0]
    assert row["position"] == 400.0 and row["name"] == "APPLE INC"
    everywhere = await client.get("/portfolio/positions/76792991")
    assert everywhere["DU1234567"][0]["position"] == -120.0
    assert await client.get(f"/portfolio/{client.account}/combo/positions") == []
    assert await client.post(f"/portfolio/{client.account}/positions/invalidate") == {"message": "success"}
    allocation = await client.get(f"/portfolio/{client.account}/allocation")
    assert allocation["assetClass"]["short"]["STK"] < 0 < allocation["assetClass"]["long"]["CASH"]
    assert (await client.get(f"/portfolio/{client.account}/meta"))["accountId"] == client.account


async def test_switching_accounts(client):
    assert await client.post("/iserver/account", {"acctId": client.account}) == {"success": "Account already set"}
    assert (await client.call("POST", "/iserver/account", {"acctId": "U9"})).status_code == 500
    assert (await client.call("POST", "/iserver/account", {})).status_code == 400

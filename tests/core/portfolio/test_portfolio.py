"""The account's money is exact or refused, positions are whole, profit and loss is merged (faults R30, R31)."""

from __future__ import annotations

import asyncio
from decimal import Decimal as D
from typing import Any

import pytest

from ibkr_tui.core.portfolio.account import read_ledger, read_summary
from ibkr_tui.core.portfolio.pnl import PnlBoard
from ibkr_tui.core.portfolio.portfolio import AFTER_FILL, EVERY, Portfolio
from ibkr_tui.core.portfolio.positions import MOST_PAGES, is_sparse, read_positions
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.portfolio import AccountSummary, Pnl, Position
from ibkr_tui.model.table import Table

ACCOUNT = "DU1"
MONEY = {
    "netliquidation": 1023900.8, "totalcashvalue": 719677.84, "availablefunds": 904064.92, "buyingpower": 1.22e7,
    "excessliquidity": 921170.07, "initmarginreq": 119835.87, "maintmarginreq": 102730.72,
    "grosspositionvalue": 346657.9, "equitywithloanvalue": 1023900.8,
}  # fmt: skip


def summary(**changes: Any) -> dict[str, Any]:
    answer: dict[str, Any] = {name: {"amount": amount, "currency": "USD"} for name, amount in (MONEY | changes).items()}
    return answer | {"accountcode": {"amount": 0.0, "currency": None, "value": ACCOUNT}}


def position(conid: int, **changes: Any) -> dict[str, Any]:
    return {
        "acctId": ACCOUNT, "conid": conid, "contractDesc": f"S{conid}", "position": 10.0, "mktPrice": 189.195,
        "mktValue": 1891.95, "currency": "USD", "avgCost": 180.1, "avgPrice": 180.1, "realizedPnl": 0.0,
        "unrealizedPnl": 90.95, "multiplier": None, "assetClass": "STK", "ticker": f"S{conid}", "name": "N",
    } | changes  # fmt: skip


def test_a_summary_is_exact(fake_clock: Any) -> None:
    found = read_summary(ACCOUNT, summary(), fake_clock.now())
    assert (found.net_liquidation, found.buying_power) == (D("1023900.8"), D("12200000"))
    assert (found.currency, found.account) == ("USD", ACCOUNT)
    assert found.leverage == D("346657.9") / D("1023900.8")


@pytest.mark.parametrize("broken", [*MONEY])
def test_missing_money_is_never_zero(fake_clock: Any, broken: str) -> None:
    answer = summary()
    del answer[broken]
    with pytest.raises(BrokerError, match=broken):
        read_summary(ACCOUNT, answer, fake_clock.now())


@pytest.mark.parametrize("value", ["1,977.60 USD", float("nan"), float("inf"), "1e999", True, [1]])
def test_money_that_is_no_number_is_refused(fake_clock: Any, value: Any) -> None:
    with pytest.raises(BrokerError) as caught:
        read_summary(ACCOUNT, summary(netliquidation=value), fake_clock.now())
    assert caught.value.code == "IBKR_RESPONSE_INVALID"


def test_another_accounts_summary_is_refused(fake_clock: Any) -> None:
    with pytest.raises(BrokerError) as caught:
        read_summary("DU2", summary(), fake_clock.now())
    assert caught.value.code == "IBKR_ACCOUNT_NOT_FOUND"


def test_the_ledger_has_the_base_first() -> None:
    answer = {
        "USD": {"cashbalance": 692712.22, "exchangerate": 1.0},
        "EUR": {"cashbalance": 25000.0, "exchangerate": 1.078625, "interest": 1.5},
        "BASE": {"cashbalance": 719677.84, "exchangerate": 0},
        "note": 5,
    }
    base, euro, dollar = read_ledger(answer)
    assert (base.currency, euro.currency, dollar.currency) == ("BASE", "EUR", "USD")
    assert (euro.rate, euro.interest, base.rate) == (D("1.078625"), D("1.5"), D(1))
    with pytest.raises(BrokerError):
        read_ledger({"USD": {"exchangerate": 1.0}})


class Reads:
    """A broker's portfolio, in pages."""

    def __init__(self, *pages: list[dict[str, Any]]) -> None:
        self.pages = list(pages)
        self.calls: list[str] = []
        self.sparse = 0
        self.fails = False

    async def summary(self, account: str) -> dict[str, Any]:
        self.calls.append("summary")
        if self.fails:
            raise BrokerError("IBKR_UNAVAILABLE", "no answer")
        return summary()

    async def ledger(self, account: str) -> dict[str, Any]:
        self.calls.append("ledger")
        return {"BASE": {"cashbalance": 1.0}, "EUR": {"cashbalance": 1.0, "exchangerate": 1.08}}

    async def exchange_rate(self, source: str, target: str) -> dict[str, Any]:
        self.calls.append(f"rate {source} {target}")
        if source == "XXX":
            raise BrokerError("IBKR_REQUEST_REFUSED", "no such currency")
        return {"rate": {"JPY": 0.0065, "BAD": 0}.get(source)}

    async def positions(self, account: str, page: int) -> list[dict[str, Any]]:
        self.calls.append(f"positions {page}")
        rows = self.pages[page] if page < len(self.pages) else []
        if self.sparse:
            self.sparse -= 1
            rows = [{k: v for k, v in row.items() if k not in {"ticker", "name"}} for row in rows]
        return rows


async def all_of(reads: Reads, clock: Any) -> dict[str, Position]:
    return await read_positions(ACCOUNT, lambda page: reads.positions(ACCOUNT, page), clock.now)


async def test_all_pages_once_each_shorts_kept(fake_clock: Any) -> None:
    reads = Reads(
        [position(n) for n in range(1, 31)],
        [position(30), position(31, position=-50.0, mktValue=-100), position(32, position=0)],
    )
    found = await all_of(reads, fake_clock)
    assert len(found) == 31
    assert found["31"].qty == D(-50)
    assert found["1"].market_price == D("189.195")
    assert reads.calls[-1] == "positions 2"


async def test_ten_thousand_positions(fake_clock: Any) -> None:
    reads = Reads(*[[position(p * 100 + n + 1) for n in range(100)] for p in range(100)])
    assert len(await all_of(reads, fake_clock)) == 10000


async def test_a_broker_that_repeats_a_page_for_ever_ends(fake_clock: Any) -> None:
    assert len(await all_of(Reads(*[[position(1)]] * 5), fake_clock)) == 1
    with pytest.raises(BrokerError, match="did not end"):
        await all_of(Reads(*[[position(n + 1)] for n in range(MOST_PAGES + 1)]), fake_clock)


@pytest.mark.parametrize(
    "broken", [{"conid": None}, {"conid": "x"}, {"position": "NaN"}, {"mktPrice": None}, {"mktValue": "many"}]
)
async def test_a_row_that_cannot_be_read_is_said(fake_clock: Any, broken: dict[str, Any]) -> None:
    with pytest.raises(BrokerError) as caught:
        await all_of(Reads([position(1) | broken]), fake_clock)
    assert caught.value.code == "IBKR_RESPONSE_INVALID"


async def test_other_accounts_rows_are_left_out(fake_clock: Any) -> None:
    assert await all_of(Reads([position(1, acctId="DU2")]), fake_clock) == {}


def test_the_short_form_is_known() -> None:
    assert is_sparse([{"conid": 1}])
    assert not is_sparse([position(1)])
    assert not is_sparse([])


class Desk:
    """A portfolio around reads."""

    def __init__(self, reads: Reads, clock: Any) -> None:
        self.reads = reads
        self.summaries: Table[AccountSummary] = Table("account")
        self.positions: Table[Position] = Table("positions")
        self.portfolio = Portfolio(
            account=ACCOUNT, reads=reads, summaries=self.summaries, positions=self.positions, clock=clock
        )


async def test_tables_are_kept_and_a_fill_hastens_them(fake_clock: Any) -> None:
    reads = Reads([position(1)])
    desk = Desk(reads, fake_clock)
    running = asyncio.create_task(desk.portfolio.run())
    await fake_clock.advance(1)
    assert (list(desk.summaries), list(desk.positions)) == ([ACCOUNT], ["1"])
    await fake_clock.advance(EVERY)
    assert reads.calls.count("summary") == 2
    reads.pages = [[position(2)]]
    desk.portfolio.filled()
    await fake_clock.advance(AFTER_FILL + 0.1)
    assert list(desk.positions) == ["2"]
    reads.fails = True
    await fake_clock.advance(EVERY * 2)
    assert list(desk.summaries) == [ACCOUNT], "what was known stays, with its time"
    running.cancel()


async def test_the_first_sparse_read_is_repeated(fake_clock: Any) -> None:
    reads = Reads([position(1)])
    reads.sparse = 1
    desk = Desk(reads, fake_clock)
    reading = asyncio.create_task(desk.portfolio.read_positions())
    await fake_clock.advance(2)
    (found,) = await reading
    assert found.symbol == "S1"
    assert reads.calls == ["positions 0", "positions 0", "positions 1"]
    await desk.portfolio.read_positions()
    assert reads.calls.count("positions 0") == 3
    desk.portfolio.new_session()
    await desk.portfolio.read_positions()
    assert reads.calls.count("positions 0") == 5


async def test_a_summary_is_as_fresh_as_asked_for(fake_clock: Any) -> None:
    desk = Desk(Reads(), fake_clock)
    await desk.portfolio.summary()
    await fake_clock.advance(29)
    await desk.portfolio.summary()
    assert desk.reads.calls == ["summary"]
    await fake_clock.advance(2)
    await desk.portfolio.summary()
    await desk.portfolio.summary(at_most=0)
    assert desk.reads.calls == ["summary"] * 3


async def test_rates_come_from_the_ledger(fake_clock: Any) -> None:
    desk = Desk(Reads(), fake_clock)
    assert await desk.portfolio.rate("USD") == D(1)
    assert await desk.portfolio.rate("EUR") == D("1.08")
    assert await desk.portfolio.rate("EUR") == D("1.08")
    assert desk.reads.calls.count("ledger") == 1


async def test_a_currency_that_is_not_held_has_the_brokers_rate_for_a_minute(fake_clock: Any) -> None:
    desk = Desk(Reads(), fake_clock)
    for _ in range(3):
        assert await desk.portfolio.rate("JPY") == D("0.0065")
    assert desk.reads.calls.count("rate JPY USD") == 1
    await fake_clock.advance(61)
    await desk.portfolio.rate("JPY")
    assert desk.reads.calls.count("rate JPY USD") == 2
    assert await desk.portfolio.market_rate("EUR", "EUR") == D(1)


async def test_a_line_of_the_ledger_without_its_rate_gets_the_brokers(fake_clock: Any) -> None:
    reads = Reads()

    async def ledger(account: str) -> dict[str, Any]:
        return {name: {"cashbalance": 5.0} for name in ("BASE", "USD", "JPY", "XXX")}

    reads.ledger = ledger  # type: ignore[method-assign]
    lines = {line.currency: line.rate for line in await Desk(reads, fake_clock).portfolio.ledger()}
    assert lines == {"BASE": D(1), "USD": D(1), "JPY": D("0.0065"), "XXX": None}


@pytest.mark.parametrize("currency", ["XXX", "BAD", "NIL"])
async def test_a_currency_without_a_rate_is_refused(fake_clock: Any, currency: str) -> None:
    desk = Desk(Reads(), fake_clock)
    with pytest.raises(BrokerError) as caught:
        await desk.portfolio.rate(currency)
    assert caught.value.code == "RISK_NO_QUOTE"
    assert currency in caught.value.message


async def test_a_page_of_repetitions_is_not_the_end(fake_clock: Any) -> None:
    pages = [[position(1), position(2)], [position(2)], [position(3)], []]
    assert set(await all_of(Reads(*pages), fake_clock)) == {"1", "2", "3"}


def test_profit_and_loss_merges(fake_clock: Any) -> None:
    table: Table[Pnl] = Table("pnl")
    board = PnlBoard(table, ACCOUNT, fake_clock)
    board.merge({f"{ACCOUNT}.Core": {"rowType": 1, "dpl": -58.28, "nl": 1020000.0, "upl": 4600.0, "mv": 37910.0}})
    board.merge({f"{ACCOUNT}.Core": {"dpl": -60.5}, "DU2.Core": {"dpl": 1.0}, "junk": 3})
    board.merge({f"{ACCOUNT}.Core": {"dpl": "nonsense", "el": 5}})
    (row,) = table.rows().values()
    assert (row.daily, row.unrealized, row.net_liquidation, row.market_value) == (
        D("-60.5"), D("4600.0"), D("1020000.0"), D("37910.0"),
    )  # fmt: skip

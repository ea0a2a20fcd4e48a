"""Every operation against a real simulator: it works, or it says in plain words what is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, timedelta
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from ibkr_tui.core.broker import Broker
from ibkr_tui.core.config import load
from ibkr_tui.core.dispatch import Caller, Tier
from ibkr_tui.core.operations.order_arguments import AmendOrder
from ibkr_tui.core.operations.proposals import Proposals
from ibkr_tui.core.settings import Profile
from ibkr_tui.core.web.wire import Accounts
from ibkr_tui.model.clock import SystemClock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.occ import OptionName, occ_symbol
from ibkr_tui.model.orders import Order, OrderState
from ibkr_tui.model.quotes import QuoteStatus
from tests.core.hasty_clock import HastyClock

pytestmark = pytest.mark.asyncio(loop_scope="module")
ME = Caller("app", "face-1", True)


class Desk:
    """A running broker, called as a face calls it."""

    def __init__(self, broker: Broker, simulator: Any) -> None:
        self.broker = broker
        self.simulator = simulator

    async def call(self, name: str, caller: Caller = ME, **arguments: Any) -> Any:
        return await self.broker.dispatcher.call(name, arguments, caller)

    async def refused(self, name: str, caller: Caller = ME, **arguments: Any) -> BrokerError:
        with pytest.raises(BrokerError) as caught:
            await self.call(name, caller, **arguments)
        return caught.value

    async def until(self, order: Order, *states: OrderState) -> Order:
        """The order once it is in one of `states`."""
        async with asyncio.timeout(10):
            while True:
                found: Order = await self.call("get_order", order_id=order.coid)
                if found.state in states:
                    return found
                await asyncio.sleep(0.01)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(simulator: Any, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Desk]:
    profile = load(simulator.config, {}, "paper").profile
    broker = Broker(profile, tmp_path_factory.mktemp("state"), HastyClock(), "0.1.0")
    running = asyncio.create_task(broker.run())
    yield Desk(broker, simulator)
    await broker.stop()
    await running


async def test_the_account_equals_the_brokers_to_the_cent(desk: Desk) -> None:
    name = desk.simulator.account
    async with asyncio.timeout(20):
        while True:
            begun = SystemClock().now()
            before = (await desk.simulator.state())["accounts"][name]
            account = await desk.call("get_account")
            after = (await desk.simulator.state())["accounts"][name]
            if before == after and account.updated_at >= begun:
                break
            await asyncio.sleep(0.02)
    cent = D("0.01")
    assert abs(account.net_liquidation - D(before["net_liquidation"])) < cent
    assert abs(account.total_cash - D(before["total_cash"])) < cent
    assert (account.account, account.currency) == (name, "USD")
    base, *others = await desk.call("get_ledger")
    assert base.currency == "BASE"
    assert {line.currency: line.cash for line in others} == {k: D(v) for k, v in before["cash"].items()}
    held = {str(p.conid): p.qty for p in await desk.call("get_positions")}
    assert held == {conid: D(qty) for conid, qty in before["positions"].items() if D(qty)}


async def test_positions_and_profit(desk: Desk) -> None:
    positions = {p.symbol: p for p in await desk.call("get_positions")}
    assert positions["AAPL"].qty > 0
    assert any(p.qty < 0 for p in positions.values()), "shorts are positions too"
    pnl = await desk.call("get_pnl")
    assert pnl.account == desk.simulator.account
    assert pnl.daily is not None


async def test_environment_and_health(desk: Desk) -> None:
    info = await desk.call("environment_info")
    assert (info["profile"], info["paper"], info["account"]) == ("paper", True, desk.simulator.account)
    assert info["base_url"] == desk.simulator.rest_url
    async with asyncio.timeout(10):
        while (health := await desk.call("health")).message or health.market is None:
            await asyncio.sleep(0.02)
    assert (health.session, health.stream, health.code) == ("ready", "live", "")
    assert health.token_expires_at is not None
    assert health.core_version == "0.1.0"
    assert await desk.call("list_accounts") == [{"account": desk.simulator.account, "selected": True}]


async def test_contracts(desk: Desk) -> None:
    apple = await desk.call("get_contract", symbol="AAPL")
    assert (apple.conid, apple.currency) == (265598, "USD")
    euro = await desk.call("get_contract", symbol="EUR.USD")
    assert (euro.sec_type, euro.description) == ("CASH", "EUR.USD")
    first, *rest = await desk.call("search_contracts", symbol="AAPL")
    assert (first.conid, first.preferred, len(rest)) == (265598, True, 3)
    assert await desk.call("get_assets", symbol="AAPL") == [first, *rest]
    assert (await desk.refused("get_contract", symbol="ZZZZ")).code == "SYMBOL_NOT_FOUND"
    assert (await desk.refused("get_contract", conid=999)).code in {"IBKR_REQUEST_REFUSED", "SYMBOL_NOT_FOUND"}
    assert (await desk.refused("get_contract")).code == "BAD_ARGUMENT"


async def test_quotes_flow_and_stop(desk: Desk) -> None:
    row = await desk.call("subscribe_tick", symbol="SPY")
    tick = await desk.call("get_tick", conid=row.conid)
    assert tick.status is QuoteStatus.LIVE
    assert tick.bid < tick.ask
    async with asyncio.timeout(10):
        while desk.broker.tables["quotes"].get(str(row.conid)) == tick:
            await asyncio.sleep(0.01)
    assert await desk.call("unsubscribe", symbol="SPY") == {"conid": row.conid, "unsubscribed": True}
    assert not (await desk.call("unsubscribe", conid=row.conid))["unsubscribed"]
    assert desk.broker.tables["quotes"].get(str(row.conid)) is None


async def test_snapshots(desk: Desk) -> None:
    quote = await desk.call("get_ticker", symbol="MSFT")
    assert (quote.symbol, quote.status) == ("MSFT", QuoteStatus.LIVE)
    assert quote.last is not None
    await desk.call("get_tick", symbol="MSFT")
    assert "snapshot" not in (await desk.call("get_snapshot", symbol="MSFT")).problem


async def test_bars(desk: Desk) -> None:
    bars = await desk.call("get_bars", symbol="AAPL", period="1d", bar="5min")
    assert len(bars) > 10
    assert all(bar.low <= bar.open <= bar.high and bar.low <= bar.close <= bar.high for bar in bars)
    assert [bar.at for bar in bars] == sorted(bar.at for bar in bars)
    assert (await desk.refused("get_bars", symbol="AAPL", period="forever")).code == "BAD_ARGUMENT"


async def test_a_book_of_depth(desk: Desk) -> None:
    book = await desk.call("get_depth", symbol="AAPL", rows=3)
    assert (book.conid, book.status, len(book.bids), len(book.asks)) == (265598, QuoteStatus.LIVE, 3, 3)
    assert book.bids[0].price < book.asks[0].price
    assert [level.price for level in book.bids] == sorted((level.price for level in book.bids), reverse=True)
    for rows in (0, 11):
        problem = await desk.refused("get_depth", symbol="AAPL", rows=rows)
        assert problem.code == "BAD_ARGUMENT"
        assert "1 to 10" in problem.message
    looks = await desk.call("look_at", quotes=[265598, 999], depth=[265598])
    assert (looks.quotes, looks.depth, looks.refused[0].conid) == ((265598,), (265598,), 999)
    desk.broker.face_left(ME.face_id)
    assert 265598 not in desk.broker.subscriptions.looking
    assert (await desk.call("unsubscribe", conid=265598))["unsubscribed"]
    assert len(desk.broker.tables["depth"]) == 0


async def test_a_chain_with_greeks_and_one_of_its_options(desk: Desk) -> None:
    chain = await desk.call("get_option_chain", symbol="AAPL", rows=3, quotes=True)
    assert len(chain.rows) == 3
    assert chain.rows[0].strike < chain.spot < chain.rows[2].strike
    call, put = chain.rows[1].call, chain.rows[1].put
    assert call.quote.delta > 0 > put.quote.delta
    assert call.quote.implied_vol > 0
    name = OptionName("AAPL", chain.expiry, "C", call.strike)
    for spelling in (occ_symbol(name), occ_symbol(name).replace("  ", "")):
        assert (await desk.call("get_contract", symbol=spelling)).conid == call.conid
    other = OptionName("AAPL", chain.expiry, "C", D("1.5"))
    problem = await desk.refused("get_contract", symbol=occ_symbol(other))
    assert problem.code == "OPTION_NOT_FOUND"
    looks = await desk.call("look_at", quotes=[call.conid, put.conid])
    assert looks.quotes == (call.conid, put.conid)
    tick = await desk.call("get_tick", conid=call.conid)
    async with asyncio.timeout(10):
        while tick.delta is None:
            await asyncio.sleep(0.01)
            tick = desk.broker.tables["quotes"].get(str(call.conid))
    assert tick.description == call.description
    await desk.call("look_at")


async def test_futures_by_month(desk: Desk) -> None:
    problem = await desk.refused("get_contract", symbol="ES", sec_type="FUT")
    assert problem.code == "SYMBOL_AMBIGUOUS"
    first = problem.details["candidates"][0]
    month = date.fromisoformat(first["exchange"])
    found = await desk.call("get_contract", symbol=f"ES {month:%b%y}".upper())
    assert (found.conid, found.sec_type) == (first["conid"], "FUT")


async def test_older_trades_of_one_instrument_are_those_that_were_booked(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    today = SystemClock().now().date()

    def row(days: int, qty: float) -> dict[str, Any]:
        day = f"{today - timedelta(days=days):%Y%m%d}"
        return {
            "rawDate": day,
            "qty": qty,
            "pr": 180.5,
            "amt": -180.5 * qty,
            "conid": 265598,
            "type": "x",
            "cur": "USD",
        }

    async def transactions(*asked: Any) -> dict[str, Any]:
        return {"transactions": [row(2, 9), row(20, 5), row(30, -3), row(25, 0)]}

    monkeypatch.setattr(desk.broker.reads, "transactions", transactions)
    fills = await desk.call("get_activities", days=60, symbol="AAPL")
    old = [fill for fill in fills if fill.at.date() < today - timedelta(days=7)]
    assert [(fill.side, fill.qty) for fill in old] == [("buy", D(5)), ("sell", D(3))]
    assert all(fill.conid == 265598 for fill in fills)
    assert not any(fill.qty == 9 for fill in fills), "the trades of these days are told by themselves"


async def test_alerts_are_set_listed_and_forgotten(desk: Desk) -> None:
    alert = await desk.call("add_alert", symbol="AAPL", level="9999")
    assert (alert.direction, alert.symbol, alert.kind) == ("above", "AAPL", "price")
    assert [a.id for a in await desk.call("get_alerts")] == [alert.id]
    assert desk.broker.tables["alerts"].get(alert.id) is not None
    below = await desk.call("add_alert", symbol="AAPL", kind="change", level=-50, repeat=True, note="x\x1by")
    assert (below.direction, below.level, "\x1b" in below.note) == ("below", D(-50), False)
    for arguments, code in (
        ({"symbol": "AAPL", "level": "1e3"}, "BAD_NUMBER"),
        ({"symbol": "AAPL", "level": True}, "BAD_ARGUMENT"),
        ({"symbol": "ZZZZ", "level": "1"}, "SYMBOL_NOT_FOUND"),
        ({"symbol": "AAPL", "kind": "news", "level": "1"}, "BAD_ARGUMENT"),
        ({"symbol": "AAPL"}, "BAD_ARGUMENT"),
        ({"symbol": "AAPL", "level": "9999"}, "BAD_ARGUMENT"),
    ):
        assert (await desk.refused("add_alert", **arguments)).code == code, arguments
    for found in (alert, below):
        assert (await desk.call("remove_alert", id=found.id)).id == found.id
    assert (await desk.refused("remove_alert", id=alert.id)).code == "ALERT_NOT_FOUND"


async def test_a_futures_order_placed_elsewhere_is_changed_by_somebody_who_is_named(desk: Desk) -> None:
    month = (await desk.refused("get_contract", symbol="ES", sec_type="FUT")).details["candidates"][0]
    book = desk.broker.orders.book
    row = {
        "acct": desk.simulator.account, "orderId": 991, "conid": month["conid"], "side": "BUY", "totalSize": 1.0,
        "status": "Submitted", "ticker": "ES", "secType": "FUT", "orderType": "Limit", "price": "4000",
        "timeInForce": "GTC",
    }  # fmt: skip
    book.sight(row)
    proposal, _ = await Proposals(desk.broker).amendment(AmendOrder(order_id=991, limit_price="4001"), Caller())
    ticket = proposal.legs[0].ticket
    assert (ticket.manual_indicator, ticket.ext_operator) == (False, desk.broker.orders.operator)
    book.sight(row | {"status": "Cancelled"})


async def test_rates_and_the_account_that_is_meant(desk: Desk) -> None:
    rate = await desk.call("get_exchange_rate", source="eur")
    assert (rate["source"], rate["target"]) == ("EUR", "USD")
    assert rate["rate"] > 0
    assert (await desk.refused("get_exchange_rate", source="euro")).code == "BAD_ARGUMENT"
    assert (await desk.call("switch_account", account=desk.simulator.account))["account"] == desk.simulator.account
    problem = await desk.refused("switch_account", account="U999")
    assert problem.code == "IBKR_ACCOUNT_NOT_FOUND"
    assert desk.simulator.account in problem.message


async def test_going_over_to_another_account_of_the_login(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    async def accounts() -> Accounts:
        return Accounts((desk.simulator.account, "DU2", "U3"))

    monkeypatch.setattr(desk.broker.reads, "accounts", accounts)
    problem = await desk.refused("switch_account", account="du2")
    assert problem.code == "ACCOUNT_PINNED", "nobody is there to start a broker on it"
    taken: list[Profile] = []
    monkeypatch.setattr(desk.broker, "on_switch", taken.append)
    assert (await desk.refused("switch_account", account="U3")).code == "ACCOUNT_KIND_MISMATCH"
    monkeypatch.setattr(type(desk.broker), "open_intents", 1)
    assert (await desk.refused("switch_account", account="du2")).code == "ORDER_BLOCKED_UNKNOWN"
    monkeypatch.setattr(type(desk.broker), "open_intents", 0)
    with monkeypatch.context() as patch:
        patch.setitem(desk.broker.orders.pursuit._wanted, "ib:1", (Caller(), True))
        problem = await desk.refused("switch_account", account="du2")
        assert (problem.code, "verdict=keep" in problem.user_action) == ("ORDER_BLOCKED_UNKNOWN", True)
    assert taken == []
    assert await desk.call("switch_account", account="du2") == {"account": "DU2", "changed": True}
    (other,) = taken
    assert (other.account_id, other.login_account) == ("DU2", desk.simulator.account)
    assert other.fingerprint != desk.broker.profile.fingerprint, "a face of the one meets no core of the other"


@pytest.mark.parametrize(
    ("operation", "arguments", "words"),
    [
        ("run_scanner", {"type": "a b"}, "no scanner code"),
        ("run_scanner", {"rows": 51}, "rows"),
        ("get_option_chain", {"symbol": "AAPL", "rows": 41}, "1 to 40 strikes"),
        ("get_option_chain", {"symbol": "AAPL", "expiry": "tomorrow"}, "JAN27"),
        ("get_performance", {"period": "2M"}, "MTD"),
        ("get_activities", {"days": 91}, "1 to 90 days"),
        ("get_activities", {"days": 8}, "1 to 7 days; of one instrument, of 1 to 90"),
        ("get_activities", {"days": 0, "symbol": "AAPL"}, "1 to 7 days"),
        ("get_transactions", {"symbol": "AAPL", "days": 91}, "1 to 90 days"),
        ("get_transactions", {"symbol": "AAPL", "currency": "dollars"}, "EUR"),
    ],
)
async def test_what_can_not_be_asked(desk: Desk, operation: str, arguments: dict[str, Any], words: str) -> None:
    problem = await desk.refused(operation, **arguments)
    assert problem.code == "BAD_ARGUMENT"
    assert words in problem.message


async def test_hours(desk: Desk) -> None:
    clock = await desk.call("get_clock")
    assert clock.is_open
    assert clock.next_change > clock.now
    schedule = await desk.call("get_trading_schedule", symbol="AAPL")
    assert schedule["is_open"]
    assert schedule["regular"][0]["opening"].tzinfo is UTC


async def test_a_preview_creates_nothing(desk: Desk) -> None:
    before = len(await desk.call("get_open_orders"))
    preview = await desk.call(
        "preview_order", symbol="AAPL", side="buy", qty="10", order_type="limit", limit_price="180"
    )
    assert (preview.value, preview.price_source, preview.currency) == (D("1800.00"), "limit", "USD")
    assert preview.leverage_after > preview.leverage_before
    assert preview.commission
    too_much = await desk.call(
        "preview_order", symbol="AAPL", side="buy", qty="90000", order_type="limit", limit_price=180
    )
    assert any("RISK_LEVERAGE" in words for words in too_much.warnings)
    assert len(await desk.call("get_open_orders")) == before


async def test_one_share_of_apple_at_market_is_filled(desk: Desk) -> None:
    await desk.call("get_activities", days=1)
    order = await desk.call("place_order", symbol="AAPL", side="buy", qty="1")
    done = await desk.until(order, OrderState.FILLED)
    assert (done.filled, done.coid) == (D(1), order.coid)
    async with asyncio.timeout(10):
        while not any(fill.coid == order.coid for fill in desk.broker.logs["fills"].entries()):
            await asyncio.sleep(0.01)
    await desk.broker.orders.recorder.settled()
    rows = await desk.broker.journal._database.run(
        lambda c: c.execute("SELECT kind FROM audit WHERE coid = ?", (order.coid,)).fetchall()
    )
    assert {"intent", "sent", "filled"} <= {kind for (kind,) in rows}
    assert await desk.broker.journal.verify() is None
    trades = await desk.call("get_activities", days=1)  # from the read before the order, and the stream since
    assert [t.qty for t in trades if t.coid == order.coid] == [D(1)]
    assert any(e.text.startswith("filled BUY 1 AAPL @ ") for e in desk.broker.logs["events"].entries())
    assert (await desk.refused("cancel_order", coid=order.coid)).code == "ORDER_DONE"


async def test_a_limit_order_works_and_is_cancelled(desk: Desk) -> None:
    order = await desk.call(
        "place_order", symbol="AAPL", side="buy", qty=5, order_type="limit", limit_price="187.5", tif="gtc"
    )
    working = await desk.until(order, OrderState.WORKING)
    assert (working.limit_price, working.tif) == (D("187.5"), "gtc")
    assert order.coid in {o.coid for o in await desk.call("get_open_orders")}
    asked = await desk.call("cancel_order", order_id=order.order_id)
    assert asked.state in {OrderState.CANCELLING, OrderState.CANCELLED}
    await desk.until(order, OrderState.CANCELLED)
    assert order.coid not in {o.coid for o in await desk.call("get_open_orders")}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"symbol": "AAPL", "side": "buy", "qty": "0"}, "BAD_TICKET"),
        ({"symbol": "AAPL", "side": "buy", "qty": "1e3"}, "BAD_NUMBER"),
        ({"symbol": "AAPL", "side": "buy", "qty": "1,000"}, "BAD_NUMBER"),
        ({"symbol": "AAPL", "side": "buy", "qty": True}, "BAD_ARGUMENT"),
        ({"symbol": "AAPL", "side": "buy", "qty": "1.5"}, "BAD_TICKET"),
        ({"symbol": "AAPL", "side": "hold", "qty": "1"}, "BAD_ARGUMENT"),
        ({"symbol": "AAPL", "side": "buy", "qty": "1", "colour": "red"}, "BAD_ARGUMENT"),
        ({"symbol": "AAPL", "side": "buy", "qty": "1", "order_type": "limit"}, "BAD_TICKET"),
        ({"symbol": "AAPL", "side": "buy", "qty": "1", "limit_price": "5"}, "BAD_TICKET"),
        ({"symbol": "AAPL", "side": "buy", "qty": "1", "order_type": "limit", "limit_price": "1.005"}, "BAD_TICKET"),
        ({"symbol": "AAPL", "side": "buy", "qty": "1", "order_type": "limit", "limit_price": "NaN"}, "BAD_NUMBER"),
        ({"symbol": "ZZZZ", "side": "buy", "qty": "1"}, "SYMBOL_NOT_FOUND"),
        ({"symbol": "AAPL", "side": "buy", "qty": "1", "asset_class": "art"}, "BAD_ARGUMENT"),
        ({"side": "buy", "qty": "1"}, "BAD_TICKET"),
        (
            {"symbol": "AAPL", "side": "buy", "qty": "90000", "order_type": "limit", "limit_price": "187"},
            "RISK_LEVERAGE",
        ),
    ],
)
async def test_a_bad_order_is_refused_in_plain_words(desk: Desk, arguments: dict[str, Any], code: str) -> None:
    await desk.call("get_open_orders")  # what the account has is read once, before or in the midst of an order
    before = len(desk.broker.tables["orders"])
    problem = await desk.refused("place_order", **arguments)
    assert problem.code == code
    assert problem.message
    assert len(desk.broker.tables["orders"]) == before


async def test_what_does_not_exist(desk: Desk) -> None:
    for operation in ("cancel_order", "get_order"):
        unnamed = await desk.refused(operation, order_id="")
        assert (unnamed.code, unnamed.message) == ("BAD_ARGUMENT", "name the order: order_id, coid or group_id")
    bounded = await desk.refused("get_audit", count=0)
    assert (bounded.code, bounded.message) == ("BAD_ARGUMENT", "get_audit: count: expected int >= 1")
    empty = await desk.refused("preview_order", kind="oco")
    assert (empty.code, empty.message) == ("BAD_TICKET", "An OCO has 2 to 8 legs; this one has 0.")
    assert (await desk.refused("cancel_order", order_id="-1")).code == "ORDER_NOT_FOUND"
    assert (await desk.refused("get_order", order_id="tNONE")).code == "ORDER_NOT_FOUND"
    assert (await desk.refused("get_activities", days=90)).code == "BAD_ARGUMENT"
    assert (await desk.refused("answer_question", question_id="x", confirmed=True)).code == "QUESTION_NOT_FOUND"
    assert (await desk.refused("no_such_operation")).code == "UNKNOWN_OPERATION"


async def test_the_list_describes_itself(desk: Desk) -> None:
    described = {row["name"]: row for row in (operation.describe() for operation in desk.broker.dispatcher)}
    assert len(described) == len(list(desk.broker.dispatcher)) >= 26
    assert all(row["summary"].endswith(".") and "\n" not in row["summary"] for row in described.values())
    tiers = {name: row["tier"] for name, row in described.items()}
    assert tiers["place_order"] == tiers["cancel_order"] == Tier.CHANGE
    assert tiers["resolve_order"] == Tier.DANGEROUS
    assert tiers["preview_order"] == Tier.READ
    assert tiers["take_over"] == Tier.DANGEROUS
    schema = described["place_order"]["schema"]
    properties = schema["$defs"][schema["$ref"].rpartition("/")[2]]["properties"]
    wanted = "symbol side qty order_type limit_price tif asset_class sec_type exchange outside_rth"
    assert set(wanted.split()) <= set(properties)
    msgspec.json.encode(described)


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        ({"kind": "live"}, "LIVE_GATE_CLOSED", "live orders are locked"),
        ({"orders": "refuse"}, "ORDERS_REFUSED", "refuses every order"),
    ],
)
async def test_profiles_that_refuse(
    simulator: Any, tmp_path: Path, changes: dict[str, Any], code: str, words: str
) -> None:
    profile: Profile = msgspec.structs.replace(load(simulator.config, {}, "paper").profile, **changes)
    broker = Broker(profile, tmp_path, SystemClock(), "0")
    with pytest.raises(BrokerError, match=words) as caught:
        await broker.dispatcher.call("place_order", {"symbol": "AAPL", "side": "buy", "qty": "1"}, ME)
    assert caught.value.code == code

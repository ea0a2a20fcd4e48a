"""The gate as a whole: what it asks, in which sequence, and what it uses up."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ibkr_tui.core.dispatch import Caller
from ibkr_tui.core.journal.intents import Intent, IntentState
from ibkr_tui.core.journal.journal import Journal
from ibkr_tui.core.kill_switch import KillSwitch
from ibkr_tui.core.live_gate import LiveDesk
from ibkr_tui.core.orders.approvals import Approvals
from ibkr_tui.core.orders.gate import Gate
from ibkr_tui.core.orders.lifecycle import OrderBook
from ibkr_tui.core.orders.limits import LimitsInForce
from ibkr_tui.core.orders.risk import QuoteFacts, RiskFacts
from ibkr_tui.core.settings import Limits, MarketSettings, Profile, SafetySettings, UiSettings
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.groups import GroupKind, Leg, Proposal
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.orders import Order, OrderState, OrderTicket, OrderType, Role, Side
from ibkr_tui.model.quotes import QuoteStatus
from ibkr_tui.model.table import Table

AAPL = Instrument(265598, "AAPL", "AAPL", "Apple Inc", "STK", "NASDAQ", "USD")
ACCOUNT = "DU1234567"
WHO = Caller("app", "f", True)


class Scene:
    """A gate whose facts a test writes."""

    def __init__(self, state: Path, clock: Any, limits: Limits, safety: SafetySettings, mode: str) -> None:
        self.clock = clock
        self.profile = Profile(
            name="paper", kind="paper", auth="oauth1", account_id=ACCOUNT, rest_url="", ws_url="",
            orders=mode, limits=limits, market=MarketSettings(), safety=safety, ui=UiSettings(),  # type: ignore[arg-type]
        )  # fmt: skip
        self.journal = Journal(state, clock, "test")
        self.switch = KillSwitch(state, clock)
        self.book = OrderBook(Table("orders"), ACCOUNT, clock, lambda a, b: None, lambda text, key: None)
        self.approvals = Approvals(clock, safety.approval_expires_s)
        self.limits = LimitsInForce(limits)
        self.tripped: list[str] = []
        self.without: list[str] = []
        self.facts = RiskFacts(
            orders_mode=mode, account=ACCOUNT, pinned_account=ACCOUNT, net_liquidation=D(10_000),
            gross_value=D(0), position=D(0), rate=D(1),
            quote=QuoteFacts(QuoteStatus.LIVE, D("99"), D("100"), D("99.5"), 0.1),
        )  # fmt: skip
        self.gate = Gate(
            profile=self.profile, read_facts=self.read, switch=self.switch, journal=self.journal, book=self.book,
            live=LiveDesk(self.profile, state, clock), limits=self.limits, approvals=self.approvals, clock=clock,
            on_journal_failure=self.tripped.append,
        )  # fmt: skip

    async def read(self, ticket: OrderTicket, instrument: Instrument, *, without: str = "") -> RiskFacts:
        self.without.append(without)
        return self.facts

    async def refused(self, proposal: Proposal, approval: str = "") -> BrokerError:
        with pytest.raises(BrokerError) as caught:
            await self.gate.judge(proposal, WHO, approval)
        return caught.value

    async def sent(self, coid: str, value: str) -> None:
        intent = Intent(
            coid, ACCOUNT, 1, "X", "X", Side.BUY, D(1), "limit", D(5), "day", "h", "i", IntentState.SENDING,
            self.clock.now(),
        )  # fmt: skip
        await self.journal.begin(intent, {"value": D(value), "side": Side.BUY})


@pytest.fixture
async def build(tmp_path: Path, fake_clock: Any) -> AsyncIterator[Any]:
    made: list[Scene] = []

    async def scene(limits: Limits | None = None, mode: str = "send", **safety: Any) -> Scene:
        made.append(Scene(tmp_path, fake_clock, limits or Limits(D(4)), SafetySettings(**safety), mode))
        await made[-1].journal.open()
        return made[-1]

    yield scene
    for one in made:
        await one.journal.close()


def proposal(qty: str = "1", price: str | None = "100", side: Side = Side.BUY, **fields: Any) -> Proposal:
    kind = OrderType.LIMIT if price else OrderType.MARKET
    ticket = OrderTicket(side, D(qty), "AAPL", order_type=kind, limit_price=D(price) if price else None)
    return Proposal(GroupKind.SIMPLE, ACCOUNT, (Leg(Role.SINGLE, ticket, AAPL),), **fields)


async def test_what_passes_has_its_numbers(build: Any) -> None:
    scene = await build()
    found = await scene.gate.judge(proposal("200"), WHO)
    assert (found.value, found.leverage_before, found.leverage_after, found.adds_risk) == (D(20_000), D(0), D(2), True)


async def test_the_kill_switch_refuses_what_adds_and_lets_what_eases_pass(build: Any) -> None:
    scene = await build()
    scene.switch.turn_on("app", "")
    assert (await scene.refused(proposal())).code == "KILL_SWITCH_ON"
    working = Order("t1", ACCOUNT, AAPL.conid, "AAPL", "AAPL", Side.BUY, "limit", D(10), OrderState.WORKING, coid="t1",
                    limit_price=D(100))  # fmt: skip
    scene.book.begin(working)
    found = await scene.gate.judge(proposal("9", amends="t1"), WHO)
    assert found.adds_risk is False
    assert scene.without[-1] == "t1"
    scene.gate.check_switch(adds_risk=False)
    assert (await scene.refused(proposal("11", amends="t1"))).code == "KILL_SWITCH_ON"
    assert (await scene.refused(proposal("9", amends="t9"))).code == "ORDER_NOT_FOUND"
    with pytest.raises(BrokerError):
        scene.gate.check_switch()


async def test_a_switch_that_is_turned_on_while_facts_are_read_still_refuses(build: Any) -> None:
    scene = await build()

    async def slow(ticket: OrderTicket, instrument: Instrument, *, without: str = "") -> RiskFacts:
        scene.switch.turn_on("call", "")
        found: RiskFacts = scene.facts
        return found

    scene.gate._read_facts = slow
    assert (await scene.refused(proposal())).code == "KILL_SWITCH_ON"


async def test_an_amend_that_eases_passes_limits_it_was_over_already(build: Any) -> None:
    scene = await build(Limits(D(1), max_order_qty=D(5)))
    scene.book.begin(
        Order("t1", ACCOUNT, AAPL.conid, "AAPL", "AAPL", Side.BUY, "limit", D(300), OrderState.WORKING, coid="t1",
              limit_price=D(100))
    )  # fmt: skip
    await scene.gate.judge(proposal("200", amends="t1"), WHO)
    assert (await scene.refused(proposal("301", amends="t1"))).code == "RISK_ORDER_QTY"


async def test_what_is_filled_of_an_amended_order_counts_once(build: Any) -> None:
    scene = await build()
    scene.book.begin(
        Order("t1", ACCOUNT, AAPL.conid, "AAPL", "AAPL", Side.BUY, "limit", D(10), OrderState.WORKING, coid="t1",
              limit_price=D(90), filled=D(4))
    )  # fmt: skip
    found = await scene.gate.judge(proposal("20", amends="t1"), WHO)
    assert found.value == D(1600)


async def test_a_broken_journal_refuses_and_trips(build: Any) -> None:
    scene = await build()
    scene.journal._database._failure = "the disk is full"
    assert (await scene.refused(proposal())).code == "JOURNAL_UNAVAILABLE"
    assert scene.tripped == ["the disk is full"]


async def test_rate_and_day_are_counted_from_the_journal(build: Any) -> None:
    scene = await build(Limits(D(4), max_orders_per_minute=2, max_day_value=D(1000)))
    await scene.sent("t1", "500")
    await scene.gate.judge(proposal("5"), WHO)
    assert (await scene.refused(proposal("6"))).code == "RISK_DAY_VALUE"
    await scene.sent("t2", "1")
    assert (await scene.refused(proposal("1"))).code == "RISK_ORDER_RATE"
    held = msgspec.structs.replace(scene.facts, position=D(6), gross_value=D(600))
    scene.facts = held
    await scene.gate.judge(proposal("6", None, Side.SELL, closes=True), WHO)
    await scene.clock.advance(61)
    await scene.gate.judge(proposal("4"), WHO)


async def test_the_same_order_twice(build: Any) -> None:
    scene = await build()
    ours = Order("t1", ACCOUNT, AAPL.conid, "AAPL", "AAPL", Side.BUY, "limit", D(1), OrderState.WORKING, coid="t1",
                 limit_price=D(100), placed_at=scene.clock.now())  # fmt: skip
    scene.book.begin(ours)
    assert (await scene.refused(proposal())).code == "RISK_DUPLICATE"
    await scene.gate.judge(proposal("2"), WHO)


async def test_approvals_where_they_are_required(build: Any) -> None:
    scene = await build(require_approval=True)
    assert (await scene.refused(proposal())).code == "APPROVAL_REQUIRED"
    preview, _ = scene.approvals.previewed(proposal())
    given = scene.approvals.approve(preview).approval
    assert (await scene.refused(proposal("2"), given)).code == "APPROVAL_INVALID"
    assert (await scene.refused(proposal("500"), given)).code == "RISK_LEVERAGE"
    await scene.gate.judge(proposal(), WHO, given)
    assert (await scene.refused(proposal(), given)).code == "APPROVAL_INVALID"
    late = scene.approvals.approve(scene.approvals.previewed(proposal())[0]).approval
    await scene.clock.advance(61)
    assert (await scene.refused(proposal(), late)).code == "APPROVAL_EXPIRED"


async def test_on_paper_an_approval_may_be_left_out_but_not_made_up(build: Any) -> None:
    scene = await build()
    await scene.gate.judge(proposal(), WHO)
    assert (await scene.refused(proposal(), "a123")).code == "APPROVAL_INVALID"


async def test_a_rehearsal_passes_every_rule_and_uses_nothing_up(build: Any) -> None:
    scene = await build(mode="dry_run")
    given = scene.approvals.approve(scene.approvals.previewed(proposal())[0]).approval
    assert "rehearses" in (await scene.refused(proposal(), given)).message
    scene.approvals.use(given, proposal())


async def test_an_examination_tells_every_refusal_and_still_has_the_numbers(build: Any) -> None:
    scene = await build(Limits(D(1), max_day_value=D(100)), mode="dry_run")
    scene.switch.turn_on("app", "")
    found = await scene.gate.examine(proposal("200"))
    codes = [error.code for error in found.refusals]
    assert codes == ["KILL_SWITCH_ON", "RISK_LEVERAGE", "RISK_DAY_VALUE", "ORDERS_REFUSED"]
    assert found.judgement.leverage_after == D(2)
    for number in range(3):
        await scene.sent(f"t{number}", "1")
    again = await scene.gate.examine(proposal("1"))
    assert again.judgement.value == D(100)
    with pytest.raises(BrokerError, match="more than zero"):
        await scene.gate.examine(proposal("0"))


async def test_a_closing_counts_what_works_beside_it(build: Any) -> None:
    """Another face's order may have come between the look at the position and the send."""
    scene = await build()
    scene.facts = msgspec.structs.replace(scene.facts, position=D(10), gross_value=D(1000))
    closing, turn = proposal("10", None, Side.SELL, closes=True), proposal("20", None, Side.SELL, turns=True)
    await scene.gate.judge(closing, WHO)
    await scene.gate.judge(turn, WHO)
    assert (await scene.refused(proposal("19", None, Side.SELL, turns=True))).code == "POSITION_CHANGED"
    beside = Order("t1", ACCOUNT, AAPL.conid, "AAPL", "AAPL", Side.SELL, "limit", D(4), OrderState.SENDING, coid="t1")
    scene.book.begin(beside)
    for one in (closing, turn):
        scene.facts = msgspec.structs.replace(scene.facts, unknown_same_side="")
        problem = await scene.refused(one)
        assert (problem.code, "beside 4" in problem.message) == ("POSITION_CHANGED", True)
    await scene.gate.judge(proposal("6", None, Side.SELL, closes=True), WHO)
    assert (await scene.gate.examine(closing)).refusals == (), "what works is cancelled first"


async def test_a_market_order_on_live_is_told_what_to_set_and_which_limit_fills(build: Any, monkeypatch: Any) -> None:
    scene = await build()
    live = msgspec.structs.replace(scene.profile, kind="live", risk_policy="tight")
    monkeypatch.setattr(scene.gate._live, "_profile", live)
    monkeypatch.setattr(scene.gate._live, "check_orders", lambda: None)
    scene.facts = msgspec.structs.replace(scene.facts, position=D(10), gross_value=D(1000))
    problem = await scene.refused(proposal("10", None, Side.SELL, closes=True))
    assert (problem.code, problem.details["field"], problem.details["marketable"]) == (
        "LIVE_MARKET_ORDER", "limit_price", "99",
    )  # fmt: skip
    assert "Set risk_policies.tight.allow_market = true" in problem.user_action
    assert ("limit of 99, the bid" in problem.message, "limit_price=99" in problem.user_action) == (True, True)

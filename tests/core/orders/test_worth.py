"""What works counts at its true worth, or the gate says what it can't value: never as little."""

from __future__ import annotations

import asyncio
from decimal import Decimal as D
from typing import Any

import pytest

from ibkr_tui.core.orders.facts import FactsDesk
from ibkr_tui.core.orders.lifecycle import OrderBook
from ibkr_tui.core.orders.risk import RiskFacts, judge
from ibkr_tui.core.settings import Limits
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.groups import GroupKind, Leg
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.orders import OrderTicket, OrderType, Role, Side
from ibkr_tui.model.portfolio import AccountSummary, Position
from ibkr_tui.model.table import Table

from .conftest import AAPL, OrderDesk

BUND = Instrument(7, "FGBL", "FGBL DEC25", "", "FUT", "EUREX", "EUR", D(1000))
ZERO = D(0)


class Scene:
    """A facts desk around one order of 2 contracts that was placed elsewhere, and a broker that a test makes dumb."""

    def __init__(self, desk: OrderDesk, price: str = "130") -> None:
        self.contracts: dict[int, Instrument | Exception] = {7: BUND}
        self.rates: dict[str, D] = {"USD": D(1), "EUR": D("1.1")}
        self.positions: Table[Position] = Table("positions")
        self.facts = FactsDesk(
            profile=desk.profile, portfolio=self, positions=self.positions, quotes=Table("quotes"),  # type: ignore[arg-type]
            board=self, book=desk.book, contract=self.contract, reads=self, clock=desk.clock,  # type: ignore[arg-type]
            limits=Limits,
        )  # fmt: skip
        sight(desk.book, price)

    async def contract(self, conid: int) -> Instrument:
        found = self.contracts[conid]
        if isinstance(found, Exception):
            raise found
        return found

    async def rate(self, currency: str) -> D:
        if currency not in self.rates:
            raise BrokerError("RISK_NO_QUOTE", f"no rate of {currency}")
        return self.rates[currency]

    async def summary(self, *, at_most: float = 0) -> AccountSummary:
        return AccountSummary("DU1234567", "USD", D(1000000), *[ZERO] * 8, updated_at=None)  # type: ignore[arg-type]

    def confirmed_age(self, conid: int) -> None:
        """No quote was confirmed."""

    async def snapshot(self, conids: Any, fields: Any) -> dict[int, Any]:
        return {}

    async def gather(self) -> RiskFacts:
        return await self.facts.gather(TICKET, AAPL)


TICKET = OrderTicket(Side.BUY, D(1), "AAPL", order_type=OrderType.LIMIT, limit_price=D(100))


def sight(book: OrderBook, price: str) -> None:
    book.sight(
        {"acct": "DU1234567", "orderId": 77, "conid": 7, "side": "BUY", "totalSize": 2.0, "status": "Submitted",
         "ticker": "FGBL", "orderType": "Limit" if price else "Market", "price": price}
    )  # fmt: skip


def refusal(facts: RiskFacts, **how: Any) -> BrokerError:
    with pytest.raises(BrokerError) as caught:
        judge(GroupKind.SIMPLE, [(Leg(Role.SINGLE, TICKET, AAPL), facts)], Limits(), **how)
    return caught.value


async def test_the_contract_of_an_order_placed_elsewhere_is_fetched(order_desk: OrderDesk) -> None:
    assert (await Scene(order_desk).gather()).pending == D(2 * 130 * 1000) * D("1.1")


@pytest.mark.parametrize("lack", ["contract", "currency", "rate", "price", "answer"])
async def test_an_order_that_nobody_can_value_refuses_new_risk_and_no_closing(order_desk: OrderDesk, lack: str) -> None:
    scene = Scene(order_desk, "" if lack == "price" else "130")
    if lack == "contract":
        scene.contracts[7] = BrokerError("IBKR_UNAVAILABLE", "no answer from IBKR")
    elif lack == "answer":
        scene.contracts[7] = TimeoutError()
    elif lack == "currency":
        scene.contracts[7] = Instrument(7, "FGBL", "FGBL DEC25", "", "FUT", "EUREX", "", D(1000))
    elif lack == "rate":
        del scene.rates["EUR"]
    gathering = asyncio.create_task(scene.gather())
    await order_desk.clock.advance(5)
    facts = await gathering
    problem = refusal(facts)
    assert (problem.code, problem.retryable) == ("RISK_UNVALUED", True)
    assert "BUY 2 FGBL" in problem.message and "Cancel that order" in problem.user_action
    closing = RiskFacts(**{name: getattr(facts, name) for name in facts.__struct_fields__} | {"position": D(-1)})
    judge(GroupKind.SIMPLE, [(Leg(Role.SINGLE, TICKET, AAPL), closing)], Limits(price_collar_bps=D(0)), closes=True)


async def test_a_position_says_the_multiplier_of_a_contract_that_is_not_told(order_desk: OrderDesk) -> None:
    scene = Scene(order_desk)
    scene.contracts[7] = BrokerError("IBKR_UNAVAILABLE", "no answer from IBKR")
    known = Position("DU1234567", 7, "FGBL", "FGBL DEC25", "FUT", "EUR", D(1), *[ZERO] * 6, multiplier=D(1000))
    scene.positions.put("7", known)
    facts = await scene.gather()
    assert (facts.pending, facts.unvalued) == (D(286000), ())

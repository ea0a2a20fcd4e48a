"""Closing and reversing: exits go first, and what is sent is what is held when they are gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal as D
from typing import Any

import pytest

from ibkr_tui.core.dispatch import Caller
from ibkr_tui.core.orders.closing import CloseHow, Closer
from ibkr_tui.core.orders.lifecycle import OrderBook
from ibkr_tui.core.orders.sweep import Sweeper
from ibkr_tui.core.quiet import QuietWindow
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.groups import Proposal
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.orders import Order, OrderState, OrderType, Side
from ibkr_tui.model.portfolio import Position
from ibkr_tui.model.table import Table

AAPL = Instrument(265598, "AAPL", "AAPL", "Apple Inc", "STK", "NASDAQ", "USD")
WHO = Caller("app", "f", True)


class Scene:
    """Positions and cancels that a test writes."""

    def __init__(self, clock: Any) -> None:
        self.clock = clock
        self.book = OrderBook(Table("orders"), "DU1", clock, lambda a, b: None, lambda text, key: None)
        self.sent: list[tuple[Proposal, str]] = []
        self.asked: list[str] = []
        self.reads = 0
        self.unreadable: BrokerError | None = None
        self.on_cancel: Callable[[str], None] = lambda key: self.end(key, OrderState.CANCELLED)
        self.quiet = QuietWindow(clock)
        self.qty = D(100)
        self.sweeper = Sweeper(
            book=self.book, canceller=self, read=self.read, quiet=self.quiet, clock=clock,  # type: ignore[arg-type]
            keep_up=lambda key, caller, asked=False: None,
        )  # fmt: skip
        self.closer = Closer(
            account="DU1",
            positions=self.positions,
            book=self.book,
            sweeper=self.sweeper,
            send=self.send,
            refusals=self.refusals,
            clock=clock,
        )
        self.refused: list[BrokerError] = []

    async def refusals(self, proposal: Proposal, approval: str) -> list[BrokerError]:
        return self.refused

    async def positions(self) -> list[Position]:
        zero = D(0)
        return [Position("DU1", 265598, "AAPL", "AAPL", "STK", "USD", self.qty, zero, zero, zero, zero, zero, zero)]

    async def read(self) -> None:
        self.reads += 1
        if self.unreadable:
            raise self.unreadable

    async def cancel(self, name: str, caller: Caller, *, again: bool = False) -> Order:
        self.asked.append(name)
        self.book.cancel_asked(name)
        self.on_cancel(name)
        found = self.book.find(name)
        assert found is not None
        return found

    def end(self, key: str, state: OrderState) -> None:
        order = self.book.find(key)
        assert order is not None
        self.book.answered(key, state)

    async def send(self, proposal: Proposal, caller: Caller, approval: str) -> Order:
        self.sent.append((proposal, approval))
        return self.working("t9", Side.SELL, qty=proposal.legs[0].ticket.qty)

    def working(self, key: str, side: Side, conid: int = 265598, symbol: str = "AAPL", qty: D = D(1)) -> Order:
        order = Order(
            key, "DU1", conid, symbol, symbol, side, "limit", qty, OrderState.WORKING, coid=key, order_id="1" + key[1:]
        )
        self.book.begin(order)
        return order


@pytest.fixture
def scene(fake_clock: Any) -> Scene:
    return Scene(fake_clock)


async def test_all_of_it_at_market_after_its_exits_are_gone(scene: Scene) -> None:
    scene.working("t1", Side.SELL)
    scene.working("t2", Side.BUY, 272093, "MSFT")
    await scene.closer.close(AAPL, CloseHow(), WHO, "a1")
    ((proposal, approval),) = scene.sent
    (leg,) = proposal.legs
    assert (proposal.closes, approval, scene.asked) == (True, "a1", ["t1"])
    assert (leg.ticket.side, leg.ticket.qty, leg.ticket.order_type) == (Side.SELL, D(100), OrderType.MARKET)


async def test_a_fill_of_an_exit_meanwhile_lowers_what_is_closed(scene: Scene) -> None:
    scene.working("t1", Side.SELL, qty=D(130))
    scene.on_cancel = lambda key: scene.end(key, OrderState.FILLED)
    closing = asyncio.create_task(scene.closer.close(AAPL, CloseHow(), WHO))
    await scene.clock.advance(3)
    assert scene.sent == [], "IBKR's position does not count the fill yet"
    scene.qty = D(-30)
    await scene.clock.advance(1)
    await closing
    assert [(p.legs[0].ticket.side, p.legs[0].ticket.qty) for p, _ in scene.sent] == [(Side.BUY, D(30))]


async def test_a_position_that_never_counts_what_was_filled_is_not_closed(scene: Scene) -> None:
    scene.working("t1", Side.SELL, qty=D(40))
    scene.on_cancel = lambda key: scene.end(key, OrderState.FILLED)
    closing = asyncio.create_task(scene.closer.close(AAPL, CloseHow(), WHO))
    await scene.clock.advance(12)
    with pytest.raises(BrokerError, match="-40 were traded") as caught:
        await closing
    assert (caught.value.code, scene.sent) == ("POSITION_CHANGED", [])


@pytest.mark.parametrize("reads_late", [False, True])
async def test_two_closings_that_race_are_one_after_the_other(scene: Scene, reads_late: bool) -> None:
    """The second finds the first one's order: filled, so that nothing is left, or at work, and takes its place."""
    racing = [asyncio.create_task(scene.closer.close(AAPL, CloseHow(), WHO)) for _ in range(2)]

    async def send(proposal: Proposal, caller: Caller, approval: str) -> Order:
        scene.sent.append((proposal, approval))
        order = scene.working(f"t{8 + len(scene.sent)}", Side.SELL, qty=proposal.legs[0].ticket.qty)
        scene.end(order.key, OrderState.FILLED)
        if not reads_late:
            scene.qty = D(0)
        return order

    scene.closer._send = send
    await scene.clock.advance(5)
    assert len(scene.sent) == 1
    scene.qty = D(0)
    await scene.clock.advance(2)
    await racing[0]
    with pytest.raises(BrokerError) as caught:
        await racing[1]
    assert (caught.value.code, len(scene.sent)) == ("NO_POSITION", 1)


async def test_a_closing_takes_the_place_of_one_at_a_limit_that_works(scene: Scene) -> None:
    await scene.closer.close(AAPL, CloseHow(limit_price=D(200)), WHO)
    await scene.closer.reverse(AAPL, CloseHow(), WHO)
    assert (scene.asked, [p.turns for p, _ in scene.sent]) == (["t9"], [False, True])


async def test_what_would_be_refused_leaves_the_exits_where_they_are(scene: Scene) -> None:
    scene.working("t1", Side.SELL)
    scene.refused = [BrokerError("KILL_SWITCH_ON", "the kill switch is on")]
    for work in (scene.closer.close, scene.closer.reverse):
        with pytest.raises(BrokerError) as caught:
            await work(AAPL, CloseHow(), WHO)
        assert caught.value.code == "KILL_SWITCH_ON"
    assert (scene.asked, scene.sent) == ([], [])


async def test_nothing_is_closed_beside_an_order_that_still_works(scene: Scene) -> None:
    scene.working("t1", Side.SELL)
    scene.on_cancel = lambda key: None
    closing = asyncio.create_task(scene.closer.close(AAPL, CloseHow(), WHO))
    await scene.clock.advance(11)
    with pytest.raises(BrokerError) as caught:
        await closing
    assert (caught.value.code, scene.sent) == ("ORDERS_STILL_WORK", [])


async def test_no_position_no_order(scene: Scene) -> None:
    scene.qty = D(0)
    scene.working("t1", Side.SELL)
    with pytest.raises(BrokerError) as caught:
        await scene.closer.close(AAPL, CloseHow(), WHO)
    assert (caught.value.code, scene.asked) == ("NO_POSITION", [])


async def test_a_part_of_it_at_a_limit_and_no_more_than_there_is(scene: Scene) -> None:
    await scene.closer.close(AAPL, CloseHow(D(40), D("190.5")), WHO)
    ticket = scene.sent[0][0].legs[0].ticket
    assert (ticket.qty, ticket.order_type, ticket.limit_price) == (D(40), OrderType.LIMIT, D("190.5"))
    with pytest.raises(BrokerError) as caught:
        await scene.closer.close(AAPL, CloseHow(D(101)), WHO)
    assert caught.value.details["field"] == "qty"


async def test_turning_round_is_twice_what_is_held_and_no_closing(scene: Scene) -> None:
    scene.qty = D(-7)
    await scene.closer.reverse(AAPL, CloseHow(), WHO)
    ((proposal, _),) = scene.sent
    assert (proposal.closes, proposal.turns) == (False, True)
    assert (proposal.legs[0].ticket.side, proposal.legs[0].ticket.qty) == (Side.BUY, D(14))


async def test_cancel_all_by_symbol_and_side_tells_each_outcome(scene: Scene) -> None:
    for key, side in (("t1", Side.BUY), ("t2", Side.SELL), ("t3", Side.BUY)):
        scene.working(key, side)
    scene.working("t4", Side.BUY, 272093, "MSFT")
    scene.end("t3", OrderState.FILLED)

    def refuse(key: str) -> None:
        if key == "t1":
            raise BrokerError("IBKR_REQUEST_REFUSED", "no")

    scene.on_cancel = refuse
    found = await scene.sweeper.cancel_all(WHO, symbol="aapl")
    assert (found.requested, found.failed, [o.error for o in found.orders]) == (1, 1, ["IBKR_REQUEST_REFUSED", ""])
    assert found.orders[1].state is OrderState.CANCELLING
    scene.book.sight({"acct": "DU1", "orderId": 12, "order_ref": "t2", "status": "PendingCancel"})
    again = await scene.sweeper.cancel_all(WHO, side=Side.SELL)
    assert (again.requested, again.orders[0].text, scene.asked.count("t2")) == (1, "a cancel was requested before", 1)


async def test_an_order_that_its_group_took_along_is_no_failure(scene: Scene) -> None:
    scene.working("t1", Side.BUY)
    scene.working("t2", Side.BUY)

    def both(key: str) -> None:
        for one in ("t1", "t2"):
            scene.end(one, OrderState.CANCELLED)

    scene.on_cancel = both
    found = await scene.sweeper.cancel_all(WHO)
    assert (found.requested, found.failed, scene.asked) == (2, 0, ["t1"])


async def test_orders_that_can_not_be_read_keep_no_known_one_from_being_cancelled(scene: Scene) -> None:
    scene.unreadable = BrokerError("IBKR_UNAVAILABLE", "down")
    with pytest.raises(BrokerError, match="down"):
        await scene.sweeper.cancel_all(WHO)
    scene.working("t1", Side.BUY)
    assert (await scene.sweeper.cancel_all(WHO)).requested == 1

"""The broker's book: orders that wait, match against the market's quotes, fill, end, and tell who listens."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from ibkr_tui.sim.clock import Clock
from ibkr_tui.sim.hours import Phase
from ibkr_tui.sim.market import Market
from ibkr_tui.sim.orders import Execution, Order
from ibkr_tui.sim.portfolio import Portfolio
from ibkr_tui.sim.text import whole_text
from ibkr_tui.sim.tickets import Draft
from ibkr_tui.sim.walk import Walk

LATENCY_S = 0.05
COID_WINDOW_S = 24 * 3600
RECEIVED_KEPT = 1_000
CENT = Decimal("0.01")
Listener = Callable[[str, str, dict[str, Any]], None]


class Broker:
    """All accounts' orders and executions. Listeners get ``(account, "order" | "trade", row)``."""

    def __init__(self, clock: Clock, market: Market) -> None:
        self._clock = clock
        self._market = market
        self.portfolios: dict[str, Portfolio] = {}
        self.orders: dict[int, Order] = {}
        self.executions: list[Execution] = []
        self.received: deque[Any] = deque(maxlen=RECEIVED_KEPT)
        self._coids: dict[tuple[str, str], float] = {}
        self._working: dict[int, Order] = {}
        self._ends_at: dict[int, float] = {}
        self._arrived: asyncio.Queue[tuple[str, Order]] = asyncio.Queue()
        self._listeners: list[Listener] = []
        self._next_id = 1_370_093_238
        market.on_step(self.match_all)
        market.on_new_day(self._begin_day)

    def _begin_day(self) -> None:
        for portfolio in self.portfolios.values():
            portfolio.begin_day()

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Tell ``listener`` of every change from now on; the answer ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    async def run(self) -> None:
        """Let orders and cancels arrive at the exchange a moment after they were sent."""
        while True:
            kind, order = await self._arrived.get()
            await self._clock.sleep(LATENCY_S)
            self._arrive(kind, order)
            self.settle()

    def settle(self) -> None:
        """Let everything that is on its way arrive now."""
        while not self._arrived.empty():
            self._arrive(*self._arrived.get_nowait())

    def _arrive(self, kind: str, order: Order) -> None:
        if order.finished:
            return
        if kind == "cancel":
            self._finish(order, "Cancelled")
        else:
            self._activate(order)

    def refusal(self, draft: Draft) -> str | None:
        """Why the broker does not accept the order at all, or None."""
        if draft.coid and draft.replaces is None and self._is_registered(draft):
            return f"Order couldn't be submitted: Local order ID={draft.coid} is already registered."
        portfolio = self.portfolios[draft.account]
        held = portfolio.holdings.get(draft.instrument.conid)
        before = held.quantity if held else Decimal(0)
        after = before + draft.sign * draft.quantity
        extra = portfolio.margin_of(draft.instrument, after) - portfolio.margin_of(draft.instrument, before)
        if extra > 0 and extra > portfolio.available_funds:
            equity, need = portfolio.net_liquidation, portfolio.initial_margin + extra
            return (
                "YOUR ORDER IS NOT ACCEPTED. IN ORDER TO OBTAIN THE DESIRED POSITION YOUR EQUITY WITH LOAN VALUE "
                f"[{whole_text(equity)} USD] MUST EXCEED THE INITIAL MARGIN [{whole_text(need)} USD]"
            )
        return None

    def _is_registered(self, draft: Draft) -> bool:
        since = self._coids.get((draft.account, draft.coid))
        return since is not None and self._clock.now() - since < COID_WINDOW_S

    def submit(self, draft: Draft) -> Order:
        """Accept an order."""
        self._next_id += 1
        now = self._clock.now()
        order = Order(
            self._next_id,
            draft.account,
            draft.instrument,
            draft.side,
            draft.quantity,
            draft.order_type,
            draft.price,
            draft.tif,
            draft.outside_rth,
            draft.coid,
            now,
            updated=now,
        )
        if order.coid:
            self._coids[order.account, order.coid] = now
        self.orders[order.order_id] = order
        self._set_status(order, "PendingSubmit")
        self._set_status(order, "PreSubmitted")
        self._arrived.put_nowait(("order", order))
        return order

    def modify(self, order: Order, draft: Draft) -> None:
        """Give a working order a new quantity, price and time in force."""
        order.quantity, order.price, order.tif = draft.quantity, draft.price, draft.tif
        order.outside_rth, order.order_type = draft.outside_rth, draft.order_type
        self._set_status(order, "PreSubmitted")
        self._working.pop(order.order_id, None)
        self._arrived.put_nowait(("order", order))

    def cancel(self, order: Order) -> None:
        """Ask for an order to be cancelled; it may still fill before the request arrives."""
        self._set_status(order, "PendingCancel")
        self._arrived.put_nowait(("cancel", order))

    def working(self, account: str) -> list[Order]:
        """Orders of an account that are not finished."""
        return [order for order in self.orders.values() if order.account == account and not order.finished]

    def _activate(self, order: Order) -> None:
        if order.status == "PendingCancel":
            return
        self._working[order.order_id] = order
        self._ends_at.pop(order.order_id, None)
        self._match(order)
        if order.tif == "IOC" and not order.finished:
            self._finish(order, "Cancelled")

    def match_all(self) -> None:
        """Try every working order against the present quotes."""
        for order in list(self._working.values()):
            self._match(order)

    def _match(self, order: Order) -> None:
        conid = order.instrument.conid
        walk = self._market.walks[conid]
        if self._is_over(order):
            self._finish(order, "Cancelled", "Order expired at the end of the session")
            return
        phase = self._market.phase(conid)
        if phase is Phase.CLOSED or (phase is Phase.EXTENDED and not self._trades_around(order)) or walk.halted:
            return
        if order.status == "PreSubmitted":
            self._set_status(order, "Submitted")
        if order.order_id not in self._ends_at:
            self._ends_at[order.order_id] = self._session_end(order)
        size, price = _available(order, walk)
        if size > 0:
            self._fill(order, min(order.remaining, Decimal(size)), price)

    def _trades_around(self, order: Order) -> bool:
        """Futures and currencies have no regular-hours restriction of their own."""
        return order.outside_rth or order.instrument.sec_type in ("FUT", "CASH")

    def _session_end(self, order: Order) -> float:
        session = order.instrument.venue.session_near(self._market.time.now())
        if session is None:
            return self._market.time.now()
        return session.extended_close if self._trades_around(order) else session.liquid_close

    def _is_over(self, order: Order) -> bool:
        end = self._ends_at.get(order.order_id)
        return order.tif == "DAY" and end is not None and self._market.time.now() >= end

    def _fill(self, order: Order, quantity: Decimal, price: Decimal) -> None:
        portfolio = self.portfolios[order.account]
        now = self._clock.now()
        order.filled += quantity
        order.paid += quantity * price
        commission = commission_of(order) - order.commission
        order.commission += commission
        order.updated = now
        portfolio.fill(order.instrument.conid, order.sign * quantity, price, commission)
        holding = portfolio.holdings.get(order.instrument.conid)
        execution = Execution(
            f"0000e0d5.{len(self.executions) + 1:08x}.01.01",
            order,
            quantity,
            price,
            commission,
            now,
            holding.quantity if holding else Decimal(0),
        )
        self.executions.append(execution)
        if order.remaining == 0:
            self._working.pop(order.order_id, None)
            order.status = "Filled"
        self._tell(order.account, "order", order.row())
        self._tell(order.account, "trade", execution.row(with_commission=False))
        self._tell(order.account, "trade", execution.row())

    def _finish(self, order: Order, status: str, reason: str = "") -> None:
        self._working.pop(order.order_id, None)
        order.reason = reason
        self._set_status(order, status)

    def _set_status(self, order: Order, status: str) -> None:
        order.status = status
        order.updated = self._clock.now()
        self._tell(order.account, "order", order.row())

    def _tell(self, account: str, kind: str, row: dict[str, Any]) -> None:
        for listener in self._listeners:
            listener(account, kind, row)


def _available(order: Order, walk: Walk) -> tuple[int, Decimal]:
    """Size and price the market offers the order now: the shown quote, or a print at its limit."""
    if order.sign > 0:
        size, price, reached = walk.ask_size, walk.ask_price, walk.last_price
    else:
        size, price, reached = walk.bid_size, walk.bid_price, walk.last_price
    if order.price is None:
        return size, price
    if order.sign * (order.price - price) >= 0:
        return size, price
    if walk.printed and order.sign * (order.price - reached) >= 0:
        return walk.printed, order.price
    return 0, price


def commission_of(order: Order) -> Decimal:
    """Commission on all that is filled so far."""
    return commission_for(order.instrument.sec_type, order.filled, order.paid)


def commission_for(sec_type: str, quantity: Decimal, paid: Decimal) -> Decimal:
    """The fixed price list: 0.005 a share, at least 1.00; 0.65 an option; 2.25 a future; 0.2 bp on currency."""
    if sec_type == "OPT":
        amount = max(Decimal(1), quantity * Decimal("0.65"))
    elif sec_type == "FUT":
        amount = quantity * Decimal("2.25")
    elif sec_type == "CASH":
        amount = max(Decimal(2), paid * Decimal("0.00002"))
    else:
        amount = max(Decimal(1), quantity * Decimal("0.005"))
    return amount.quantize(CENT)

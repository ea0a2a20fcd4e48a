"""The broker's book: orders that wait, match against the market's quotes, fill, end, and tell who listens."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from ibkr_tui.sim.clock import Clock
from ibkr_tui.sim.desk import Desk
from ibkr_tui.sim.fees import commission_for
from ibkr_tui.sim.groups import Families
from ibkr_tui.sim.hours import Phase
from ibkr_tui.sim.market import Market
from ibkr_tui.sim.matching import available, follow, triggers
from ibkr_tui.sim.orders import Execution, Order
from ibkr_tui.sim.portfolio import Portfolio
from ibkr_tui.sim.text import whole_text
from ibkr_tui.sim.tickets import Draft

LATENCY_S = 0.05
COID_WINDOW_S = 24 * 3600
RECEIVED_KEPT = 1_000
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
        self.desk = Desk()
        self._families = Families(self)
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
            self.end(order, "Cancelled")
        elif kind == "reject":
            self.end(order, "Inactive", order.reason)
        else:
            self._activate(order)

    def refusal(self, draft: Draft) -> str | None:
        """Why the broker does not accept the order at all, or None."""
        if draft.coid and draft.replaces is None and self._is_registered(draft):
            return f"Order couldn't be submitted: Local order ID={draft.coid} is already registered."
        if draft.parent and draft.replaces is None:
            # The child closes what its parent opens: it needs no margin of its own.
            return None
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
        """Accept one order that stands alone."""
        return self.submit_all([draft])[0]

    def reserve_id(self) -> int:
        """An order id that nobody else gets."""
        self._next_id += 1
        return self._next_id

    def submit_all(self, drafts: Sequence[Draft], first_id: int | None = None) -> list[Order]:
        """Accept the orders of one request, related or alone, in their order. The parent gets the first id."""
        made: dict[int, Order] = {}
        for draft in sorted(drafts, key=lambda draft: bool(draft.parent)):
            made[id(draft)] = self._make(draft, first_id if first_id and not made else self.reserve_id())
        orders = [made[id(draft)] for draft in drafts]
        self._families.relate(list(zip(drafts, orders, strict=True)))
        for order in orders:
            self._set_status(order, "PendingSubmit")
        for order in orders:
            self._set_status(order, "PreSubmitted")
            if not order.held:
                self._arrived.put_nowait(("order", order))
        return orders

    def _make(self, draft: Draft, order_id: int) -> Order:
        now = self._clock.now()
        order = Order(
            order_id,
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
            stop=draft.stop,
            trail=draft.trail,
            trail_percent=draft.trail_percent,
            opens_at=self._opening(draft),
        )
        if order.coid:
            self._coids[order.account, order.coid] = now
        self.orders[order.order_id] = order
        return order

    def _opening(self, draft: Draft) -> float | None:
        """The next opening of the contract's venue (exchange time), for an order that waits for it."""
        if draft.tif != "OPG":
            return None
        now = self._market.time.now()
        following = draft.instrument.venue.following_sessions(now, 3)
        return min(session.liquid_open for session in following if session.liquid_open > now)

    def modify(self, order: Order, draft: Draft) -> None:
        """Give a working order everything a ticket says but contract, side and own id."""
        order.quantity, order.price, order.tif = draft.quantity, draft.price, draft.tif
        order.outside_rth, order.order_type = draft.outside_rth, draft.order_type
        order.stop, order.trail, order.trail_percent = draft.stop, draft.trail, draft.trail_percent
        order.triggered = False
        order.opens_at = self._opening(draft)
        self._ends_at.pop(order.order_id, None)
        self._set_status(order, "PreSubmitted")
        self._working.pop(order.order_id, None)
        if not order.held:
            self._arrived.put_nowait(("order", order))

    def cancel(self, order: Order) -> None:
        """Ask for an order to be cancelled; it may still fill before the request arrives."""
        self._set_status(order, "PendingCancel")
        self._arrived.put_nowait(("cancel", order))

    def reject_late(self, order: Order, reason: str) -> None:
        """Refuse an order a moment after it was accepted, as an exchange does."""
        order.reason = reason
        self._arrived.put_nowait(("reject", order))

    def release(self, order: Order) -> None:
        """Let a held order go to the market: its parent is filled."""
        order.held = False
        self._arrived.put_nowait(("order", order))

    def mark(self, order: Order) -> Decimal:
        """The present price of the order's contract."""
        return self._market.walks[order.instrument.conid].last_price

    def working(self, account: str) -> list[Order]:
        """Orders of an account that are not finished."""
        return [order for order in self.orders.values() if order.account == account and not order.finished]

    def _activate(self, order: Order) -> None:
        if order.status == "PendingCancel" or order.held:
            return
        self._working[order.order_id] = order
        self._ends_at.pop(order.order_id, None)
        self._match(order)
        if order.tif == "IOC" and not order.finished:
            self.end(order, "Cancelled")

    def match_all(self) -> None:
        """Try every working order against the present quotes."""
        for order in list(self._working.values()):
            if not order.finished:
                self._match(order)

    def _match(self, order: Order) -> None:
        conid = order.instrument.conid
        walk = self._market.walks[conid]
        if self._is_over(order):
            self.end(order, "Cancelled", "Order expired at the end of the session")
            return
        if order.opens_at is not None and self._market.time.now() < order.opens_at:
            return
        phase = self._market.phase(conid)
        if phase is Phase.CLOSED or (phase is Phase.EXTENDED and not self._trades_around(order)) or walk.halted:
            return
        if order.order_id not in self._ends_at:
            self._ends_at[order.order_id] = self._session_end(order)
        if not self._is_live(order):
            return
        if order.status == "PreSubmitted":
            self._set_status(order, "Submitted")
        size, price = available(order, walk)
        if size > 0:
            self.fill(order, min(order.remaining, Decimal(size)), price)
        if order.opens_at is not None and not order.finished:
            self.end(order, "Cancelled", "Order was not executed at the opening")

    def _is_live(self, order: Order) -> bool:
        """Whether the order trades: at once, or after the market has reached its stop, which trails until then."""
        walk = self._market.walks[order.instrument.conid]
        if order.triggered or (order.stop is None and order.trail is None):
            return True
        if follow(order, walk):
            self._tell(order.account, "order", order.row())
        order.triggered = triggers(order, walk)
        return order.triggered

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

    def fill(self, order: Order, quantity: Decimal, price: Decimal) -> None:
        """Execute so much of an order, and do what that means for its family."""
        portfolio = self.portfolios[order.account]
        now = self._clock.now()
        order.filled += quantity
        order.paid += quantity * price
        commission = commission_for(order.instrument.sec_type, order.filled, order.paid) - order.commission
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
        elif order.status == "PreSubmitted":
            order.status = "Submitted"
        self._tell(order.account, "order", order.row())
        self._tell(order.account, "trade", execution.row(with_commission=False))
        self._tell(order.account, "trade", execution.row())
        self._families.filled(order, quantity)

    def reduce(self, order: Order, quantity: Decimal) -> None:
        """Make an order smaller, because another one of its group has traded."""
        if order.remaining <= quantity:
            self.end(order, "Cancelled", "Order cancelled: another order of its group was filled", by_group=True)
            return
        order.quantity -= quantity
        order.updated = self._clock.now()
        self._tell(order.account, "order", order.row())

    def end(self, order: Order, status: str, reason: str = "", by_group: bool = False) -> None:
        """The order is over; what depended on it follows. ``by_group``: its group ended it, and needs no telling."""
        self._working.pop(order.order_id, None)
        order.reason = reason
        self._set_status(order, status)
        self._families.ended(order, by_group)

    def _set_status(self, order: Order, status: str) -> None:
        order.status = status
        order.updated = self._clock.now()
        self._tell(order.account, "order", order.row())

    def _tell(self, account: str, kind: str, row: dict[str, Any]) -> None:
        for listener in self._listeners:
            listener(account, kind, row)

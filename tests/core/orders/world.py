"""A world for schedules of faults: a broker that keeps its own book, a journal in memory, and a core that is killed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from typing import Any

import msgspec

from ibkr_tui.core.dispatch import Caller
from ibkr_tui.core.journal.intents import NOT_DONE, Intent, IntentState
from ibkr_tui.core.journal.journal import Turn
from ibkr_tui.core.orders.amend import Amender
from ibkr_tui.core.orders.cancel import Canceller
from ibkr_tui.core.orders.conversation import Conversation
from ibkr_tui.core.orders.gate import Judgement
from ibkr_tui.core.orders.lifecycle import OrderBook
from ibkr_tui.core.orders.questions import QuestionDesk
from ibkr_tui.core.orders.reconcile import Reconciler
from ibkr_tui.core.orders.recorder import Recorder
from ibkr_tui.core.orders.submit import Submitter
from ibkr_tui.core.quiet import QuietWindow
from ibkr_tui.core.settings import SafetySettings
from ibkr_tui.core.web.answer import Answer, AnswerLost, NotSent
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.groups import GroupKind, Leg, Proposal
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.log import Log
from ibkr_tui.model.orders import Fill, OrderState, OrderTicket, OrderType, Role, Side
from ibkr_tui.model.table import Table

ACCOUNT = "DU1"
Choose = Callable[[int], int]
LIVE = {"PreSubmitted", "Submitted"}
NOBODY = Caller("call", "f", False)
_WIRE = {"LMT": "Limit", "STP": "Stop", "MKT": "Market"}


class Killed(BaseException):
    """The core dies: nothing after this is written anywhere."""


class QuickClock:
    """Time that passes when somebody waits for it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return datetime(2026, 4, 1, 14, 30, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return 100.0 + self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += max(seconds, 0.0)
        await asyncio.sleep(0)


class MemoryJournal:
    """What is committed outlives the core; `dead` takes nothing more."""

    failure = ""

    def __init__(self) -> None:
        self.intents: dict[str, Intent] = {}
        self.dead = False

    async def begin_all(self, legs: Sequence[tuple[Intent, Any]]) -> None:
        for intent, _ in legs:
            assert intent.coid not in self.intents
        self.intents |= {intent.coid: intent for intent, _ in legs}

    async def record(self, coid: str, account: str, turns: Sequence[Turn]) -> None:
        known = self.intents.get(coid)
        for turn in turns:
            if known is None or self.dead:
                return
            known = msgspec.structs.replace(
                known, state=turn.state or known.state, order_id=turn.order_id or known.order_id,
                ticket=turn.ticket or known.ticket,
            )  # fmt: skip
            self.intents[coid] = known

    async def record_fill(self, fill: Fill, *, late: bool) -> bool:
        return True

    def restart(self) -> tuple[list[Intent], list[Intent]]:
        """What a new core is told: orders that may live with their groups, and those that were held for over."""
        self.dead = False
        alive = {i.group_id for i in self.intents.values() if i.state in NOT_DONE and i.group_id}
        kept = [i for i in self.intents.values() if i.state in NOT_DONE or i.group_id in alive]
        over = {IntentState.NOT_SENT, IntentState.REJECTED}
        return kept, [i for i in self.intents.values() if i.state in over and i not in kept]


class OpenGate:
    """Lets everything pass but what the book blocks."""

    def __init__(self, book: OrderBook) -> None:
        self._book = book

    async def judge(
        self, proposal: Proposal, caller: Caller, approval: str = "", *, follows: bool = False
    ) -> Judgement:
        for leg in proposal.legs:
            if not proposal.amends and self._book.blocking(leg.instrument.conid, leg.ticket.side):
                raise BrokerError("ORDER_BLOCKED_UNKNOWN", "an unknown order blocks")
        return Judgement(D(0), D(0), D(0), ())

    def check_switch(self, *, adds_risk: bool = True) -> None:
        """Never on."""


class FakeBroker:
    """IBKR as the reference describes it, with faults that a schedule chooses."""

    def __init__(self, choose: Choose, clock: QuickClock) -> None:
        self._choose = choose
        self._clock = clock
        self.orders: dict[int, dict[str, Any]] = {}
        self.arrived: list[str] = []
        self.pushes: list[dict[str, Any]] = []
        self._questions: dict[str, list[dict[str, Any]]] = {}
        self._next = 100
        self._reads = 0

    # writing

    async def place(self, account: str, body: bytes, *, check: Any = None) -> Answer:
        tickets = msgspec.json.decode(body)["orders"]
        fate = self._choose(9)
        if fate == 0:
            raise NotSent("no connection")
        if fate == 1:
            raise AnswerLost("lost on the way there")
        if fate == 2:
            return Answer(200, b'{"error":"Order rejected"}')
        if fate == 3:
            return self._ask(tickets)
        self.arrived.append(tickets[0].get("cOID") or tickets[0]["parentId"])
        if fate == 4 and len(tickets) > 1:
            refused = 1 + self._choose(len(tickets) - 1)
            rows = self._take([t for n, t in enumerate(tickets) if n != refused])
            return self._json([{"order_id": "-1", "order_status": "Failed", "text": "bad leg"}, *rows])
        rows = self._take(tickets)
        await self._pushed_before()
        return self._lose(rows)

    async def reply(self, question_id: str, confirmed: bool, *, check: Any = None) -> Answer:
        tickets = self._questions.pop(question_id, None)
        if tickets is None:
            return Answer(400, b'{"error":"reply id not found"}')
        fate = self._choose(5)
        if fate == 0:
            raise AnswerLost("the reply was lost on the way there")
        if not confirmed:
            if fate == 1:
                raise AnswerLost("the answer to the no was lost")
            return Answer(200, b'{"error":"Order not confirmed "}')
        self.arrived.append(tickets[0].get("cOID") or tickets[0]["parentId"])
        return self._lose(self._take(tickets))

    async def modify(self, account: str, order_id: str, body: bytes, *, check: Any = None) -> Answer:
        ticket, order = msgspec.json.decode(body), self.orders[int(order_id)]
        fate = self._choose(5)
        if fate == 0:
            raise AnswerLost("lost on the way there")
        if order["status"] not in LIVE or fate == 1:
            return Answer(400, b'{"error":"Order is inactive"}')
        order["price"], order["totalSize"] = str(ticket.get("price", "")), float(ticket["quantity"])
        self._changed(order)
        return self._lose([{"order_id": order_id, "order_status": order["status"]}])

    async def cancel(self, account: str, order_id: str, **who: Any) -> Answer:
        fate = self._choose(4)
        if fate == 0:
            raise AnswerLost("lost on the way there")
        order = self.orders.get(int(order_id))
        if order is None or order["status"] not in LIVE:
            return Answer(400, b'{"error":"OrderID doesn\'t exist"}')
        self.end(order, "Cancelled")
        return self._lose([])

    # reading

    async def order_status(self, order_id: str) -> Mapping[str, Any]:
        if self._choose(4) == 0:
            raise BrokerError("IBKR_UNAVAILABLE", "503")
        order = self.orders[int(order_id)]
        kind = {"Limit": "LIMIT", "Stop": "STP"}.get(order["orderType"], "MARKET")
        price = "limit_price" if kind == "LIMIT" else "stop_price"
        return {
            "order_id": int(order_id), "account": ACCOUNT, "conid": order["conid"], "side": order["side"][0],
            "order_type": kind, "order_status": order["status"], "total_size": str(order["totalSize"]),
            "cum_fill": str(order["filledQuantity"]), price: order["price"],
        }  # fmt: skip

    def listed(self) -> list[dict[str, Any]]:
        """The order list; a session's first is empty."""
        self._reads += 1
        return [dict(order) for order in self.orders.values()] if self._reads > 1 else []

    # what happens there

    def end(self, order: dict[str, Any], status: str) -> None:
        """An order ends; its children or siblings with it."""
        order["status"] = status
        if status == "Filled":
            order["filledQuantity"] = order["totalSize"]
        self._changed(order)
        for other in self.orders.values():
            child = other.get("parentId") == order["orderId"] and status == "Cancelled"
            sibling = other is not order and "parentId" in other and other.get("parentId") == order.get("parentId")
            if other["status"] in LIVE and (child or sibling):
                other["status"] = "Cancelled"
                self._changed(other)

    def _take(self, tickets: list[dict[str, Any]]) -> list[dict[str, Any]]:
        rows, parents = [], {}
        for ticket in tickets:
            self._next += 1
            order = {
                "acct": ACCOUNT, "orderId": self._next, "conid": ticket["conid"], "side": ticket["side"],
                "orderType": _WIRE[ticket["orderType"]], "totalSize": float(ticket["quantity"]), "filledQuantity": 0.0,
                "price": str(ticket.get("price", "")), "status": "PreSubmitted", "ticker": "AAPL",
            }  # fmt: skip
            if "cOID" in ticket:
                order["order_ref"] = ticket["cOID"]
                parents[ticket["cOID"]] = self._next
            if ticket.get("parentId") in parents:
                order["parentId"] = parents[ticket["parentId"]]
            self.orders[self._next] = order
            self._changed(order)
            row = {"order_id": str(self._next), "order_status": "PreSubmitted"}
            if self._choose(2) and "cOID" in ticket:
                row["local_order_id"] = ticket["cOID"]
            rows.append(row)
        return rows[::-1] if self._choose(2) else rows

    def _ask(self, tickets: list[dict[str, Any]]) -> Answer:
        name = f"q{self._next}-{len(self._questions)}-{len(self.arrived)}-{self._clock.seconds}"
        self._questions[name] = tickets
        message_id = "o354" if self._choose(2) else "o163"
        return self._json([{"id": name, "message": ["sure?"], "messageIds": [message_id]}])

    def _lose(self, rows: list[dict[str, Any]]) -> Answer:
        """The answer, whole, or what is left of it."""
        fate = self._choose(6)
        if fate == 0:
            raise AnswerLost("the answer was lost")
        if fate == 1:
            return Answer(503, b"<html>")
        if fate == 2:
            return Answer(200, b'[{"order_id":"1')
        if fate == 3 and self._choose(3) == 0:
            raise Killed
        return self._json(rows)

    async def _pushed_before(self) -> None:
        """The stream may be faster than the answer."""
        await asyncio.sleep(0)

    def _changed(self, order: dict[str, Any]) -> None:
        self._clock.seconds += 0.01
        order["lastExecutionTime_r"] = int(self._clock.now().timestamp() * 1000)
        self.pushes.append(dict(order))

    @staticmethod
    def _json(data: Any) -> Answer:
        return Answer(200, msgspec.json.encode(data))


class World:
    """Core and broker; `step` does one thing that a schedule chooses."""

    def __init__(self, choose: Choose) -> None:
        self.choose = choose
        self.clock = QuickClock()
        self.broker = FakeBroker(choose, self.clock)
        self.journal = MemoryJournal()
        self.approved = 0
        self._start([], [])

    def _start(self, alive: list[Intent], over: list[Intent]) -> None:
        clock, journal = self.clock, self.journal
        self.recorder = Recorder(journal, Log("events"), Log("fills"), ACCOUNT, clock)  # type: ignore[arg-type]
        self.book = book = OrderBook(Table("orders"), ACCOUNT, clock, self.recorder.changed, lambda text, key: None)
        book.on_restated, book.on_naked = self.recorder.restated, self.recorder.naked
        for intent in alive:
            book.remember(intent)
        book.recall(over)
        desk = QuestionDesk(Table("questions"), SafetySettings(), clock)
        conversation = Conversation(self.broker, desk, QuietWindow(clock))
        self.reconciler = Reconciler(reads=self.broker, book=book, recorder=self.recorder, clock=clock)  # type: ignore[arg-type]
        gate = OpenGate(book)
        self.canceller = Canceller(
            account=ACCOUNT, calls=self.broker, book=book, desk=desk, recorder=self.recorder, look=lambda: None
        )
        self.submitter = Submitter(
            account=ACCOUNT, calls=self.broker, journal=journal, book=book, recorder=self.recorder,  # type: ignore[arg-type]
            conversation=conversation, gate=gate, identify=self.reconciler.look_at, cancel=self.canceller.cancel,
            clock=clock, instance="i",
        )  # fmt: skip
        self.amender = Amender(
            account=ACCOUNT, calls=self.broker, journal=journal, book=book, recorder=self.recorder,  # type: ignore[arg-type]
            conversation=conversation, gate=gate, lock=self.submitter.lock, look=lambda: None,
        )  # fmt: skip

    async def step(self) -> None:
        """One event, then the invariants."""
        act = self.choose(9)
        try:
            if act in {0, 1}:
                await self._place(group=act == 1)
            elif act in {2, 3}:
                self._push()
            elif act == 4:
                self._read()
            elif act == 5:
                self._live(lambda order: self.broker.end(order, ("Filled", "Cancelled")[self.choose(2)]))
            elif act == 6:
                await self._cancel()
            elif act == 7:
                await self._amend()
            else:
                self._restart()
        except BrokerError:
            pass
        except Killed:
            self.journal.dead = True
            self._restart()
        await self.recorder.drain()
        self.check()

    async def _place(self, *, group: bool) -> None:
        self.approved += 1
        price = D(180 + self.choose(3))
        stock = Instrument(1 + self.choose(2), "AAPL", "AAPL", "", "STK", "NASDAQ", "USD")
        entry = OrderTicket(Side.BUY, D(10), "AAPL", stock.conid, OrderType.LIMIT, price)
        if not group:
            await self.submitter.place(entry, stock, NOBODY)
            return
        stop = OrderTicket(Side.SELL, D(10), "AAPL", stock.conid, OrderType.STOP, stop_price=D(170))
        target = OrderTicket(Side.SELL, D(10), "AAPL", stock.conid, OrderType.LIMIT, D(195))
        legs = (Leg(Role.ENTRY, entry, stock), Leg(Role.STOP, stop, stock), Leg(Role.TARGET, target, stock))
        await self.submitter.send_group(Proposal(GroupKind.BRACKET, ACCOUNT, legs), NOBODY)

    def _push(self) -> None:
        """A frame of the stream: any that waits, once, twice or never, whole or sparse."""
        waiting = self.broker.pushes
        if not waiting:
            return
        frame = waiting.pop(self.choose(len(waiting)))
        fate = self.choose(4)
        if fate == 0:
            return
        if fate == 1:
            frame = {name: frame[name] for name in ("acct", "orderId", "status", "lastExecutionTime_r")}
        for _ in range(1 + (fate == 2)):
            self.book.sight(frame)

    def _read(self) -> None:
        for order in self.broker.listed():
            self.book.sight(order)

    def _live(self, then: Callable[[dict[str, Any]], None]) -> None:
        living = [order for order in self.broker.orders.values() if order["status"] in LIVE]
        if living:
            then(living[self.choose(len(living))])

    async def _cancel(self) -> None:
        known = list(self.book)
        if known:
            await self.canceller.cancel(known[self.choose(len(known))].key, NOBODY)

    async def _amend(self) -> None:
        working = [order for order in self.book if order.state is OrderState.WORKING and order.order_id]
        if working:
            order = working[self.choose(len(working))]
            stock = Instrument(order.conid, "AAPL", "AAPL", "", "STK", "NASDAQ", "USD")
            await self.amender.amend(order.key, {"qty": D(10 + self.choose(5))}, stock, NOBODY)

    def _restart(self) -> None:
        self._start(*self.journal.restart())

    def check(self) -> None:
        """At most one order at the broker for each ticket; none that lives there is held for dead here."""
        assert len(self.broker.arrived) == len(set(self.broker.arrived)) <= self.approved
        refs = [order["order_ref"] for order in self.broker.orders.values() if "order_ref" in order]
        assert len(refs) == len(set(refs))
        for order in self.broker.orders.values():
            if order["status"] in LIVE:
                for name in (str(order["orderId"]), order.get("order_ref", "")):
                    held = self.book.find(name) if name else None
                    assert held is None or not held.state.is_done, (order, held)

    async def end(self) -> None:
        """After full reads every order that lives is known as ours, and works."""
        for _ in range(3):
            self.clock.seconds += 60
            self._read()
        await self.recorder.drain()
        self.check()
        for order in self.broker.orders.values():
            held = self.book.find(str(order["orderId"]))
            if order["status"] in LIVE:
                assert held is not None, order
                assert held.state in {OrderState.WORKING, OrderState.CANCELLING}, (order, held)
                assert not held.key.startswith("ib:"), (order, list(self.book))
                assert held.qty == D(str(order["totalSize"])), (order, held)

"""The book follows orders by what is proven, in any sequence, and never calls a live order dead (W4, W14, R16–R19)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ibkr_tui.core.journal.intents import Intent, IntentState
from ibkr_tui.core.orders.lifecycle import VISIBLE_AFTER_END, OrderBook
from ibkr_tui.core.orders.transitions import next_state, state_of
from ibkr_tui.core.orders.wire import fill_row, order_row, status_as_row
from ibkr_tui.model.orders import Fill, Order, OrderState, Side
from ibkr_tui.model.table import Table

ACCOUNT = "DU1"
NOW = datetime(2026, 4, 1, 14, 30, tzinfo=UTC)


class StandingClock:
    """Time that a test moves by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return 100.0 + self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


class Desk:
    """A book with its table, changes and alarms."""

    def __init__(self) -> None:
        self.clock = StandingClock()
        self.table: Table[Order] = Table("orders")
        self.changes: list[tuple[OrderState | None, OrderState]] = []
        self.alarms: list[str] = []
        self.book = OrderBook(
            self.table, ACCOUNT, self.clock, self._changed, lambda text, key: self.alarms.append(text)
        )

    def _changed(self, before: Order | None, after: Order) -> None:
        self.changes.append((before.state if before else None, after.state))

    def begin(self, coid: str = "tA", **changes: Any) -> Order:
        fields: dict[str, Any] = {
            "key": coid, "coid": coid, "account": ACCOUNT, "conid": 265598, "symbol": "AAPL", "description": "AAPL",
            "side": Side.BUY, "order_type": "limit", "qty": D(100), "state": OrderState.SENDING, "since": NOW,
        }  # fmt: skip
        order = Order(**(fields | changes))
        self.book.begin(order)
        return order

    def state(self, name: str = "tA") -> OrderState:
        order = self.book.find(name)
        assert order is not None
        return order.state


@pytest.fixture
def desk() -> Desk:
    return Desk()


def sor(status: str | None = "Submitted", **changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "acct": ACCOUNT, "conid": 265598, "conidex": "265598", "orderId": 77, "ticker": "AAPL", "side": "BUY",
        "totalSize": 100.0, "filledQuantity": 0.0, "remainingQuantity": 100.0, "orderType": "Limit", "price": "188.00",
        "timeInForce": "CLOSE", "order_ref": "tA",
    }  # fmt: skip
    if status:
        row["status"] = status
    return row | changes


def execution(number: int = 1, qty: int = 100, **changes: Any) -> Fill:
    fields: dict[str, Any] = {
        "execution_id": f"e{number}", "account": ACCOUNT, "conid": 265598, "symbol": "AAPL", "side": Side.BUY,
        "qty": D(qty), "price": D("188.00"), "at": NOW, "order_id": "77", "coid": "tA",
    }  # fmt: skip
    return Fill(**(fields | changes))


def test_answer_then_stream(desk: Desk) -> None:
    desk.begin()
    desk.book.answered("tA", OrderState.WORKING, order_id="77", status="PreSubmitted")
    assert desk.state("77") is OrderState.WORKING
    desk.book.sight({"acct": ACCOUNT, "orderId": 77, "filledQuantity": 40.0, "remainingQuantity": 60.0})
    order = desk.book.find("tA")
    assert order is not None
    assert (order.filled, order.remaining, order.state) == (D(40), D(60), OrderState.WORKING)
    desk.book.sight({"acct": ACCOUNT, "orderId": 77, "status": "Filled", "filledQuantity": 100.0, "avgPrice": "187.99"})
    order = desk.book.find("tA")
    assert order is not None
    assert (order.state, order.filled, order.avg_price) == (OrderState.FILLED, D(100), D("187.99"))
    assert len(desk.table) == 1


def test_the_stream_before_the_answer_is_one_row(desk: Desk) -> None:
    desk.begin()
    desk.book.sight(sor("Submitted"))
    assert desk.state() is OrderState.WORKING
    desk.book.sight(sor("Filled", filledQuantity=100.0))
    assert desk.book.answered("tA", OrderState.WORKING, order_id="77", status="PreSubmitted").state is OrderState.FILLED
    assert list(desk.table) == ["tA"]


def test_an_order_met_by_its_number_first_becomes_ours_with_the_answer(desk: Desk) -> None:
    desk.begin()
    desk.book.sight({k: v for k, v in sor("Submitted").items() if k != "order_ref"})
    assert set(desk.table) == {"tA", "ib:77"}
    desk.book.answered("tA", OrderState.WORKING, order_id="77", status="PreSubmitted")
    assert list(desk.table) == ["tA"]
    assert desk.state("77") is OrderState.WORKING


def test_an_unknown_order_met_without_its_reference_is_found_when_a_row_names_it(desk: Desk) -> None:
    """As an answer of order/status, which has none; the row that has it may come later, and be newer."""
    desk.begin()
    desk.book.answered("tA", OrderState.UNKNOWN)
    desk.book.sight({k: v for k, v in sor("Submitted").items() if k != "order_ref"})
    desk.book.sight(sor("PendingCancel"))
    assert (list(desk.table), desk.state("77"), desk.book.unresolved()) == (["tA"], OrderState.CANCELLING, [])
    desk.book.sight({"acct": ACCOUNT, "orderId": 77, "avgPrice": "188.00"})
    assert desk.state() is OrderState.CANCELLING
    desk.book.sight(sor("Submitted", orderId=78, order_ref="another client's"))
    desk.book.sight(sor("Submitted", orderId=78, order_ref="another client's"))
    assert desk.state("ib:78") is OrderState.WORKING


@pytest.mark.parametrize("late", ["Submitted", "PreSubmitted", "PendingCancel"])
@pytest.mark.parametrize("end", ["Filled", "Cancelled"])
def test_a_late_frame_does_not_wake_what_is_over(desk: Desk, end: str, late: str) -> None:
    desk.begin()
    desk.book.sight(sor("Submitted"))
    desk.book.sight(sor(end))
    ended = desk.state()
    assert ended.is_done
    desk.book.sight(sor(late))
    desk.book.answered("tA", OrderState.WORKING, order_id="77", status="PreSubmitted")
    assert desk.state() is ended


def test_a_row_older_than_what_is_known_is_dropped(desk: Desk) -> None:
    desk.begin()
    desk.book.sight(sor("Inactive", lastExecutionTime_r=1775086847000) | {"filledQuantity": 10.0})
    desk.book.answered("tA", OrderState.WORKING, order_id="77", status="Submitted")
    desk.book.sight(sor("Submitted", lastExecutionTime_r=1775086848000))
    desk.book.sight(sor("Inactive", lastExecutionTime_r=1775086840000))
    assert desk.state() is OrderState.WORKING


def test_a_cancelled_order_can_turn_out_filled(desk: Desk) -> None:
    desk.begin()
    desk.book.sight(sor("Cancelled"))
    desk.book.sight(sor("Filled", filledQuantity=100.0))
    assert desk.state() is OrderState.FILLED


def test_a_cancel_request_is_cancelling_until_the_broker_says_so(desk: Desk) -> None:
    desk.begin()
    desk.book.sight(sor("Submitted"))
    desk.book.cancel_asked("tA")
    desk.book.sight(sor("Submitted"))
    assert desk.state() is OrderState.CANCELLING
    desk.book.sight(sor("PendingCancel"))
    assert desk.state() is OrderState.CANCELLING
    desk.book.sight(sor("Cancelled"))
    assert desk.state() is OrderState.CANCELLED


def test_a_cancel_that_came_to_nothing_is_working_again(desk: Desk) -> None:
    desk.begin()
    desk.book.sight(sor("Submitted"))
    desk.book.cancel_asked("tA")
    desk.clock.seconds += 11
    desk.book.sight(sor("Submitted"))
    assert desk.state() is OrderState.WORKING
    desk.book.cancel_asked("tA")
    desk.book.cancel_refused("tA", "cannot be cancelled now")
    assert desk.state() is OrderState.WORKING
    desk.book.cancel_refused("none", "")


def test_cancelling_a_finished_order_changes_nothing(desk: Desk) -> None:
    desk.begin()
    desk.book.sight(sor("Filled"))
    assert desk.book.cancel_asked("tA").state is OrderState.FILLED


def test_an_unknown_order_is_found_by_sight(desk: Desk) -> None:
    desk.begin()
    desk.book.answered("tA", OrderState.UNKNOWN, text="no answer")
    assert [order.coid for order in desk.book.unresolved()] == ["tA"]
    assert desk.book.blocking(265598, Side.BUY) == "tA"
    assert desk.book.blocking(265598, Side.SELL) == ""
    assert desk.book.unproven == 1
    desk.book.sight(sor("Submitted"))
    assert desk.state() is OrderState.WORKING
    assert desk.book.blocking(265598, Side.BUY) == ""
    assert desk.book.unproven == 0


def test_an_unknown_order_is_found_by_its_fill(desk: Desk) -> None:
    desk.begin()
    desk.book.answered("tA", OrderState.UNKNOWN, text="no answer")
    known = desk.book.fill(execution())
    assert known is not None
    assert known.coid == "tA"
    order = desk.book.find("tA")
    assert order is not None
    assert (order.state, order.filled, order.avg_price) == (OrderState.FILLED, D(100), D(188))


@pytest.mark.parametrize("changes", [{"conid": 1}, {"side": "SELL"}])
def test_an_id_without_the_right_instrument_and_side_is_no_sight(desk: Desk, changes: dict[str, Any]) -> None:
    desk.begin()
    desk.book.answered("tA", OrderState.UNKNOWN, text="no answer")
    desk.book.sight(sor("Submitted", **changes))
    assert desk.state() is OrderState.UNKNOWN
    assert len(desk.alarms) == 1


def test_another_accounts_rows_are_none_of_ours(desk: Desk) -> None:
    desk.begin()
    desk.book.answered("tA", OrderState.UNKNOWN)
    desk.book.sight(sor("Submitted", acct="DU2"))
    assert desk.book.fill(execution(account="DU2")) is None
    assert desk.state() is OrderState.UNKNOWN
    assert len(desk.table) == 1


def test_our_own_order_at_another_account_raises_an_alarm_once(desk: Desk) -> None:
    """Fault R17: what carries our cOID was not to go there."""
    desk.begin()
    desk.book.answered("tA", OrderState.UNKNOWN)
    for _ in range(2):
        desk.book.sight(sor("Submitted", acct="DU7654321"))
        assert desk.book.fill(execution(account="DU7654321")) is None
    (alarm,) = desk.alarms
    assert "DU·····21" in alarm and "kill switch" in alarm
    assert desk.state() is OrderState.UNKNOWN, "and nothing is sent on its side meanwhile"
    desk.book.sight(sor("Submitted", acct="DU7654321", order_ref="somebody else's"))
    assert len(desk.alarms) == 1


def test_a_rejected_order_that_lives_is_shown_alive_with_an_alarm(desk: Desk) -> None:
    desk.begin()
    desk.book.answered("tA", OrderState.REJECTED, text="no")
    desk.book.sight(sor("Submitted"))
    assert desk.state() is OrderState.WORKING
    assert "IBKR has it" in desk.alarms[0]


def test_inactive_before_the_answer_decides_nothing(desk: Desk) -> None:
    desk.begin()
    desk.book.sight(sor("Inactive"))
    assert desk.state() is OrderState.SENDING
    desk.book.answered("tA", OrderState.QUESTION, text="sure?")
    desk.book.sight(sor("Inactive"))
    assert desk.state() is OrderState.QUESTION
    desk.book.answered("tA", OrderState.WORKING, order_id="77", status="Submitted")
    desk.book.sight(sor("Inactive", order_cancellation_by_system_reason="no shares to borrow"))
    order = desk.book.find("tA")
    assert order is not None
    assert (order.state, order.text) == (OrderState.REJECTED, "no shares to borrow")


def test_duplicate_fills_count_once(desk: Desk) -> None:
    desk.begin()
    desk.book.sight(sor("Submitted"))
    assert desk.book.fill(execution(1, 40)) is not None
    assert desk.book.fill(execution(1, 40)) is None
    order = desk.book.find("tA")
    assert order is not None
    assert (order.filled, order.state) == (D(40), OrderState.WORKING)
    assert desk.book.fully_told(order)
    desk.book.sight(sor("Submitted", filledQuantity=70.0))
    order = desk.book.find("tA")
    assert order is not None
    assert not desk.book.fully_told(order)
    assert desk.book.fill(execution(2, 60)) is not None
    assert desk.state() is OrderState.FILLED


def test_a_fill_of_somebody_elses_order_passes_through(desk: Desk) -> None:
    fill = execution(order_id="5", coid="")
    assert desk.book.fill(fill) is fill
    desk.begin()
    other = execution(2, conid=9)
    assert desk.book.fill(other) is other
    assert desk.state() is OrderState.SENDING


def test_an_order_placed_elsewhere_has_its_row(desk: Desk) -> None:
    row = {k: v for k, v in sor("Submitted", orderId=5).items() if k != "order_ref"}
    assert desk.book.sight(row)
    order = desk.book.find("5")
    assert order is not None
    assert (order.key, order.coid, order.tif, order.limit_price) == ("ib:5", "", "day", D("188.00"))
    assert desk.book.unproven == 0


def test_a_row_too_sparse_to_understand_asks_for_a_read(desk: Desk) -> None:
    assert not desk.book.sight({"acct": ACCOUNT, "orderId": 5, "status": "Submitted"})
    assert len(desk.table) == 0
    assert desk.book.sight({"acct": ACCOUNT, "orderId": 5, "conid": 1, "side": "SELL", "totalSize": 3.0, "ticker": "X"})
    order = desk.book.find("5")
    assert order is not None
    assert (order.state, order.side) == (OrderState.WORKING, Side.SELL)
    assert desk.book.sight({"no": "order"})


def test_the_days_old_endings_are_not_shown_and_fresh_ones_leave_after_ten_minutes(desk: Desk) -> None:
    old = int((NOW - timedelta(hours=2)).timestamp() * 1000)
    desk.book.sight(sor("Filled", orderId=5, order_ref="", lastExecutionTime_r=old))
    assert len(desk.table) == 0
    desk.begin()
    desk.book.sight(sor("Filled", lastExecutionTime_r=int(NOW.timestamp() * 1000)))
    desk.clock.seconds += VISIBLE_AFTER_END - 1
    desk.book.sweep()
    assert len(desk.table) == 1
    desk.clock.seconds += 1
    desk.book.sweep()
    assert len(desk.table) == 0
    desk.book.sight(sor("Filled", lastExecutionTime_r=int(NOW.timestamp() * 1000)))
    assert len(desk.table) == 0, "it does not come back with the next list"


def remembered(**changes: Any) -> Intent:
    fields: dict[str, Any] = {
        "coid": "tA", "account": ACCOUNT, "conid": 265598, "symbol": "AAPL", "description": "AAPL", "side": Side.BUY,
        "qty": D(100), "order_type": "limit", "limit_price": D(188), "tif": "day", "request_hash": "", "instance": "",
        "state": IntentState.SENDING, "created_at": NOW,
    }  # fmt: skip
    return Intent(**(fields | changes))


def test_what_an_earlier_run_left_is_unknown_until_seen(desk: Desk) -> None:
    desk.book.remember(remembered())
    assert desk.state() is OrderState.UNKNOWN
    assert desk.book.blocking(265598, Side.BUY) == "tA"
    desk.book.sight(sor("Cancelled"))
    assert desk.state() is OrderState.CANCELLED


@pytest.mark.parametrize("state", [IntentState.NOT_SENT, IntentState.REJECTED])
def test_a_fill_of_what_an_earlier_run_held_for_over_raises_an_alarm(desk: Desk, state: IntentState) -> None:
    """The order itself is in no list any more when the core was away for a day; the trades tell of a week."""
    desk.book.recall([remembered(state=state)])
    assert desk.book.fill(execution(1, 100, side=Side.SELL)) is not None
    assert desk.book.find("tA") is None
    desk.book.fill(execution(2, 100))
    assert (desk.state("77"), len(desk.alarms), "but IBKR has it: " in desk.alarms[0]) == (OrderState.FILLED, 1, True)


def test_an_order_that_was_acknowledged_blocks_nothing_after_a_restart(desk: Desk) -> None:
    desk.book.remember(remembered(state=IntentState.WORKING, order_id="77"))
    assert desk.state("77") is OrderState.UNKNOWN
    assert desk.book.blocking(265598, Side.BUY) == ""
    assert desk.book.unproven == 0
    desk.book.sight({"acct": ACCOUNT, "orderId": 77, "conid": 265598, "status": "Submitted"})
    assert desk.state() is OrderState.WORKING


def test_two_numbers_for_one_order_raise_an_alarm(desk: Desk) -> None:
    desk.begin()
    desk.book.answered("tA", OrderState.WORKING, order_id="77", status="Submitted")
    desk.book.sight(sor("Submitted", orderId=78))
    assert "both 77 and 78" in desk.alarms[0]


def test_status_words() -> None:
    assert state_of("Pre_Submitted") is OrderState.WORKING
    assert state_of("PendingCancel") is OrderState.CANCELLING
    assert state_of("Nonsense") is None


@given(st.sampled_from(OrderState), st.text(max_size=12), st.booleans())
def test_an_unknown_word_kills_nothing(current: OrderState, word: str, cancelling: bool) -> None:
    if state_of(word) is None:
        after = next_state(current, word, filled=D(0), qty=D(1), cancel_age=1.0 if cancelling else None)
        assert after.is_done == current.is_done


def test_rows_are_read_whatever_the_types() -> None:
    status = {"order_id": "5", "conid": 265598, "side": "B", "total_size": "10", "cum_fill": "4", "sub_type": None,
              "limit_price": "1,188.00", "order_status": "Submitted", "order_type": "LIMIT"}  # fmt: skip
    row = order_row(status_as_row(status))
    assert row is not None
    assert (row.conid, row.side, row.qty, row.filled, row.limit_price) == (265598, Side.BUY, D(10), D(4), D(1188))
    assert order_row({"orderId": True}) is None
    assert order_row({"orderId": "-1"}) is None
    bare = {"execution_id": "e", "side": "SLD", "size": 1.0, "price": "5.5", "trade_time": "20260401-14:30:00"}
    fill = fill_row(bare | {"conid": 1, "order_ref": "tA", "account": ACCOUNT})
    assert fill is not None
    assert (fill.side, fill.price, fill.at) == (Side.SELL, D("5.5"), NOW)
    for missing in bare:
        assert fill_row({k: v for k, v in bare.items() if k != missing}) is None
    assert fill_row(bare | {"trade_time": "yesterday"}) is None


class OrderAtTheBroker(RuleBasedStateMachine):
    """A broker with one order of ours, a stream that repeats and delays, an answer that may be lost."""

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk()
        self.desk.begin()
        self.true = "Submitted"
        self.filled = 0
        self.answered = False
        self.told: list[dict[str, Any]] = []
        self.stamp = 1775086847000

    def _frame(self) -> dict[str, Any]:
        return sor(self.true, filledQuantity=float(self.filled), lastExecutionTime_r=self.stamp)

    @precondition(lambda self: not self.answered)
    @rule(kind=st.sampled_from(["accepted", "lost", "refused"]))
    def answer(self, kind: str) -> None:
        self.answered = True
        if kind == "accepted":
            self.desk.book.answered("tA", OrderState.WORKING, order_id="77", status="PreSubmitted")
        elif kind == "lost":
            self.desk.book.answered("tA", OrderState.UNKNOWN, text="lost")

    @precondition(lambda self: self.true not in {"Filled", "Cancelled"})
    @rule(step=st.sampled_from(["PreSubmitted", "Submitted", "part", "Filled", "Cancelled"]))
    def move(self, step: str) -> None:
        self.stamp += 1000
        if step == "part":
            self.filled = min(self.filled + 10, 90)
        elif step == "Filled":
            self.true, self.filled = "Filled", 100
        else:
            self.true = step
        self.told.append(self._frame())

    @precondition(lambda self: self.told)
    @rule(data=st.data(), stamped=st.booleans())
    def tell(self, data: st.DataObject, stamped: bool) -> None:
        frame = dict(data.draw(st.sampled_from(self.told)))
        if not stamped:
            del frame["lastExecutionTime_r"]
        self.desk.book.sight(frame)

    @rule(number=st.integers(1, 9))
    def fill(self, number: int) -> None:
        if number * 10 <= self.filled:
            self.desk.book.fill(execution(number, 10))

    @rule()
    def ask_to_cancel(self) -> None:
        self.desk.book.cancel_asked("tA")

    @rule(seconds=st.integers(0, 30))
    def wait(self, seconds: int) -> None:
        self.desk.clock.seconds += seconds

    @invariant()
    def a_live_order_is_not_called_dead(self) -> None:
        if self.true not in {"Filled", "Cancelled"}:
            assert not self.desk.state().is_done

    @invariant()
    def an_order_is_one_row(self) -> None:
        assert list(self.desk.table) == ["tA"]

    @invariant()
    def fills_are_not_invented(self) -> None:
        order = self.desk.book.find("tA")
        assert order is not None
        assert order.filled <= self.filled

    def teardown(self) -> None:
        self.desk.book.sight(self._frame())
        ended = {"Filled": OrderState.FILLED, "Cancelled": OrderState.CANCELLED}.get(self.true)
        if ended is not None:
            assert self.desk.state() is ended


TestOrderAtTheBroker = OrderAtTheBroker.TestCase

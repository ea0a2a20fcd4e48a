"""The order book: every order this core knows, followed from its first moment to its end.

Three things tell of an order: the answer to its POST, rows of the stream and of order reads, and fills. They come in
any sequence, more than once, and sparse; the book takes each for what it proves. An order placed here is known by its
cOID, which the broker gives back as `order_ref`; one placed elsewhere by the broker's id (design 6.3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import msgspec

from ibkr_tui.core.journal.intents import Intent, IntentState
from ibkr_tui.core.orders.transitions import next_state, state_of
from ibkr_tui.core.orders.wire import OrderRow, order_row
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.orders import Fill, Order, OrderState, Side
from ibkr_tui.model.table import Table

VISIBLE_AFTER_END: Final = 600.0
DECLARED_FOR: Final = 8 * 86400.0
"""An order that was declared not sent is recognised so long: a later sighting raises an alarm."""
FOREIGN: Final = "ib:"

OnChange = Callable[[Order | None, Order], None]
"""Called with the order before (None when it is new) and after each change of its state or its fills."""


class _Followed:
    """One order and what is needed to judge the next thing said of it."""

    __slots__ = (
        "acknowledged", "cancel_asked", "cancel_on_sight", "declared", "ended", "executions", "order", "ours", "raw",
        "sighted", "unknown_since",
    )  # fmt: skip

    def __init__(self, order: Order, *, ours: bool) -> None:
        self.order = order
        self.ours = ours
        self.raw: dict[str, Any] = {}
        self.sighted = False
        self.acknowledged = False
        self.cancel_asked: float | None = None
        self.cancel_on_sight = False
        self.declared = False
        self.unknown_since = 0.0
        self.ended: float | None = None
        self.executions: dict[str, Fill] = {}


class OrderBook:
    """Writes the `orders` table. `on_alarm` gets a sentence when the broker contradicts what is known."""

    def __init__(
        self,
        table: Table[Order],
        account: str,
        clock: Clock,
        on_change: OnChange,
        on_alarm: Callable[[str, str], None],
    ) -> None:
        self._table = table
        self._account = account
        self._clock = clock
        self._on_change = on_change
        self._on_alarm = on_alarm
        self._followed: dict[str, _Followed] = {}
        self._keys: dict[str, str] = {}
        self._sparse: dict[str, dict[str, Any]] = {}
        self._gone: set[str] = set()
        self.on_sight: Callable[[Order], None] = lambda order: None
        """Called with an order that was to be cancelled on sight, when it is seen at work."""

    def __iter__(self) -> Iterator[Order]:
        return iter([followed.order for followed in self._followed.values()])

    # what this core did

    def begin(self, order: Order) -> None:
        """An order of ours, about to be sent."""
        self._put(_Followed(order, ours=True), None)

    def remember(self, intent: Intent) -> None:
        """An order of an earlier run: its fate is unknown until it is sighted."""
        worked = "it worked before the core stopped" if intent.order_id else "sent before the core stopped"
        order = Order(
            key=intent.coid,
            account=intent.account,
            conid=intent.conid,
            symbol=intent.symbol,
            description=intent.description,
            side=intent.side,
            order_type=intent.order_type,
            qty=intent.qty,
            state=OrderState.UNKNOWN,
            coid=intent.coid,
            order_id=intent.order_id,
            limit_price=intent.limit_price,
            tif=intent.tif,
            text=f"{worked}; looking for it",
            placed_at=intent.created_at,
            since=self._clock.now(),
        )
        followed = _Followed(order, ours=True)
        followed.acknowledged = bool(intent.order_id)
        followed.cancel_on_sight = intent.state is IntentState.CANCEL_ON_SIGHT
        if intent.order_id:
            self._keys[intent.order_id] = intent.coid
        self._put(followed, None)

    def answered(self, coid: str, state: OrderState, *, order_id: str = "", status: str = "", text: str = "") -> Order:
        """What the answer to the POST proves. A sighting that came before it counts more, but for the broker's id."""
        followed = self._followed[coid]
        if order_id:
            followed.acknowledged = True
            self._bind(followed, order_id)
        before = followed.order
        if followed.sighted:
            return followed.order
        if status:
            state = next_state(before.state, status, filled=before.filled, qty=before.qty)
            if state in {OrderState.SENDING, OrderState.QUESTION}:
                state = state_of(status) or OrderState.WORKING
                text = text or f"IBKR answered with “{status}”"
        self._change(followed, state=state, broker_status=status or before.broker_status, text=text)
        return followed.order

    def cancel_asked(self, key: str) -> Order:
        """A cancel request goes out: the order is being cancelled until the broker says how it ended."""
        followed = self._followed[key]
        followed.cancel_asked = self._clock.monotonic()
        if not followed.order.state.is_done:
            self._change(followed, state=OrderState.CANCELLING, text="cancel requested")
        return followed.order

    def cancel_refused(self, key: str, text: str) -> None:
        """The broker will not cancel: the order is where it was, until it is sighted again."""
        followed = self._followed.get(key)
        if followed is not None and followed.order.state is OrderState.CANCELLING:
            followed.cancel_asked = None
            self._change(followed, state=OrderState.WORKING, text=text)

    def mark_cancel_on_sight(self, key: str, wanted: bool) -> Order:
        """Whether an order of unknown fate is cancelled when it is seen."""
        followed = self._followed[key]
        followed.cancel_on_sight = wanted
        text = "to be cancelled when it is seen" if wanted else "looking for it"
        self._change(followed, state=followed.order.state, text=text)
        return followed.order

    def declare(self, key: str, text: str) -> Order:
        """A person's verdict ends an order of unknown fate. A later sighting beats it."""
        followed = self._followed[key]
        followed.declared = True
        followed.cancel_on_sight = False
        self._change(followed, state=OrderState.REJECTED, text=text)
        return followed.order

    def unknown_since(self, key: str) -> float:
        """The monotonic second since which this core looks for the order."""
        return self._followed[key].unknown_since

    # what the broker told

    def sight(self, row: Mapping[str, Any]) -> bool:
        """Take in a row of the stream or of an order read. False when it is too sparse to be understood alone."""
        sparse = order_row(row)
        if sparse is None or sparse.account not in {"", self._account}:
            return True
        followed = self._of_row(sparse)
        if followed is not None:
            self._see(followed, sparse, row)
            return True
        raw = self._sparse.setdefault(sparse.order_id, {})
        raw.update(row)
        whole = order_row(raw) or sparse
        followed = self._of_row(whole)
        if followed is None:
            return self._meet(whole, raw)
        self._see(followed, whole, self._sparse.pop(whole.order_id))
        return True

    def fill(self, fill: Fill) -> Fill | None:
        """Take in a fill: once for each execution id. Returns it with our cOID where the order is ours; None if known.

        A fill proves its order: one that was unknown is found.
        """
        if fill.account not in {"", self._account}:
            return None
        followed = self._followed.get(fill.coid) or self._followed.get(self._keys.get(fill.order_id, ""))
        if followed is None or (followed.order.conid, followed.order.side) != (fill.conid, fill.side):
            return fill
        known = msgspec.structs.replace(fill, coid=followed.order.coid, account=self._account)
        if fill.execution_id in followed.executions:
            followed.executions[fill.execution_id] = known
            return None
        followed.executions[fill.execution_id] = known
        followed.sighted = followed.acknowledged = True
        if fill.order_id:
            self._bind(followed, fill.order_id)
        order = followed.order
        total = sum((f.qty for f in followed.executions.values()), Decimal(0))
        filled = max(order.filled, min(total, order.qty))
        status = "Filled" if filled >= order.qty else "Submitted"
        money = sum((f.qty * f.price for f in followed.executions.values()), Decimal(0))
        average = (money / total).quantize(Decimal("0.000001")).normalize() if total else None
        state = next_state(order.state, status, filled=filled, qty=order.qty, cancel_age=self._cancel_age(followed))
        self._change(followed, state=state, filled=filled, avg_price=order.avg_price or average, text="")
        return known

    # questions about orders

    def find(self, name: str) -> Order | None:
        """The order of that cOID, broker's id or table key."""
        followed = self._followed.get(name) or self._followed.get(self._keys.get(name, ""))
        return followed.order if followed else None

    def unresolved(self) -> list[Order]:
        """Orders whose fate nothing has proven: they are looked for."""
        return [f.order for f in self._followed.values() if f.order.state is OrderState.UNKNOWN]

    def blocking(self, conid: int, side: Side) -> str:
        """The cOID of an order that may or may not have been sent on this instrument and side; empty when none."""
        for followed in self._followed.values():
            order = followed.order
            unproven = order.state in {OrderState.UNKNOWN, OrderState.SENDING, OrderState.QUESTION}
            if unproven and not followed.acknowledged and (order.conid, order.side) == (conid, side):
                return order.coid
        return ""

    def fully_told(self, order: Order) -> bool:
        """Whether the fills of `order` that were told add up to what it says is filled."""
        followed = self._followed.get(order.key)
        if followed is None:
            return True
        return sum((fill.qty for fill in followed.executions.values()), Decimal(0)) >= order.filled

    @property
    def unproven(self) -> int:
        """How many orders of ours have no proven fate."""
        states = {OrderState.UNKNOWN, OrderState.SENDING, OrderState.QUESTION}
        return sum(1 for f in self._followed.values() if f.order.state in states and not f.acknowledged)

    def mark_read(self) -> None:
        """The day's orders have been read: an empty book is empty."""
        self._table.mark_read()

    def sweep(self) -> None:
        """Let orders leave the table ten minutes after their end."""
        now = self._clock.monotonic()
        for key, followed in list(self._followed.items()):
            if followed.ended is not None and now - followed.ended >= VISIBLE_AFTER_END:
                self._table.remove(key)
                if followed.declared and now - followed.ended < DECLARED_FOR:
                    continue
                del self._followed[key]
                self._gone.add(followed.order.order_id)
                self._keys.pop(followed.order.order_id, None)

    # inner workings

    def _see(self, followed: _Followed, row: OrderRow, raw: Mapping[str, Any]) -> None:
        """A row of an order that is followed. One that is older than what is known is dropped."""
        known = order_row(followed.raw)
        late = known is not None and known.at is not None and row.at is not None and row.at < known.at
        if late or not self._matches(followed.order, row):
            return
        followed.raw.update(raw)
        whole = order_row(followed.raw) or row
        self._bind(followed, whole.order_id)
        self._apply(followed, whole)

    def _of_row(self, row: OrderRow) -> _Followed | None:
        found = self._followed.get(self._keys.get(row.order_id, ""))
        return found or (self._followed.get(row.order_ref) if row.order_ref else None)

    def _matches(self, order: Order, row: OrderRow) -> bool:
        same = row.conid in {0, order.conid} and row.side in {None, order.side}
        if not same:
            self._on_alarm(f"IBKR's order {row.order_id} does not match {order.description} by its id", order.key)
        return same

    def _meet(self, row: OrderRow, raw: dict[str, Any]) -> bool:
        """An order that was not placed here, or not in the time we remember."""
        if row.side is None or row.qty is None or not row.conid or not row.status:
            return False
        state = next_state(OrderState.UNKNOWN, row.status, filled=row.filled or Decimal(0), qty=row.qty)
        self._sparse.pop(row.order_id, None)
        if state.is_done and (row.order_id in self._gone or not self._just_ended(row.at)):
            return True
        key = FOREIGN + row.order_id
        order = Order(
            key=key,
            account=self._account,
            conid=row.conid,
            symbol=row.symbol,
            description=row.description or row.symbol,
            side=row.side,
            order_type=row.order_type,
            qty=row.qty,
            state=state,
            coid=row.order_ref,
            order_id=row.order_id,
            limit_price=row.limit_price,
            tif=row.tif or "day",
            filled=row.filled or Decimal(0),
            avg_price=row.avg_price,
            broker_status=row.status,
            text=row.text,
            placed_at=row.at,
            since=self._clock.now(),
        )
        followed = _Followed(order, ours=False)
        followed.raw = raw
        followed.sighted = followed.acknowledged = True
        self._keys[row.order_id] = key
        self._put(followed, None)
        return True

    def _just_ended(self, at: datetime | None) -> bool:
        return at is not None and self._clock.now() - at < timedelta(seconds=VISIBLE_AFTER_END)

    def _apply(self, followed: _Followed, row: OrderRow) -> None:
        order = followed.order
        filled = max(order.filled, row.filled or Decimal(0))
        qty = row.qty if row.qty and not followed.ours else order.qty
        state = next_state(order.state, row.status, filled=filled, qty=qty, cancel_age=self._cancel_age(followed))
        if state not in {OrderState.SENDING, OrderState.QUESTION}:
            followed.sighted = followed.acknowledged = True
        text = row.text if state.is_done else ("" if state is not order.state else order.text)
        self._change(
            followed,
            state=state,
            qty=qty,
            filled=filled,
            avg_price=row.avg_price or order.avg_price,
            broker_status=row.status or order.broker_status,
            limit_price=order.limit_price if followed.ours else row.limit_price or order.limit_price,
            text=text or (order.text if state is order.state else ""),
        )

    def _bind(self, followed: _Followed, order_id: str) -> None:
        """From now on the broker's id names this order; a foreign row that stood for it goes."""
        key = followed.order.key
        stray = self._keys.get(order_id)
        if stray == key and followed.order.order_id == order_id:
            return
        if stray is not None and stray != key and stray.startswith(FOREIGN):
            met = self._followed.pop(stray)
            self._table.remove(stray)
            followed.raw.update(met.raw)
            self._keys[order_id] = key
            followed.order = msgspec.structs.replace(followed.order, order_id=order_id)
            seen = order_row(followed.raw)
            if seen is not None:
                self._apply(followed, seen)
            return
        if followed.order.order_id not in {"", order_id}:
            self._on_alarm(
                f"IBKR names {followed.order.description} both {followed.order.order_id} and {order_id}", key
            )
            return
        self._keys[order_id] = key
        followed.order = msgspec.structs.replace(followed.order, order_id=order_id)
        self._table.put(key, followed.order)

    def _cancel_age(self, followed: _Followed) -> float | None:
        return None if followed.cancel_asked is None else self._clock.monotonic() - followed.cancel_asked

    def _change(self, followed: _Followed, *, state: OrderState, **fields: Any) -> None:
        before = followed.order
        since = before.since if state is before.state else self._clock.now()
        after = msgspec.structs.replace(before, state=state, since=since, **fields)
        if after == before:
            return
        if before.state is OrderState.REJECTED and (not state.is_done or state is OrderState.FILLED):
            verdict = before.text if followed.declared else "reported as rejected"
            seen = after.broker_status or state.value
            self._on_alarm(f"{after.description}: {verdict}, but IBKR has it: {seen}", after.key)
        if state is not OrderState.REJECTED:
            followed.declared = False
        followed.order = after
        self._put(followed, before)
        if followed.cancel_on_sight and state is OrderState.WORKING:
            followed.cancel_on_sight = False
            self.on_sight(after)

    def _put(self, followed: _Followed, before: Order | None) -> None:
        order = followed.order
        self._followed[order.key] = followed
        if order.state is OrderState.UNKNOWN and (before is None or before.state is not OrderState.UNKNOWN):
            followed.unknown_since = self._clock.monotonic()
        if not order.state.is_done:
            followed.ended = None
        elif followed.ended is None:
            followed.ended = self._clock.monotonic()
        self._table.put(order.key, order)
        self._on_change(before, order)

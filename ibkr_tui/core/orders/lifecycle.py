"""The order book: every order this core knows, followed from its first moment to its end.

Three things tell of an order: the answer to its POST, rows of the stream and of order reads, and fills. They come in
any sequence, more than once, and sparse; the book takes each for what it proves. An order placed here is known by its
cOID, which the broker gives back as `order_ref`; one placed elsewhere by the broker's id (design 6.3).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import msgspec

from ibkr_tui.core.journal.intents import Intent
from ibkr_tui.core.orders.followed import (
    FOREIGN,
    Amendment,
    Followed,
    followed_intent,
    foreign_order,
    proves_life,
    ticket_of,
)
from ibkr_tui.core.orders.following import Following, OnChange
from ibkr_tui.core.orders.lately import DAY, Lately
from ibkr_tui.core.orders.proof import Proof, proof
from ibkr_tui.core.orders.transitions import next_state, state_of
from ibkr_tui.core.orders.wire import OrderRow, order_row
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.masking import mask_account
from ibkr_tui.model.orders import Fill, Order, OrderState, OrderTicket, Side, Tif
from ibkr_tui.model.table import Table

VISIBLE_AFTER_END: Final = 600.0
DECLARED_FOR: Final = 8 * DAY
"""An order that was declared not sent, or rejected, is recognised so long: a later sighting raises an alarm."""
AMEND_GRACE: Final = 10.0
"""Seconds after a change in which rows may still tell of the order as it was."""
_MOST_SPARSE: Final = 500
_LASTING: Final = frozenset({Tif.DAY.value, Tif.GTC.value})
"""Times in force that rows tell apart; what else a row calls an order of another one is not taken for a change."""

__all__ = ["DECLARED_FOR", "FOREIGN", "VISIBLE_AFTER_END", "OrderBook"]


class OrderBook(Following):
    """Writes the `orders` table. `on_alarm` gets a sentence when the broker contradicts what is known."""

    def __init__(
        self,
        table: Table[Order],
        account: str,
        clock: Clock,
        on_change: OnChange,
        on_alarm: Callable[[str, str], None],
    ) -> None:
        super().__init__(table, clock, on_change, on_alarm)
        self._account = account
        self._sparse: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._gone = Lately(clock, seconds=2 * DAY, most=20_000)
        self._past: dict[str, Intent] = {}
        self._strayed: set[str] = set()

    def __iter__(self) -> Iterator[Order]:
        return iter([followed.order for followed in self._followed.values()])

    # what this core did

    def begin(self, order: Order, ticket: OrderTicket | None = None, parent: str = "") -> None:
        """An order of ours, about to be sent. `parent` is the key of the order that it follows."""
        self._put(Followed(order, ours=True, ticket=ticket, parent=parent), None)

    def remember(self, intent: Intent, amended: OrderTicket | None = None) -> None:
        """An order of an earlier run: its fate is unknown until it is sighted; or the end of one in a group at work.
        `amended` is what it was to become, when it is not known whether it did."""
        followed = followed_intent(intent, self._clock.now())
        if amended is not None:
            followed.amending = Amendment(amended, self._clock.monotonic(), is_lost=True)
        if intent.order_id:
            self._keys[intent.order_id] = intent.coid
        self._put(followed, None)

    def recall(self, intents: Iterable[Intent]) -> None:
        """Orders of earlier runs that were never seen and are held for over: one that is seen yet raises an alarm."""
        self._past.update({intent.coid: intent for intent in intents if intent.coid not in self._followed})

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

    # changes of an order

    def amend_asked(self, key: str, ticket: OrderTicket) -> None:
        """A change of the order goes out."""
        followed = self._followed[key]
        before = followed.amending
        followed.amending = Amendment(ticket, self._clock.monotonic(), before=before)
        self._change(followed, state=followed.order.state, text="a change is asked for")

    def amended(self, key: str, status: str = "") -> Order:
        """The broker took the change."""
        followed = self._followed[key]
        if followed.amending is not None:
            self._restate(followed, followed.amending.ticket, status)
        return followed.order

    def amend_refused(self, key: str, text: str) -> Order:
        """The order is what it was, or what a lost change before this one made of it."""
        followed = self._followed[key]
        followed.amending = followed.amending.before if followed.amending else None
        self._change(followed, state=followed.order.state, text=text)
        return followed.order

    def amend_lost(self, key: str, text: str) -> Order:
        """Nobody knows whether the change was taken: what the broker's rows say of the order will tell."""
        followed = self._followed[key]
        if followed.amending is not None:
            now = self._clock.monotonic()
            followed.amending = msgspec.structs.replace(followed.amending, at=now, is_lost=True)
            self._change(followed, state=followed.order.state, text=text)
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
            unseen = followed.unknown_since and not followed.sighted
            state = OrderState.UNKNOWN if unseen else OrderState.WORKING
            if state_of(followed.order.broker_status) is OrderState.CANCELLING:
                state = OrderState.CANCELLING  # an earlier request was taken
            self._change(followed, state=state, text=text)

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
        if sparse is None or self._is_elsewhere(sparse.account, sparse.order_ref):
            return True
        followed = self._of_row(sparse)
        if followed is not None:
            self._see(followed, sparse, row)
            return True
        raw = self._sparse.setdefault(sparse.order_id, {})
        raw.update(row)
        if len(self._sparse) > _MOST_SPARSE:
            self._sparse.popitem(last=False)
        whole = order_row(raw) or sparse
        followed = self._of_row(whole)
        if followed is None:
            return self._meet(whole, raw)
        self._see(followed, whole, raw)
        self._sparse.pop(whole.order_id, None)
        return True

    def fill(self, fill: Fill) -> Fill | None:
        """Take in a fill: once for each execution id. Returns it with our cOID where the order is ours; None if known.

        A fill proves its order: one that was unknown is found.
        """
        if self._is_elsewhere(fill.account, fill.coid):
            return None
        if (past := self._past.get(fill.coid)) is not None and proves_life(fill, past):
            self._revive(past)
        followed = self._followed.get(self._keys.get(fill.order_id, "")) or self._followed.get(fill.coid)
        if followed is None or (followed.order.conid, followed.order.side) != (fill.conid, fill.side):
            return fill
        if fill.order_id and followed.order.order_id not in {"", fill.order_id}:
            return fill  # a child's, told under its parent's reference
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
        largest = followed.largest
        filled = max(order.filled, min(total, largest))
        status = "Filled" if filled >= largest else "Submitted"
        money = sum((f.qty * f.price for f in followed.executions.values()), Decimal(0))
        average = (money / total).quantize(Decimal("0.000001")).normalize() if total else None
        state = next_state(order.state, status, filled=filled, qty=largest, cancel_age=self._cancel_age(followed))
        self._change(followed, state=state, filled=filled, avg_price=order.avg_price or average, text="")
        return known

    def _is_elsewhere(self, account: str, coid: str) -> bool:
        """Whether a row is another account's; one that carries an order of ours there raises an alarm, once."""
        if account in {"", self._account}:
            return False
        followed = self._followed.get(coid)
        if followed is not None and followed.ours and coid not in self._strayed:
            self._strayed.add(coid)
            what = f"IBKR shows the order {coid}, {followed.order.description}, at another account"
            self._on_alarm(f"{what}, {mask_account(account)}: turn the kill switch on and ask IBKR", coid)
        return True

    # questions about orders

    def find(self, name: str) -> Order | None:
        """The order of that cOID, broker's id or table key."""
        followed = self._followed.get(name) or self._followed.get(self._keys.get(name, ""))
        return followed.order if followed else None

    def group(self, group_id: str) -> list[Order]:
        """The legs of a group of ours, in the order in which they were sent."""
        return [f.order for f in self._followed.values() if group_id and f.order.group_id == group_id]

    def parent(self, key: str) -> Order | None:
        """The order that this one follows, if any."""
        followed = self._followed.get(key)
        found = self._followed.get(followed.parent) if followed else None
        return found.order if found else None

    def ticket(self, key: str) -> OrderTicket | None:
        """The whole order, as it would be said again; None where a part of it is not known."""
        followed = self._followed.get(key)
        return ticket_of(followed) if followed else None

    def is_future(self, key: str) -> bool:
        """Whether the order is one for a future: its cancel has to say who asks for it."""
        followed = self._followed.get(key)
        if followed is None:
            return False
        named = followed.ticket is not None and followed.ticket.manual_indicator is not None
        return named or str(followed.raw.get("secType") or "") in {"FUT", "FOP"}

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
        """Let orders leave the table ten minutes after their end, groups as a whole."""
        now = self._clock.monotonic()
        living = {f.order.group_id for f in self._followed.values() if not f.order.state.is_done}
        for key, followed in list(self._followed.items()):
            order, ended = followed.order, followed.ended
            if ended is None or now - ended < VISIBLE_AFTER_END or (order.group_id and order.group_id in living):
                continue
            self._table.remove(key)
            unseen = followed.ours and order.state is OrderState.REJECTED
            if unseen and now - ended < DECLARED_FOR:
                continue
            del self._followed[key]
            self._gone.add(order.order_id)
            self._keys.pop(order.order_id, None)
            self._refused.pop(order.group_id, None)
        oldest = self._clock.now() - timedelta(seconds=DECLARED_FOR)
        self._past = {coid: intent for coid, intent in self._past.items() if intent.created_at > oldest}

    # inner workings

    def _see(self, followed: Followed, row: OrderRow, raw: Mapping[str, Any]) -> None:
        """A row of an order that is followed. One that is older than what is known is dropped."""
        known = order_row(followed.raw)
        late = known is not None and known.at is not None and row.at is not None and row.at < known.at
        if late or not self._matches(followed.order, row):
            return
        followed.raw.update(raw)
        whole = order_row(followed.raw) or row
        self._bind(followed, whole.order_id)
        self._apply(followed, whole, order_row(raw, followed.order.order_type))

    def _of_row(self, row: OrderRow) -> Followed | None:
        found = self._followed.get(self._keys.get(row.order_id, ""))
        if found is not None and (found.ours or not (row.parent_id or row.order_ref)):
            return found
        if row.order_ref in self._past:
            self._revive(self._past[row.order_ref])
        named = self._followed.get(row.order_ref) if row.order_ref else None
        if named is not None and named.order.order_id in {"", row.order_id}:
            return named
        return self._leg(row) or found or (None if row.parent_id else named)

    def _revive(self, past: Intent) -> None:
        """An order that was held for over is seen: it and its group are followed again."""
        kin = [i for i in self._past.values() if i is past or (past.group_id and i.group_id == past.group_id)]
        for intent in kin:
            del self._past[intent.coid]
            if intent.coid not in self._followed:
                self.remember(intent)

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
        order = foreign_order(row, row.side, row.qty, account=self._account, state=state, now=self._clock.now())
        followed = Followed(order, ours=False)
        followed.raw = raw
        followed.sighted = followed.acknowledged = True
        self._keys[row.order_id] = order.key
        self._put(followed, None)
        return True

    def _just_ended(self, at: datetime | None) -> bool:
        return at is not None and self._clock.now() - at < timedelta(seconds=VISIBLE_AFTER_END)

    def _apply(self, followed: Followed, row: OrderRow, told: OrderRow | None = None) -> None:
        """What the merged `row` says of the order; `told` is what its last part said by itself."""
        order = followed.order
        filled = max(order.filled, row.filled or Decimal(0))
        fields = self._terms(followed, row, told)
        qty = max(fields.get("qty", order.qty), followed.largest)
        state = next_state(order.state, row.status, filled=filled, qty=qty, cancel_age=self._cancel_age(followed))
        if state not in {OrderState.SENDING, OrderState.QUESTION}:
            followed.sighted = followed.acknowledged = True
        text = row.text if state.is_done else ("" if state is not order.state else order.text)
        self._change(
            followed,
            state=state,
            filled=filled,
            avg_price=row.avg_price or order.avg_price,
            broker_status=row.status or order.broker_status,
            text=text or (order.text if state is order.state else ""),
            **fields,
        )
        if told is not None and followed.amending is not None and followed.amending.is_lost:
            self._judge_change(followed, told)

    def _terms(self, followed: Followed, row: OrderRow, told: OrderRow | None) -> dict[str, Any]:
        """Quantity and prices: of an order placed elsewhere what its rows say; of ours what a row says by itself.

        A merged row may still hold what was true before a change, and so may a row that was on its way.
        """
        order = followed.order
        if not followed.ours:
            said: dict[str, Any] = {
                "qty": row.qty, "limit_price": row.limit_price, "stop_price": row.stop_price, "tif": row.tif,
            }  # fmt: skip
            outside = {} if row.outside_rth is None else {"outside_rth": row.outside_rth}
            return {name: value for name, value in said.items() if value} | outside
        fresh = self._clock.monotonic() - followed.amended_at >= AMEND_GRACE
        if told is None or not fresh or followed.amending is not None or followed.ticket is None:
            return {}
        found: dict[str, Any] = {"qty": told.total}
        if order.trail is None:
            found |= {"limit_price": told.limit_price, "stop_price": told.stop_price}
        changed = {
            name: value
            for name, value in found.items()
            if value and value != getattr(order, name) and getattr(order, name) is not None
        }
        if {told.tif, order.tif} == _LASTING:
            changed["tif"] = told.tif
        if told.outside_rth is not None and told.outside_rth is not order.outside_rth:
            changed["outside_rth"] = told.outside_rth
        if changed:
            tif = Tif(changed.get("tif", followed.ticket.tif))
            followed.ticket = msgspec.structs.replace(followed.ticket, **(changed | {"tif": tif}))
        return changed

    def _judge_change(self, followed: Followed, told: OrderRow) -> None:
        """A change whose answer was lost is settled by the first full row that shows the order as it is."""
        amending = followed.amending
        if amending is None:
            return
        is_late = self._clock.monotonic() - amending.at >= AMEND_GRACE
        found = proof(followed.order, amending.ticket, told, is_late=is_late)
        if found is Proof.TAKEN:
            self._restate(followed, amending.ticket)
        elif found is Proof.NOT_TAKEN:
            followed.amending = amending.before
            self._change(followed, state=followed.order.state, text="the change was not taken")

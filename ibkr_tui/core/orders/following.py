"""The orders that are followed, with what they are called: by our keys, by the broker's ids, as legs of groups.

What binds a broker's id to an order of ours stands here; what rows and answers prove of it, in the order book.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from ibkr_tui.core.orders.followed import FOREIGN, Followed, restated
from ibkr_tui.core.orders.kinship import leg_of
from ibkr_tui.core.orders.lately import DAY, Lately
from ibkr_tui.core.orders.proof import is_shown
from ibkr_tui.core.orders.wire import OrderRow, order_row
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.orders import LOOKED_FOR, Order, OrderState, OrderTicket
from ibkr_tui.model.table import Table

OnChange = Callable[[Order | None, Order], None]
"""Called with the order before (None when it is new) and after each change of its state or its fills."""


class Following(ABC):
    """Writes the `orders` table. `on_alarm` gets a sentence when the broker contradicts what is known."""

    def __init__(
        self, table: Table[Order], clock: Clock, on_change: OnChange, on_alarm: Callable[[str, str], None]
    ) -> None:
        self._table = table
        self._clock = clock
        self._on_change = on_change
        self._on_alarm = on_alarm
        self._followed: dict[str, Followed] = {}
        self._keys: dict[str, str] = {}
        self._claims: dict[str, str] = {}
        self._refused: dict[str, list[str]] = {}
        self._whole = Lately(clock, seconds=DAY, most=1000)
        self.on_sight: Callable[[Order], None] = lambda order: None
        """Called with an order that was to be cancelled on sight, when it is seen at work."""
        self.on_naked: Callable[[Order, Order], None] = lambda leg, parent: None
        """Called with a leg that was rejected and the order it was to follow, while that one lives or is filled."""
        self.on_restated: Callable[[str, OrderTicket], None] = lambda key, ticket: None
        """Called with the key and the ticket of an order whose change was taken."""

    def claim(
        self, group_id: str, order_ids: Iterable[str], refused: Iterable[str] = (), *, whole: bool = False
    ) -> None:
        """The broker took these orders of a group, without saying which is which, and refused so many others; `whole`:
        it took every leg, so that the last order is the last leg.

        Which is which is seen; when nothing else is left to be seen, the rest are the refused ones.
        """
        for order_id in order_ids:
            self._claims[order_id] = group_id
        if texts := list(refused):
            self._refused[group_id] = texts
        if whole:
            self._whole.add(group_id)
        self._meet_kin()
        self._conclude(group_id)

    def _leg(self, row: OrderRow) -> Followed | None:
        """The leg of a group that a row without a cOID is about: of that parent, or of a group whose ids these are."""
        parent = self._keys.get(row.parent_id, "")
        group_id = self._claims.get(row.order_id, "")
        legs = [f for f in self._followed.values() if f.is_legless and (group_id or parent)]
        kin = [f.order for f in legs if (parent and f.parent == parent) or f.order.group_id == group_id]
        found = leg_of(row, kin)
        return self._followed[found.key] if found else None

    def is_unwanted(self, key: str) -> bool:
        """Whether it was cancelled before the broker gave it an id: it is to be cancelled when it is seen."""
        followed = self._followed.get(key)
        return followed is not None and followed.cancel_on_sight

    def unwanted_if_back(self, key: str) -> None:
        """An order that the broker calls rejected or inactive is cancelled if it is seen at work again."""
        followed = self._followed.get(key)
        if followed is not None and followed.order.state is OrderState.REJECTED and not followed.declared:
            followed.cancel_on_sight = True

    def is_amending(self, key: str) -> bool:
        """Whether a change of the order is on its way, or its fate open."""
        followed = self._followed.get(key)
        return followed is not None and followed.amending is not None

    @property
    def changing(self) -> bool:
        """Whether a change of an order was asked for whose fate is open, and a look may tell it."""
        lost = [key for key, f in self._followed.items() if f.amending is not None and f.amending.is_lost]
        return any(not self.may_restate(key) for key in lost)

    def is_unseen(self, key: str) -> bool:
        """Whether a change of the order was lost that no row need ever show."""
        followed = self._followed.get(key)
        lost = followed.amending if followed is not None else None
        return bool(followed and lost and lost.is_lost and not is_shown(followed.order, lost.ticket))

    def may_restate(self, key: str) -> bool:
        """Whether such a change is so old that the whole ticket can be said anew over it."""
        amending = self._followed[key].amending
        old = amending is not None and self._clock.monotonic() - amending.at >= LOOKED_FOR
        return old and self.is_unseen(key)

    def unplaced(self, group_id: str) -> list[str]:
        """The broker's ids of orders of a group of which it is not known which leg they are."""
        return [order_id for order_id, group in self._claims.items() if group == group_id]

    def _meet_kin(self) -> None:
        """A parent's id, or those of a group, are known now: rows that came before may be about its legs."""
        for followed in [f for f in self._followed.values() if not f.ours]:
            row = order_row(followed.raw)
            leg = self._leg(row) if row is not None else None
            if row is not None and leg is not None:
                self._bind(leg, row.order_id)

    def _conclude(self, group_id: str) -> None:
        """When every order that the broker took has its leg, the legs it refused are those without."""
        texts = self._refused.get(group_id)
        names = self.unplaced(group_id)
        if len(names) == 1 and not texts and group_id in self._whole:
            legless = [f for f in self._followed.values() if f.is_legless and f.order.group_id == group_id]
            if len(legless) == 1:
                self._bind(legless[0], names[0])
            return
        if not texts or names:
            return
        left = [f for f in self._followed.values() if f.is_legless and f.order.group_id == group_id]
        if len(left) == len(texts):
            del self._refused[group_id]
            for followed, text in zip(left, texts, strict=True):
                self._change(followed, state=OrderState.REJECTED, text=text if len(texts) == 1 else " · ".join(texts))

    @abstractmethod
    def _apply(self, followed: Followed, row: OrderRow, told: OrderRow | None = None) -> None:
        """Take in what a row says of an order: the order book knows how its state moves."""

    def _bind(self, followed: Followed, order_id: str) -> None:
        """From now on the broker's id names this order; a foreign row that stood for it goes."""
        key = followed.order.key
        stray = self._keys.get(order_id)
        if stray == key and followed.order.order_id == order_id:
            return
        if stray is not None and stray != key and stray.startswith(FOREIGN):
            met = self._followed.pop(stray)
            self._table.remove(stray)
            followed.raw = met.raw | followed.raw
            self._named(followed, order_id)
            seen = order_row(followed.raw)
            if seen is not None:
                self._apply(followed, seen)
            return
        if followed.order.order_id not in {"", order_id}:
            self._on_alarm(
                f"IBKR names {followed.order.description} both {followed.order.order_id} and {order_id}", key
            )
            return
        self._named(followed, order_id)

    def _named(self, followed: Followed, order_id: str) -> None:
        key = followed.order.key
        self._keys[order_id] = key
        self._claims.pop(order_id, None)
        parent = self._followed.get(followed.parent)
        above = parent.order.order_id if parent else followed.order.parent_id
        followed.order = msgspec.structs.replace(followed.order, order_id=order_id, parent_id=above)
        self._table.put(key, followed.order)
        for child in [f for f in self._followed.values() if f.parent == key]:
            child.order = msgspec.structs.replace(child.order, parent_id=order_id)
            self._table.put(child.order.key, child.order)
        if followed.cancel_on_sight and followed.order.state is OrderState.WORKING:
            followed.cancel_on_sight = False
            self.on_sight(followed.order)
        if followed.ours and followed.order.group_id:
            self._meet_kin()
            self._conclude(followed.order.group_id)

    def _cancel_age(self, followed: Followed) -> float | None:
        return None if followed.cancel_asked is None else self._clock.monotonic() - followed.cancel_asked

    def _change(self, followed: Followed, *, state: OrderState, **fields: Any) -> None:
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
        parent = self._followed.get(followed.parent)
        dead = {OrderState.REJECTED, OrderState.CANCELLED}
        refused = state is OrderState.REJECTED and before.state is not state
        if refused and parent is not None and parent.order.state not in dead:
            self.on_naked(after, parent.order)
        if followed.cancel_on_sight and state is OrderState.WORKING:
            followed.cancel_on_sight = False
            self.on_sight(after)

    def _restate(self, followed: Followed, ticket: OrderTicket, status: str = "") -> None:
        """The order is another one now."""
        order = followed.order
        followed.amending = None
        if order.state.is_done:
            return  # it ended before the change could matter
        followed.ticket = ticket
        followed.amended_at = self._clock.monotonic()
        fields = restated(order, ticket) | {"broker_status": status or order.broker_status}
        self._change(followed, state=order.state, text="", **fields)
        self.on_restated(order.key, ticket)

    def _put(self, followed: Followed, before: Order | None) -> None:
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

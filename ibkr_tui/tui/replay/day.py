"""What the rows of an audit say of orders, fills and the kill switch: row by row, as the day went."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from ibkr_tui.model.audit import AuditRow
from ibkr_tui.model.guards import Guards
from ibkr_tui.model.orders import Fill, Order, OrderState, Role, Side, TrailBy
from ibkr_tui.tui.activity.facts import amount, words

_MOVES: Final = {
    "question": OrderState.QUESTION,
    "answered": OrderState.SENDING,
    "accepted": OrderState.WORKING,
    "working": OrderState.WORKING,
    "cancel_requested": OrderState.CANCELLING,
    "cancelled": OrderState.CANCELLED,
    "rejected": OrderState.REJECTED,
    "not_sent": OrderState.REJECTED,
    "unknown": OrderState.UNKNOWN,
}


class Day:
    """Orders by cOID as they stand after the rows so far. A row that says nothing usable changes nothing."""

    def __init__(self) -> None:
        self.orders: dict[str, Order] = {}
        self.guards = Guards("replay", False)

    def take(self, row: AuditRow) -> Fill | None:
        """Go on by one row; the fill it tells of."""
        if row.kind == "intent":
            self._begin(row)
        elif row.kind == "kill_switch":
            on = row.facts.get("on") is True
            by, why = words(row.facts, "by", limit=40), words(row.facts, "text")
            self.guards = Guards("replay", on, by, why, row.at if on else None)
        elif row.kind == "filled":
            return self._fill(row)
        elif (order := self.orders.get(row.coid)) is not None:
            self.orders[row.coid] = _moved(order, row)
        return None

    def _begin(self, row: AuditRow) -> None:
        facts = row.facts
        qty, side, conid = amount(facts, "qty"), words(facts, "side"), facts.get("conid")
        if not row.coid or qty is None or side not in {"buy", "sell"} or not isinstance(conid, int):
            return
        symbol, role = words(facts, "symbol", limit=24), words(facts, "role")
        self.orders[row.coid] = Order(
            key=row.coid,
            account=row.acct_tag,
            conid=conid,
            symbol=symbol,
            description=symbol,
            side=Side(side),
            order_type=words(facts, "order_type", limit=24),
            qty=qty,
            state=OrderState.SENDING,
            coid=row.coid,
            limit_price=amount(facts, "limit_price"),
            tif=words(facts, "tif", limit=8),
            placed_at=row.at,
            since=row.at,
            stop_price=amount(facts, "stop_price"),
            trail=amount(facts, "trail"),
            trail_by=TrailBy.PERCENT if words(facts, "trail_by") == "percent" else TrailBy.AMOUNT,
            group_id=words(facts, "group_id", limit=40),
            role=Role(role) if role in set(Role) else Role.SINGLE,
        )

    def _fill(self, row: AuditRow) -> Fill | None:
        facts, order = row.facts, self.orders.get(row.coid)
        qty, price, side, conid = amount(facts, "qty"), amount(facts, "price"), words(facts, "side"), facts.get("conid")
        if qty is None or price is None or side not in {"buy", "sell"} or not isinstance(conid, int):
            return None
        if order is not None:
            done = order.filled + qty
            before = (order.avg_price or Decimal(0)) * order.filled
            state = OrderState.FILLED if done >= order.qty else order.state
            self.orders[row.coid] = msgspec.structs.replace(
                order, filled=done, avg_price=(before + qty * price) / done if done else None, state=state, since=row.at
            )
        symbol = order.symbol if order is not None else f"conid {conid}"
        name = words(facts, "execution_id", limit=80) or f"row {row.seq}"
        order_id = words(facts, "order_id", limit=24)
        return Fill(name, row.acct_tag, conid, symbol, Side(side), qty, price, row.at, order_id, row.coid)


def _moved(order: Order, row: AuditRow) -> Order:
    facts = row.facts
    state = _MOVES.get(row.kind, order.state)
    if row.kind == "resolved" and words(facts, "verdict") == "not_sent":
        state = OrderState.REJECTED
    if order.state is OrderState.FILLED:
        state = order.state
    changes: dict[str, object] = {"state": state}
    if state is not order.state:
        changes["since"] = row.at
    if order_id := words(facts, "order_id", limit=24):
        changes["order_id"] = order_id
    if status := words(facts, "status", limit=40):
        changes["broker_status"] = status
    if text := words(facts, "text"):
        changes["text"] = text
    if row.kind == "amended":
        named = {name: amount(facts, name) for name in ("qty", "limit_price", "stop_price")}
        changes |= {name: value for name, value in named.items() if value is not None}
    return msgspec.structs.replace(order, **changes)

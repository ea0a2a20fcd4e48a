"""Writing orders: place, reply, modify, cancel, whatif, suppress (reference section 4.6)."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

from ibkr_tui.sim.broker import commission_for
from ibkr_tui.sim.calls import Call, Problem, delete, post
from ibkr_tui.sim.orders import Order
from ibkr_tui.sim.questions import Pending, questions_for
from ibkr_tui.sim.text import plain, whole_text
from ibkr_tui.sim.tickets import Draft, TicketError, read_ticket

REPLY_LIFETIME_S = 300.0
MAX_SUPPRESSED = 51


def _own(call: Call) -> str:
    account = call.params["account"]
    if account != call.account:
        raise Problem(400, f"Bad Request: account {account} is not yours")
    return account


def _draft(call: Call, ticket: object, replaces: int | None = None) -> Draft:
    try:
        return read_ticket(ticket, _own(call), call.sim.market.instruments, replaces)
    except TicketError as error:
        raise Problem(error.status, error.text) from None


def _single_ticket(call: Call) -> object:
    """The one ticket of ``{"orders": […]}``."""
    tickets = call.object().get("orders")
    if not isinstance(tickets, list) or not tickets:
        raise Problem(400, "Bad Request: orders must be a non-empty array")
    if len(tickets) > 1:
        raise Problem(200, "Order couldn't be submitted: several orders in one request are not supported.")
    return tickets[0]


def _place(call: Call) -> Any:
    call.sim.broker.received.append(call.json())
    draft = _draft(call, _single_ticket(call))
    return _ask_or_accept(call, draft)


def _modify(call: Call) -> Any:
    order = _find(call)
    call.sim.broker.received.append(call.json())
    draft = _draft(call, call.object(), order.order_id)
    if draft.instrument is not order.instrument or draft.side != order.side:
        raise Problem(400, "Bad Request: contract and side of an order can't be changed")
    _still_working(order)
    if draft.quantity <= order.filled:
        raise Problem(200, "Order couldn't be modified: the new quantity is already filled.")
    return _ask_or_accept(call, draft)


def _ask_or_accept(call: Call, draft: Draft) -> Any:
    refusal = call.sim.broker.refusal(draft)
    if refusal:
        return {"error": refusal}
    questions = questions_for(draft, call.sim.market, call.login.suppressed)
    if questions:
        call.login.pending = Pending(str(uuid.uuid4()), draft, questions, call.sim.clock.monotonic())
        return [questions[0].row(call.login.pending.reply_id)]
    return _accept(call, draft)


def _accept(call: Call, draft: Draft) -> Any:
    """Take the order, or change the one it replaces; the answer is the placement row."""
    broker = call.sim.broker
    if draft.replaces is None:
        order = broker.submit(draft)
    else:
        order = broker.orders[draft.replaces]
        _still_working(order)
        broker.modify(order, draft)
    row = {"order_id": str(order.order_id), "order_status": order.status, "encrypt_message": "1"}
    if order.coid:
        row["local_order_id"] = order.coid
    return [row]


def _reply(call: Call) -> Any:
    """Answer a question: the next question, or the order (a chain is possible)."""
    pending = call.login.pending
    reply_id = call.params["reply"]
    late = pending is not None and call.sim.clock.monotonic() - pending.asked_at > REPLY_LIFETIME_S
    if pending is None or pending.reply_id != reply_id or late:
        raise Problem(400, f"reply id not found: '{reply_id}'")
    call.login.pending = None
    if call.object().get("confirmed") is not True:
        return {"error": "Order not confirmed "}
    remaining = pending.questions[1:]
    if remaining:
        following = Pending(str(uuid.uuid4()), pending.draft, remaining, call.sim.clock.monotonic())
        call.login.pending = following
        return [remaining[0].row(following.reply_id)]
    refusal = call.sim.broker.refusal(pending.draft)
    return {"error": refusal} if refusal else _accept(call, pending.draft)


def _find(call: Call) -> Order:
    _own(call)
    text = call.params["order"]
    order = call.sim.broker.orders.get(int(text)) if text.isdigit() else None
    if order is None or order.account != call.account:
        raise Problem(400, f"OrderID {text} doesn't exist")
    return order


def _still_working(order: Order) -> None:
    if order.finished:
        raise Problem(400, f"OrderID {order.order_id}: Order is inactive")


def _cancel(call: Call) -> Any:
    """Only a request; order id -1 means every open order."""
    _own(call)
    if call.params["order"] == "-1":
        for order in call.sim.broker.working(call.account):
            call.sim.broker.cancel(order)
        return {"msg": "Request was submitted", "order_id": -1, "conid": -1, "account": None}
    order = _find(call)
    _still_working(order)
    call.sim.broker.cancel(order)
    return {"msg": "Request was submitted", "order_id": order.order_id, "conid": -1, "account": None}


def _whatif(call: Call) -> Any:
    """What an order would cost; needs an earlier snapshot (or stream) of the contract."""
    draft = _draft(call, _single_ticket(call))
    item = draft.instrument
    if item.conid not in call.login.snapshots and item.conid not in call.login.streams:
        raise Problem(400, f"Bad Request: no market data snapshot for conid {item.conid}")
    book, walk = call.portfolio, call.sim.market.walks[item.conid]
    price = draft.price if draft.price is not None else (walk.ask_price if draft.sign > 0 else walk.bid_price)
    amount = price * draft.quantity * item.multiplier
    commission = commission_for(item.sec_type, draft.quantity, amount)
    held = book.holdings.get(item.conid)
    before = held.quantity if held else Decimal(0)
    after = before + draft.sign * draft.quantity
    margin = book.margin_of(item, after) - book.margin_of(item, before)
    equity = draft.sign * (walk.mark - price) * draft.quantity * item.multiplier - commission
    questions = questions_for(draft, call.sim.market, call.login.suppressed)
    unit = {"STK": "Shares", "OPT": "Contracts", "FUT": "Contracts"}.get(item.sec_type, item.symbol[:3])
    refusal = call.sim.broker.refusal(draft)
    return {
        "amount": {
            "amount": f"{amount:,.2f} {item.currency} ({plain(draft.quantity)} {unit})",
            "commission": f"{commission:,.2f} {item.currency}",
            "total": f"{amount + draft.sign * commission:,.2f} {item.currency}",
        },
        "equity": _change(book.net_liquidation, equity),
        "initial": _change(book.initial_margin, margin),
        "maintenance": _change(book.maintenance_margin, margin * Decimal("0.8333")),
        "position": {"current": plain(before), "change": plain(draft.sign * draft.quantity), "after": plain(after)},
        "warn": questions[0].messages[0] if questions else None,
        "error": refusal,
    }


def _change(current: Decimal, change: Decimal) -> dict[str, str]:
    return {"current": whole_text(current), "change": whole_text(change), "after": whole_text(current + change)}


def _suppress(call: Call) -> Any:
    ids = call.object().get("messageIds")
    if not isinstance(ids, list) or not ids or len(ids) > MAX_SUPPRESSED:
        raise Problem(500, "messageIds")
    call.login.suppressed.update(str(item) for item in ids)
    return {"status": "submitted"}


def _suppress_reset(call: Call) -> Any:
    call.login.suppressed.clear()
    return {"status": "submitted"}


def _notification(call: Call) -> Any:
    return "Request was submitted"


ROUTES = [
    post("/iserver/account/{account}/orders/whatif", _whatif, order=True),
    post("/iserver/account/{account}/orders", _place, order=True),
    post("/iserver/account/{account}/order/{order}", _modify, order=True),
    delete("/iserver/account/{account}/order/{order}", _cancel, order=True),
    post("/iserver/reply/{reply}", _reply),
    post("/iserver/questions/suppress", _suppress),
    post("/iserver/questions/suppress/reset", _suppress_reset),
    post("/iserver/notification", _notification),
]

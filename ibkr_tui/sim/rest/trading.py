"""Writing orders: place, reply, modify, cancel, suppress, prompts (reference section 4.6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.responses import PlainTextResponse, Response

from ibkr_tui.sim.calls import Call, Problem, delete, post
from ibkr_tui.sim.desk import DEFAULT_REASON, RefusedLeg
from ibkr_tui.sim.groups import check_array
from ibkr_tui.sim.orders import Order
from ibkr_tui.sim.questions import Asker, Pending
from ibkr_tui.sim.tickets import Draft, TicketError, read_ticket

REPLY_LIFETIME_S = 300.0
MAX_SUPPRESSED = 51


def own_account(call: Call) -> str:
    """The account of the path, if it is one of the user's."""
    account = call.params["account"]
    if account not in call.login.user.accounts:
        raise Problem(400, f"Bad Request: account {account} is not yours")
    return account


def read_tickets(call: Call) -> tuple[list[Draft], RefusedLeg | None]:
    """The drafts of ``{"orders": […]}``, and the leg that the broker does not take while it could take the others."""
    tickets = call.object().get("orders")
    if not isinstance(tickets, list) or not tickets:
        raise Problem(400, "Bad Request: orders must be a non-empty array")
    account, desk = own_account(call), call.sim.broker.desk
    drafts: list[Draft] = []
    refused: RefusedLeg | None = None
    for place, ticket in enumerate(tickets):
        try:
            drafts.append(read_ticket(ticket, account, call.sim.market.instruments))
        except TicketError as error:
            attached = isinstance(ticket, dict) and bool(ticket.get("parentId")) and len(tickets) > 1
            if error.status != 200 or not attached or desk.bad_leg == "error" or refused is not None:
                raise Problem(error.status, error.text) from None
            refused = RefusedLeg(place, desk.bad_leg, error.text)
    try:
        if refused is None:
            check_array(drafts, call.sim.broker)
    except TicketError as error:
        raise Problem(error.status, error.text) from None
    return drafts, refused


def asker(call: Call) -> Asker:
    """Who asks the questions of this session."""
    return Asker(call.sim.market, call.sim.broker.desk.precautions, call.login.suppressed)


def _place(call: Call) -> Any:
    call.sim.broker.received.append(call.json())
    drafts, unreadable = read_tickets(call)
    desk = call.sim.broker.desk
    refused = unreadable or desk.take_refused_leg(len(drafts))
    refusals = [text for draft in drafts if (text := call.sim.broker.refusal(draft))]
    if refusals:
        return {"error": refusals[0]}
    if refused is not None:
        return _accept_in_part(call, drafts, refused, unreadable is None)
    return _ask_or_accept(call, tuple(drafts))


def _accept_in_part(call: Call, drafts: list[Draft], refused: RefusedLeg, among: bool) -> Any:
    """One leg is refused: the others die with it, or live without it, or it dies only after all were accepted.

    ``among``: the refused leg is one of ``drafts``; else it could not even be read.
    """
    broker = call.sim.broker
    is_parent = among and any(draft.parent for draft in drafts) and not drafts[refused.leg].parent
    if refused.outcome == "error" or is_parent:
        return {"error": refused.text}
    if refused.outcome == "late" and among:
        orders = broker.submit_all(drafts)
        broker.reject_late(orders[refused.leg], refused.text)
        return [_row(order) for order in orders]
    others = [draft for place, draft in enumerate(drafts) if not among or place != refused.leg]
    orders = broker.submit_all(others)
    if refused.outcome == "failed":
        for order in sorted(orders, key=lambda order: order.parent_id is None):
            broker.end(order, "Inactive", refused.text)
    rows = [_row(order) for order in orders]
    failed = {"order_id": "-1", "order_status": "Failed", "text": refused.text, "warning_message": refused.text}
    return [*rows[: refused.leg], failed, *rows[refused.leg :]]


def _modify(call: Call) -> Any:
    _know_accounts(call)
    order = find_order(call)
    call.sim.broker.received.append(call.json())
    try:
        draft = read_ticket(call.object(), own_account(call), call.sim.market.instruments, order.order_id)
    except TicketError as error:
        raise Problem(error.status, error.text) from None
    if draft.instrument is not order.instrument or draft.side != order.side:
        raise Problem(400, "Bad Request: contract and side of an order can't be changed")
    if draft.coid not in ("", order.coid):
        raise Problem(400, "Bad Request: cOID of an order can't be changed")
    _still_working(order)
    if draft.quantity <= order.filled:
        raise Problem(200, "Order couldn't be modified: the new quantity is already filled.")
    refusal = call.sim.broker.refusal(draft)
    return {"error": refusal} if refusal else _ask_or_accept(call, (draft,), order)


def _ask_or_accept(call: Call, drafts: tuple[Draft, ...], replaced: Order | None = None) -> Any:
    desk = call.sim.broker.desk
    rounds = asker(call).rounds(drafts, desk.take_forced(), replaced)
    if rounds:
        call.login.pending = Pending(drafts, rounds, call.sim.clock.monotonic())
        return call.login.pending.rows
    return _accept(call, drafts)


def _accept(call: Call, drafts: Sequence[Draft]) -> Any:
    """Take the orders, or change the one that is replaced; the answer is the placement rows, or a prompt."""
    broker = call.sim.broker
    first = drafts[0]
    if first.replaces is not None:
        order = broker.orders[first.replaces]
        _still_working(order)
        broker.modify(order, first)
        return [_row(order)]
    if broker.desk.prompts:
        prompt = broker.desk.take_prompt(broker.reserve_id(), tuple(drafts))
        for stream in call.sim.streams:
            if stream.login.user is call.login.user:
                stream.send({"topic": "ntf", "args": prompt.row()})
        return prompt.row()
    return [_row(order) for order in broker.submit_all(drafts)]


def _row(order: Order) -> dict[str, str]:
    """A placement row."""
    row = {"order_id": str(order.order_id), "order_status": order.status, "encrypt_message": "1"}
    if order.coid:
        row["local_order_id"] = order.coid
    if order.parent_id is not None:
        row["parent_order_id"] = str(order.parent_id)
    if order.group:
        row["oca_group_id"] = order.group
    return row


def _reply(call: Call) -> Any:
    """Answer a question: what is still open in this round, the next round, or the orders (a chain is possible)."""
    pending, reply_id = call.login.pending, call.params["reply"]
    now = call.sim.clock.monotonic()
    if pending is None or now - pending.asked_at > REPLY_LIFETIME_S or not pending.answer(reply_id):
        raise Problem(400, f"reply id not found: '{reply_id}'")
    if call.object().get("confirmed") is not True:
        call.login.pending = None
        return {"error": "Order not confirmed "}
    if pending.rounds:
        pending.asked_at = now
        return pending.rows
    call.login.pending = None
    refusals = [text for draft in pending.drafts if (text := call.sim.broker.refusal(draft))]
    return {"error": refusals[0]} if refusals else _accept(call, pending.drafts)


def find_order(call: Call) -> Order:
    """The order of the path, by the broker's id alone."""
    account, text = own_account(call), call.params["order"]
    order = call.sim.broker.orders.get(int(text)) if text.isdigit() else None
    if order is None or order.account != account:
        raise Problem(400, f"OrderID {text} doesn't exist")
    return order


def _know_accounts(call: Call) -> None:
    """Changing and cancelling need an earlier /iserver/accounts (reference section 4.1)."""
    if not call.login.accounts_read:
        raise Problem(400, "Bad Request: query /iserver/accounts first")


def _still_working(order: Order) -> None:
    if order.finished:
        raise Problem(400, f"OrderID {order.order_id}: Order is inactive")


def _cancel(call: Call) -> Any:
    """Only a request; order id -1 means every open order."""
    account = own_account(call)
    _know_accounts(call)
    if call.params["order"] == "-1":
        for order in call.sim.broker.working(account):
            call.sim.broker.cancel(order)
        return {"msg": "Request was submitted", "order_id": -1, "conid": -1, "account": None}
    order = find_order(call)
    _still_working(order)
    call.sim.broker.cancel(order)
    return {"msg": "Request was submitted", "order_id": order.order_id, "conid": -1, "account": None}


def _suppress(call: Call) -> Any:
    ids = call.object().get("messageIds")
    if not isinstance(ids, list) or not ids or len(ids) > MAX_SUPPRESSED:
        raise Problem(500, "messageIds")
    call.login.suppressed.update(str(item) for item in ids)
    return {"status": "submitted"}


def _suppress_reset(call: Call) -> Any:
    call.login.suppressed.clear()
    return {"status": "submitted"}


def _notification(call: Call) -> Response:
    """A choice made in a server prompt: the orders behind it are taken or given up. The answer is plain text."""
    body = call.object()
    broker = call.sim.broker
    prompt = broker.desk.prompted.get(str(body.get("reqId")))
    if prompt is None or str(body.get("orderId")) != str(prompt.order_id):
        raise Problem(400, f"Bad Request: no prompt {body.get('reqId')!r} for order {body.get('orderId')!r}")
    if body.get("text") not in prompt.options:
        raise Problem(400, f"Bad Request: text must be one of {', '.join(prompt.options)}")
    del broker.desk.prompted[prompt.request_id]
    orders = broker.submit_all(prompt.drafts, prompt.order_id)
    if body["text"] != prompt.accepts:
        for order in sorted(orders, key=lambda order: order.parent_id is None):
            broker.end(order, "Inactive", DEFAULT_REASON)
    return PlainTextResponse("Success")


ROUTES = [
    post("/iserver/account/{account}/orders", _place, order=True),
    post("/iserver/account/{account}/order/{order}", _modify, order=True),
    delete("/iserver/account/{account}/order/{order}", _cancel, order=True),
    post("/iserver/reply/{reply}", _reply),
    post("/iserver/questions/suppress", _suppress),
    post("/iserver/questions/suppress/reset", _suppress_reset),
    post("/iserver/notification", _notification),
]

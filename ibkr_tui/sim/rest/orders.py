"""Reading orders and trades, with their warm-up calls (reference section 4.3)."""

from __future__ import annotations

import re
from typing import Any

from ibkr_tui.sim.calls import Call, Problem, get
from ibkr_tui.sim.orders import Order

MAX_ROWS = 1000
DAY_S = 86_400.0


def _snake(status: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", status).lower()


def _orders(call: Call) -> Any:
    """Empty on the first call; ``force=true`` clears the cache and is empty too; filters mute ``sor``."""
    login = call.login
    if not login.accounts_read:
        return {"orders": [], "snapshot": False}
    filters = {text.strip() for text in call.query.get("filters", "").split(",") if text.strip()}
    if call.query.get("force", "").lower() == "true":
        login.orders_primed = True
        if not filters:
            login.sor_muted = False
        return {"orders": [], "snapshot": False}
    if filters:
        login.sor_muted = True
    if not login.orders_primed:
        login.orders_primed = True
        return {"orders": [], "snapshot": False}
    statuses = {_snake(text) if text[:1].isupper() else text for text in filters} - {"sort_by_time"}
    rows = [order for order in reversed(call.sim.broker.orders.values()) if order.account == call.account]
    rows = [order for order in rows if _is_of_today(call, order) and (not statuses or _snake(order.status) in statuses)]
    return {"orders": [order.row() for order in rows[:MAX_ROWS]], "snapshot": True}


def _is_of_today(call: Call, order: Order) -> bool:
    """The list is day-scoped; what still works stays in it."""
    return not order.finished or call.sim.clock.now() - order.updated < DAY_S


def _status(call: Call) -> Any:
    text = call.params["order"]
    order = call.sim.broker.orders.get(int(text)) if text.isdigit() else None
    if order is None or order.account != call.account:
        raise Problem(400, f"Bad Request: order {text} not found")
    return order.status_row()


def _trades(call: Call) -> Any:
    """Empty on the first call of a session."""
    if not call.login.trades_primed:
        call.login.trades_primed = True
        return []
    days = call.query.get("days", "1")
    if not days.isdigit() or int(days) > 7:
        raise Problem(400, "Bad Request: days")
    since = call.sim.clock.now() - max(1, int(days)) * DAY_S
    return [
        execution.row()
        for execution in call.sim.broker.executions
        if execution.order.account == call.account and execution.moment >= since
    ]


ROUTES = [
    get("/iserver/account/orders", _orders, order=True),
    get("/iserver/account/order/status/{order}", _status, order=True),
    get("/iserver/account/trades", _trades, order=True),
]

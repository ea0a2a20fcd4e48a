"""What an order would cost: ``whatif`` (reference section 4.6). Nothing is created at the broker."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ibkr_tui.sim.calls import Call, Problem, post
from ibkr_tui.sim.fees import commission_for
from ibkr_tui.sim.portfolio import STOCK_MARGIN, STOCK_MARGIN_INITIAL
from ibkr_tui.sim.questions import price_of
from ibkr_tui.sim.rest.trading import asker, read_tickets
from ibkr_tui.sim.text import plain, whole_text
from ibkr_tui.sim.tickets import Draft


def _whatif(call: Call) -> Any:
    """One order, a bracket (its parent counts) or a group (its largest leg counts); needs an earlier snapshot."""
    drafts, _ = read_tickets(call)
    market = call.sim.market
    for draft in drafts:
        conid = draft.instrument.conid
        if conid not in call.login.snapshots and conid not in call.login.streams:
            raise Problem(400, f"Bad Request: no market data snapshot for conid {conid}")
    entries = [draft for draft in drafts if not draft.parent] or drafts
    draft = max(entries, key=lambda draft: price_of(draft, market) * draft.quantity)
    return _preview(call, draft)


def _preview(call: Call, draft: Draft) -> dict[str, Any]:
    item, book = draft.instrument, call.portfolio
    walk, rate = call.sim.market.walks[item.conid], call.sim.market.rate(item.currency)
    price = price_of(draft, call.sim.market)
    amount = price * draft.quantity * item.multiplier
    commission = commission_for(item.sec_type, draft.quantity, price * draft.quantity)
    held = book.holdings.get(item.conid)
    before = held.quantity if held else Decimal(0)
    after = before + draft.sign * draft.quantity
    initial, maintenance = (
        book.margin_of(item, after, share) - book.margin_of(item, before, share)
        for share in (STOCK_MARGIN_INITIAL, STOCK_MARGIN)
    )
    equity = (draft.sign * (walk.mark - price) * draft.quantity * item.multiplier - commission) * rate
    unit = {"STK": "Shares", "OPT": "Contracts", "FUT": "Contracts"}.get(item.sec_type, item.symbol[:3])
    warning, refusal = asker(call).warning(draft), call.sim.broker.refusal(draft)
    return {
        "amount": {
            "amount": f"{amount:,.2f} {item.currency} ({plain(draft.quantity)} {unit})",
            "commission": f"{commission:,.2f} {item.currency}",
            "total": f"{amount + draft.sign * commission:,.2f} {item.currency}",
        },
        "equity": _change(book.net_liquidation, equity),
        "initial": _change(book.initial_margin, initial),
        "maintenance": _change(book.maintenance_margin, maintenance),
        "position": {"current": plain(before), "change": plain(draft.sign * draft.quantity), "after": plain(after)},
        "warn": warning,
        "error": refusal,
    }


def _change(current: Decimal, change: Decimal) -> dict[str, str]:
    return {"current": whole_text(current), "change": whole_text(change), "after": whole_text(current + change)}


ROUTES = [post("/iserver/account/{account}/orders/whatif", _whatif, order=True)]

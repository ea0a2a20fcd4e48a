"""Market data endpoints: snapshot with its preflight, history, unsubscribe (reference section 4.8)."""

from __future__ import annotations

from typing import Any

from ibkr_tui.sim.calls import Call, Problem, get, post
from ibkr_tui.sim.history import history_payload, span_of
from ibkr_tui.sim.quotes import DEFAULT_FIELDS, MAX_FIELDS, availability, quote
from ibkr_tui.sim.rest import scanner

PREFLIGHT_S = 0.4
MAX_CONIDS = 100
MARKER = "q0"


def _snapshot(call: Call) -> Any:
    if not call.login.accounts_read:
        return []
    texts = [text for text in call.query.get("conids", "").split(",") if text]
    fields = [text for text in call.query.get("fields", ",".join(DEFAULT_FIELDS)).split(",") if text]
    if not texts or len(texts) > MAX_CONIDS or len(fields) > MAX_FIELDS:
        raise Problem(400, "Bad Request: conids (at most 100) and fields (at most 50)")
    return [_snapshot_row(call, text, fields) for text in texts]


def _snapshot_row(call: Call, text: str, fields: list[str]) -> dict[str, Any]:
    """The first call of a conid only starts its stream: the row holds little but the conid."""
    now = call.sim.clock.monotonic()
    bare = text.split("@", maxsplit=1)[0]
    if not bare.isdigit() or int(bare) not in call.sim.market.instruments:
        return {"conidEx": text, "conid": int(bare) if bare.isdigit() else -1, "_updated": 0}
    conid = int(bare)
    row: dict[str, Any] = {
        "conidEx": text,
        "conid": conid,
        "_updated": int(call.sim.clock.now() * 1000),
        "server_id": MARKER,
        "6119": MARKER,
    }
    started = call.login.snapshots.setdefault(conid, now)
    if now - started >= PREFLIGHT_S or conid in call.login.streams:
        row["6509"] = availability(call.sim.market, conid)
        row |= quote(call.sim.market, call.portfolio, conid, fields)
    return row


def _unsubscribe(call: Call) -> Any:
    conid = call.conid(str(call.object().get("conid")))
    if call.login.snapshots.pop(conid, None) is None:
        raise Problem(500, "unknown")
    return {"success": True}


def _unsubscribe_all(call: Call) -> Any:
    call.login.snapshots.clear()
    return {"unsubscribed": True}


def _history(call: Call) -> Any:
    conid = call.conid(call.query.get("conid"))
    period = call.query.get("period", "1d")
    span = span_of(period, call.query.get("bar", ""))
    if span is None:
        return {"error": f"invalid period: {period}"}
    if call.sim.market.walks[conid].feed[0] in "NO":
        raise Problem(500, "Chart data unavailable: no market data permissions")
    return history_payload(call.sim, conid, span, period, call.query.get("outsideRth", "false") == "true")


ROUTES = [
    get("/iserver/marketdata/snapshot", _snapshot),
    get("/iserver/marketdata/history", _history),
    post("/iserver/marketdata/unsubscribe", _unsubscribe),
    get("/iserver/marketdata/unsubscribeall", _unsubscribe_all),
    *scanner.ROUTES,
]

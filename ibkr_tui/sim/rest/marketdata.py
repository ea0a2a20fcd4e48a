"""Market data endpoints: snapshot with its preflight, history, unsubscribe (reference section 4.8)."""

from __future__ import annotations

from typing import Any

from ibkr_tui.sim.calls import Call, Problem, get, post
from ibkr_tui.sim.charts import DAY, Span, parse_span
from ibkr_tui.sim.past import Bar
from ibkr_tui.sim.quotes import DEFAULT_FIELDS, MAX_FIELDS, availability, quote
from ibkr_tui.sim.text import trade_time

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


def history_payload(call: Call, conid: int, span: Span, period: str) -> dict[str, Any]:
    """The body of ``GET /iserver/marketdata/history``."""
    market, time = call.sim.market, call.sim.time
    item, walk = market.instruments[conid], market.walks[conid]
    found = market.bars(conid, span)
    lot = _round_lot(call, conid)
    factor = 10**item.decimals
    start = found[0].start

    def extreme(bar: Bar, ticks: int) -> str:
        minutes = int((bar.start - start) // 60)
        return f"{int(walk.price(ticks) * factor)}/{bar.volume / lot:g}/{minutes}"

    high = max(found, key=lambda bar: bar.high)
    low = min(found, key=lambda bar: bar.low)
    return {
        "serverId": str(20_000 + conid % 10_000),
        "symbol": item.symbol,
        "text": item.name,
        "priceFactor": factor,
        "startTime": trade_time(time.to_wall(start)),
        "high": extreme(high, high.high),
        "low": extreme(low, low.low),
        "timePeriod": period,
        "barLength": span.bar,
        "mdAvailability": "S",
        "mktDataDelay": 0,
        "outsideRth": call.query.get("outsideRth", "false") == "true",
        "tradingDayDuration": item.venue.minutes,
        "volumeFactor": 1 if lot in (1, 100) else lot,
        "priceDisplayRule": 1,
        "priceDisplayValue": str(item.decimals),
        "negativeCapable": False,
        "messageVersion": 2,
        "data": [
            {
                "o": float(walk.price(bar.open)),
                "c": float(walk.price(bar.close)),
                "h": float(walk.price(bar.high)),
                "l": float(walk.price(bar.low)),
                "v": round(bar.volume / lot, 3),
                "t": int(time.to_wall(bar.start) * 1000),
            }
            for bar in found
        ],
        "points": len(found) - 1,
        "travelTime": 21,
    }


def _round_lot(call: Call, conid: int) -> int:
    """Shares a unit of ``v``: 100 for US stocks, 40 above 250 dollars, 1 for everything else."""
    item = call.sim.market.instruments[conid]
    if item.sec_type != "STK" or not item.is_us:
        return 1
    return 40 if item.base > 250 else 100


def _history(call: Call) -> Any:
    conid = call.conid(call.query.get("conid"))
    period = call.query.get("period", "1d")
    span = parse_span(period, call.query.get("bar", ""))
    if span is None:
        return {"error": f"invalid period: {period}"}
    if span.bar > DAY and span.period < span.bar:
        span = Span(span.period, DAY)
    return history_payload(call, conid, span, period)


ROUTES = [
    get("/iserver/marketdata/snapshot", _snapshot),
    get("/iserver/marketdata/history", _history),
    post("/iserver/marketdata/unsubscribe", _unsubscribe),
    get("/iserver/marketdata/unsubscribeall", _unsubscribe_all),
]

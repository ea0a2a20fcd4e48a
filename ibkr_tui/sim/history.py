"""The answer to a chart request, for REST and for the stream (reference section 4.8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ibkr_tui.sim.charts import DAY, Span, parse_span
from ibkr_tui.sim.instruments import Instrument
from ibkr_tui.sim.past import Bar
from ibkr_tui.sim.text import trade_time

if TYPE_CHECKING:
    from ibkr_tui.sim.simulator import Simulator

DELAY_MS = 900_000


def server_id(conid: int) -> str:
    """The id by which a history stream is ended."""
    return str(20_000 + conid % 10_000)


def span_of(period: str, bar: str) -> Span | None:
    """A chart request understood; a bar longer than the period becomes a day."""
    span = parse_span(period, bar)
    if span is not None and span.bar > DAY and span.period < span.bar:
        return Span(span.period, DAY)
    return span


def history_payload(sim: Simulator, conid: int, span: Span, period: str, outside: bool) -> dict[str, Any]:
    """The body of ``GET /iserver/marketdata/history``, also of the ``smh`` topic's answer."""
    market, time = sim.market, sim.time
    item, walk = market.instruments[conid], market.walks[conid]
    found = market.bars(conid, span)
    lot = _round_lot(item)
    factor = 10**item.decimals
    start = found[0].start

    def extreme(bar: Bar, ticks: int) -> str:
        minutes = int((bar.start - start) // 60)
        return f"{int(walk.price(ticks) * factor)}/{bar.volume / lot:g}/{minutes}"

    high = max(found, key=lambda bar: bar.high)
    low = min(found, key=lambda bar: bar.low)
    return {
        "serverId": server_id(conid),
        "symbol": item.symbol,
        "text": item.name,
        "priceFactor": factor,
        "startTime": trade_time(time.to_wall(start)),
        "high": extreme(high, high.high),
        "low": extreme(low, low.low),
        "timePeriod": period,
        "barLength": span.bar,
        "mdAvailability": "S",
        "mktDataDelay": DELAY_MS if walk.feed.startswith(("D", "Y")) else 0,
        "outsideRth": outside,
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


def _round_lot(item: Instrument) -> int:
    """Shares a unit of ``v``: 100 for US stocks, 40 above 250 dollars, 1 for everything else."""
    if item.sec_type != "STK" or not item.is_us:
        return 1
    return 40 if item.base > 250 else 100

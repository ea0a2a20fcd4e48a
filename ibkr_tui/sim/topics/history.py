"""``smh`` and ``umh``: a chart asked for over the stream, answered once (reference section 6)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ibkr_tui.sim.history import history_payload, server_id, span_of

if TYPE_CHECKING:
    from ibkr_tui.sim.simulator import Simulator

MAX_OPEN = 5
UNKNOWN, INVALID, LIMIT = 4, 2, 6
SOURCES = frozenset({"trades", "midpoint", "bid_ask", "bid", "ask"})


class HistoryTopics:
    """The charts one connection has open; each holds one of five places until ``umh`` with its server id."""

    def __init__(self, sim: Simulator, send: Callable[[dict[str, Any]], None]) -> None:
        self._sim = sim
        self._send = send
        self._open: set[str] = set()

    def subscribe(self, target: str, options: dict[str, Any]) -> None:
        """``smh+CONID+{"period","bar","outsideRth","source","format"}``."""
        topic = f"smh+{target}"
        bare = target.split("@", maxsplit=1)[0]
        if not bare.isdigit() or int(bare) not in self._sim.market.instruments:
            self._refuse(topic, UNKNOWN, f"unknown contract {bare}")
            return
        conid, period = int(bare), str(options.get("period", "1d"))
        span = span_of(period, str(options.get("bar", "")))
        source = str(options.get("source", "trades")).lower()
        if span is None or source not in SOURCES:
            what = f"period: {period}" if span is None else f"source: {source}"
            self._refuse(topic, INVALID, f"invalid {what}")
            return
        if self._sim.market.walks[conid].feed[0] in "NO":
            self._refuse(topic, INVALID, "no market data permissions")
            return
        if server_id(conid) not in self._open and len(self._open) >= MAX_OPEN:
            self._refuse(topic, LIMIT, f"max number of history requests ({MAX_OPEN}) has been reached")
            return
        self._open.add(server_id(conid))
        outside = options.get("outsideRth") is True or str(options.get("outsideRth")).lower() == "true"
        answer = history_payload(self._sim, conid, span, period, outside)
        self._send({**answer, "timePeriod": f"{span.period}s", "topic": topic})

    def end(self, number: str) -> None:
        """``umh+SERVERID``."""
        if number in self._open:
            self._open.discard(number)
            self._send({"message": f"Unsubscribed {number}"})
        else:
            self._refuse("umh", UNKNOWN, f"no history stream {number}")

    def _refuse(self, topic: str, code: int, text: str) -> None:
        self._send({"error": text, "topic": topic, "code": code})

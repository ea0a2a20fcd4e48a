"""``smd`` and ``umd``: the quotes a connection watches, whole once and then as differences (reference section 6)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ibkr_tui.sim.hours import Phase
from ibkr_tui.sim.logins import Login
from ibkr_tui.sim.quotes import DEFAULT_FIELDS, MAX_FIELDS, availability, quote

if TYPE_CHECKING:
    from ibkr_tui.sim.simulator import Simulator

LIFETIME_S = 900.0
UNKNOWN, LIMIT = 4, 6


@dataclass
class _Quotes:
    """One subscription and what was sent last."""

    conid: int
    target: str
    fields: tuple[str, ...]
    started: float
    sent: dict[str, Any] = field(default_factory=dict)
    version: int = -1
    phase: Phase | None = None


class QuoteTopics:
    """The quotes of one connection; market data lines are counted by login and instrument."""

    def __init__(self, sim: Simulator, login: Login, send: Callable[[dict[str, Any]], None]) -> None:
        self._sim = sim
        self._login = login
        self._send = send
        self._quotes: dict[str, _Quotes] = {}

    @property
    def conids(self) -> list[int]:
        """Instruments streamed to this connection."""
        return sorted(item.conid for item in self._quotes.values())

    def subscribe(self, target: str, options: dict[str, Any]) -> None:
        """``smd+CONID[@EXCHANGE]+{"fields":[…]}``; asking again renews the stream and sends everything again."""
        topic = f"smd+{target}"
        bare = target.split("@", maxsplit=1)[0]
        if not bare.isdigit() or int(bare) not in self._sim.market.instruments:
            self._send({"error": f"unknown contract {bare}", "topic": topic, "code": UNKNOWN})
            return
        conid, streams = int(bare), self._login.streams
        if conid not in streams and len(streams) >= self._sim.options.lines:
            text = f"max number of market data lines ({self._sim.options.lines}) has been reached"
            self._send({"error": text, "topic": topic, "code": LIMIT})
            return
        asked = options.get("fields") or DEFAULT_FIELDS
        fields = tuple(dict.fromkeys(str(code) for code in asked))[:MAX_FIELDS]
        if target not in self._quotes:
            streams[conid] = streams.get(conid, 0) + 1
        self._quotes[target] = _Quotes(conid, target, fields, self._sim.clock.monotonic())
        self._publish(self._quotes[target])

    def end(self, target: str) -> None:
        """``umd+CONID``, without an answer."""
        subscription = self._quotes.pop(target, None)
        if subscription is None:
            return
        left = self._login.streams.get(subscription.conid, 1) - 1
        if left:
            self._login.streams[subscription.conid] = left
        else:
            self._login.streams.pop(subscription.conid, None)

    def close(self) -> None:
        """The connection is gone: its lines are free."""
        for target in list(self._quotes):
            self.end(target)

    def publish(self) -> None:
        """Send what has changed; a stream nobody asked for again ends without a word (reference section 5)."""
        now, up = self._sim.clock.monotonic(), self._login.authenticated
        for subscription in list(self._quotes.values()):
            if now - subscription.started >= LIFETIME_S:
                self.end(subscription.target)
            elif up:
                self._publish(subscription)

    def _publish(self, subscription: _Quotes) -> None:
        market, conid = self._sim.market, subscription.conid
        phase, version = market.phase(conid), market.walks[conid].version
        if version == subscription.version and phase is subscription.phase:
            return
        subscription.version, subscription.phase = version, phase
        book = self._sim.broker.portfolios[self._login.account]
        values = {"6509": availability(market, conid), **quote(market, book, conid, subscription.fields)}
        sent = subscription.sent
        changed = {key: value for key, value in values.items() if sent.get(key) != value}
        if not changed:
            return
        sent |= changed
        self._send(
            {
                "server_id": "q0",
                "conidEx": subscription.target,
                "conid": conid,
                "_updated": int(self._sim.clock.now() * 1000),
                "6119": "q0",
                **changed,
                "topic": f"smd+{subscription.target}",
            }
        )

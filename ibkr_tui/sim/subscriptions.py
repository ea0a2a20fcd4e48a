"""What one WebSocket connection is subscribed to, and the frames that follow from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ibkr_tui.sim.hours import Phase
from ibkr_tui.sim.logins import Login
from ibkr_tui.sim.quotes import DEFAULT_FIELDS, MAX_FIELDS, availability, quote
from ibkr_tui.sim.rest.portfolio import pnl_row

if TYPE_CHECKING:
    from ibkr_tui.sim.simulator import Simulator

LIFETIME_S = 900.0
PNL_EVERY = 4
_IDENTITY = ("acct", "conidex", "conid", "orderId", "isEventTrading")


@dataclass
class _Quotes:
    """One ``smd`` subscription and what was sent last."""

    conid: int
    target: str
    fields: tuple[str, ...]
    started: float
    sent: dict[str, Any] = field(default_factory=dict)
    version: int = -1
    phase: Phase | None = None


class Subscriptions:
    """The state behind one connection. ``send`` queues a frame."""

    def __init__(self, sim: Simulator, login: Login, send: Callable[[dict[str, Any]], None]) -> None:
        self._sim = sim
        self._login = login
        self._send = send
        self._quotes: dict[str, _Quotes] = {}
        self._orders: dict[int, dict[str, Any]] | None = None
        self._order_filters: frozenset[str] = frozenset()
        self._trades = False
        self._pnl: dict[str, Any] | None = None
        self._rounds = 0

    @property
    def conids(self) -> list[int]:
        """Instruments streamed to this connection."""
        return sorted(item.conid for item in self._quotes.values())

    @property
    def topics(self) -> list[str]:
        """Other topics that are on."""
        on = {"sor": self._orders is not None, "str": self._trades, "spl": self._pnl is not None}
        return [name for name, active in on.items() if active]

    def command(self, topic: str, target: list[str], options: Any) -> bool:
        """Carry out a client's command; False if the topic is unknown."""
        values = options if isinstance(options, dict) else {}
        handlers: dict[str, Callable[[], None]] = {
            "smd": lambda: self._subscribe_quotes(target[0] if target else "", values),
            "umd": lambda: self._end_quotes(target[0] if target else ""),
            "sor": lambda: self._subscribe_orders(values),
            "uor": self._end_orders,
            "str": lambda: self._subscribe_trades(values),
            "utr": self._end_trades,
            "spl": self._subscribe_pnl,
            "upl": self._end_pnl,
        }
        if topic not in handlers:
            return False
        handlers[topic]()
        return True

    def close(self) -> None:
        """The connection is gone."""
        for target in list(self._quotes):
            self._end_quotes(target)

    def _has_session(self, topic: str) -> bool:
        """Market data and orders need the brokerage session (reference section 6)."""
        if self._login.authenticated:
            return True
        self._send({"error": "no bridge", "topic": topic, "code": 3})
        return False

    def _subscribe_quotes(self, target: str, options: dict[str, Any]) -> None:
        topic = f"smd+{target}"
        if not self._has_session(topic):
            return
        bare = target.split("@", maxsplit=1)[0]
        if not bare.isdigit() or int(bare) not in self._sim.market.instruments:
            self._send({"error": f"unknown contract {bare}", "topic": topic, "code": 4})
            return
        asked = options.get("fields") or DEFAULT_FIELDS
        fields = tuple(dict.fromkeys(str(code) for code in asked))[:MAX_FIELDS]
        conid = int(bare)
        if target not in self._quotes:
            self._login.streams[conid] = self._login.streams.get(conid, 0) + 1
        self._quotes[target] = _Quotes(conid, target, fields, self._sim.clock.monotonic())
        self._publish_quote(self._quotes[target])

    def _end_quotes(self, target: str) -> None:
        subscription = self._quotes.pop(target, None)
        if subscription is None:
            return
        left = self._login.streams.get(subscription.conid, 1) - 1
        if left:
            self._login.streams[subscription.conid] = left
        else:
            self._login.streams.pop(subscription.conid, None)

    def _subscribe_orders(self, options: dict[str, Any]) -> None:
        """Forward only: what happened before is read over REST."""
        if self._has_session("sor"):
            self._orders = {}
            self._order_filters = frozenset(str(text) for text in options.get("filters") or ())

    def _end_orders(self) -> None:
        self._orders = None

    def _subscribe_trades(self, options: dict[str, Any]) -> None:
        if not self._has_session("str"):
            return
        self._trades = True
        rows = []
        if not options.get("realtimeUpdatesOnly", False):
            rows = [
                execution.row()
                for execution in self._sim.broker.executions
                if execution.order.account == self._login.user.account
            ]
        self._send({"topic": "str", "args": rows})

    def _end_trades(self) -> None:
        self._trades = False

    def _subscribe_pnl(self) -> None:
        self._pnl = {}

    def _end_pnl(self) -> None:
        self._pnl = None

    def broker_event(self, account: str, kind: str, row: dict[str, Any]) -> None:
        """An order changed or an execution happened."""
        if account != self._login.user.account or not self._login.authenticated:
            return
        if kind == "trade" and self._trades:
            self._send({"topic": "str", "args": [row]})
        if kind == "order" and self._orders is not None and not self._login.sor_muted:
            if self._order_filters and row["status"] not in self._order_filters:
                return
            before = self._orders.get(row["orderId"])
            self._orders[row["orderId"]] = row
            self._send({"topic": "sor", "args": [row if before is None else _delta(before, row)]})

    def publish(self) -> None:
        """Send what has changed since the last round."""
        self._rounds += 1
        now = self._sim.clock.monotonic()
        for subscription in list(self._quotes.values()):
            if now - subscription.started >= LIFETIME_S:
                # Streams end without a word after a quarter of an hour and must be asked for again (section 5).
                self._end_quotes(subscription.target)
            elif self._login.authenticated:
                self._publish_quote(subscription)
        if self._pnl is not None and self._rounds % PNL_EVERY == 0:
            self._publish_pnl(self._pnl)

    def _publish_quote(self, subscription: _Quotes) -> None:
        market, conid = self._sim.market, subscription.conid
        phase, version = market.phase(conid), market.walks[conid].version
        if version == subscription.version and phase is subscription.phase:
            return
        subscription.version, subscription.phase = version, phase
        book = self._sim.broker.portfolios[self._login.user.account]
        values = {"6509": availability(market, conid), **quote(market, book, conid, subscription.fields)}
        changed = {key: value for key, value in values.items() if subscription.sent.get(key) != value}
        if not changed:
            return
        subscription.sent |= changed
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

    def _publish_pnl(self, sent: dict[str, Any]) -> None:
        account = self._login.user.account
        row = pnl_row(self._sim.broker.portfolios[account])
        changed = {key: value for key, value in row.items() if sent.get(key) != value}
        if changed:
            sent |= changed
            self._send({"topic": "spl", "args": {f"{account}.Core": {"rowType": 1, **changed}}})


def _delta(before: dict[str, Any], row: dict[str, Any]) -> dict[str, Any]:
    """Identity and the fields that changed."""
    delta = {key: row[key] for key in _IDENTITY}
    delta |= {key: value for key, value in row.items() if before.get(key) != value}
    return delta

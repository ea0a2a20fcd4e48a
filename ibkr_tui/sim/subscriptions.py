"""What one WebSocket connection is subscribed to, and the frames that follow from it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ibkr_tui.sim.logins import Login
from ibkr_tui.sim.rest.portfolio import pnl_row
from ibkr_tui.sim.topics.accounts import AccountTopics
from ibkr_tui.sim.topics.depth import DepthTopics
from ibkr_tui.sim.topics.history import HistoryTopics
from ibkr_tui.sim.topics.quotes import QuoteTopics

if TYPE_CHECKING:
    from ibkr_tui.sim.simulator import Simulator

PNL_EVERY = 4
# Topics that need the brokerage session (reference section 6).
NEED_SESSION = frozenset({"smd", "smh", "sbd", "sor", "str"})
_IDENTITY = ("acct", "conidex", "conid", "orderId", "isEventTrading")


class Subscriptions:
    """The state behind one connection. ``send`` queues a frame."""

    def __init__(self, sim: Simulator, login: Login, send: Callable[[dict[str, Any]], None]) -> None:
        self._sim = sim
        self._login = login
        self._send = send
        self._quotes = QuoteTopics(sim, login, send)
        self._depth = DepthTopics(sim, login, send)
        self._history = HistoryTopics(sim, send)
        self._accounts = AccountTopics(sim, login, send)
        self._orders: dict[int, dict[str, Any]] | None = None
        self._order_filters: frozenset[str] = frozenset()
        self._trades = False
        self._pnl: dict[str, Any] | None = None
        self._rounds = 0

    @property
    def conids(self) -> list[int]:
        """Instruments streamed to this connection."""
        return self._quotes.conids

    @property
    def depth_conids(self) -> list[int]:
        """Instruments whose books are streamed to this connection."""
        return self._depth.conids

    @property
    def topics(self) -> list[str]:
        """Other topics that are on."""
        on = {"sor": self._orders is not None, "str": self._trades, "spl": self._pnl is not None}
        return [name for name, active in on.items() if active] + self._accounts.topics

    def command(self, topic: str, target: list[str], options: Any) -> bool:
        """Carry out a client's command; False if the topic is unknown."""
        values = options if isinstance(options, dict) else {}
        first = target[0] if target else ""
        handlers: dict[str, Callable[[], None]] = {
            "smd": lambda: self._quotes.subscribe(first, values),
            "umd": lambda: self._quotes.end(first),
            "sbd": lambda: self._depth.subscribe(target),
            "ubd": lambda: self._depth.end(first),
            "smh": lambda: self._history.subscribe(first, values),
            "umh": lambda: self._history.end(first),
            "ssd": lambda: self._accounts.subscribe("ssd", first, values),
            "usd": lambda: self._accounts.end("ssd", first),
            "sld": lambda: self._accounts.subscribe("sld", first, values),
            "uld": lambda: self._accounts.end("sld", first),
            "sor": lambda: self._subscribe_orders(values),
            "uor": self._end_orders,
            "str": lambda: self._subscribe_trades(values),
            "utr": self._end_trades,
            "spl": self._subscribe_pnl,
            "upl": self._end_pnl,
        }
        if topic not in handlers:
            return False
        if topic not in NEED_SESSION or self._has_session(f"{topic}+{first}" if first else topic):
            handlers[topic]()
        return True

    def close(self) -> None:
        """The connection is gone."""
        self._quotes.close()

    def _has_session(self, topic: str) -> bool:
        """Market data and orders need the brokerage session (reference section 6)."""
        if self._login.authenticated:
            return True
        self._send({"error": "no bridge", "topic": topic, "code": 3})
        return False

    def _subscribe_orders(self, options: dict[str, Any]) -> None:
        """Forward only: what happened before is read over REST."""
        self._orders = {}
        self._order_filters = frozenset(str(text) for text in options.get("filters") or ())

    def _end_orders(self) -> None:
        self._orders = None

    def _subscribe_trades(self, options: dict[str, Any]) -> None:
        self._trades = True
        rows = []
        if not options.get("realtimeUpdatesOnly", False):
            rows = [
                execution.row()
                for execution in self._sim.broker.executions
                if execution.order.account == self._login.account
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
        if account not in self._login.user.accounts or not self._login.authenticated:
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
        self._quotes.publish()
        if self._login.authenticated:
            self._depth.publish()
        self._accounts.publish()
        if self._pnl is not None and self._rounds % PNL_EVERY == 0:
            self._publish_pnl(self._pnl)

    def _publish_pnl(self, sent: dict[str, Any]) -> None:
        account = self._login.account
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

"""What comes over the stream, taken to where it belongs (reference 6). The stream's listener."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

from ibkr_tui.core.market.depth import DepthBoard
from ibkr_tui.core.market.depth_subscriptions import DepthSubscriptions
from ibkr_tui.core.market.quotes import QuoteBoard
from ibkr_tui.core.market.subscriptions import Subscriptions
from ibkr_tui.core.orders.lifecycle import OrderBook
from ibkr_tui.core.orders.reconcile import Reconciler
from ibkr_tui.core.portfolio.pnl import PnlBoard
from ibkr_tui.model.text import sentence

log = logging.getLogger(__name__)

ALWAYS: Final = ("sor+{}", 'str+{"realtimeUpdatesOnly":false,"days":1}', "spl+{}")


class Feed:
    """Follows the stream's life and routes its frames. `tell` gets a broker's bulletin or notification, unless
    `prompted` takes it for a prompt that wants an answer."""

    def __init__(
        self,
        *,
        send: Callable[[str], bool],
        board: QuoteBoard,
        subscriptions: Subscriptions,
        depth: DepthBoard,
        depth_subscriptions: DepthSubscriptions,
        book: OrderBook,
        reconciler: Reconciler,
        pnl: PnlBoard,
        tell: Callable[[str], None],
        prompted: Callable[[Mapping[str, Any]], bool] = lambda row: False,
    ) -> None:
        self._send = send
        self._board = board
        self._subscriptions = subscriptions
        self._depth = depth
        self._depth_subscriptions = depth_subscriptions
        self._book = book
        self._reconciler = reconciler
        self._pnl = pnl
        self._tell = tell
        self._prompted = prompted
        self._opened_before = False

    def opened(self) -> None:
        """A new stream: ask for everything again, and read what may have passed meanwhile."""
        self._board.connected()
        self._depth.connected()
        for topic in ALWAYS:
            self._send(topic)
        self._subscriptions.opened()
        self._depth_subscriptions.opened()
        if self._opened_before:
            self._reconciler.look_everywhere()
        self._opened_before = True

    def closed(self, reason: str) -> None:
        """The stream is gone; it will be opened again."""
        log.warning("stream lost: %s", reason)
        self._board.lost()

    def frame(self, topic: str, message: Mapping[str, Any]) -> None:
        """One frame, in any of its known shapes; an unknown one is ignored."""
        if topic.startswith("smd+"):  # nearly all are
            conid = message.get("conid")
            self._board.merge(conid if isinstance(conid, int) else _conid(topic[4:]), message)
            return
        self._board.heard()
        name, _, target = topic.partition("+")
        args = message.get("args")
        if name == "sbd" and isinstance(message.get("data"), list):
            self._depth.merge(_deep_conid(target), message["data"])
        elif name == "sbd" and isinstance(message.get("error"), str):
            self._depth_subscriptions.refused(_deep_conid(target), message["error"])
        elif name == "sor" and isinstance(args, list):
            understood = [self._book.sight(row) for row in args if isinstance(row, Mapping)]
            if not all(understood):
                self._reconciler.look()
        elif name == "str" and isinstance(args, list):
            self._reconciler.take_trades([row for row in args if isinstance(row, Mapping)], late=False)
        elif name == "spl" and isinstance(args, Mapping):
            self._pnl.merge(args)
        elif name in {"blt", "ntf"}:
            self._notify(args)

    def _notify(self, args: Any) -> None:
        for row in args if isinstance(args, list) else [args]:
            if isinstance(row, Mapping) and self._prompted(row):
                continue
            said = row.get("text") or row.get("message") if isinstance(row, Mapping) else None
            if isinstance(said, str) and said.strip():
                self._tell(sentence(said, limit=300))


def _conid(target: str) -> int:
    """The conid in `265598` or `265598@NASDAQ`; 0 when there is none."""
    text = target.partition("@")[0]
    return int(text) if text.isascii() and text.isdigit() else 0


def _deep_conid(target: str) -> int:
    """The conid in `ACCOUNT+CONID[+EXCHANGE]`."""
    return _conid(target.partition("+")[2].partition("+")[0])

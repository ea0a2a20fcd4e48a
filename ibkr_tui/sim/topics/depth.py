"""``sbd`` and ``ubd``: the books a connection watches (reference section 6)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ibkr_tui.sim.depth import ladder
from ibkr_tui.sim.logins import Login

if TYPE_CHECKING:
    from ibkr_tui.sim.simulator import Simulator

MAX_BOOKS = 3
NO_BOOK, LIMIT, STRANGER, UNKNOWN = 5, 6, 7, 4


@dataclass
class _Watched:
    """One book and what was sent of it last."""

    account: str
    conid: int
    topic: str
    version: tuple[int, str] = (-1, "")
    rows: list[dict[str, Any]] | None = field(default=None)


class DepthTopics:
    """The books of one connection. Market depth has its own, small limit of lines."""

    def __init__(self, sim: Simulator, login: Login, send: Callable[[dict[str, Any]], None]) -> None:
        self._sim = sim
        self._login = login
        self._send = send
        self._watched: dict[tuple[str, int, str], _Watched] = {}

    @property
    def conids(self) -> list[int]:
        """Instruments whose books are sent to this connection."""
        return sorted({book.conid for book in self._watched.values()})

    def subscribe(self, target: list[str]) -> None:
        """``sbd+ACCT+CONID[+EXCHANGE]``; asking again for the same book sends it whole again."""
        account, conid_text, exchange = (*target, "", "", "")[:3]
        topic = f"sbd+{account}+{conid_text}"
        refusal = self._refusal(account, conid_text, exchange)
        if refusal is not None:
            self._send({"topic": topic, "error": refusal[1], "code": refusal[0]})
            return
        watched = _Watched(account, int(conid_text), topic)
        self._watched[account, watched.conid, exchange] = watched
        self._publish(watched)

    def _refusal(self, account: str, conid_text: str, exchange: str) -> tuple[int, str] | None:
        if account not in self._login.user.accounts:
            return STRANGER, f"unknown account {account}"
        if not conid_text.isdigit() or int(conid_text) not in self._sim.market.instruments:
            return UNKNOWN, f"unknown contract {conid_text}"
        conid = int(conid_text)
        feed = self._sim.market.walks[conid].feed
        if feed[0] in "NO" or "B" not in feed:
            return NO_BOOK, f"no market depth permissions for {conid}"
        if (account, conid, exchange) not in self._watched and len(self._watched) >= MAX_BOOKS:
            return LIMIT, f"max number of market depth requests ({MAX_BOOKS}) has been reached"
        return None

    def end(self, account: str) -> None:
        """``ubd+ACCT`` ends every book of the account, without an answer."""
        self._watched = {key: book for key, book in self._watched.items() if book.account != account}

    def publish(self) -> None:
        """Send every book that has changed."""
        for watched in self._watched.values():
            self._publish(watched)

    def _publish(self, watched: _Watched) -> None:
        walk = self._sim.market.walks[watched.conid]
        if (walk.version, walk.book_state) == watched.version:
            return
        watched.version = (walk.version, walk.book_state)
        rows = ladder(walk)
        if rows != watched.rows:
            watched.rows = rows
            self._send({"topic": watched.topic, "data": rows})

"""``ssd``/``usd`` and ``sld``/``uld``: account summary and ledger, every ten seconds (reference section 6).

An entry that has not changed is told by key and timestamp alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ibkr_tui.sim.figures import amounts, ledger, words
from ibkr_tui.sim.logins import Login
from ibkr_tui.sim.text import number

if TYPE_CHECKING:
    from ibkr_tui.sim.simulator import Simulator

PERIOD_S = 10.0
STRANGER = 7
_LEDGER = "LedgerList"


@dataclass
class _Watched:
    """One summary or ledger subscription."""

    kind: str
    account: str
    keys: tuple[str, ...]
    fields: frozenset[str]
    due: float
    sent: dict[str, dict[str, Any]] = field(default_factory=dict)


class AccountTopics:
    """The account figures one connection watches. They need no brokerage session."""

    def __init__(self, sim: Simulator, login: Login, send: Callable[[dict[str, Any]], None]) -> None:
        self._sim = sim
        self._login = login
        self._send = send
        self._watched: dict[tuple[str, str], _Watched] = {}

    @property
    def topics(self) -> list[str]:
        """What is on: ``ssd``, ``sld``."""
        return sorted({kind for kind, _ in self._watched})

    def subscribe(self, kind: str, account: str, options: dict[str, Any]) -> None:
        """``ssd+ACCT+{"keys":[…],"fields":[…]}`` or ``sld``; without keys everything, without fields all of them."""
        if account not in self._login.user.accounts:
            self._send({"topic": f"{kind}+{account}", "error": f"unknown account {account}", "code": STRANGER})
            return
        keys = tuple(str(key) for key in options.get("keys") or ())
        fields = frozenset(str(name) for name in options.get("fields") or ())
        watched = _Watched(kind, account, keys, fields, self._sim.clock.monotonic())
        self._watched[kind, account] = watched
        self._publish(watched)

    def end(self, kind: str, account: str) -> None:
        """``usd+ACCT`` or ``uld+ACCT``, which are answered."""
        self._watched.pop((kind, account), None)
        self._send({"result": f"unsubscribed from {'summary' if kind == 'ssd' else 'ledger'}"})

    def publish(self) -> None:
        """Send what is due."""
        now = self._sim.clock.monotonic()
        for watched in self._watched.values():
            if now >= watched.due:
                self._publish(watched)

    def _publish(self, watched: _Watched) -> None:
        watched.due += PERIOD_S
        entries = self._summary(watched) if watched.kind == "ssd" else self._ledger(watched)
        result = []
        for key, entry in entries.items():
            identity = {"key": key, "timestamp": entry.pop("timestamp")}
            chosen = {name: value for name, value in entry.items() if not watched.fields or name in watched.fields}
            result.append(identity if watched.sent.get(key) == chosen else {**identity, **chosen})
            watched.sent[key] = chosen
        self._send({"result": result, "topic": f"{watched.kind}+{watched.account}"})

    def _summary(self, watched: _Watched) -> dict[str, dict[str, Any]]:
        book = self._sim.broker.portfolios[watched.account]
        moment = int(self._sim.clock.now())
        found: dict[str, dict[str, Any]] = {
            key: {"currency": "USD", "monetaryValue": number(amount), "severity": 0, "timestamp": moment}
            for key, amount in amounts(book).items()
        }
        found |= {key: {"value": text, "severity": 0, "timestamp": moment} for key, text in words(book).items()}
        return {key: found[key] for key in watched.keys or found if key in found}

    def _ledger(self, watched: _Watched) -> dict[str, dict[str, Any]]:
        book = self._sim.broker.portfolios[watched.account]
        rows = ledger(book, self._sim.market, self._sim.clock.now())
        found = {f"{_LEDGER}{currency}": row for currency, row in rows.items()}
        for row in found.values():
            row.pop("key")
        return {key: found[key] for key in watched.keys or found if key in found}

"""A replay of what `ibkr-tui audit export` wrote: orders, fills and the kill switch, as its rows tell them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from ibkr_tui.model.audit import AuditRow
from ibkr_tui.model.health import Health
from ibkr_tui.model.log import LogPage
from ibkr_tui.model.orders import Fill
from ibkr_tui.model.table import TableDelta
from ibkr_tui.tui.replay.day import Day
from ibkr_tui.tui.replay.feed import ReplayFeed, ReplayLauncher

_TOLD: Final = ("orders", "questions", "health", "guards", "alerts")


class AuditedDay(ReplayFeed):
    """`rows` are those of the audit."""

    def __init__(self, rows: Sequence[AuditRow], path: Path, launcher: ReplayLauncher) -> None:
        self._day = Day()
        super().__init__(rows, path, launcher)

    def begin(self) -> None:
        self._day = Day()
        for name in _TOLD:
            self.apply(TableDelta(name, self.mirrors[name].epoch + 1, True, {}, ()))
        health = Health("replay", "paper", "", message=self.words, orders_mode="refuse")
        self.put("health", {"replay": health})
        self.put("guards", {"replay": self._day.guards})

    def audit_rows(self) -> Sequence[AuditRow]:
        played: Sequence[AuditRow] = self.player.rows[: self.player.at]
        return played

    def take_rows(self, rows: Sequence[AuditRow]) -> None:
        before = dict(self._day.orders)
        fills: list[Fill] = [fill for row in rows if (fill := self._day.take(row)) is not None]
        self.put("orders", {key: order for key, order in self._day.orders.items() if before.get(key) is not order})
        self.put("guards", {"replay": self._day.guards})
        self.accept(LogPage("audit", 1, tuple(rows)))
        if fills:
            self.accept(LogPage("fills", 1, tuple(fills)))

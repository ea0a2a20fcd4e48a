"""A feed that no core fills: a recorded day goes through the mirrors and logs that the screens read.

Nothing is connected, and every call that could change something is refused here, before it could leave.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from ibkr_tui.model.audit import AuditPage, AuditRow
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.health import Health
from ibkr_tui.model.log import LogPage
from ibkr_tui.model.looks import Looks
from ibkr_tui.model.orders import Fill
from ibkr_tui.model.table import TableDelta
from ibkr_tui.model.text import clean
from ibkr_tui.tui.feed import Feed, LinkState
from ibkr_tui.tui.launcher import Attachment
from ibkr_tui.tui.replay.day import Day
from ibkr_tui.tui.replay.player import Player

TICK_S: Final = 0.1
_TOLD: Final = ("orders", "questions", "health", "guards", "alerts")


class ReplayClock:
    """Wall time is the recorded day's; durations and waiting are this machine's."""

    def __init__(self, player: Player) -> None:
        self._player = player

    def now(self) -> datetime:
        return self._player.now

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class ReplayLauncher:
    """There is no core to find, and none to stop."""

    profile = "replay"
    is_demo = True  # quitting asks nothing: nothing goes on

    def __init__(self, kind: str = "paper") -> None:
        self.kind = kind

    async def attach(self, progress: Callable[[str], None]) -> Attachment:
        """Raises BrokerError REPLAY_ONLY."""
        raise refused()

    async def stop(self) -> None:
        return


class ReplayFeed(Feed):
    """Its `player` is steered by keys on the Activity page."""

    is_replay = True

    def __init__(self, rows: Sequence[AuditRow], path: Path, launcher: ReplayLauncher) -> None:
        self.player = Player(rows)
        self.clock = ReplayClock(self.player)
        self._day = Day()
        self._name = clean(path.name, limit=60)
        self._seen = time.monotonic()
        super().__init__(launcher, self.clock, secrets.token_hex(8))
        self._begin()

    def _begin(self) -> None:
        """As before the first row."""
        self._day = Day()
        self.audit.clear()
        self.fills.clear()
        for name in _TOLD:
            self.apply(TableDelta(name, self.mirrors[name].epoch + 1, True, {}, ()))
        words = f"Replay of {self._name}: nothing is connected and nothing can be sent."
        health = Health("replay", "paper", "", message=words, orders_mode="refuse")
        self._put("health", {"replay": health})
        self._put("guards", {"replay": self._day.guards})
        self.say(LinkState.LIVE)
        self._changed.link = self._changed.audited = True

    async def run(self) -> None:
        """Play until cancelled."""
        self._seen = time.monotonic()
        while True:
            await asyncio.sleep(TICK_S)
            now = time.monotonic()
            self.pass_on(now - self._seen)
            self._seen = now

    def pass_on(self, seconds: float) -> None:
        """So much time has passed."""
        self._take(self.player.tick(seconds))

    def step(self) -> None:
        """The next row."""
        self._take(self.player.step())

    def begin_again(self) -> None:
        """The day from its beginning."""
        self.player.begin_again()
        self._begin()

    def reconnect(self) -> None:
        """There is nothing to connect to."""

    def _take(self, rows: Sequence[AuditRow]) -> None:
        if not rows:
            return
        before = dict(self._day.orders)
        fills: list[Fill] = [fill for row in rows if (fill := self._day.take(row)) is not None]
        changed = {key: order for key, order in self._day.orders.items() if before.get(key) is not order}
        self._put("orders", changed)
        self._put("guards", {"replay": self._day.guards})
        self.accept(LogPage("audit", 1, tuple(rows)))
        if fills:
            self.accept(LogPage("fills", 1, tuple(fills)))

    def _put(self, table: str, rows: Mapping[str, Any]) -> None:
        if rows:
            self.apply(TableDelta(table, self.mirrors[table].epoch, False, dict(rows), ()))

    async def call(
        self, operation: str, arguments: Mapping[str, Any], *, result: Any = Any, deadline: float = 15
    ) -> Any:
        """What the recording can answer. Raises BrokerError REPLAY_ONLY for everything else."""
        if operation == "look_at":
            return Looks((), ())
        if operation != "get_audit":
            raise refused()
        asked = msgspec.convert(dict(arguments), dict[str, Any])
        played = self.player.rows[: self.player.at]
        found = [
            row
            for row in played
            if (not asked.get("coid") or row.coid == asked["coid"])
            and (not asked.get("kinds") or row.kind in asked["kinds"])
            and (asked.get("before") is None or row.seq < asked["before"])
        ]
        return AuditPage(tuple(found[-asked["count"] :]), len(found) > asked["count"])


def refused() -> BrokerError:
    """Why nothing can be done."""
    return BrokerError("REPLAY_ONLY", "this is a replay: nothing is connected and nothing can be sent")

"""A feed that no core fills: a recorded day goes through the mirrors and logs that the screens read.

Nothing is connected, and every call that could change something is refused here, before it could leave.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from ibkr_tui.model.audit import AuditPage, AuditRow
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.looks import Looks
from ibkr_tui.model.table import TableDelta
from ibkr_tui.model.text import clean
from ibkr_tui.tui.feed import Feed, LinkState
from ibkr_tui.tui.launcher import Attachment
from ibkr_tui.tui.replay.player import Player

TICK_S: Final = 0.1


class ReplayClock:
    """Wall time is the recorded day's; durations and waiting are this machine's."""

    def __init__(self, player: Player[Any]) -> None:
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

    def mean(self, account: str) -> None:
        """Nothing goes over to another account."""

    async def stop(self) -> None:
        return


class ReplayFeed(Feed):
    """Its `player` is steered by keys on the Activity page. What is played, and how, is its heirs' business."""

    is_replay = True

    def __init__(self, rows: Sequence[Any], path: Path, launcher: ReplayLauncher) -> None:
        self.player = Player(rows)
        self.clock = ReplayClock(self.player)
        self.words = f"Replay of {clean(path.name, limit=60)}: nothing is connected and nothing can be sent."
        self._seen = time.monotonic()
        super().__init__(launcher, self.clock, secrets.token_hex(8))
        self._begin()

    @property
    def core_seconds(self) -> float:
        """Ages are those of the recorded day, however fast it is played."""
        return self.player.now.timestamp()

    def begin(self) -> None:
        """What stands before the first row, besides nothing."""

    @abstractmethod
    def take_rows(self, rows: Sequence[Any]) -> None:
        """These rows are due."""

    def answer(self, operation: str, asked: Mapping[str, Any]) -> Any:
        """What the recording says to a call. Raises BrokerError REPLAY_ONLY."""
        raise refused()

    def audit_rows(self) -> Sequence[AuditRow]:
        """Every row of the audit that was played."""
        return tuple(self.audit.values())

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

    def put(self, table: str, rows: Mapping[str, Any]) -> None:
        """Rows that are new or other than before."""
        if rows:
            self.apply(TableDelta(table, self.mirrors[table].epoch, False, dict(rows), ()))

    def _begin(self) -> None:
        """As before the first row."""
        for log in (self.audit, self.fills, self.recent):
            log.clear()
        for name, mirror in self.mirrors.items():
            if mirror.rows:
                self.apply(TableDelta(name, mirror.epoch + 1, True, {}, (), mirror.is_read))
        self.begin()
        self.say(LinkState.LIVE)
        self._changed.link = self._changed.audited = True

    def _take(self, rows: Sequence[Any]) -> None:
        if rows:
            self.take_rows(rows)

    async def call(
        self, operation: str, arguments: Mapping[str, Any], *, result: Any = Any, deadline: float = 15
    ) -> Any:
        """What the recording can answer. Raises BrokerError REPLAY_ONLY for everything else."""
        asked = msgspec.convert(dict(arguments), dict[str, Any])
        if operation == "look_at":
            return Looks((), ())
        if operation != "get_audit":
            return self.answer(operation, asked)
        found = [
            row
            for row in self.audit_rows()
            if (not asked.get("coid") or row.coid == asked["coid"])
            and (not asked.get("kinds") or row.kind in asked["kinds"])
            and (asked.get("before") is None or row.seq < asked["before"])
        ]
        return AuditPage(tuple(found[-asked["count"] :]), len(found) > asked["count"])


def refused() -> BrokerError:
    """Why nothing can be done."""
    return BrokerError("REPLAY_ONLY", "this is a replay: nothing is connected and nothing can be sent")

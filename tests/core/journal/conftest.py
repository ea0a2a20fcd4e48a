"""A journal with some orders in it, and the hands of somebody who tampers with its file."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ibkr_tui.core.journal.anchors import ANCHORS_NAME, read_anchors
from ibkr_tui.core.journal.audit import AuditChain
from ibkr_tui.core.journal.audit_key import load_key
from ibkr_tui.core.journal.intents import Intent, IntentState
from ibkr_tui.core.journal.journal import DATABASE_NAME, KEY_NAME, Journal, Turn
from ibkr_tui.core.journal.reading import verify_file
from ibkr_tui.core.journal.verification import Verdict
from ibkr_tui.model.orders import Side

ACCOUNT = "DU7654321"


def order(coid: str, at: datetime, state: IntentState = IntentState.SENDING) -> Intent:
    return Intent(
        coid, ACCOUNT, 1, "AAPL", "AAPL", Side.BUY, Decimal(1), "limit", Decimal(188), "day", "hash", "core", state, at
    )


class Place:
    """A state directory with a journal. `clock` stands still until the test moves it."""

    def __init__(self, state: Path, clock: Any) -> None:
        self.state = state
        self.clock = clock
        self.database = state / DATABASE_NAME
        self.anchors = state / ANCHORS_NAME

    async def write(self, *coids: str, done: bool = True) -> None:
        """A core's life in which these orders were sent, and filled unless `done` says otherwise."""
        async with self.journal() as journal:
            for coid in coids:
                await self.send(journal, coid, done=done)

    async def send(self, journal: Journal, coid: str, *, done: bool = True) -> None:
        await journal.begin(order(coid, self.clock.now()), {"symbol": "AAPL", "qty": Decimal(1), "face": "app"})
        await journal.record(coid, ACCOUNT, [Turn("sent", {"request_hash": "hash"})])
        if done:
            await journal.record(coid, ACCOUNT, [Turn("cancelled", {"text": "bye"}, IntentState.CANCELLED)])

    def journal(self) -> Opened:
        return Opened(Journal(self.state, self.clock, "test"))

    @property
    def key(self) -> bytes:
        return load_key(self.state / KEY_NAME, create=False)

    def verdict(self, **how: Any) -> Verdict:
        return verify_file(self.state, self.key, **how)

    def found(self, **how: Any) -> tuple[str, int] | None:
        finding = self.verdict(**how).finding
        return None if finding is None else (finding.flaw.value, finding.seq)

    def sql(self, script: str) -> None:
        """What somebody with the file in hand can do, triggers or not."""
        connection = sqlite3.connect(self.database)
        connection.executescript(f"DROP TRIGGER audit_no_update; DROP TRIGGER audit_no_delete; {script}")
        connection.close()

    def cut(self, after: int, *, coids: tuple[str, ...] = ()) -> None:
        """The end cut off without a trace in the file: the orders and the counter too."""
        orders = "".join(f"DELETE FROM intents WHERE coid = '{coid}';" for coid in coids)  # noqa: S608
        self.sql(f"DELETE FROM audit WHERE seq > {after}; UPDATE sqlite_sequence SET seq = {after}; {orders}")  # noqa: S608

    def seal(self, *kinds: str) -> None:
        """New rows at the end, made with the current key."""
        chain = AuditChain(self.key)
        with sqlite3.connect(self.database) as connection:
            for kind in kinds:
                chain.append(connection, kind, datetime.now(UTC), {"text": "forged"})

    @property
    def anchored(self) -> list[int]:
        return [anchor.seq for anchor in read_anchors(self.anchors).anchors]


class Opened:
    """`async with place.journal() as journal:`"""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def __aenter__(self) -> Journal:
        await self._journal.open()
        return self._journal

    async def __aexit__(self, *_: object) -> None:
        await self._journal.close()


@pytest.fixture
def place(tmp_path: Path, fake_clock: Any) -> Place:
    return Place(tmp_path, fake_clock)


@pytest.fixture
async def written(place: Place) -> AsyncIterator[Place]:
    """Rows 1 (opened), then three for each of tA, tB and tC, in two lives: 1-7 and 8-10."""
    await place.write("tA", "tB")
    await place.write("tC")
    yield place

"""What the rest of the core writes to the journal: an order's beginning, its turns, its fills. One commit each."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec

from ibkr_tui.core.journal import counts, intents
from ibkr_tui.core.journal.audit import AuditChain, load_key
from ibkr_tui.core.journal.counts import SentOrder
from ibkr_tui.core.journal.database import SCHEMA_VERSION, Database
from ibkr_tui.core.journal.intents import Intent, IntentState
from ibkr_tui.core.journal.place import place_of
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.orders import Fill, OrderTicket

DATABASE_NAME: Final = "journal.db"
KEY_NAME: Final = "audit.key"
_LATE_FILLS: Final = timedelta(days=8)


class Turn(msgspec.Struct, frozen=True):
    """One audit row to come: its kind (none: no row) and facts, and the intent's new state where it changes.

    `ticket` is what an amended order is from now on.
    """

    kind: str = ""
    facts: Mapping[str, Any] = {}
    state: IntentState | None = None
    order_id: str = ""
    ticket: OrderTicket | None = None


class Journal:
    """The journal of one profile. Every method raises BrokerError JOURNAL_UNAVAILABLE when it cannot commit."""

    def __init__(self, state_dir: Path, clock: Clock, version: str) -> None:
        self._dir = state_dir
        self._clock = clock
        self._version = version
        self._database = Database(state_dir / DATABASE_NAME)
        self._chain: AuditChain | None = None
        self._problem = ""
        self.place = ""
        self.rows = 0
        self.committed_at: datetime | None = None

    @property
    def failure(self) -> str:
        """Why nothing can be recorded, so that nothing may be sent; empty while all is well."""
        return self._problem or self._database.failure

    async def open(self) -> None:
        """Open the file, make the key on first use."""
        try:
            await self._database.open()
            chain = AuditChain(await asyncio.to_thread(load_key, self._dir / KEY_NAME))
            self.rows = await self._database.run(lambda connection: self._begin_chain(connection, chain))
            self.place = await asyncio.to_thread(place_of, self._dir)
        except BrokerError as error:
            self._problem = error.message
            raise
        self._chain = chain
        self._problem = ""

    async def close(self) -> None:
        """Close the file."""
        await self._database.close()

    async def begin(self, intent: Intent, facts: Mapping[str, Any]) -> None:
        """The intent and its audit row, in one commit: the last thing before an order's first byte."""
        await self.begin_all([(intent, facts)])

    async def begin_all(self, legs: Sequence[tuple[Intent, Mapping[str, Any]]]) -> None:
        """The intents and audit rows of all orders of one request, in one commit."""
        chain, at = self._ready(), self._clock.now()

        def work(connection: sqlite3.Connection) -> int:
            last = 0
            for intent, facts in legs:
                intents.insert(connection, intent)
                last = chain.append(connection, "intent", at, facts, coid=intent.coid, account=intent.account)
            return last

        self._committed(await self._database.run(work))

    async def record(self, coid: str, account: str, turns: Sequence[Turn]) -> None:
        """Audit rows for the order `coid`, and its intent's new state, in one commit."""
        chain, at = self._ready(), self._clock.now()

        def work(connection: sqlite3.Connection) -> int:
            last = 0
            for turn in turns:
                if turn.kind:
                    last = chain.append(connection, turn.kind, at, turn.facts, coid=coid, account=account)
                if turn.state is not None:
                    intents.move(connection, coid, turn.state, at, turn.order_id)
                if turn.ticket is not None:
                    intents.restate(connection, coid, turn.ticket)
            return last

        self._committed(await self._database.run(work))

    async def record_fill(self, fill: Fill, *, late: bool) -> bool:
        """The audit row of a fill, once for each execution id; whether it was new. `late`: learnt after a gap."""
        chain, at = self._ready(), self._clock.now()

        def work(connection: sqlite3.Connection) -> int:
            added = connection.execute(
                "INSERT OR IGNORE INTO fills (execution_id, coid, at) VALUES (?,?,?)",
                (fill.execution_id, fill.coid, fill.at.isoformat()),
            )
            if added.rowcount == 0:
                return 0
            facts = {
                "order_id": fill.order_id, "execution_id": fill.execution_id, "qty": fill.qty, "price": fill.price,
                "side": fill.side, "conid": fill.conid, "at": fill.at.isoformat(), "late": late,
            }  # fmt: skip
            return chain.append(connection, "filled", at, facts, coid=fill.coid, account=fill.account)

        row = await self._database.run(work)
        self._committed(row)
        return row > 0

    async def note(self, kind: str, facts: Mapping[str, Any], *, account: str = "") -> None:
        """An audit row that belongs to no single order."""
        chain, at = self._ready(), self._clock.now()
        self._committed(
            await self._database.run(lambda connection: chain.append(connection, kind, at, facts, account=account))
        )

    async def last_note(self, kind: str) -> dict[str, Any] | None:
        """The facts of the newest audit row of that kind; None when there is none."""
        sql = "SELECT payload FROM audit WHERE kind = ? ORDER BY seq DESC LIMIT 1"
        row = await self._database.run(lambda connection: connection.execute(sql, (kind,)).fetchone())
        return None if row is None else msgspec.json.decode(row[0])

    async def sent_since(self, at: datetime) -> list[SentOrder]:
        """What was sent after `at`, newest first."""
        return await self._database.run(lambda connection: counts.sent_since(connection, at))

    async def usual_qty(self, conid: int) -> Decimal | None:
        """The median quantity of the last orders in an instrument; None when there were too few."""
        return await self._database.run(lambda connection: counts.usual_qty(connection, conid))

    async def unfinished(self) -> list[Intent]:
        """Intents whose orders may still live, with their groups: to be found again at start."""
        return await self._database.run(intents.alive)

    async def recent(self) -> list[Intent]:
        """Intents young enough that the broker may still tell of their fills."""
        at = self._clock.now() - _LATE_FILLS
        return await self._database.run(lambda connection: intents.since(connection, at))

    async def verify(self) -> int | None:
        """The first broken audit row; None when the chain is whole."""
        chain = self._ready()
        return await self._database.run(chain.verify)

    def _ready(self) -> AuditChain:
        if self._chain is None or self.failure:
            raise BrokerError("JOURNAL_UNAVAILABLE", self.failure or "the journal is not open")
        return self._chain

    def _committed(self, row: int) -> None:
        """A transaction is on the disk; `row` is the last audit row in it, 0 for none."""
        self.rows = max(self.rows, row)
        self.committed_at = self._clock.now()

    def _begin_chain(self, connection: sqlite3.Connection, chain: AuditChain) -> int:
        """The first row, if there is none; the number of the last one."""
        last = connection.execute("SELECT seq FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
        if last is not None:
            return int(last[0])
        facts = {"version": self._version, "schema": SCHEMA_VERSION, "key_id": chain.key_id}
        return chain.append(connection, "opened", self._clock.now(), facts)

"""What the rest of the core writes to the journal: an order's beginning, its turns, its fills. One commit each.

At each start the end of the audit is verified. When it is not whole nothing is written, so that nothing is sent; what
earlier runs left open is still read, so that it is found again.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec

from ibkr_tui.core.journal import amendments, counts, intents
from ibkr_tui.core.journal.anchors import (
    ANCHORS_NAME,
    EVERY_ROWS,
    EVERY_SECONDS,
    Anchor,
    add_anchor,
    make_anchors,
    read_anchors,
)
from ibkr_tui.core.journal.audit import AuditChain
from ibkr_tui.core.journal.audit_key import load_key
from ibkr_tui.core.journal.counts import SentOrder
from ibkr_tui.core.journal.database import Database, reason
from ibkr_tui.core.journal.intents import Intent, IntentState
from ibkr_tui.core.journal.place import place_of
from ibkr_tui.core.journal.reading import DATABASE_NAME, newest, other_key
from ibkr_tui.core.journal.schema import ANCHORED_SINCE, SCHEMA_VERSION
from ibkr_tui.core.journal.verification import TAIL_ROWS, examine, seems_of_another_key
from ibkr_tui.core.secrets import Secret
from ibkr_tui.model.audit import AuditPage, AuditRow
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.orders import Fill, OrderTicket

log = logging.getLogger(__name__)

__all__ = ["DATABASE_NAME", "KEY_NAME", "Journal", "Turn"]

KEY_NAME: Final = "audit.key"
LOOK_EVERY: Final = 5.0
_SHOWN_AT_START: Final = 500
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
    """The journal of one profile. Every method raises BrokerError JOURNAL_UNAVAILABLE when it cannot commit.

    `key`: the chain's, where the environment gives it. `on_rows` gets each committed audit row, at the start the newest
    ones that are there. `on_failure` gets the reason, once, when nothing can be recorded any more.
    """

    def __init__(self, state_dir: Path, clock: Clock, version: str, key: Secret | None = None) -> None:
        self._dir = state_dir
        self._clock = clock
        self._version = version
        self._key = key
        self._database = Database(state_dir / DATABASE_NAME)
        self._database.on_failure = self._failed
        self._chain: AuditChain | None = None
        self._problem = ""
        self._anchored = 0
        self._anchored_at = 0.0
        self.place = ""
        self.rows = 0
        self.committed_at: datetime | None = None
        self.on_rows: Callable[[Sequence[AuditRow]], None] = lambda rows: None
        self.on_failure: Callable[[str], None] = lambda why: None

    @property
    def failure(self) -> str:
        """Why nothing can be recorded, so that nothing may be sent; empty while all is well."""
        return self._problem or self._database.failure

    async def open(self) -> None:
        """Open the file, make the key on first use, verify the end of the audit, note its head.

        An audit that is not whole raises too, but what stands in the journal can be read afterwards.
        """
        try:
            await self._database.open(self._prepare)
            chain = AuditChain(await self._load_key())
            await self._check_end(chain)
            self._took(await self._database.run(lambda connection: self._begin_chain(connection, chain)))
            self.place = await asyncio.to_thread(place_of, self._dir)
        except BrokerError as error:
            self._problem = error.message
            raise
        self._chain = chain
        self._problem = ""
        await self._anchor()

    async def close(self) -> None:
        """Note the head and close the file."""
        if not self.failure:
            await self._anchor()
        await self._database.close()

    async def keep_anchored(self) -> None:
        """Note the chain's head outside the file after so many rows or seconds, until cancelled."""
        while True:
            await self._clock.sleep(LOOK_EVERY)
            waited = self._clock.monotonic() - self._anchored_at
            fresh = self.rows - self._anchored
            if fresh >= EVERY_ROWS or (fresh and waited >= EVERY_SECONDS):
                await self._anchor()

    async def begin(self, intent: Intent, facts: Mapping[str, Any]) -> None:
        """The intent and its audit row, in one commit: the last thing before an order's first byte."""
        await self.begin_all([(intent, facts)])

    async def begin_all(self, legs: Sequence[tuple[Intent, Mapping[str, Any]]]) -> None:
        """The intents and audit rows of all orders of one request, in one commit."""
        chain, at = self._ready(), self._clock.now()

        def work(connection: sqlite3.Connection) -> list[AuditRow]:
            rows = []
            for intent, facts in legs:
                intents.insert(connection, intent)
                rows.append(chain.append(connection, "intent", at, facts, coid=intent.coid, account=intent.account))
            return rows

        self._committed(await self._database.run(work))

    async def record(self, coid: str, account: str, turns: Sequence[Turn]) -> None:
        """Audit rows for the order `coid`, and its intent's new state, in one commit."""
        chain, at = self._ready(), self._clock.now()

        def work(connection: sqlite3.Connection) -> list[AuditRow]:
            rows = []
            for turn in turns:
                if turn.kind:
                    rows.append(chain.append(connection, turn.kind, at, turn.facts, coid=coid, account=account))
                if turn.state is not None:
                    intents.move(connection, coid, turn.state, at, turn.order_id)
                if turn.ticket is not None:
                    intents.restate(connection, coid, turn.ticket)
            return rows

        self._committed(await self._database.run(work))

    async def record_fill(self, fill: Fill, *, late: bool) -> bool:
        """The audit row of a fill, once for each execution id; whether it was new. `late`: learnt after a gap."""
        chain, at = self._ready(), self._clock.now()

        def work(connection: sqlite3.Connection) -> list[AuditRow]:
            added = connection.execute(
                "INSERT OR IGNORE INTO fills (execution_id, coid, at) VALUES (?,?,?)",
                (fill.execution_id, fill.coid, fill.at.isoformat()),
            )
            if added.rowcount == 0:
                return []
            facts = {
                "order_id": fill.order_id, "execution_id": fill.execution_id, "qty": fill.qty, "price": fill.price,
                "side": fill.side, "conid": fill.conid, "at": fill.at.isoformat(), "late": late,
            }  # fmt: skip
            return [chain.append(connection, "filled", at, facts, coid=fill.coid, account=fill.account)]

        rows = await self._database.run(work)
        self._committed(rows)
        return bool(rows)

    async def note(self, kind: str, facts: Mapping[str, Any], *, account: str = "") -> None:
        """An audit row that belongs to no single order."""
        chain, at = self._ready(), self._clock.now()
        self._committed(
            await self._database.run(lambda connection: [chain.append(connection, kind, at, facts, account=account)])
        )

    async def last_note(self, kind: str) -> dict[str, Any] | None:
        """The facts of the newest audit row of that kind; None when there is none."""
        sql = "SELECT payload FROM audit WHERE kind = ? ORDER BY seq DESC LIMIT 1"
        row = await self._database.read(lambda connection: connection.execute(sql, (kind,)).fetchone())
        return None if row is None else msgspec.json.decode(row[0])

    async def sent_since(self, at: datetime) -> list[SentOrder]:
        """What was sent after `at`, newest first."""
        return await self._database.run(lambda connection: counts.sent_since(connection, at))

    async def usual_qty(self, conid: int) -> Decimal | None:
        """The median quantity of the last orders in an instrument; None when there were too few."""
        return await self._database.read(lambda connection: counts.usual_qty(connection, conid))

    async def audit(
        self,
        *,
        count: int,
        coid: str = "",
        kinds: tuple[str, ...] = (),
        since: datetime | None = None,
        before: int | None = None,
    ) -> AuditPage:
        """The newest audit rows that match, as `reading.newest`; also when nothing can be recorded any more."""
        return await self._database.read(
            lambda connection: newest(connection, count=count, coid=coid, kinds=kinds, since=since, before=before)
        )

    async def unfinished(self) -> list[Intent]:
        """Intents whose orders may still live, with their groups: to be found again at start."""
        return await self._database.read(intents.alive)

    async def open_amendments(self, intents: Sequence[Intent]) -> dict[str, OrderTicket]:
        """What these orders were to become, where it is not known whether they did."""
        return await self._database.read(lambda connection: amendments.open_amendments(connection, intents))

    async def recent(self) -> list[Intent]:
        """Intents young enough that the broker may still tell of their fills."""
        at = self._clock.now() - _LATE_FILLS
        return await self._database.read(lambda connection: intents.since(connection, at))

    async def verify(self) -> int | None:
        """The first bad audit row; None when all is whole."""
        chain = self._ready()
        anchors = await asyncio.to_thread(read_anchors, self._dir / ANCHORS_NAME)
        verdict = await self._database.read(lambda connection: examine(connection, chain, anchors))
        return None if verdict.finding is None else verdict.finding.seq

    def _prepare(self, version: int) -> None:
        """Before the first row, or the first row of a schema that has anchors: from then on they are missed."""
        if version < ANCHORED_SINCE:
            make_anchors(self._dir / ANCHORS_NAME)

    async def _load_key(self) -> bytes:
        rows = await self._database.read(
            lambda connection: connection.execute("SELECT 1 FROM audit LIMIT 1").fetchone()
        )
        return await asyncio.to_thread(load_key, self._dir / KEY_NAME, self._key, create=rows is None)

    async def _check_end(self, chain: AuditChain) -> None:
        """Raise BrokerError JOURNAL_UNAVAILABLE when the audit was tampered with, or its key is another one."""
        try:
            anchors = await asyncio.to_thread(read_anchors, self._dir / ANCHORS_NAME)
        except OSError as error:
            raise BrokerError("JOURNAL_UNAVAILABLE", f"the anchors cannot be read: {reason(error)}") from None
        if await self._database.read(lambda connection: seems_of_another_key(connection, chain)):
            raise other_key(chain)
        verdict = await self._database.read(lambda connection: examine(connection, chain, anchors, tail=TAIL_ROWS))
        if (finding := verdict.finding) is not None:
            raise BrokerError(
                "JOURNAL_UNAVAILABLE",
                f"the audit is not whole: {finding.text}",
                user_action="`ibkr-tui audit verify` says more; the README, Audit, says how to begin a new one.",
                details={"flaw": finding.flaw.value, "seq": finding.seq},
            )

    async def _anchor(self) -> None:
        """Note the head. A note that can't be made costs the note: the rows themselves are on the disk."""
        sql = "SELECT seq, mac FROM audit ORDER BY seq DESC LIMIT 1"
        try:
            row = await self._database.read(lambda connection: connection.execute(sql).fetchone())
            anchor = Anchor(int(row[0]), bytes(row[1]).hex(), self._clock.now())
            await asyncio.to_thread(add_anchor, self._dir / ANCHORS_NAME, anchor)
        except (BrokerError, OSError) as error:
            why = error.message if isinstance(error, BrokerError) else reason(error)
            log.warning("the head of the audit could not be noted in %s: %s", ANCHORS_NAME, why)
            return
        self._anchored, self._anchored_at = anchor.seq, self._clock.monotonic()
        log.info("audit head: row %d, seal %s", anchor.seq, anchor.mac[:24])

    def _ready(self) -> AuditChain:
        if self._chain is None or self.failure:
            raise BrokerError("JOURNAL_UNAVAILABLE", self.failure or "the journal is not open")
        return self._chain

    def _failed(self, why: str) -> None:
        log.error("%s", why)
        self.on_failure(why)

    def _committed(self, rows: Sequence[AuditRow]) -> None:
        """A transaction is on the disk, with these audit rows in it."""
        self.committed_at = self._clock.now()
        self._took(rows)

    def _took(self, rows: Sequence[AuditRow]) -> None:
        if rows:
            self.rows = max(self.rows, rows[-1].seq)
            self.on_rows(rows)

    def _begin_chain(self, connection: sqlite3.Connection, chain: AuditChain) -> list[AuditRow]:
        """The first row, if there is none, or that of a new schema; and the newest of those that are there."""
        found, version = newest(connection, count=_SHOWN_AT_START).rows, self._database.version
        facts = {"version": self._version, "schema": SCHEMA_VERSION}
        if not found:
            return [chain.append(connection, "opened", self._clock.now(), facts | {"key_id": chain.key_id})]
        if version < SCHEMA_VERSION:
            facts["from_schema"] = version
            return [*found, chain.append(connection, "migrated", self._clock.now(), facts)]
        return list(found)

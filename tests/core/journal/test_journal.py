"""The journal: committed before anything is sent, its owner's alone, whole after a kill, honest when it fails."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import time
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from ibkr_tui.core.journal.audit import FIELDS, AuditChain
from ibkr_tui.core.journal.audit_key import load_key
from ibkr_tui.core.journal.database import Database
from ibkr_tui.core.journal.intents import Intent, IntentState
from ibkr_tui.core.journal.journal import DATABASE_NAME, KEY_NAME, Journal, Turn
from ibkr_tui.core.journal.schema import SCHEMA_VERSION
from ibkr_tui.model.clock import SystemClock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.orders import Fill, Side

ACCOUNT = "DU7654321"


def intent(coid: str = "tA1", **changes: object) -> Intent:
    fields: dict[str, object] = {
        "coid": coid, "account": ACCOUNT, "conid": 265598, "symbol": "AAPL", "description": "AAPL", "side": Side.BUY,
        "qty": Decimal("1"), "order_type": "limit", "limit_price": Decimal("188.10"), "tif": "day",
        "request_hash": "ab", "instance": "i", "state": IntentState.SENDING, "created_at": datetime.now(UTC),
    }  # fmt: skip
    return Intent(**(fields | changes))  # type: ignore[arg-type]


def fill(execution: str = "e1", coid: str = "tA1") -> Fill:
    return Fill(
        execution, ACCOUNT, 265598, "AAPL", Side.BUY, Decimal(1), Decimal("189.44"), datetime.now(UTC), "77", coid
    )


@pytest.fixture
async def journal(tmp_path: Path):  # type: ignore[no-untyped-def]
    opened = Journal(tmp_path, SystemClock(), "0.1.0")
    await opened.open()
    yield opened
    await opened.close()


def rows(tmp_path: Path, sql: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(tmp_path / DATABASE_NAME) as connection:
        return connection.execute(sql).fetchall()


async def test_an_intent_and_its_audit_row_are_one_commit(journal: Journal, tmp_path: Path) -> None:
    await journal.begin(intent(), {"symbol": "AAPL", "qty": Decimal("1"), "secret": "not on the list"})
    assert rows(tmp_path, "SELECT coid, state, qty, limit_price FROM intents") == [("tA1", "sending", "1", "188.1")]
    assert rows(tmp_path, "SELECT kind, coid, payload FROM audit WHERE seq > 1") == [
        ("intent", "tA1", '{"qty":"1","symbol":"AAPL"}')
    ]
    assert ACCOUNT not in str(rows(tmp_path, "SELECT * FROM audit"))


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/New_York"])
async def test_times_are_utc_wherever_the_machine_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    """Fault P11: no row depends on the zone of the machine."""
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        journal = Journal(tmp_path, SystemClock(), "0.1.0")
        await journal.open()
        await journal.begin(intent(), {"symbol": "AAPL"})
        (found,) = await journal.unfinished()
        await journal.close()
    finally:
        monkeypatch.undo()
        time.tzset()
    begun = datetime.now(UTC)
    times = [str(ts) for (ts,) in rows(tmp_path, "SELECT ts FROM audit")]
    assert all(ts.endswith("+00:00") for ts in times)
    assert all(abs((datetime.fromisoformat(ts) - begun).total_seconds()) < 60 for ts in times)
    assert abs((found.created_at - begun).total_seconds()) < 60


async def test_a_coid_is_used_once(journal: Journal, tmp_path: Path) -> None:
    await journal.begin(intent(), {})
    with pytest.raises(BrokerError) as caught:
        await journal.begin(intent(), {})
    assert caught.value.code == "JOURNAL_UNAVAILABLE"
    assert len(rows(tmp_path, "SELECT * FROM audit WHERE kind = 'intent'")) == 1
    assert not journal.failure, "a refused row is no broken journal"


async def test_turns_move_the_intent_and_keep_its_broker_id(journal: Journal) -> None:
    await journal.begin(intent(), {})
    await journal.record("tA1", ACCOUNT, [Turn("sent"), Turn("accepted", {}, IntentState.WORKING, "77")])
    await journal.record("tA1", ACCOUNT, [Turn("unknown", {}, IntentState.UNKNOWN)])
    (found,) = await journal.unfinished()
    assert (found.state, found.order_id, found.limit_price) == (IntentState.UNKNOWN, "77", Decimal("188.1"))
    await journal.record("tA1", ACCOUNT, [Turn("cancelled", {}, IntentState.CANCELLED)])
    assert await journal.unfinished() == []
    assert [i.coid for i in await journal.recent()] == ["tA1"]


async def test_a_fill_is_audited_once_even_after_a_restart(journal: Journal, tmp_path: Path) -> None:
    assert await journal.record_fill(fill(), late=False)
    assert not await journal.record_fill(fill(), late=True)
    await journal.close()
    again = Journal(tmp_path, SystemClock(), "0.1.0")
    await again.open()
    assert not await again.record_fill(fill(), late=True)
    assert await again.verify() is None
    await again.close()
    assert len(rows(tmp_path, "SELECT * FROM audit WHERE kind = 'filled'")) == 1


async def test_files_are_the_owners_alone(journal: Journal, tmp_path: Path) -> None:
    for name in (DATABASE_NAME, KEY_NAME):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600


async def test_audit_rows_cannot_be_changed_or_removed(journal: Journal, tmp_path: Path) -> None:
    await journal.begin(intent(), {})
    with sqlite3.connect(tmp_path / DATABASE_NAME) as connection:
        for sql in ("UPDATE audit SET kind = 'x'", "DELETE FROM audit"):
            with pytest.raises(sqlite3.IntegrityError, match="final"):
                connection.execute(sql)


@pytest.mark.parametrize(
    ("tampering", "first_bad"),
    [
        ("UPDATE audit SET payload = '{}' WHERE seq = 3", 3),
        ("UPDATE audit SET ts = '2020-01-01T00:00:00+00:00' WHERE seq = 2", 2),
        ("DELETE FROM audit WHERE seq = 2", 2),
        ("DELETE FROM audit WHERE seq >= 4", 4),
        ("UPDATE audit SET seq = 100 WHERE seq = 3; UPDATE audit SET seq = 3 WHERE seq = 4", 3),
        ("UPDATE audit SET acct_tag = 'x' WHERE seq = 4", 4),
    ],
)
async def test_verify_names_the_first_bad_row(journal: Journal, tmp_path: Path, tampering: str, first_bad: int) -> None:
    for number in range(3):
        await journal.begin(intent(f"t{number}"), {"symbol": f"S{number}"})
    assert await journal.verify() is None
    with sqlite3.connect(tmp_path / DATABASE_NAME) as connection:
        connection.executescript(f"DROP TRIGGER audit_no_update; DROP TRIGGER audit_no_delete; {tampering};")
    assert await journal.verify() == first_bad


async def test_a_row_made_without_the_key_is_found(journal: Journal, tmp_path: Path) -> None:
    await journal.begin(intent(), {"symbol": "AAPL"})
    with sqlite3.connect(tmp_path / DATABASE_NAME) as connection:
        AuditChain(b"x" * 32).append(connection, "filled", datetime.now(UTC), {"qty": "9"}, coid="tA1")
    assert await journal.verify() == 3


async def test_a_replaced_file_stops_the_journal(journal: Journal, tmp_path: Path) -> None:
    (tmp_path / DATABASE_NAME).rename(tmp_path / "away.db")
    (tmp_path / DATABASE_NAME).write_bytes(b"")
    for _ in range(2):
        with pytest.raises(BrokerError) as caught:
            await journal.begin(intent(), {})
        assert caught.value.code == "JOURNAL_UNAVAILABLE"
    assert "replaced" in journal.failure


async def test_a_locked_file_is_refused_within_the_busy_time_and_off_the_loop(journal: Journal, tmp_path: Path) -> None:
    blocker = sqlite3.connect(tmp_path / DATABASE_NAME, isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.05)
            ticks += 1

    ticker = asyncio.create_task(tick())
    with pytest.raises(BrokerError, match="locked"):
        await journal.begin(intent(), {})
    ticker.cancel()
    blocker.close()
    assert ticks > 10, "the loop stood still while the file was locked"
    assert journal.failure


async def test_a_directory_that_cannot_be_used_is_said_plainly(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    journal = Journal(tmp_path / "file", SystemClock(), "0.1.0")
    with pytest.raises(BrokerError) as caught:
        await journal.open()
    assert caught.value.code == "JOURNAL_UNAVAILABLE"
    with pytest.raises(BrokerError, match="cannot be opened"):
        await journal.begin(intent(), {})
    await journal.close()


async def test_a_newer_schema_is_not_touched(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / DATABASE_NAME) as connection:
        connection.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
    journal = Journal(tmp_path, SystemClock(), "0.1.0")
    with pytest.raises(BrokerError, match="newer version"):
        await journal.open()
    await journal.close()


@pytest.mark.parametrize(("content", "mode", "words"), [(b"short", 0o600, "5 bytes"), (b"k" * 32, 0o644, "others")])
async def test_a_key_that_is_short_or_open_to_others_is_refused(
    tmp_path: Path, content: bytes, mode: int, words: str
) -> None:
    key = tmp_path / KEY_NAME
    key.write_bytes(content)
    key.chmod(mode)
    journal = Journal(tmp_path, SystemClock(), "0.1.0")
    with pytest.raises(BrokerError, match=words):
        await journal.open()
    assert journal.failure
    await journal.close()


async def test_the_sequence_of_queued_writes_is_the_sequence_of_the_calls(tmp_path: Path) -> None:
    database = Database(tmp_path / "d.db")
    await database.open()
    order: list[int] = []
    futures = [database.queue(lambda _c, n=n: order.append(n)) for n in range(20)]  # type: ignore[misc]
    await asyncio.gather(*reversed(futures))
    await database.close()
    assert order == list(range(20))


def test_every_kind_that_the_code_writes_is_on_the_list(tmp_path: Path) -> None:
    wanted = "intent sent question answered accepted working filled cancel_requested cancelled rejected unknown"
    assert set(wanted.split()) <= set(FIELDS)
    assert load_key(tmp_path / "k") == load_key(tmp_path / "k")


_WRITER = """
import asyncio, sys
from pathlib import Path
from datetime import UTC, datetime
from decimal import Decimal
from ibkr_tui.core.journal.intents import Intent, IntentState
from ibkr_tui.core.journal.journal import Journal
from ibkr_tui.model.clock import SystemClock
from ibkr_tui.model.orders import Side

async def main():
    journal = Journal(Path(sys.argv[1]), SystemClock(), "0")
    await journal.open()
    for n in range(100000):
        await journal.begin(Intent(f"t{n}", "DU1", 1, "A", "A", Side.BUY, Decimal(1), "market", None, "day", "h", "i",
                                   IntentState.SENDING, datetime.now(UTC)), {"symbol": "A"})
        print(n, flush=True)

asyncio.run(main())
"""


async def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", _WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    acknowledged = -1
    for line in process.stdout:
        acknowledged = int(line)
        if acknowledged >= 20:
            os.kill(process.pid, signal.SIGKILL)
            break
    acknowledged = max([acknowledged, *(int(line) for line in process.stdout.read().split("\n")[:-1])])
    process.stdout.close()
    process.wait()
    journal = Journal(tmp_path, SystemClock(), "0")
    await journal.open()
    found = {i.coid for i in await journal.unfinished()}
    assert {f"t{n}" for n in range(acknowledged + 1)} <= found
    assert await journal.verify() is None
    audited = {row[0] for row in rows(tmp_path, "SELECT coid FROM audit WHERE kind = 'intent'")}
    assert audited == found
    await journal.close()


async def test_it_counts_its_audit_rows_and_knows_its_last_commit(journal: Journal, tmp_path: Path) -> None:
    assert (journal.rows, journal.committed_at) == (1, None)
    await journal.begin(intent(), {"symbol": "AAPL"})
    await journal.record("tA1", ACCOUNT, [Turn("sent", {}), Turn("sent", {})])
    assert await journal.record_fill(fill(), late=False)
    assert not await journal.record_fill(fill(), late=False)
    assert rows(tmp_path, "SELECT COUNT(*) FROM audit") == [(journal.rows,)]
    assert journal.committed_at is not None
    await journal.close()
    again = Journal(tmp_path, SystemClock(), "0.1.0")
    await again.open()
    assert again.rows == journal.rows
    await again.close()

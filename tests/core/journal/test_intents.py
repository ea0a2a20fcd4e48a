"""Intents of groups, tickets that change, and journals of an older schema."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ibkr_tui.core.journal.audit import AuditChain
from ibkr_tui.core.journal.audit_key import load_key
from ibkr_tui.core.journal.intents import Intent, IntentState
from ibkr_tui.core.journal.journal import DATABASE_NAME, KEY_NAME, Journal, Turn
from ibkr_tui.core.journal.schema import _FIRST, _STEPS, SCHEMA_VERSION
from ibkr_tui.model.clock import SystemClock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.orders import OrderTicket, OrderType, Role, Side

TICKET = OrderTicket(
    Side.SELL, D(5), "AAPL", 265598, OrderType.TRAIL, stop_price=D("185.10"), trail=D("1.5"), ext_operator="ann"
)


def leg(coid: str, **changes: Any) -> Intent:
    fields: dict[str, Any] = {
        "coid": coid, "account": "DU1", "conid": 265598, "symbol": "AAPL", "description": "AAPL", "side": Side.SELL,
        "qty": D(5), "order_type": "trail", "limit_price": None, "tif": "day", "request_hash": "ab", "instance": "i",
        "state": IntentState.SENDING, "created_at": datetime.now(UTC), "ticket": TICKET, "group_id": "gA",
        "role": Role.LEG,
    }  # fmt: skip
    return Intent(**(fields | changes))


async def opened(state: Path) -> Journal:
    journal = Journal(state, SystemClock(), "test")
    await journal.open()
    return journal


async def test_all_legs_are_one_commit_or_none(tmp_path: Path) -> None:
    journal = await opened(tmp_path)
    await journal.begin(leg("tB"), {})
    with pytest.raises(BrokerError):
        await journal.begin_all([(leg("tA"), {}), (leg("tB"), {})])
    assert [intent.coid for intent in await journal.unfinished()] == ["tB"]
    await journal.close()


async def test_a_leg_comes_back_whole_and_with_what_became_of_its_group(tmp_path: Path) -> None:
    journal = await opened(tmp_path)
    await journal.begin_all([(leg("tA", role=Role.ENTRY), {}), (leg("tB", role=Role.STOP, parent="tA"), {})])
    await journal.record("tA", "DU1", [Turn("", {}, IntentState.FILLED, "7")])
    await journal.close()
    journal = await opened(tmp_path)
    entry, stop = await journal.unfinished()
    assert (entry.state, entry.order_id, entry.role) == (IntentState.FILLED, "7", Role.ENTRY)
    assert (stop.ticket, stop.parent, stop.group_id, stop.role) == (TICKET, "tA", "gA", Role.STOP)
    await journal.record("tB", "DU1", [Turn("", {}, IntentState.CANCELLED)])
    assert await journal.unfinished() == []
    await journal.close()


async def test_an_amended_order_is_remembered_as_it_is_now(tmp_path: Path) -> None:
    journal = await opened(tmp_path)
    await journal.begin(leg("tA"), {})
    now = msgspec.structs.replace(TICKET, qty=D(4), stop_price=D(186))
    await journal.record("tA", "DU1", [Turn("amended", {}, ticket=now)])
    (found,) = await journal.unfinished()
    assert (found.ticket, found.qty) == (now, D(4))
    await journal.close()


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
async def test_a_journal_of_an_older_schema_is_brought_up_to_date(tmp_path: Path, version: int) -> None:
    steps = "".join(_STEPS[step] for step in range(1, version))
    with sqlite3.connect(tmp_path / DATABASE_NAME) as old:
        old.executescript(f"{_FIRST}{steps}PRAGMA user_version={version};")
        old.execute(
            "INSERT INTO intents (coid, account, conid, symbol, description, side, qty, order_type, limit_price, tif, "
            "request_hash, instance, state, order_id, created_at, updated_at) VALUES ('tOld','DU1',1,'AAPL','AAPL',"
            "'buy','5','limit','188','day','h','i','working','77',?,?)",
            (datetime.now(UTC).isoformat(),) * 2,
        )
        AuditChain(load_key(tmp_path / KEY_NAME)).append(old, "intent", datetime.now(UTC), {}, coid="tOld")
    journal = await opened(tmp_path)
    (found,) = await journal.unfinished()
    assert (found.coid, found.order_id, found.ticket, found.role) == ("tOld", "77", None, Role.SINGLE)
    told = (await journal.audit(count=1)).rows[0]
    assert (told.kind, told.facts["from_schema"], told.facts["schema"]) == ("migrated", version, SCHEMA_VERSION)
    assert await journal.verify() is None
    await journal.close()
    with sqlite3.connect(tmp_path / DATABASE_NAME) as now:
        assert now.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)


async def test_a_kind_of_row_that_nobody_described_stops_nothing(tmp_path: Path) -> None:
    journal = await opened(tmp_path)
    await journal.record("tA", "DU1", [Turn("something new", {"secret": "s"})])
    assert await journal.verify() is None
    with sqlite3.connect(tmp_path / DATABASE_NAME) as file:
        assert file.execute("SELECT payload FROM audit WHERE kind = 'something new'").fetchall() == [("{}",)]
    await journal.close()

"""What was sent lately, counted from the audit."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from ibkr_tui.core.journal.counts import SentOrder, sent_since, usual_qty, value_of
from ibkr_tui.core.journal.intents import Intent, IntentState
from ibkr_tui.core.journal.journal import Journal, Turn
from ibkr_tui.model.orders import Role, Side


def intent(coid: str, at: Any, qty: str = "1", conid: int = 1) -> Intent:
    return Intent(
        coid, "DU1", conid, "X", "X", Side.BUY, D(qty), "limit", D(5), "day", "h", "i", IntentState.SENDING, at
    )  # fmt: skip


@pytest.fixture
async def journal(tmp_path: Path, fake_clock: Any) -> AsyncIterator[Journal]:
    made = Journal(tmp_path, fake_clock, "test")
    await made.open()
    yield made
    await made.close()


async def count(journal: Journal, at: Any) -> list[SentOrder]:
    return await journal._database.run(lambda connection: sent_since(connection, at))


async def test_another_core_counts_what_a_killed_one_sent(journal: Journal, tmp_path: Path, fake_clock: Any) -> None:
    begun = fake_clock.now()
    await fake_clock.advance(1)
    for number, value in enumerate(("100.50", "200", "300")):
        await journal.begin(intent(f"t{number}", fake_clock.now()), {"value": D(value), "side": Side.BUY})
    await journal.record("t1", "DU1", [Turn("rejected", {"text": "no"}, IntentState.REJECTED)])
    await journal.close()
    another = Journal(tmp_path, fake_clock, "test")
    await another.open()
    found = await count(another, begun)
    assert [(order.coid, order.value, order.worked) for order in found] == [
        ("t2", D(300), True), ("t1", D(200), False), ("t0", D("100.50"), True),
    ]  # fmt: skip
    assert value_of(found) == D("400.50")
    assert await count(another, fake_clock.now()) == []
    assert len(await count(another, begun - timedelta(days=1))) == 3
    await another.close()


async def test_the_usual_size_of_an_instrument(journal: Journal, fake_clock: Any) -> None:
    async def usual(conid: int) -> D | None:
        return await journal._database.run(lambda connection: usual_qty(connection, conid))

    for number, qty in enumerate(("10", "900", "20")):
        assert await usual(1) is None
        await journal.begin(intent(f"t{number}", fake_clock.now(), qty), {})
    assert await usual(1) == D(20)
    assert await usual(2) is None


def sent(value: int, role: Role, side: Side = Side.BUY, kind: str = "intent") -> SentOrder:
    from datetime import UTC, datetime

    return SentOrder("t", datetime(2026, 1, 1, tzinfo=UTC), kind, D(value), side, "g", role)


@pytest.mark.parametrize(
    ("orders", "expected"),
    [
        ([sent(100, Role.ENTRY), sent(90, Role.STOP, Side.SELL), sent(120, Role.TARGET, Side.SELL)], 100),
        ([sent(100, Role.LEG), sent(90, Role.LEG)], 100),
        ([sent(100, Role.TRIGGER), sent(90, Role.CHILD)], 190),
        ([sent(100, Role.TRIGGER), sent(110, Role.CHILD, Side.SELL)], 110),
        ([sent(100, Role.LEG), sent(500, Role.LEG, kind="amend")], 100),
        ([], 0),
    ],
)
def test_groups_count_once(orders: list[SentOrder], expected: int) -> None:
    assert value_of(orders) == D(expected)

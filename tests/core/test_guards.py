"""The guards' row: a switch anything may turn on, a journal that fails, limits that get tighter."""

from __future__ import annotations

import asyncio
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

from ibkr_tui.core.guards import LOOK_EVERY, GuardDesk
from ibkr_tui.core.journal.journal import Journal
from ibkr_tui.core.kill_switch import KillSwitch
from ibkr_tui.core.orders.limits import LimitsInForce
from ibkr_tui.core.orders.recorder import Recorder
from ibkr_tui.core.orders.sweep import SweepResult
from ibkr_tui.core.settings import Limits
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.events import Severity
from ibkr_tui.model.guards import Guards
from ibkr_tui.model.log import Log
from ibkr_tui.model.table import Table


class Scene:
    """A guard desk around a real journal and a real file."""

    def __init__(self, state: Path, clock: Any) -> None:
        self.clock = clock
        self.journal = Journal(state, clock, "test")
        self.switch = KillSwitch(state, clock)
        self.limits = LimitsInForce(Limits(max_leverage=D(4)))
        self.events: Log[Any] = Log("events")
        self.table: Table[Guards] = Table("guards")
        self.swept = 0
        self.result: SweepResult | None = None
        self.desk = GuardDesk(
            table=self.table, profile="paper", switch=self.switch, limits=self.limits, journal=self.journal,
            recorder=Recorder(self.journal, self.events, Log("fills"), "DU1", clock), clock=clock, sweep=self.sweep,
        )  # fmt: skip

    async def sweep(self) -> SweepResult:
        self.swept += 1
        if self.result is None:
            raise BrokerError("IBKR_NO_SESSION", "no session")
        return self.result

    @property
    def said(self) -> list[str]:
        return [event.text for event in self.events.entries()]

    async def audited(self, kind: str) -> list[str]:
        sql = "SELECT payload FROM audit WHERE kind = ? ORDER BY seq"
        rows = await self.journal._database.run(lambda connection: connection.execute(sql, (kind,)).fetchall())
        return [payload for (payload,) in rows]


@pytest.fixture
async def scene(tmp_path: Path, fake_clock: Any) -> Any:
    made = Scene(tmp_path, fake_clock)
    await made.journal.open()
    yield made
    await made.journal.close()


async def test_a_file_that_anything_made_is_seen_by_the_watcher(scene: Scene) -> None:
    running = asyncio.create_task(scene.desk.run())
    await _until(lambda: scene.table.get("paper"), scene)
    assert scene.desk.row.kill_switch is False
    scene.switch.path.touch()
    await _until(lambda: scene.desk.row.kill_switch, scene)
    await _until(lambda: any("could not cancel" in text for text in scene.said), scene)
    assert scene.swept == 1
    scene.switch.turn_off()
    await _until(lambda: not scene.desk.row.kill_switch, scene)
    await _until(lambda: scene.said[-1].startswith("kill switch off"), scene)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert LOOK_EVERY < 1.0
    assert len(await scene.audited("kill_switch")) == 2
    (at_start,) = await scene.audited("limits")
    assert "max_leverage = 4" in at_start


async def _until(condition: Any, scene: Scene) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await scene.clock.advance(LOOK_EVERY)
            await asyncio.sleep(0.005)


async def test_a_person_turns_it_on_and_off_with_words(scene: Scene) -> None:
    row = await scene.desk.set(True, "too fast", "app")
    assert (row.kill_switch, row.kill_by, row.kill_reason) == (True, "app", "too fast")
    assert "KILL SWITCH on by app (too fast)" in scene.said[0]
    assert (await scene.desk.set(False, "", "app")).kill_switch is False
    assert await scene.audited("kill_switch") == ['{"by":"app","on":true,"text":"too fast"}', '{"on":false}']


async def test_what_became_of_its_cancels_is_told(scene: Scene) -> None:
    scene.result = SweepResult(2, 1, (), text="cancel requested for 2 orders; 1 order failed (not now)")
    await scene.desk.set(True, "", "app")
    await _until(lambda: len(scene.said) == 2, scene)
    (_, told) = scene.events.entries()
    assert (told.severity, told.text) == (Severity.ERROR, f"kill switch: {scene.result.text}")


async def test_a_journal_that_fails_trips_it_and_keeps_it_on(scene: Scene) -> None:
    await scene.desk.look()
    scene.journal._database._failure = "the disk is full"
    await scene.desk.look()
    assert (scene.desk.row.kill_by, scene.desk.row.kill_reason) == ("core", "the disk is full")
    with pytest.raises(BrokerError) as caught:
        await scene.desk.set(False, "", "app")
    assert caught.value.code == "JOURNAL_UNAVAILABLE"
    assert scene.switch.is_on


async def test_what_changed_while_no_core_ran_is_audited(scene: Scene, tmp_path: Path) -> None:
    await scene.desk.set(True, "", "app")
    scene.switch.turn_off()
    await scene.journal.close()
    later = Scene(tmp_path, scene.clock)
    await later.journal.open()
    running = asyncio.create_task(later.desk.run())
    await _until(lambda: later.said, later)
    assert later.said == ["kill switch off: orders may leave again"]
    running.cancel()
    await asyncio.wait([running])
    assert len(await later.audited("kill_switch")) == 2
    await later.journal.close()


async def test_tighter_limits_are_shown_told_and_audited(scene: Scene) -> None:
    row = await scene.desk.tighten({"max_leverage": D(2)}, "call")
    assert (row.limits["max_leverage"], row.tightened) == ("2", ("max_leverage",))
    assert '"tightened":["max_leverage"]' in (await scene.audited("limits"))[0]
    with pytest.raises(BrokerError) as caught:
        await scene.desk.tighten({"max_leverage": D(3)}, "call")
    assert caught.value.code == "LIMIT_LOOSENED"
    assert len(await scene.audited("limits")) == 1

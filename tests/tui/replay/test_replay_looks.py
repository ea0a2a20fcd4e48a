"""How a replay looks, as snapshots: of a recording, and of an export of the audit; time stands still."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ibkr_tui.tui.app import TradingApp
from ibkr_tui.tui.replay.audited import AuditedDay
from ibkr_tui.tui.replay.feed import ReplayFeed, ReplayLauncher
from ibkr_tui.tui.replay.moments import read_moments
from ibkr_tui.tui.replay.recorded import RecordedDay, RecordedMemory
from tests.tui.activity.conftest import DAY
from tests.tui.replay.test_recorded import record

SIZES = [(80, 24), (120, 40)]
Look = Callable[[ReplayFeed, tuple[int, int], str, str], bool]


@pytest.fixture
def look(snap_compare: Any, tmp_path: Path) -> Look:
    """Play the whole day, go to a page and wait until something stands on it."""

    def compare(feed: ReplayFeed, size: tuple[int, int], page: str, words: str) -> bool:
        feed.player.toggle()
        memory = RecordedMemory(tmp_path, feed.recording) if isinstance(feed, RecordedDay) else None
        app = TradingApp(ReplayLauncher(), tmp_path, clock=feed.clock, feed=feed, remembered=memory)

        async def settle(pilot: Any) -> None:
            while not feed.player.is_done:
                feed.step()
            await pilot.press(page)
            for _ in range(400):
                app._next_second = 0.0
                app._frame()
                await pilot.pause(0.01)
                lines = app.screen._compositor.render_strips()
                if words in "\n".join("".join(part.text for part in strip) for strip in lines):
                    return
            raise AssertionError(f"not seen: {words}")

        return bool(snap_compare(app, terminal_size=size, run_before=settle))

    return compare


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_recorded_day(look: Look, scene: Any, tmp_path: Path, size: tuple[int, int]) -> None:
    path = record(tmp_path / "day.jsonl", scene)
    assert look(RecordedDay(read_moments(path), path, ReplayLauncher()), size, "7", "row 38 of 38")


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_an_exported_day(look: Look, tmp_path: Path, size: tuple[int, int]) -> None:
    assert look(AuditedDay(DAY, tmp_path / "day.jsonl", ReplayLauncher()), size, "7", "row 15 of 15")

"""A replay in the app: marked at every size, steered by keys, and nothing can be sent."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.looks import Looks
from ibkr_tui.tui.app import TradingApp
from ibkr_tui.tui.replay.audited import AuditedDay
from ibkr_tui.tui.replay.feed import ReplayFeed, ReplayLauncher
from tests.tui.activity.conftest import DAY


def text(app: TradingApp) -> str:
    lines = app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in lines)


@contextlib.asynccontextmanager
async def replaying(tmp_path: Path, size: tuple[int, int] = (80, 24)) -> AsyncIterator[tuple[Any, Any, ReplayFeed]]:
    launcher = ReplayLauncher()
    feed = AuditedDay(DAY, tmp_path / "day.jsonl", launcher)
    feed.player.toggle()  # a test plays it by hand
    app = TradingApp(launcher, tmp_path, clock=feed.clock, feed=feed)
    async with app.run_test(size=size) as pilot:
        yield app, pilot, feed


async def seen(app: Any, pilot: Any, words: str) -> str:
    """The screen, once these words are on it."""
    for _ in range(500):
        app._frame()
        await pilot.pause()
        if words in text(app):
            return text(app)
        await asyncio.sleep(0.01)
    raise AssertionError(f"not seen: {words}\n{text(app)}")


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=str)
async def test_the_day_goes_through_the_screens_and_is_marked(tmp_path: Path, size: tuple[int, int]) -> None:
    async with replaying(tmp_path, size) as (app, pilot, feed):
        await pilot.press("7")
        assert " REPLAY " in (await seen(app, pilot, "The day begins")).split("\n")[0]
        while not feed.player.is_done:
            await pilot.press("n")
        assert "■ over" in await seen(app, pilot, "no answer within 10 s")
        assert "row 15 of 15" in text(app)
        await pilot.press("end", "enter")
        for page in "1234568":
            await pilot.press(page)
            assert " REPLAY " in (await seen(app, pilot, "REPLAY")).split("\n")[0], page
        await pilot.press("3")
        await seen(app, pilot, "UNKNOWN")
        await pilot.press("4")
        await seen(app, pilot, "The recording has no positions")


async def test_keys_play_pause_and_change_the_speed(tmp_path: Path) -> None:
    async with replaying(tmp_path) as (app, pilot, feed):
        await pilot.press("7")
        await seen(app, pilot, "❚❚ paused")
        await pilot.press("space", "greater_than_sign", "greater_than_sign", "less_than_sign")
        assert feed.player.is_playing
        assert "▶ playing" in text(app)
        assert "2×" in text(app)
        feed.pass_on(30)
        assert feed.player.at
        await seen(app, pilot, "#100")
        await pilot.press("0")
        assert feed.player.at in {0, 1}
        assert app.clock.now() <= DAY[1].at


async def test_nothing_can_be_sent(tmp_path: Path) -> None:
    async with replaying(tmp_path) as (app, _, feed):
        for operation in ("place_order", "cancel_order", "set_kill_switch", "shutdown", "preview_order"):
            with pytest.raises(BrokerError, match="nothing is connected and nothing can be sent") as refused:
                await feed.call(operation, {})
            assert refused.value.code == "REPLAY_ONLY"
        with pytest.raises(BrokerError):
            await app.launcher.attach(lambda _: None)
        assert await feed.call("look_at", {}) == Looks((), ())
        feed.reconnect()
        assert feed.is_live
        await app.launcher.stop()


async def test_the_recording_answers_what_the_journal_would(tmp_path: Path) -> None:
    async with replaying(tmp_path) as (_, __, feed):
        while not feed.player.is_done:
            feed.step()
        page = await feed.call("get_audit", {"count": 2, "coid": "t1", "kinds": []})
        assert ([row.seq for row in page.rows], page.more) == ([108, 110], True)
        page = await feed.call("get_audit", {"count": 5, "kinds": ["approved"], "before": 103})
        assert ([row.seq for row in page.rows], page.more) == ([102], False)


async def test_q_leaves_without_a_question(tmp_path: Path) -> None:
    async with replaying(tmp_path) as (app, pilot, _):
        await pilot.press("q")
        await pilot.pause()
        assert app.return_value == 0

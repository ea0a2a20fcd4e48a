"""The live gate's dialog: what is missing, and each item of the checklist by its own words."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ibkr_tui.core.live_gate import LiveDesk
from ibkr_tui.core.settings import Limits, MarketSettings, Profile, SafetySettings, UiSettings
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.live_gate import LiveCheck
from ibkr_tui.tui.screens.health import HealthScreen
from ibkr_tui.tui.screens.live_gate import LiveGateScreen
from ibkr_tui.tui.screens.typed_word import TypedWordScreen


@pytest.fixture
def core(tmp_path: Path, clock: Any) -> LiveDesk:
    """The core's own gate answers, on a profile that lacks a policy and the checklist."""
    state = tmp_path / "core"
    state.mkdir()
    profile = Profile(
        name="live", kind="live", auth="oauth1", account_id="U1", rest_url="", ws_url="", orders="send",
        limits=Limits(), market=MarketSettings(), ui=UiSettings(), live_trading=True,
        safety=SafetySettings(live_trading_enabled=True, allowed_accounts=("U1",)), risk_policy="cautious",
    )  # fmt: skip
    return LiveDesk(profile, state, clock)


def answers(desk: Any, core: LiveDesk) -> None:
    desk.feed.answers |= {
        "get_live_gate": lambda _: core.state(),
        "acknowledge_live": lambda given: core.acknowledge(LiveCheck(given["item"]), given["typed"]),
    }


def keys(item: LiveCheck) -> list[str]:
    """What is pressed to type an item's words."""
    return ["space" if letter == " " else letter for letter in item.word.lower()]


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_the_checklist_is_acknowledged_word_by_word(drive: Any, core: LiveDesk, size: tuple[int, int]) -> None:
    async with drive(size=size, kind="live") as desk:
        answers(desk, core)
        await desk.press("8", "g")
        assert isinstance(desk.app.screen, LiveGateScreen)
        await desk.until(lambda: "LOCKED" in desk.text, "the gate")
        assert "✗ Acknowledge the items" in desk.text and "✓ the risk policy is cautious" in desk.text
        for item in LiveCheck:
            await desk.press("enter")
            assert isinstance(desk.app.screen, TypedWordScreen)
            await desk.press("enter")
            assert isinstance(desk.app.screen, TypedWordScreen), "Enter alone acknowledges nothing"
            await desk.press(*keys(item), calm=0.1)
            await desk.press("enter")
            await desk.until(lambda: isinstance(desk.app.screen, LiveGateScreen), "back at the gate")
            name = item.replace("_", " ").capitalize()
            await desk.until(lambda name=name: "✓" in desk.line(name), name)
        await desk.until(lambda: "OPEN: every approved order" in desk.text, "open")
        assert "No market orders." in desk.text
        await desk.press("escape")
        assert isinstance(desk.app.screen, HealthScreen)
    assert core.state().is_open


async def test_what_ran_out_and_what_is_refused_is_said(drive: Any, core: LiveDesk, clock: Any) -> None:
    for item in LiveCheck:
        core.acknowledge(item, item.word)
    clock.advance(timedelta(days=31).total_seconds())
    async with drive(kind="live") as desk:
        answers(desk, core)
        await desk.press("8", "g")
        await desk.until(lambda: "it has run out" in desk.text, "the note")
        desk.feed.answers["acknowledge_live"] = BrokerError("JOURNAL_UNAVAILABLE", "the disk\x1b]52;c;x\x07 is full")
        await desk.press("enter")
        await desk.press(*keys(LiveCheck.PAPER), calm=0.1)
        await desk.press("enter")
        await desk.until(lambda: "Not acknowledged: the disk" in desk.text, "the refusal")
        assert "\x1b" not in desk.text


async def test_a_core_that_does_not_answer_is_said(drive: Any) -> None:
    async with drive(kind="live") as desk:
        desk.feed.answers["get_live_gate"] = BrokerError("CORE_UNREACHABLE", "the core has gone")
        await desk.press("8", "g")
        await desk.until(lambda: "the core has gone" in desk.text, "why")
        await desk.press("enter", "escape")
        assert isinstance(desk.app.screen, HealthScreen)


async def test_there_is_no_such_key_on_paper(drive: Any, core: LiveDesk) -> None:
    async with drive() as desk:
        answers(desk, core)
        await desk.press("8", "g")
        assert isinstance(desk.app.screen, HealthScreen)
        assert desk.feed.called("get_live_gate") == []
        paper = msgspec.structs.replace(core.state(), applies=False)
        screen = LiveGateScreen(desk.feed)
        desk.app.push_screen(screen)
        await desk.pilot.pause()
        screen._show(paper)
        await desk.pilot.pause()
        assert "nothing stands before its orders" in desk.text

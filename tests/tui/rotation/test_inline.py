"""The wizard by itself, as it stands under a prompt: the page's steps, no more lines than it needs, and the way out."""

from __future__ import annotations

from typing import Any

import msgspec
from textual.widgets import Input

from ibkr_tui.model.rotation import RotationPhase
from ibkr_tui.tui.rotation_app import RotationApp
from tests.tui.conftest import HandClock, HandFeed, IdleLauncher
from tests.tui.rotation.conftest import FIRST, IDLE, TO_PROVE, HandCore, refused


class Bench:
    """The wizard on a core by table, under a pilot."""

    def __init__(self, found: Any, kind: str = "paper") -> None:
        self.clock = HandClock()
        self.feed = HandFeed(IdleLauncher(kind=kind), self.clock)
        self.core = HandCore(self.feed, found)
        self.app = RotationApp(self.feed, self.clock, profile=kind, kind=kind, account="DU1234567")

    async def press(self, pilot: Any, *keys: str) -> str:
        for key in keys:
            self.clock.advance(0.5)
            await pilot.press(key)
        await pilot.pause()
        return self.text

    @property
    def text(self) -> str:
        strips = self.app.screen._compositor.render_strips()
        return " ".join("".join(part.text for part in strip) for strip in strips)


async def until(pilot: Any, condition: Any) -> None:
    for _ in range(300):
        await pilot.pause()
        if condition():
            return
    raise AssertionError


async def test_from_the_first_step_to_the_switch_which_ends_it() -> None:
    bench = Bench(FIRST)
    async with bench.app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: bench.app.wizard.found is not None)
        assert "Set up keys · paper" in bench.text and "none yet" in bench.text
        await bench.press(pilot, "enter", "y")
        await until(pilot, lambda: bench.core.found.phase is RotationPhase.UPLOAD and "Upload to IBKR" in bench.text)
        help_text = await bench.press(pilot, "f1")
        assert "Three files belong to IBKR" in help_text and "Desk" not in help_text
        await bench.press(pilot, "escape", "enter")
        for name in ("consumer_key", "access_token", "access_token_secret"):
            bench.app.screen.query_one(f"#{name}", Input).value = "SOMETHING"
        bench.app.screen.query_one("#access_token_secret", Input).focus()
        await bench.press(pilot, "enter")
    assert (bench.core.found.phase, bench.app.return_code) == (RotationPhase.IDLE, 0)


async def test_live_is_named_and_a_refusal_leaves_it_open() -> None:
    bench = Bench(TO_PROVE, kind="live")
    bench.core.refusals = [refused("IBKR_CONSUMER_REVOKED")]
    async with bench.app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: bench.app.wizard.found is not None)
        assert "LIVE" in bench.text
        await bench.press(pilot, "enter", *"live", "enter")
        await until(pilot, lambda: bench.feed.called("rotate_confirm") and not bench.app.wizard.busy)
        assert bench.feed.called("rotate_confirm") == [{"confirm": "live"}]
        assert "Not active yet" in bench.text and bench.app.is_running
        await bench.press(pilot, "q")
    assert bench.app.return_code == 0


async def test_what_stands_there_already_is_not_painted_again() -> None:
    bench = Bench(msgspec.structs.replace(IDLE, notes=()))
    async with bench.app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: bench.app.wizard.found is not None)
        before = bench.app.wizard._text.content
        bench.app.wizard.show_steps()
        assert bench.app.wizard._text.content is before

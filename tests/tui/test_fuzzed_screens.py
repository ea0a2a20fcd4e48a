"""Hostile strings onto the screen: the terminal's stream holds no escape but the colours that the app itself chose."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest
from rich.segment import ControlType, Segment
from textual.app import App, ComposeResult
from textual.color import Color
from textual.content import Content
from textual.filter import LineFilter
from textual.widgets import Static

from ibkr_tui.model.text import clean
from ibkr_tui.tui.control_guard import ControlGuard

COLOURS = re.compile(r"\x1b\[[0-9;]*m")
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ue000-\uf8ff]")
FRAGMENTS = (
    "\x1b[31m", "\x1b[2J", "\x1b]52;c;aGk=\x07", "\x1b]0;t\x1b\\", "\x9b2J", "\x9d8;;x\x07", "\x00", "\x07", "\x08",
    "\u202e", "\u2066", "\u200b", "\u200d", "\ufeff", "\ue000", "\u0301" * 9, "[bold]", "[/]", "[@click=app.quit]x[/]",
    "[link=x]", "{", "日本", "👧", "AAPL", " ",
)  # fmt: skip


def batch(dice: random.Random, size: int) -> list[str]:
    return ["".join(dice.choices(FRAGMENTS, k=dice.choice((1, 3, 9)))) + chr(dice.randrange(0xD7FF))
            for _ in range(size)]  # fmt: skip


def stream(app: App[Any]) -> str:
    """What the driver would write for the whole screen, without the colours."""
    strips = app.screen._compositor.render_strips()
    return COLOURS.sub("", "\n".join(strip.render(app.console) for strip in strips))


class Wall(App[None]):
    """Nothing but text, and the last guard before it."""

    def compose(self) -> ComposeResult:
        yield Static(id="wall", markup=False)

    def get_line_filters(self) -> list[LineFilter]:
        return [*super().get_line_filters(), ControlGuard()]


async def paint(batches: int, seed: int) -> int:
    dice, app, painted = random.Random(seed), Wall(), 0  # noqa: S311 - the same in every run
    async with app.run_test(size=(200, 100)) as pilot:
        wall = app.query_one("#wall", Static)
        for number in range(batches):
            raws = batch(dice, 100)
            cleaned = number % 2 == 0  # the other half did not pass the cleaner: the guard is alone
            wall.update(Content("\n").join([Content(clean(raw) if cleaned else raw) for raw in raws]))
            await pilot.pause()
            assert not OBEYED.search(stream(app)), seed
            painted += len(raws)
    return painted


async def test_hundreds_of_strings_leave_no_escape_in_the_stream() -> None:
    assert await paint(6, seed=3) == 600


@pytest.mark.slow
async def test_a_hundred_thousand_strings_leave_no_escape_in_the_stream() -> None:
    assert await paint(1000, seed=5) == 100_000


async def test_the_pages_themselves_are_guarded(drive: Any, scene: Any) -> None:
    raws = batch(random.Random(9), 5)  # noqa: S311 - the same in every run
    async with drive(size=(120, 40)) as desk:
        for raw in raws:  # straight from a core that forgot to clean
            desk.feed.rows("quotes", {"265598": scene.quote("AAPL", description=raw)})
            desk.feed.rows("positions", {"265598": scene.position("AAPL", 265598, "1", "1", "2", description=raw)})
            desk.feed.rows("orders", {"t1": scene.order(description=raw, text=raw)})
            for page in ("1", "3", "4"):
                await desk.press(page)
                await desk.frame()
                assert not OBEYED.search(stream(desk.app)), (raw, page)


def test_the_guard_leaves_controls_and_clean_lines_alone() -> None:
    bell = Segment("\x07", None, [(ControlType.BELL,)])
    clean_line = [Segment("AAPL 日本"), bell]
    assert ControlGuard().apply(clean_line, Color(0, 0, 0)) is clean_line
    found = ControlGuard().apply([Segment("a\x1b[31mb\u202e"), bell], Color(0, 0, 0))
    assert [segment.text for segment in found] == ["a[31mb", "\x07"]

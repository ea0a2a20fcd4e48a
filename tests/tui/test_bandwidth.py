"""On a slow line pictures wait for the bytes before them; nothing only moves, and the status bar says so."""

from __future__ import annotations

from typing import Any

from textual.drivers.headless_driver import HeadlessDriver

from ibkr_tui.tui.bandwidth import LONGEST_S, ByteBudget, metered
from ibkr_tui.tui.settings import UiSettings


def test_the_line_carries_its_budget_whatever_a_picture_costs() -> None:
    for cost in (500, 3000, 9000):
        budget, sent, now = ByteBudget(), 0, 0.0
        while now < 100:
            if budget.is_free(now, sent):
                sent += cost
            now += 0.25
        assert sent / now <= 4000
        assert sent / now >= 500 * 0.9


def test_a_whole_page_is_not_waited_for_longer_than_that() -> None:
    budget = ByteBudget()
    assert not budget.is_free(0.0, 100_000)
    assert budget.is_free(LONGEST_S, 100_000)


def test_a_metered_driver_counts_bytes_not_characters() -> None:
    class Mute(HeadlessDriver):
        def __init__(self) -> None: ...

        def write(self, data: str) -> None: ...

    driver: Any = metered(Mute)()
    driver.write("▸AAPL")
    driver.write("x")
    assert driver.sent_bytes == 8


async def test_what_is_seen_of_it(drive: Any) -> None:
    async with drive(size=(120, 40), settings=UiSettings(low_bandwidth=True)) as desk:
        assert "low bandwidth" in desk.line("PAPER")
        assert desk.app.animation_level == "none"
        assert desk.line("PAPER").rstrip().endswith("10:42 open"), "seconds would be a line of bytes each"
        await desk.frame(6)
        before = desk.text
        await desk.frame(2)
        assert desk.text == before, "ages move every five seconds"
        await desk.frame(3)
        assert desk.text != before
        await desk.press("/")
        assert not desk.app.focused.cursor_blink

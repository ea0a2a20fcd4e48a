"""How the Activity page looks, as snapshots: frozen clock, given rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ibkr_tui.tui.feed import LinkState
from tests.tui.activity.conftest import tell

SIZES = [(80, 24), (120, 40)]


@pytest.fixture
def look(snap_compare: Any, make_app: Any, scene: Any, journal: Any) -> Callable[..., bool]:
    def compare(
        size: tuple[int, int], *, keys: tuple[str, ...] = (), at: str = "", state: str = "live", failure: str = ""
    ) -> bool:
        app = make_app(live=state != "before")
        app.feed.answers["get_audit"] = journal.answer

        async def settle(pilot: Any) -> None:
            app, clock = pilot.app, pilot.app.clock
            app.feed.recent.clear()
            if state not in {"before", "empty"}:
                tell(app.feed)
            if failure:
                app.feed.rows("health", {"paper": scene.health(journal_failure=failure)})
            await pilot.press("7")
            while app.screen is not app.activity or not app.activity.board.content_size.width:
                await pilot.pause()
            if at:
                app.activity.board.select(at)
            await pilot.press(*keys)
            if state == "lost":
                app.feed.say(LinkState.LOST, "The link to the core was lost.")
            for _ in range(2):
                clock.advance(6)
                app._frame()
                await pilot.pause()

        return bool(snap_compare(app, terminal_size=size, run_before=settle))

    return compare


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_day(look: Any, size: tuple[int, int]) -> None:
    assert look(size)


@pytest.mark.parametrize("size", [*SIZES, (170, 50)], ids=str)
def test_the_details_of_a_fill(look: Any, size: tuple[int, int]) -> None:
    assert look(size, at="fe1", keys=("enter",))


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_only_the_audit_of_an_unknown_order(look: Any, size: tuple[int, int]) -> None:
    assert look(size, at="a115", keys=("f", "f", "f", "i", "enter"))


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("state", ["before", "empty", "lost"])
def test_what_is_not_there_is_said(look: Any, size: tuple[int, int], state: str) -> None:
    assert look(size, state=state)


def test_no_audit(look: Any) -> None:
    assert look((80, 24), failure="the journal cannot be written: the disk is full")

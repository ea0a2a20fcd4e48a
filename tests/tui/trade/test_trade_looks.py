"""How the Trade page looks, as snapshots at 80×24 and 120×40: modes, preview, refusal, unknown, blotter, dialogs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
from textual.widgets import Input

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.guards import Guards
from ibkr_tui.model.orders import OrderState
from ibkr_tui.tui.trade.sheet import Stage
from tests.tui.trade.conftest import bracket_rows

Before = Callable[[Any], Awaitable[None]]
SIZES = [(80, 24), (120, 40)]
BRACKET = "buy 100 AAPL @ 188 stop 185 target 195"


class Page:
    """The pilot of a snapshot as the helpers of the page tests know it."""

    def __init__(self, pilot: Any) -> None:
        self.app, self.feed, self.pilot = pilot.app, pilot.app.feed, pilot

    async def press(self, *keys: str) -> None:
        for key in keys:
            self.app.clock.advance(0.5)
            await self.pilot.press(key)

    async def until(self, condition: Callable[[], Any]) -> None:
        while not condition():
            await self.pilot.pause()


@pytest.fixture
def look(snap_compare: Any, make_app: Any, core: Any) -> Callable[..., bool]:
    def compare(size: tuple[int, int], before: Before) -> bool:
        async def settle(pilot: Any) -> None:
            desk = Page(pilot)
            core(desk)
            pilot.app.clock.advance(1)
            pilot.app._frame()
            await desk.press("3")
            await desk.until(lambda: pilot.app.trade.ticket.instrument is not None)
            await desk.press("b")
            await before(desk)
            await pilot.pause()
            for field in pilot.app.screen.query(Input):
                field.cursor_blink = False
            pilot.app.clock.advance(1)
            pilot.app._frame()
            await pilot.pause()

        return bool(snap_compare(make_app(), terminal_size=size, run_before=settle))

    return compare


async def say(desk: Any, line: str, stage: Stage | None = Stage.PREVIEWED) -> None:
    await desk.press("ctrl+l")
    await desk.pilot.press(*line)
    if stage is not None:
        await desk.press("enter")
        await desk.until(lambda: desk.app.trade.ticket.stage is stage)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize(
    "keys",
    [
        ["1", "0", "0"],
        ["f5", "1", "0", "0"],
        ["f4", "1", "0", "0", "f5", "f5", "ctrl+n", "f9"],
        ["1", "0", "0", "f5", "f5", "f5", "f9"],
    ],
    ids=["simple", "bracket", "oco", "oto"],
)
def test_the_modes(look: Any, size: tuple[int, int], keys: list[str]) -> None:
    async def before(desk: Any) -> None:
        await desk.press(*keys)

    assert look(size, before)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_bracket_previewed(look: Any, size: tuple[int, int]) -> None:
    async def before(desk: Any) -> None:
        await say(desk, BRACKET)

    assert look(size, before)


def test_a_line_being_typed(look: Any) -> None:
    async def before(desk: Any) -> None:
        await say(desk, BRACKET.removesuffix(" 195"), None)

    assert look((80, 24), before)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_wrong_stop(look: Any, size: tuple[int, int]) -> None:
    async def before(desk: Any) -> None:
        await desk.press("f5", "1", "0", "0")
        desk.app.trade.ticket.query_one("#stop_loss", Input).focus()
        await desk.pilot.press(*"190.005")

    assert look(size, before)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_reject(look: Any, size: tuple[int, int]) -> None:
    async def before(desk: Any) -> None:
        words = "Leverage after this order is 4.12, the cap is 4.0"
        desk.feed.answers["preview_order"] = BrokerError(
            "RISK_LEVERAGE", words, details={"fields": {"qty": "At most 93."}}
        )
        await say(desk, BRACKET, Stage.EDITING)
        await desk.until(lambda: desk.app.trade.ticket.answer)

    assert look(size, before)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_an_unknown_outcome(look: Any, size: tuple[int, int]) -> None:
    async def before(desk: Any) -> None:
        desk.feed.answers["place_bracket_order"] = BrokerError("IBKR_ORDER_UNKNOWN", "no answer")
        await say(desk, BRACKET)
        await desk.pilot.pause()
        await desk.press("y")
        await desk.until(lambda: desk.app.trade.ticket.stage is Stage.UNKNOWN)

    assert look(size, before)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_blotter_unfolded(look: Any, scene: Any, size: tuple[int, int]) -> None:
    async def before(desk: Any) -> None:
        rows = bracket_rows(scene)
        rows["b3"] = msgspec.structs.replace(rows["b3"], state=OrderState.REJECTED, text="No stops for this product")
        desk.feed.rows("orders", rows)
        desk.app.clock.advance(1)
        desk.app._frame()
        blotter = desk.app.trade.blotter
        blotter.focus()
        await desk.pilot.pause()
        for key in ("t4", "group:g1"):
            blotter.select(key)
            await desk.press("space")

    assert look(size, before)


@pytest.mark.parametrize(
    ("row", "keys"),
    [("group:g1", ["alt+down"]), ("group:g1", ["c"]), ("t1", ["e"]), ("t1", ["x"]), ("t1", ["f"]), ("t1", ["C"])],
    ids=["move", "cancel", "amend", "close", "flatten", "cancel all"],
)
def test_what_changes_risk_asks(look: Any, row: str, keys: list[str]) -> None:
    async def before(desk: Any) -> None:
        blotter = desk.app.trade.blotter
        blotter.focus()
        await desk.pilot.pause()
        blotter.select(row)
        await desk.pilot.pause()
        await desk.press(*keys)
        amends = keys == ["e"]
        await desk.until(lambda: desk.app.trade.ticket.form.amends if amends else desk.app.screen is not desk.app.trade)

    assert look((80, 24), before)


def test_the_kill_switch(look: Any) -> None:
    async def before(desk: Any) -> None:
        desk.feed.rows("guards", {"paper": Guards("paper", True, "app", "")})
        await desk.press("ctrl+k")

    assert look((80, 24), before)

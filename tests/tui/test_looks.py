"""How it looks, as snapshots: frozen clock, given rows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.orders import OrderState
from ibkr_tui.tui.feed import LinkState
from ibkr_tui.tui.screens.ticket import TicketScreen
from ibkr_tui.tui.screens.welcome import WelcomeApp
from ibkr_tui.tui.settings import UiSettings
from ibkr_tui.tui.trade.sheet import Stage

Before = Callable[[Any], Awaitable[None]]
SIZES = [(80, 24), (120, 40)]


async def ended(pilot: Any, name: str) -> None:
    """Wait for a piece of background work, if it runs."""
    workers = [worker for worker in pilot.app.workers if worker.name == name]
    if workers:  # an empty list would mean: all of them, and the feed never ends
        await pilot.app.workers.wait_for_complete(workers)


async def charted(pilot: Any) -> None:
    """Wait until the chart stands, on a desk that has a core."""
    app = pilot.app
    app.clock.advance(1)
    app._frame()
    while app.feed.is_live and (app.desk.chart.charted != app.state.chosen or not app.desk.chart.bars):
        await pilot.pause()
    await ended(pilot, "bars")


@pytest.fixture
def look(snap_compare: Any, make_app: Any) -> Callable[..., bool]:
    def compare(size: tuple[int, int], before: Before | None = None, **options: Any) -> bool:
        app = make_app(**options)

        async def settle(pilot: Any) -> None:
            await charted(pilot)
            if before is not None:
                await before(pilot)
                await charted(pilot)
            pilot.app.clock.advance(1)
            pilot.app._frame()
            await pilot.pause()

        return bool(snap_compare(app, terminal_size=size, run_before=settle))

    return compare


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_desk_live(look: Any, size: tuple[int, int]) -> None:
    assert look(size)


def test_the_desk_wide(look: Any) -> None:
    assert look((200, 50), kind="live")


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_desk_stale(look: Any, size: tuple[int, int]) -> None:
    async def lose(pilot: Any) -> None:
        pilot.app.clock.advance(1)
        pilot.app.feed.say(LinkState.LOST, "The link to the core was lost.")

    assert look(size, lose)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_desk_while_it_starts(look: Any, size: tuple[int, int]) -> None:
    async def start(pilot: Any) -> None:
        for step in ("Starting the simulated exchange", "Starting the core", "Logging in"):
            pilot.app.feed._step(step)

    assert look(size, start, live=False, is_demo=True)


@pytest.mark.parametrize("theme", ["ember", "daylight", "contrast"])
def test_the_other_themes(look: Any, theme: str) -> None:
    assert look((80, 24), settings=UiSettings(theme=theme))


def test_without_colour(look: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert look((80, 24))


async def fill_in(pilot: Any, stage: Stage) -> None:
    await pilot.press("b")
    await ended(pilot, "instrument")
    await pilot.press(*"100", "enter")
    screen = pilot.app.screen
    assert isinstance(screen, TicketScreen)
    while screen.panel.stage is not stage:
        await pilot.pause()
    for field in screen.query("Input"):
        field.cursor_blink = False


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_preview(look: Any, size: tuple[int, int]) -> None:
    async def before(pilot: Any) -> None:
        await fill_in(pilot, Stage.PREVIEWED)

    assert look(size, before)


def test_the_ticket(look: Any) -> None:
    async def before(pilot: Any) -> None:
        await pilot.press("s")
        for field in pilot.app.screen.query("Input"):
            field.cursor_blink = False
        await pilot.press(*"1e3")
        await ended(pilot, "instrument")

    assert look((80, 24), before)


def test_a_refusal(look: Any) -> None:
    words = "Leverage after this order is 4.12, the cap is 4.0"

    async def before(pilot: Any) -> None:
        pilot.app.feed.answers["preview_order"] = BrokerError("RISK_LEVERAGE", words)
        await fill_in(pilot, Stage.EDITING)
        while not pilot.app.screen.panel.answer:
            await pilot.pause()

    assert look((80, 24), before)


def test_an_unknown_outcome(look: Any) -> None:
    async def before(pilot: Any) -> None:
        pilot.app.feed.answers["place_order"] = BrokerError("IBKR_ORDER_UNKNOWN", "no answer")
        await fill_in(pilot, Stage.PREVIEWED)
        pilot.app.clock.advance(1)
        await pilot.press("y")
        while pilot.app.screen.panel.stage is not Stage.UNKNOWN:
            await pilot.pause()

    assert look((80, 24), before)


def test_an_unknown_order(look: Any) -> None:
    async def before(pilot: Any) -> None:
        await pilot.press("tab", "tab", "enter")

    assert look((80, 24), before)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_question(look: Any, scene: Any, size: tuple[int, int]) -> None:
    async def before(pilot: Any) -> None:
        order = scene.order("t1", limit_price=Decimal("210.00"), state=OrderState.QUESTION)
        pilot.app.feed.rows("orders", {"t1": order})
        pilot.app.feed.rows("questions", {"q1": scene.question()})
        pilot.app.clock.advance(1)
        pilot.app._frame()
        await pilot.pause()

    assert look(size, before)


@pytest.mark.parametrize("key", ["question_mark", "q", "slash"])
def test_the_small_screens(look: Any, key: str) -> None:
    async def before(pilot: Any) -> None:
        await pilot.press(key)
        for field in pilot.app.screen.query("Input"):
            field.cursor_blink = False

    assert look((80, 24), before)


def test_the_cancel_question(look: Any) -> None:
    async def before(pilot: Any) -> None:
        await pilot.press("tab", "tab", "down", "c")

    assert look((80, 24), before)


@pytest.mark.parametrize("keys", [[], ["down", "enter"], ["up", "enter"]], ids=["menu", "connect", "guards"])
def test_the_welcome(snap_compare: Any, keys: list[str]) -> None:
    app = WelcomeApp(Path("/home/you/.config/ibkr-tui/config.toml"), "")
    assert snap_compare(app, terminal_size=(80, 24), press=keys)

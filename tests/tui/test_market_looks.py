"""How the Market page looks, as snapshots: frozen clock, given rows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from ibkr_tui.model.alerts import Alert, AlertKind, AlertState, Direction
from ibkr_tui.model.log import LogPage
from ibkr_tui.model.orders import Fill, OrderState, Side
from ibkr_tui.model.quotes import QuoteStatus
from ibkr_tui.tui.feed import LinkState
from tests.tui.conftest import NOW

Before = Callable[[Any], Awaitable[None]]
SIZES = [(80, 24), (120, 40)]
D = Decimal


async def settled(pilot: Any) -> None:
    """The chart and every visible row's trend stand, and a frame is painted."""
    app = pilot.app
    market = app.market
    for _ in range(2000):
        paint(app)
        await pilot.pause()
        named = market.state.chosen.conid is not None or not app.feed.is_live
        drawn = market.chart.bars or market.chart.says not in {"", "Loading bars…"} or not app.feed.is_live
        if named and (drawn or not market.board.keys) and not market._loads_trends and not market._trendless():
            break
    else:
        raise AssertionError("the page never settled")
    app.clock.passed = 30.0
    paint(app)
    await pilot.pause()


def paint(app: Any) -> None:
    """A frame and a second at this very moment: how long settling takes must not be seen."""
    app._next_second = 0.0
    app._pace._painted = float("-inf")
    app._frame()


@pytest.fixture
def look(snap_compare: Any, make_app: Any) -> Callable[..., bool]:
    def compare(size: tuple[int, int], before: Before | None = None, **options: Any) -> bool:
        app = make_app(**options)

        async def settle(pilot: Any) -> None:
            await pilot.press("2")
            await settled(pilot)
            if before is not None:
                await before(pilot)
                await settled(pilot)

        return bool(snap_compare(app, terminal_size=size, run_before=settle))

    return compare


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_live(look: Any, scene: Any, size: tuple[int, int]) -> None:
    async def before(pilot: Any) -> None:
        feed, bars = pilot.app.feed, scene.bars()
        bought = Fill("e1", "DU1234567", 265598, "AAPL", Side.BUY, D(10), bars[60].low, bars[60].at)
        feed.accept(LogPage("fills", 1, (bought,)))
        orders = {
            "t1": scene.order("t1", limit_price=D("189.41")),
            "t5": scene.order("t5", side=Side.SELL, limit_price=D("189.46"), qty=D(50), group_id="g"),
            "t6": scene.order("t6", limit_price=D("189.40"), qty=D(200), state=OrderState.UNKNOWN),
        }
        feed.rows("orders", orders)
        await pilot.press("tab", "tab", "down")

    assert look(size, before)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_stale(look: Any, size: tuple[int, int]) -> None:
    async def before(pilot: Any) -> None:
        pilot.app.feed.say(LinkState.LOST, "The link to the core was lost.")

    assert look(size, before)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_halted_and_the_reasons(look: Any, scene: Any, size: tuple[int, int]) -> None:
    async def before(pilot: Any) -> None:
        rows = {
            "265598": scene.quote("AAPL", status=QuoteStatus.HALTED, problem="trading is halted"),
            "272093": scene.quote("MSFT", status=QuoteStatus.NO_DATA, problem="no market data subscription"),
            "4815747": scene.quote("NVDA", status=QuoteStatus.FROZEN),
            "756733": scene.quote("SPY", status=QuoteStatus.STALE, problem="not confirmed"),
        }
        pilot.app.feed.rows("quotes", rows)
        book = scene.book(status=QuoteStatus.HALTED, problem="trading is halted")
        pilot.app.feed.rows("depth", {"265598": book})

    assert look(size, before)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_empty(look: Any, size: tuple[int, int]) -> None:
    async def before(pilot: Any) -> None:
        await pilot.press("n", *"tech", "enter")

    assert look(size, before)


def test_wide(look: Any) -> None:
    assert look((200, 50), kind="live")


def test_one_pane(look: Any) -> None:
    async def before(pilot: Any) -> None:
        await pilot.press("tab", "h", "left", "left", "z")

    assert look((80, 24), before)


def test_without_colour(look: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert look((80, 24))


@pytest.mark.parametrize("key", ["a", "w", "n", "f"])
def test_its_small_screens(look: Any, key: str) -> None:
    async def before(pilot: Any) -> None:
        await pilot.press(key)
        for field in pilot.app.screen.query("Input"):
            field.cursor_blink = False

    assert look((80, 24), before)


def test_the_alerts(look: Any) -> None:
    async def before(pilot: Any) -> None:
        armed = Alert("1", 265598, "AAPL", AlertKind.PRICE, D(190), Direction.ABOVE, NOW, note="sell the half")
        told = msgspec.structs.replace(
            armed, id="2", state=AlertState.FIRED, level=D(189), fired_at=NOW - timedelta(minutes=2),
            fired_value=D("189.02"), note="",
        )  # fmt: skip
        blind = msgspec.structs.replace(armed, id="3", kind=AlertKind.CHANGE, level=D(-2), problem="no subscription")
        pilot.app.feed.rows("alerts", {"1": armed, "2": told, "3": blind})
        await pilot.press("A")

    assert look((80, 24), before)

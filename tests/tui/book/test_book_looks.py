"""How Positions and Account look, as snapshots: frozen clock, given rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from ibkr_tui.model.orders import Side
from ibkr_tui.model.portfolio import Pnl
from ibkr_tui.tui.feed import LinkState
from ibkr_tui.tui.settings import UiSettings
from tests.tui.conftest import NOW

SIZES = [(80, 24), (120, 40)]
D = Decimal


async def settled(pilot: Any, page: Any, ready: Callable[[], Any]) -> None:
    """Frames until the page stands and its answers are there."""
    while pilot.app.screen is not page or not ready():
        pilot.app.clock.advance(0.5)
        pilot.app._frame()
        await pilot.pause()
    await painted(pilot)


async def painted(pilot: Any) -> None:
    pilot.app.clock.advance(12)
    pilot.app._frame()
    await pilot.pause()


@pytest.fixture
def look(snap_compare: Any, make_app: Any, scene: Any, accounts: Any) -> Callable[..., bool]:
    def compare(
        size: tuple[int, int], key: str, *, state: str = "live", keys: tuple[str, ...] = (), **options: Any
    ) -> bool:
        app = make_app(live=state != "before", **options)
        accounts.answers(app.feed)
        page = {"4": app.positions, "5": app.account}[key]

        async def settle(pilot: Any) -> None:
            if state == "empty":
                app.feed.rows("positions", {}, *app.feed.positions.rows)
            elif state != "before":
                more(app.feed, scene)
                course(app)
            await pilot.press(key)
            ready = (
                (lambda: True)
                if key == "4" or state == "before"
                else lambda: page._ledger.lines and page.history.of("DU1234567")
            )
            await settled(pilot, page, ready)
            await pilot.press(*keys)
            if state == "stale":
                app.feed.say(LinkState.LOST, "The link to the core was lost.")
            await painted(pilot)

        return bool(snap_compare(app, terminal_size=size, run_before=settle))

    return compare


def more(feed: Any, scene: Any) -> None:
    """Another currency and class, a bracket around a position, a halted price."""
    feed.rows("orders", {}, "t2")
    feed.rows(
        "positions",
        {
            "14204": scene.position(
                "SAP", 14204, "30", "200", "190", currency="EUR", updated_at=NOW - timedelta(seconds=30)
            ),
            "76792991": scene.position("TSLA", 76792991, "-120", "201.35", "242.64"),
        },
    )
    feed.rows(
        "orders",
        {
            "b1": scene.order("b1", side=Side.SELL, group_id="g", limit_price=D("195"), order_type="limit"),
            "b2": scene.order(
                "b2", side=Side.SELL, group_id="g", limit_price=None, order_type="stop", stop_price=D("185")
            ),
        },
    )


def course(app: Any) -> None:
    """A day that went down, then up."""
    for n in range(240):
        daily = D(round(-1800 + 22 * n + 1400 * ((n // 30) % 2) - 3 * (n % 17)))
        at = NOW.astimezone(app.state.zone) - timedelta(seconds=15 * (240 - n))
        app.account.day.sample(app.clock.monotonic() - 15 * (240 - n), at, "DU1234567", daily)
    app.feed.rows("pnl", {"DU1234567": Pnl("DU1234567", D("3120.40"), D(8310), D("1024311.22"))})


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("state", ["live", "stale", "empty"])
def test_positions(look: Any, size: tuple[int, int], state: str) -> None:
    assert look(size, "4", state=state)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_positions_in_groups(look: Any, size: tuple[int, int]) -> None:
    assert look(size, "4", keys=("g", "g", "less_than_sign"))


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("state", ["live", "stale", "before"])
def test_account(look: Any, size: tuple[int, int], state: str) -> None:
    assert look(size, "5", state=state)


def test_account_wide(look: Any) -> None:
    assert look((200, 50), "5", keys=("v",), kind="live")


@pytest.mark.parametrize("key", ["4", "5"])
def test_without_colour(look: Any, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert look((80, 24), key)


def test_positions_in_another_theme(look: Any) -> None:
    assert look((80, 24), "4", settings=UiSettings(theme="daylight"))

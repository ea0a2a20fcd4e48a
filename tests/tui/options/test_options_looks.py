"""How the Options page looks, as snapshots: frozen clock, given rows."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.quotes import QuoteStatus
from ibkr_tui.tui.feed import LinkState

SIZES = [(80, 24), (120, 40)]
D = Decimal
BLIND = {
    "status": QuoteStatus.NO_DATA,
    "bid": None,
    "ask": None,
    "last": None,
    "problem": "No prices: options need a subscription (IBKR_NO_MARKET_DATA_SUBSCRIPTION).",
}


@pytest.fixture
def look(snap_compare: Any, make_app: Any, scene: Any, chains: Any) -> Callable[..., bool]:
    def compare(size: tuple[int, int], state: str, keys: tuple[str, ...] = ()) -> bool:
        app = make_app()
        app.feed.rows("orders", {}, "t2")
        chains.answers(app.feed)
        if state == "refused":
            refusal = BrokerError("OPTION_NOT_FOUND", "IBKR names no options of AAPL")
            app.feed.answers["get_option_chain"] = lambda _: refusal

        async def frame(pilot: Any, seconds: float) -> None:
            app.clock.advance(seconds)
            app._frame()
            await pilot.pause()

        async def settle(pilot: Any) -> None:
            await pilot.press("6")
            page = app.options
            while pilot.app.screen is not page or not (page.chain or page._refused):
                await frame(pilot, 0.5)
            if page.chain is not None:
                app.feed.rows("quotes", chains.quotes(page.chain, **(BLIND if state == "blind" else {})))
                contract = chains.contract(D(195), "C")
                held = scene.position("AAPL", contract.conid, "5", "3.10", "3.65", sec_type="OPT", multiplier=D(100))
                app.feed.rows("positions", {str(contract.conid): held})
            await pilot.press(*keys)
            if state == "stale":
                app.feed.say(LinkState.LOST, "The link to the core was lost.")
            await frame(pilot, 12)
            await frame(pilot, 1)

        return bool(snap_compare(app, terminal_size=size, run_before=settle))

    return compare


@pytest.mark.parametrize("size", [*SIZES, (200, 50)], ids=str)
def test_options(look: Any, size: tuple[int, int]) -> None:
    assert look(size, "live")


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("state", ["stale", "blind", "refused"])
def test_options_without_prices(look: Any, size: tuple[int, int], state: str) -> None:
    assert look(size, state)


def test_the_puts_without_colour(look: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert look((80, 24), "live", keys=("right", "down"))

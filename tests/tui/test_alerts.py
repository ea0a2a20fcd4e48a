"""Alerts in the app: set from the Market page, listed, taken away, told by toast and bell wherever one is."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from ibkr_tui.model.alerts import Alert, AlertKind, AlertState, Direction
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.events import Event, Severity
from ibkr_tui.tui.app import TradingApp
from ibkr_tui.tui.screens.alert_form import AlertForm
from ibkr_tui.tui.screens.alert_list import AlertList
from tests.tui.conftest import NOW

ARMED = Alert("1", 265598, "AAPL", AlertKind.PRICE, Decimal(190), Direction.ABOVE, NOW, note="sell the half")
FIRED = msgspec.structs.replace(
    ARMED, id="2", level=Decimal(189), state=AlertState.FIRED, fired_at=NOW - timedelta(minutes=2),
    fired_value=Decimal("189.02"), note="",
)  # fmt: skip


async def form(desk: Any) -> AlertForm:
    await desk.press("2", "a")
    screen = desk.app.screen
    assert isinstance(screen, AlertForm)
    return screen


async def test_an_alert_is_set_with_the_price_as_it_stands(drive: Any) -> None:
    async with drive(size=(120, 40)) as desk:
        desk.feed.answers["add_alert"] = ARMED
        await form(desk)
        assert "Alert · AAPL" in desk.text
        await desk.press("ctrl+u", *"190", "f4", "tab", *"half", "enter", calm=0.1)
        await desk.until(lambda: desk.app.market.is_current, "the page")
        assert desk.feed.called("add_alert") == [
            {"symbol": "AAPL", "conid": 265598, "kind": "price", "level": "190", "repeat": True, "note": "half"}
        ]
        assert "Alert set: AAPL price above 190." in desk.text


async def test_the_ladder_s_price_is_the_level(drive: Any) -> None:
    async with drive() as desk:
        await desk.press("2")
        await desk.until(lambda: desk.app.market.ladder.price, "a cursor")
        await desk.press("tab", "tab", "down", "a")
        assert desk.app.screen.draft.level == "189.42"


async def test_a_bad_level_and_a_refusal_stay_in_the_form(drive: Any) -> None:
    async with drive(size=(120, 40)) as desk:
        desk.feed.answers["add_alert"] = BrokerError("BAD_ARGUMENT", "alert 1 waits for that already")
        screen = await form(desk)
        await desk.press("ctrl+u", *"1,9", "enter", calm=0.1)
        assert "has a comma" in desk.text
        assert desk.feed.called("add_alert") == []
        await desk.press("ctrl+u", *"190", "enter", calm=0.1)
        await desk.until(lambda: "waits for that already" in desk.text, "the core's refusal")
        assert desk.app.screen is screen
        await desk.press("escape")
        assert desk.app.market.is_current


async def test_kind_and_side_change_what_will_be_told(drive: Any) -> None:
    async with drive(size=(120, 40)) as desk:
        await form(desk)
        await desk.press("ctrl+u", *"188")
        assert "at or below 188, once. Now 189.43." in desk.text
        await desk.press("f3")
        assert "at or above 188" in desk.text
        await desk.press("f2")
        assert "Type a level." in desk.text
        await desk.press("f2")
        assert "no fresh price for 60 s" in desk.text


async def test_the_list_shows_armed_and_told_and_takes_away(drive: Any) -> None:
    async with drive(size=(120, 40)) as desk:
        desk.feed.answers["remove_alert"] = ARMED
        desk.feed.rows("alerts", {"1": ARMED, "2": FIRED})
        desk.feed.event(Event(NOW, "AAPL price above 189: 189.02", Severity.WARNING, "ALERT"))
        await desk.press("2", "A")
        assert isinstance(desk.app.screen, AlertList)
        assert "● AAPL price above 190 · sell the half" in desk.text
        assert "✓ AAPL price above 189 · told 10:40:10 at 189.02" in desk.text
        assert "10:42:10 AAPL price above 189: 189.02" in desk.text
        await desk.press("minus")
        await desk.until(lambda: "price above 190" not in desk.text, "that it is gone")
        assert desk.feed.called("remove_alert") == [{"id": "1"}]
        desk.feed.rows("alerts", {}, "2")
        await desk.frame()
        assert "No alert is set." in desk.text


async def test_an_alert_that_cannot_watch_says_why(drive: Any) -> None:
    async with drive(size=(120, 40)) as desk:
        desk.feed.rows("alerts", {"1": msgspec.structs.replace(ARMED, problem="no subscription")})
        await desk.press("2", "A")
        assert "blind: no subscription" in desk.text


@pytest.mark.parametrize("page", ["1", "8"])
async def test_an_alert_is_told_on_every_page_and_rings_once(
    drive: Any, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[bool] = []
    monkeypatch.setattr(TradingApp, "bell", lambda _: rung.append(True))
    async with drive(size=(120, 40)) as desk:
        await desk.press(page)
        words = ("AAPL price above 190: 190.02", "MSFT change below -2 %: -2.1 %")
        desk.feed.event(*(Event(NOW, text, Severity.WARNING, "ALERT") for text in words))
        await desk.frame()
        await desk.until(lambda: "AAPL price above 190: 190.02" in desk.text, "the toast")
        assert len(desk.app._notifications) == 2
        assert rung == [True]
        desk.feed.event(Event(NOW, "filled BUY 1 SPY"))
        await desk.frame()
        assert rung == [True]

"""Names and texts from outside: shown literally, never as markup, never as control codes."""

from __future__ import annotations

from typing import Any

import pytest

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.events import Event
from ibkr_tui.model.instruments import Listing
from ibkr_tui.model.text import clean

NASTY = (
    "[bold",
    "[/nope]",
    "[@click=app.quit]x[/]",
    "\x1b[31mred",
    "\x1b]52;c;aGk=\x07",
    "\x9b2J",
    "\u202egnp",
    "a\u0300\u0301\u0302\u0303",
)


@pytest.mark.parametrize("raw", NASTY)
async def test_every_place_shows_it_literally(drive: Any, scene: Any, clock: Any, raw: str) -> None:
    name = clean(raw)  # the core cleans what it passes on; the app must not undo that by markup
    async with drive(size=(120, 40)) as desk:
        desk.feed.rows("quotes", {"265598": scene.quote("AAPL", description=name)})
        desk.feed.rows("positions", {"265598": scene.position("AAPL", 265598, "1", "1", "2", description=name)})
        desk.feed.rows("orders", {"t1": scene.order(description=name, text=name)})
        desk.feed.event(Event(clock.now(), name))
        desk.feed.rows("health", {"paper": scene.health(message=name, code="INTERNAL")})
        await desk.frame()
        assert name in desk.text
        await desk.press("b")
        desk.feed.rows("questions", {"q1": scene.question(messages=(raw,), summary=raw, message_ids=(raw,))})
        await desk.frame()
        await desk.pilot.pause()
        assert desk.app.is_running
        everything = desk.text
        await desk.press("escape", "escape")
        assert not any(char in everything for char in "\x1b\x9b\x07\u202e")


@pytest.mark.parametrize("raw", NASTY)
async def test_texts_that_did_not_pass_the_core_are_cleaned_here(drive: Any, raw: str) -> None:
    async with drive() as desk:
        desk.feed.answers["search_contracts"] = [Listing(1, raw, raw, "STK", raw, raw)]
        await desk.press("slash")
        await desk.pilot.press("a")
        await desk.until(lambda: "★" in desk.text or "STK" in desk.text, "the listing")
        assert not any(char in desk.text for char in "\x1b\x9b\x07\u202e")
        await desk.pilot.press("escape")
        desk.feed.answers["preview_order"] = BrokerError("BAD_TICKET", raw, user_action=raw)
        await desk.press("b")
        await desk.pilot.press("1", "enter")
        await desk.until(lambda: "BAD_TICKET" in desk.text, "the refusal")
        assert not any(char in desk.text for char in "\x1b\x9b\x07\u202e")


async def test_without_colour_everything_is_still_there(
    monkeypatch: pytest.MonkeyPatch, drive: Any, scene: Any
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with drive() as desk:
        await desk.press("tab", "tab", "down", "t")
        assert "UNKNOWN" in desk.text
        assert "DELAYED" in desk.text
        assert "+1.21%" in desk.text
        desk.feed.rows("quotes", {"265598": scene.quote("AAPL", description="A")})
        await desk.frame()
        await desk.press("b")
        assert "BUY" in desk.text


async def test_nothing_is_written_to_the_terminals_clipboard(drive: Any) -> None:
    async with drive() as desk:
        written: list[str] = []
        desk.app._driver.write = written.append
        desk.app.copy_to_clipboard("secret")
        assert written == []
        assert desk.app.clipboard == "secret"

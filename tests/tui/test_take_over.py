"""Another program has the username: the key that takes the session over, and the word it wants."""

from __future__ import annotations

from typing import Any

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.health import SessionState
from ibkr_tui.tui.screens.typed_word import TypedWordScreen


async def compete(desk: Any, scene: Any) -> None:
    desk.feed.rows("health", {"paper": scene.health(session=SessionState.COMPETING, code="IBKR_COMPETING_SESSION")})
    await desk.frame()


async def ask(desk: Any, scene: Any) -> None:
    await compete(desk, scene)
    await desk.press("o")
    await desk.until(lambda: isinstance(desk.app.screen, TypedWordScreen), "the question")
    await desk.pilot.pause()
    desk.clock.advance(1)


async def write(desk: Any, word: str) -> None:
    for letter in word:
        await desk.press("minus" if letter == "-" else letter, calm=0.2)


async def test_the_key_is_there_only_when_somebody_competes(drive: Any, scene: Any) -> None:
    async with drive((120, 40)) as desk:
        assert "Take over" not in desk.text
        await desk.press("o")
        assert not isinstance(desk.app.screen, TypedWordScreen)
        await compete(desk, scene)
        assert "Take over" in desk.text
        desk.feed.rows("health", {"paper": scene.health()})
        await desk.frame()
        assert "Take over" not in desk.text


async def test_the_word_and_a_fresh_enter_take_it(drive: Any, scene: Any) -> None:
    async with drive() as desk:
        desk.feed.answers["take_over"] = {"taken": True, "session": "ready"}
        await ask(desk, scene)
        assert "logs it out" in desk.text
        await write(desk, "take-over")
        assert "take-over  then Enter" in desk.text
        await desk.press("enter", calm=1)
        await desk.until(lambda: desk.feed.called("take_over"), "the call")
        assert desk.feed.called("take_over") == [{"confirm": "TAKE-OVER"}]
        await desk.frame()
        assert "The session is ours" in desk.text


async def test_less_than_the_word_takes_nothing(drive: Any, scene: Any) -> None:
    async with drive() as desk:
        await ask(desk, scene)
        await desk.press("enter", calm=1)
        await write(desk, "yes")
        await desk.press("enter", calm=1)
        await desk.press("backspace", "backspace", "backspace", calm=0.2)
        await write(desk, "take-ove")
        await desk.press("enter", calm=1)
        assert isinstance(desk.app.screen, TypedWordScreen)
        await desk.press("escape", calm=1)
        assert desk.app.screen is desk.app.page
        assert desk.feed.called("take_over") == []


async def test_a_pasted_word_takes_nothing(drive: Any, scene: Any) -> None:
    """A paste without brackets: the letters and the Enter in one moment."""
    async with drive() as desk:
        await ask(desk, scene)
        for key in (*"take", "minus", *"over", "enter"):
            await desk.pilot.press(key)
        assert isinstance(desk.app.screen, TypedWordScreen)
        assert desk.feed.called("take_over") == []


async def test_a_refusal_is_said(drive: Any, scene: Any) -> None:
    async with drive() as desk:
        desk.feed.answers["take_over"] = BrokerError("IBKR_COMPETING_SESSION", "another program uses this username")
        await ask(desk, scene)
        await write(desk, "TAKE-OVER")
        await desk.press("enter", calm=1)
        await desk.until(lambda: desk.feed.called("take_over"), "the call")
        await desk.until(lambda: len(desk.app._notifications) > 0, "the notice")

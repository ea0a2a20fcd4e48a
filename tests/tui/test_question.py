"""IBKR's questions: its words, No by default, Yes only by a fresh key, gone when the core takes them back."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.tui.screens.question import QuestionScreen


async def ask(desk: Any, scene: Any, **changes: Any) -> None:
    desk.feed.rows("orders", {"t1": scene.order("t1", limit_price=Decimal("210.00"))})
    desk.feed.rows("questions", {"q1": scene.question(**changes)})
    await desk.frame()
    await desk.until(lambda: isinstance(desk.app.screen, QuestionScreen), "the question")
    await desk.pilot.pause()


async def test_it_shows_the_brokers_words_the_quote_and_the_time_left(drive: Any, scene: Any) -> None:
    async with drive() as desk:
        await ask(desk, scene)
        assert "exceeds the Percentage" in desk.text
        assert "ask 189.44" in desk.text
        assert "the limit is 10.85% above it" in desk.text
        assert "IBKR asks · o163" in desk.text
        await desk.frame(10)
        assert "declines in 0:33" in desk.text or "declines in 0:34" in desk.text


async def test_no_is_the_default(drive: Any, scene: Any) -> None:
    async with drive() as desk:
        await ask(desk, scene)
        await desk.press("enter")
        await desk.until(lambda: desk.feed.called("answer_question"), "the answer")
        assert desk.feed.called("answer_question") == [{"question_id": "q1", "confirmed": False}]
        await desk.frame()
        assert desk.app.screen is desk.app.desk


async def test_yes_needs_a_fresh_key(drive: Any, scene: Any) -> None:
    async with drive() as desk:
        await ask(desk, scene)
        for _ in range(30):
            desk.clock.advance(0.03)
            await desk.pilot.press("y")
        assert desk.feed.called("answer_question") == []
        await desk.press("y", calm=2)
        await desk.until(lambda: desk.feed.called("answer_question"), "the answer")
        assert desk.feed.called("answer_question") == [{"question_id": "q1", "confirmed": True}]


async def test_the_arrow_and_enter_can_say_yes(drive: Any, scene: Any) -> None:
    async with drive() as desk:
        await ask(desk, scene)
        await desk.press("right", "enter", calm=1)
        await desk.until(lambda: desk.feed.called("answer_question"), "the answer")
        assert desk.feed.called("answer_question")[0]["confirmed"] is True


async def test_a_prompt_shows_ibkrs_own_options_and_its_no_is_the_default(drive: Any, scene: Any) -> None:
    """Asked of nobody in particular: whichever app is there."""
    prompt = {"asked_face": "", "options": ("Submit", "Modify", "Cancel")}
    async with drive() as desk:
        await ask(desk, scene, **prompt)
        assert "Cancel  n" in desk.text and "Submit  1" in desk.text and "Modify  2" in desk.text
        await desk.press("1", calm=2)
        await desk.until(lambda: desk.feed.called("answer_question"), "the answer")
        desk.feed.rows("questions", {"q2": scene.question(id="q2", **prompt)})
        await desk.frame()
        await desk.until(lambda: isinstance(desk.app.screen, QuestionScreen), "the next one")
        await desk.press("escape")
        await desk.until(lambda: len(desk.feed.called("answer_question")) == 2, "the no")
        assert desk.feed.called("answer_question") == [
            {"question_id": "q1", "option": "Submit"}, {"question_id": "q2", "option": "Cancel"},
        ]  # fmt: skip


async def test_a_prompt_without_a_plain_no_is_left_to_run_out(drive: Any, scene: Any) -> None:
    async with drive() as desk:
        await ask(desk, scene, options=("Left", "Right"))
        assert "Let it run out" in desk.text
        await desk.press("enter")
        await desk.frame()
        assert desk.app.screen is desk.app.desk
        assert desk.feed.called("answer_question") == []


async def test_it_closes_when_the_core_takes_it_back(drive: Any, scene: Any) -> None:
    async with drive() as desk:
        await ask(desk, scene)
        desk.feed.rows("questions", {}, "q1")
        await desk.frame()
        await desk.until(lambda: desk.app.screen is desk.app.desk, "the desk")
        assert desk.feed.called("answer_question") == []


async def test_a_question_for_another_face_is_not_ours(drive: Any, scene: Any) -> None:
    async with drive() as desk:
        desk.feed.rows("questions", {"q1": scene.question(asked_face="someone else")})
        await desk.frame()
        assert desk.app.screen is desk.app.desk


async def test_the_next_question_follows(drive: Any, scene: Any) -> None:
    async with drive() as desk:
        await ask(desk, scene)
        desk.feed.rows("questions", {"q2": scene.question(id="q2", messages=("Really?",), message_ids=("o451",))})
        await desk.press("n")
        await desk.frame()
        await desk.until(lambda: "Really?" in desk.text, "the second question")


async def test_an_answer_that_came_too_late_is_said(drive: Any, scene: Any) -> None:
    async with drive() as desk:
        desk.feed.answers["answer_question"] = BrokerError("QUESTION_NOT_FOUND", "it has run out")
        await ask(desk, scene)
        await desk.press("n")
        await desk.until(lambda: "it has run out" in desk.text, "the reason")


async def test_it_opens_over_the_ticket_that_waits(drive: Any, scene: Any) -> None:
    async with drive() as desk:
        await desk.press("b")
        await ask(desk, scene)
        await desk.press("escape")
        await desk.until(lambda: desk.feed.called("answer_question"), "the answer")
        assert desk.app.screen is not desk.app.desk

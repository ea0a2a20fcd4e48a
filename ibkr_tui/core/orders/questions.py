"""The broker's questions (design 6.5): answered by their messageIds, all of them, or by a person, or declined.

A question is a row. The face that placed the order is asked, for 45 seconds; when it leaves, or nobody is there, it is
declined.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Final

import msgspec

from ibkr_tui.core.dispatch import Caller
from ibkr_tui.core.orders.answers import Asked, critical
from ibkr_tui.core.orders.lately import DAY, Lately
from ibkr_tui.core.settings import SafetySettings
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.orders import Question
from ibkr_tui.model.prompts import choice, named
from ibkr_tui.model.table import Table

PATIENCE: Final = 45.0
MOST_ROUNDS: Final = 10


class Decision(msgspec.Struct, frozen=True):
    """The answer to a question, and who gave it: `allow-list`, `person`, or why it is no. To a prompt `option` is said;
    where it is empty, nothing that it offers is known to mean this answer."""

    confirmed: bool
    by: str
    option: str = ""


class QuestionDesk:
    """The `questions` table and the decisions."""

    def __init__(self, table: Table[Question], safety: SafetySettings, clock: Clock) -> None:
        self._table = table
        self._safety = safety
        self._clock = clock
        self._waiting: dict[str, asyncio.Future[Decision]] = {}
        self._open: dict[str, Asked] = {}
        self._taken = Lately(clock, seconds=DAY, most=1000)
        self._gone = Lately(clock, seconds=DAY, most=1000)

    async def decide(self, asked: Asked, caller: Caller, *, order_key: str, summary: str, rounds: int) -> Decision:
        """The answer to `asked`; `rounds` counts the questions of this order that came before it."""
        if rounds >= MOST_ROUNDS:
            return no_to(asked, f"more than {MOST_ROUNDS} questions")
        if self._may_confirm(asked) and rounds < self._safety.max_reply_rounds:
            return yes_to(asked, "allow-list")
        if not caller.interactive or not caller.face_id:
            return no_to(asked, "nobody there to ask")
        if caller.face_id in self._gone:
            return no_to(asked, "the face left")
        return await self._ask(asked, caller.face_id, order_key, summary)

    async def decide_by_anybody(self, asked: Asked, *, order_key: str, summary: str) -> Decision:
        """As `decide`, for what the broker asks of its own accord: whichever face is there may answer."""
        if self._may_confirm(asked):
            return yes_to(asked, "allow-list")
        return await self._ask(asked, "", order_key, summary)

    def take(self, asked: Asked) -> bool:
        """Whether nobody has taken this prompt yet: it comes as an answer and on the stream, and is answered once."""
        is_new = asked.id not in self._taken
        self._taken.add(asked.id)
        return is_new

    def answer(
        self, question_id: str, confirmed: bool | None, caller: Caller, option: str = ""
    ) -> tuple[Question, Decision]:
        """A person's answer, as yes or no or by its name.

        Raises BrokerError QUESTION_NOT_FOUND when it is not open, or not theirs; BAD_ARGUMENT for no answer to it.
        """
        question, waiting = self._table.get(question_id), self._waiting.get(question_id)
        if question is None or waiting is None or waiting.done():
            raise BrokerError("QUESTION_NOT_FOUND", "this question is not open")
        if question.asked_face not in {"", caller.face_id}:
            raise BrokerError("QUESTION_NOT_FOUND", "this question was asked of another face")
        decision = _given(question, self._open[question_id], confirmed, option)
        waiting.set_result(decision)
        return question, decision

    def face_left(self, face_id: str) -> None:
        """Nobody is there any more: what this face was asked is declined."""
        self._gone.add(face_id)
        for question in self._table.rows().values():
            if question.asked_face == face_id:
                self._close(question.id, "the face left")

    def face_came(self, face_id: str) -> None:
        """A face that was away is back."""
        self._gone.discard(face_id)

    def interrupt(self, why: str) -> None:
        """Decline every question that an order waits for: something more urgent must be sent."""
        for question in self._table.rows().values():
            if question.asked_face:
                self._close(question.id, why)

    def _may_confirm(self, asked: Asked) -> bool:
        every = len(asked.message_ids) >= len(asked.messages) > 0
        return (
            every
            and not critical(asked.messages)
            and all(message_id in self._safety.auto_confirm for message_id in asked.message_ids)
            and (asked.prompt is None or bool(choice(asked.prompt.options, True)))
        )

    async def _ask(self, asked: Asked, face_id: str, order_key: str, summary: str) -> Decision:
        waiting: asyncio.Future[Decision] = asyncio.get_running_loop().create_future()
        now = self._clock.now()
        self._waiting[asked.id], self._open[asked.id] = waiting, asked
        self._table.put(
            asked.id,
            Question(
                id=asked.id,
                order_key=order_key,
                asked_face=face_id,
                messages=asked.messages,
                message_ids=asked.message_ids,
                summary=summary,
                asked_at=now,
                expires_at=now + timedelta(seconds=PATIENCE),
                options=asked.prompt.shown if asked.prompt else (),
            ),
        )
        try:
            async with asyncio.TaskGroup() as group:
                timer = group.create_task(self._expire(asked.id), name=f"question {asked.id}")
                decision = await waiting
                timer.cancel()
            return decision
        finally:
            del self._waiting[asked.id], self._open[asked.id]
            self._table.remove(asked.id)

    async def _expire(self, question_id: str) -> None:
        await self._clock.sleep(PATIENCE)
        self._close(question_id, f"no answer within {PATIENCE:g} s")

    def _close(self, question_id: str, why: str) -> None:
        waiting = self._waiting.get(question_id)
        if waiting is not None and not waiting.done():
            waiting.set_result(no_to(self._open[question_id], why))


def yes_to(asked: Asked, by: str) -> Decision:
    """A yes."""
    return Decision(True, by, choice(asked.prompt.options, True) if asked.prompt else "")


def no_to(asked: Asked, why: str) -> Decision:
    """A no."""
    return Decision(False, why, choice(asked.prompt.options, False) if asked.prompt else "")


def _given(question: Question, asked: Asked, confirmed: bool | None, option: str) -> Decision:
    """What a person said."""
    offered = asked.prompt.options if asked.prompt else ()
    if option and offered:
        said = named(offered, option)
        if said:
            return Decision(said != choice(offered, False), "person", said)
    elif confirmed is not None and not option:
        decision = yes_to(asked, "person") if confirmed else no_to(asked, "person")
        if decision.option or not offered:
            return decision
    words = f"one of its options is the answer: {', '.join(question.options)}" if offered else "confirmed is yes or no"
    raise BrokerError("BAD_ARGUMENT", words, details={"field": "option" if offered else "confirmed"})

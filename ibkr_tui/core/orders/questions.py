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
from ibkr_tui.model.table import Table

PATIENCE: Final = 45.0
MOST_ROUNDS: Final = 10


class Decision(msgspec.Struct, frozen=True):
    """The answer to a question, and who gave it: `allow-list`, `person`, or why it is no."""

    confirmed: bool
    by: str


class QuestionDesk:
    """The `questions` table and the decisions."""

    def __init__(self, table: Table[Question], safety: SafetySettings, clock: Clock) -> None:
        self._table = table
        self._safety = safety
        self._clock = clock
        self._waiting: dict[str, asyncio.Future[Decision]] = {}
        self._gone = Lately(clock, seconds=DAY, most=1000)

    async def decide(self, asked: Asked, caller: Caller, *, order_key: str, summary: str, rounds: int) -> Decision:
        """The answer to `asked`; `rounds` counts the questions of this order that came before it."""
        if rounds >= MOST_ROUNDS:
            return Decision(False, f"more than {MOST_ROUNDS} questions")
        if self._may_confirm(asked) and rounds < self._safety.max_reply_rounds:
            return Decision(True, "allow-list")
        if not caller.interactive or not caller.face_id:
            return Decision(False, "nobody there to ask")
        if caller.face_id in self._gone:
            return Decision(False, "the face left")
        return await self._ask(asked, caller, order_key, summary)

    def answer(self, question_id: str, confirmed: bool, caller: Caller) -> Question:
        """A person's answer. Raises BrokerError QUESTION_NOT_FOUND when it is not open, or not theirs."""
        question, waiting = self._table.get(question_id), self._waiting.get(question_id)
        if question is None or waiting is None or waiting.done():
            raise BrokerError("QUESTION_NOT_FOUND", "this question is not open")
        if question.asked_face != caller.face_id:
            raise BrokerError("QUESTION_NOT_FOUND", "this question was asked of another face")
        waiting.set_result(Decision(confirmed, "person"))
        return question

    def face_left(self, face_id: str) -> None:
        """Nobody is there any more: what this face was asked is declined."""
        self._gone.add(face_id)
        for question in self._table.rows().values():
            if question.asked_face == face_id:
                self._close(question.id, Decision(False, "the face left"))

    def face_came(self, face_id: str) -> None:
        """A face that was away is back."""
        self._gone.discard(face_id)

    def interrupt(self, why: str) -> None:
        """Decline every open question: something more urgent must be sent."""
        for question_id in list(self._waiting):
            self._close(question_id, Decision(False, why))

    def _may_confirm(self, asked: Asked) -> bool:
        every = len(asked.message_ids) >= len(asked.messages) > 0
        return (
            every
            and not critical(asked.messages)
            and all(message_id in self._safety.auto_confirm for message_id in asked.message_ids)
        )

    async def _ask(self, asked: Asked, caller: Caller, order_key: str, summary: str) -> Decision:
        waiting: asyncio.Future[Decision] = asyncio.get_running_loop().create_future()
        now = self._clock.now()
        self._waiting[asked.id] = waiting
        self._table.put(
            asked.id,
            Question(
                id=asked.id,
                order_key=order_key,
                asked_face=caller.face_id,
                messages=asked.messages,
                message_ids=asked.message_ids,
                summary=summary,
                asked_at=now,
                expires_at=now + timedelta(seconds=PATIENCE),
            ),
        )
        try:
            async with asyncio.TaskGroup() as group:
                timer = group.create_task(self._expire(asked.id), name=f"question {asked.id}")
                decision = await waiting
                timer.cancel()
            return decision
        finally:
            self._waiting.pop(asked.id, None)
            self._table.remove(asked.id)

    async def _expire(self, question_id: str) -> None:
        await self._clock.sleep(PATIENCE)
        self._close(question_id, Decision(False, f"no answer within {PATIENCE:g} s"))

    def _close(self, question_id: str, decision: Decision) -> None:
        waiting = self._waiting.get(question_id)
        if waiting is not None and not waiting.done():
            waiting.set_result(decision)

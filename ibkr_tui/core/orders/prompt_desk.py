"""Prompts that the stream tells of (topic `ntf`, reference 6): IBKR waits for an answer about an order.

One that comes while an order is on its way may be that order's own answer: it is looked at when that has been dealt
with. Each is answered once; margin and suitability by a person only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from ibkr_tui.core.journal.journal import Turn
from ibkr_tui.core.orders.answers import Accepted, Asked, Outcome, Refused, Unclear, notified, prompt_of
from ibkr_tui.core.orders.followed import FOREIGN
from ibkr_tui.core.orders.lifecycle import OrderBook
from ibkr_tui.core.orders.questions import Decision, QuestionDesk, no_to
from ibkr_tui.core.orders.recorder import Recorder, summary
from ibkr_tui.core.quiet import QuietWindow
from ibkr_tui.core.web.answer import Answer, AnswerLost, NotSent
from ibkr_tui.core.web.course import Check
from ibkr_tui.model.events import Severity
from ibkr_tui.model.orders import Order
from ibkr_tui.model.prompts import Prompt


class NotifyCall(Protocol):
    """The call that answers a prompt; leaves once, after a last `check`; raises NotSent or AnswerLost."""

    async def notify(self, order_id: str, request_id: str, text: str, *, check: Check | None = None) -> Answer: ...


class PromptDesk:
    """Answers prompts. `check` raises while nothing may be agreed to; `look` asks for an order read soon."""

    def __init__(
        self,
        *,
        calls: NotifyCall,
        desk: QuestionDesk,
        book: OrderBook,
        recorder: Recorder,
        quiet: QuietWindow,
        check: Callable[[], None],
        look: Callable[[], None],
    ) -> None:
        self._calls = calls
        self._desk = desk
        self._book = book
        self._recorder = recorder
        self._quiet = quiet
        self._check = check
        self._look = look
        self._heard: asyncio.Queue[Asked] = asyncio.Queue()

    def heard(self, row: Mapping[str, Any]) -> bool:
        """A frame of the topic `ntf`; whether it is a prompt, which is answered."""
        asked = prompt_of(row)
        if asked is not None:
            self._heard.put_nowait(asked)
        return asked is not None

    async def run(self) -> None:
        """Answer what is heard, each in a task of its own, until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                asked = await self._heard.get()
                group.create_task(self._deal_with(asked), name=asked.id)

    async def _deal_with(self, asked: Asked) -> None:
        await self._quiet.calm()
        if asked.prompt is None or not self._desk.take(asked):
            return
        order = self._book.find(asked.prompt.order_id)
        words = summary(order) if order else f"IBKR's order {asked.prompt.order_id}"
        facts = {"message_ids": asked.message_ids, "text": " · ".join(asked.messages)}
        self._note(order, Turn("question", facts))
        self._recorder.say(f"IBKR asks about {words}: {facts['text']}", Severity.WARNING, order_key=_key(order))
        decision = await self._desk.decide_by_anybody(asked, order_key=_key(order), summary=words)
        outcome = await self._say(asked, asked.prompt, decision)
        if decision.confirmed and isinstance(outcome, NotSent):  # stopped when its yes was about to leave
            decision = no_to(asked, outcome.message)
            outcome = await self._say(asked, asked.prompt, decision)
        self._tell(asked, order, words, decision, outcome)
        self._look()

    async def _say(self, asked: Asked, prompt: Prompt, decision: Decision) -> Outcome | NotSent:
        if not decision.option:
            return Unclear("none of its options is a plain no")
        check = self._check if decision.confirmed else None
        try:
            answer = await self._calls.notify(prompt.order_id, prompt.request_id, decision.option, check=check)
        except NotSent as error:
            return error
        except AnswerLost as error:
            return Unclear(error.message)
        return notified(answer.status, answer.body, asked, decision.confirmed)

    def _tell(
        self, asked: Asked, order: Order | None, words: str, decision: Decision, outcome: Outcome | NotSent
    ) -> None:
        word = "yes" if decision.confirmed else "no"
        facts = {"message_ids": asked.message_ids, "answer": word, "by": decision.by}
        if isinstance(outcome, Accepted | Refused):
            self._note(order, Turn("answered", facts))
            self._recorder.say(f"answered “{decision.option}” ({decision.by}) to {words}", order_key=_key(order))
            return
        why = outcome.message if isinstance(outcome, NotSent) else getattr(outcome, "text", "")
        text = f"IBKR's prompt about {words} may be open still ({decision.by}): {why}. Look at the order at IBKR."
        self._recorder.say(text, Severity.ERROR, order_key=_key(order))

    def _note(self, order: Order | None, turn: Turn) -> None:
        if order is not None and not order.key.startswith(FOREIGN):
            self._recorder.note(order.key, turn)


def _key(order: Order | None) -> str:
    return order.key if order else ""

"""One request and the questions that follow it, until the broker has decided (design 6.2, 6.5).

The request leaves once, each reply once. What is not a definite answer is named `Unclear`, never guessed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, Protocol

import msgspec

from ibkr_tui.core.dispatch import Caller
from ibkr_tui.core.orders.answers import (
    Accepted,
    AcceptedRow,
    Asked,
    Outcome,
    Partly,
    Questions,
    Refused,
    Unclear,
    classify,
    notified,
)
from ibkr_tui.core.orders.questions import Decision, QuestionDesk, no_to
from ibkr_tui.core.quiet import QuietWindow
from ibkr_tui.core.web.answer import Answer, AnswerLost, NotSent
from ibkr_tui.core.web.course import Check
from ibkr_tui.model.errors import BrokerError


class SendCall(Protocol):
    """The request itself; leaves once, after a last `check`; raises NotSent or AnswerLost."""

    async def __call__(self, *, check: Check | None = None) -> Answer: ...


class ReplyCall(Protocol):
    """The calls that answer a question, a prompt; each leaves once; raises NotSent or AnswerLost."""

    async def reply(self, question_id: str, confirmed: bool, *, check: Check | None = None) -> Answer: ...
    async def notify(self, order_id: str, request_id: str, text: str, *, check: Check | None = None) -> Answer: ...


_STOPPED: Final = {"KILL_SWITCH_ON", "ORDER_CANCELLED"}
"""Codes of the last check: it was no accident that a reply did not leave."""


class Unsent(msgspec.Struct, frozen=True):
    """No byte left this machine."""

    error: BrokerError


class Topic(msgspec.Struct, frozen=True):
    """What is talked about: so many orders, the first of which has this cOID and is known by this key and summary.

    `asked` and `answered` are told of each question; `check` raises when nothing may be sent any more.
    """

    coid: str
    order_key: str
    summary: str
    asked: Callable[[Asked, str], None]
    answered: Callable[[Asked, str, str], None]
    check: Check
    orders: int = 1


class Conversation:
    """Talks with the broker about one request at a time."""

    def __init__(self, calls: ReplyCall, desk: QuestionDesk, quiet: QuietWindow) -> None:
        self._calls = calls
        self._desk = desk
        self._quiet = quiet

    async def hold(self, call: SendCall, topic: Topic, caller: Caller) -> Outcome | Unsent:
        """What the broker decided. Reads are quiet meanwhile."""
        async with self._quiet.quiet():  # a read between the POST and the reply to its question voids the question
            try:
                topic.check()
            except BrokerError as error:
                return Unsent(error)
            outcome = await self._exchange(partial(call, check=topic.check), topic, reply=False)
            if isinstance(outcome, Questions) or (isinstance(outcome, Partly) and outcome.asked):
                return await self._converse(outcome, topic, caller)
            return outcome

    async def _exchange(
        self,
        call: Callable[[], Awaitable[Answer]],
        topic: Topic,
        *,
        reply: bool,
        prompted: tuple[Asked, bool] | None = None,
    ) -> Outcome | Unsent:
        try:
            answer = await call()
        except NotSent as error:
            if reply and error.code not in _STOPPED:
                # A reply that did not leave decides nothing: the question's order may still be taken.
                return Unclear(f"the reply did not leave: {error.message}")
            return Unsent(error)
        except AnswerLost as error:
            return Unclear(error.message)
        if prompted is not None:
            return notified(answer.status, answer.body, *prompted)
        return classify(answer.status, answer.body, coid=topic.coid, reply=reply, orders=topic.orders)

    async def _converse(self, first: Questions | Partly, topic: Topic, caller: Caller) -> Outcome | Unsent:
        """Answer questions until the broker decides. Every question of an answer is answered before it counts."""
        tally = _Tally(first)
        outcome: Outcome | Unsent = first
        answered: set[str] = set()
        rounds = 0
        self._quiet.asking = True
        while tally.waiting:
            asked = tally.waiting.pop(0)
            if asked.id in answered:
                continue
            answered.add(asked.id)
            if asked.prompt is not None and not self._desk.take(asked):
                outcome = Unclear("IBKR's prompt is answered already, as the stream told it")
                tally.take(outcome)
                continue
            decision = tally.no or await self._decide(asked, topic, caller, rounds)
            rounds += 1
            outcome = await self._reply(asked, decision, topic)
            if decision.confirmed and isinstance(outcome, Unsent):  # stopped when its yes was about to leave
                decision = no_to(asked, outcome.error.message)
                topic.answered(asked, "no", decision.by)
                outcome = await self._reply(asked, decision, topic)
            if not decision.confirmed:
                outcome = _declined(outcome, asked, decision)
                tally.no = decision
            if topic.orders == 1 and not isinstance(outcome, Questions | Accepted):
                return tally.contradicted(outcome) or outcome
            tally.take(outcome)
        if topic.orders == 1:
            return Unclear("the broker repeated its questions") if isinstance(outcome, Questions) else outcome
        return tally.result()

    async def _reply(self, asked: Asked, decision: Decision, topic: Topic) -> Outcome | Unsent:
        check = topic.check if decision.confirmed else None
        if asked.prompt is None:
            call = partial(self._calls.reply, asked.id, decision.confirmed, check=check)
            return await self._exchange(call, topic, reply=True)
        if not decision.option:
            return Unclear(f"IBKR's prompt is left open, none of its options is a plain no ({decision.by})")
        prompt = asked.prompt
        say = partial(self._calls.notify, prompt.order_id, prompt.request_id, decision.option, check=check)
        return await self._exchange(say, topic, reply=True, prompted=(asked, decision.confirmed))

    async def _decide(self, asked: Asked, topic: Topic, caller: Caller, rounds: int) -> Decision:
        text = " ".join(" · ".join(asked.messages).split())
        topic.asked(asked, text)
        decision = _stopped(asked, topic) or await self._desk.decide(
            asked, caller, order_key=topic.order_key, summary=topic.summary, rounds=rounds
        )
        if decision.confirmed:
            decision = _stopped(asked, topic) or decision
        topic.answered(asked, "yes" if decision.confirmed else "no", decision.by)
        return decision


class _Tally:
    """What the answers to several questions about several orders come to."""

    def __init__(self, first: Questions | Partly) -> None:
        self.waiting: list[Asked] = []
        self.no: Decision | None = None
        self._rows: dict[str, AcceptedRow] = {}
        self._failed: list[str] = []
        self._declined: Refused | None = None
        self._unclear: Outcome | None = None
        self.take(first)

    def take(self, outcome: Outcome | Unsent) -> None:
        """One more answer."""
        if isinstance(outcome, Questions):
            self.waiting.extend(outcome.items)
        elif isinstance(outcome, Accepted | Partly):
            self._rows.update({row.order_id: row for row in outcome.rows})
            if isinstance(outcome, Partly):
                self.waiting.extend(outcome.asked)
                self._failed.extend(outcome.failed)
        elif isinstance(outcome, Refused) and outcome.declined:
            self._declined = self._declined or outcome
        elif isinstance(outcome, Refused):
            self._failed.append(outcome.text)
        elif not isinstance(outcome, Unsent):
            self._unclear = outcome

    def contradicted(self, outcome: Outcome | Unsent) -> Unclear | None:
        """One order that was taken, and whose other question came to something else: what it is, only sight tells."""
        if not self._rows:
            return None
        said = f": {outcome.text}" if isinstance(outcome, Refused | Unclear) else ""
        return Unclear(f"IBKR took it as its order {next(iter(self._rows))} and asked again{said}")

    def result(self) -> Outcome:
        """The whole of it. A part that is not clear leaves its orders' fate open."""
        rows = tuple(self._rows.values())
        if rows:
            whole = not (self._failed or self._declined or self._unclear)
            return Accepted(rows) if whole else Partly(rows, (), tuple(self._failed))
        if self._unclear is not None:
            return self._unclear
        if self._declined is not None:
            return self._declined
        if self._failed:
            return Refused(" · ".join(dict.fromkeys(self._failed)))
        return Unclear("the broker repeated its questions")


def _stopped(asked: Asked, topic: Topic) -> Decision | None:
    """The no to what may not be sent any more: nobody is asked about it."""
    try:
        topic.check()
    except BrokerError as error:
        return no_to(asked, error.message)
    return None


def _declined(outcome: Outcome | Unsent, asked: Asked, decision: Decision) -> Outcome | Unsent:
    """A no that the broker took carries the broker's question; one that got lost leaves the fate open."""
    if not isinstance(outcome, Refused):
        return outcome
    text = " ".join(" · ".join(asked.messages).split())
    return Refused(f"declined ({decision.by}): {text}", declined=True, order_id=outcome.order_id)

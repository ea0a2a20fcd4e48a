"""What the broker's people and computers do beyond the rules: forced questions, refused legs, prompts.

Everything here is set on the control URL and used up by the requests that follow.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

# How a refused leg of an array is told: the whole request as an error; the leg failed and the others inactive; the leg
# failed and the others live; all accepted and the leg rejected a moment later (reference section 4.5).
OUTCOMES = ("error", "failed", "live", "late")
PARTIALS = ("cancel", "reduce", "wait")
# Asked by themselves. The other message ids come only when they are switched on or forced.
USUAL = frozenset({"o163", "o354", "o383", "o403", "o451", "o10138"})
DEFAULT_REASON = "Order rejected - reason: the exchange does not accept this order"


@dataclass(frozen=True)
class RefusedLeg:
    """The leg (by its place in the array) of the next array that is refused, whatever it says."""

    leg: int
    outcome: str
    text: str


@dataclass
class Forced:
    """Questions asked about the next ``times`` requests, a list of message ids for each round."""

    rounds: list[list[str]]
    times: int = 1


@dataclass
class Prompt:
    """A server prompt that takes the place of the next answer (an "advanced reject"), and what it holds back."""

    message_id: str
    text: str
    options: tuple[str, ...]
    accepts: str
    request_id: str = ""
    order_id: int = 0
    drafts: tuple[Any, ...] = ()

    def row(self) -> dict[str, Any]:
        """As the answer to a placement and as the ``args`` of ``ntf`` (reference section 4.6)."""
        return {
            "orderId": self.order_id,
            "reqId": self.request_id,
            "dismissable": [],
            "text": self.text,
            "options": list(self.options),
            "type": "UNKNOWN",
            "messageId": self.message_id,
            "prompt": True,
        }


@dataclass
class Desk:
    """The settings in force."""

    bad_leg: str = "error"
    partial_fills: dict[str, str] = field(default_factory=lambda: {"group": "cancel", "bracket": "reduce"})
    precautions: set[str] = field(default_factory=lambda: set(USUAL))
    refused_leg: RefusedLeg | None = None
    forced: list[Forced] = field(default_factory=list)
    prompts: list[Prompt] = field(default_factory=list)
    prompted: dict[str, Prompt] = field(default_factory=dict)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(12345))

    def take_refused_leg(self, count: int) -> RefusedLeg | None:
        """The leg to refuse in an array of ``count`` orders."""
        refused = self.refused_leg
        if refused is None or refused.leg >= count:
            return None
        self.refused_leg = None
        return refused

    def take_forced(self) -> list[list[str]]:
        """The rounds of questions to ask about this request."""
        if not self.forced:
            return []
        first = self.forced[0]
        first.times -= 1
        if first.times <= 0:
            self.forced.pop(0)
        return first.rounds

    def take_prompt(self, order_id: int, drafts: tuple[Any, ...]) -> Prompt:
        """The prompt that answers this request; what was asked for waits until it is answered."""
        prompt = self.prompts.pop(0)
        prompt.order_id, prompt.drafts, prompt.request_id = order_id, drafts, str(next(self._numbers))
        self.prompted[prompt.request_id] = prompt
        return prompt

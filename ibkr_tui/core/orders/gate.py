"""The one door to the broker (design 6.1): what is to be sent is judged here, right before it is journalled.

Every kind of order goes through it: simple, bracket, OCO, OTO, amends, closings. Under the account's lock, so that
nothing changes between the judgement and the send.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal

import msgspec

from ibkr_tui.core.dispatch import Caller
from ibkr_tui.core.kill_switch import KillSwitch
from ibkr_tui.core.orders.risk import Assessment, RiskFacts, check, check_mode, check_rehearsal
from ibkr_tui.core.settings import Profile
from ibkr_tui.model.groups import GroupKind, Proposal
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.orders import OrderTicket
from ibkr_tui.model.tickets import check_ticket

ReadFacts = Callable[[OrderTicket, Instrument], Awaitable[RiskFacts]]


class Judgement(msgspec.Struct, frozen=True):
    """What the gate found of a proposal that it lets pass. `value` is its notional in the base currency, `legs` the
    numbers of each leg in the proposal's order; `adds_risk` is what `Gate.check_switch` wants to know."""

    value: Decimal
    leverage_before: Decimal | None
    leverage_after: Decimal | None
    legs: tuple[Assessment, ...]
    warnings: tuple[str, ...] = ()
    adds_risk: bool = True


class Gate:
    """Judges proposals for one account."""

    def __init__(self, *, profile: Profile, read_facts: ReadFacts, switch: KillSwitch) -> None:
        self._profile = profile
        self._read_facts = read_facts
        self._switch = switch

    async def judge(self, proposal: Proposal, caller: Caller, approval: str = "") -> Judgement:
        """The numbers of a proposal that may be sent. Raises BrokerError with the rule that refused it."""
        found = []
        judged = proposal.legs[:1] if proposal.kind is GroupKind.BRACKET else proposal.legs
        for leg in judged:
            check_ticket(leg.ticket, leg.instrument)
            facts = await self._read_facts(leg.ticket, leg.instrument)
            check_mode(facts)
            found.append(check(leg.ticket, leg.instrument, facts, self._profile.limits))
            check_rehearsal(facts)
        self.check_switch()
        worst = max(found, key=lambda assessment: assessment.value)
        return Judgement(worst.value, worst.leverage_before, worst.leverage_after, tuple(found))

    def check_switch(self, *, adds_risk: bool = True) -> None:
        """Right before each POST of an order or an amend, never before a cancel. Raises BrokerError KILL_SWITCH_ON."""
        if adds_risk:
            self._switch.check()

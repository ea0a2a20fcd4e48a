"""The one door to the broker (design 6.1): what is to be sent is judged here, right before it is journalled.

Every kind of order goes through it: simple, bracket, OCO, OTO, amends, closings. Under the account's lock, so that
nothing changes between the judgement and the send.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Protocol

import msgspec

from ibkr_tui.core.dispatch import Caller
from ibkr_tui.core.journal.journal import Journal
from ibkr_tui.core.kill_switch import KillSwitch
from ibkr_tui.core.live_gate import LiveDesk
from ibkr_tui.core.orders.approvals import Approvals
from ibkr_tui.core.orders.easing import adds_risk
from ibkr_tui.core.orders.exposure import reducing
from ibkr_tui.core.orders.lifecycle import OrderBook
from ibkr_tui.core.orders.limits import LimitsInForce
from ibkr_tui.core.orders.pace import check_day, check_duplicate, check_rate, counted_from, unusual_size
from ibkr_tui.core.orders.pricing import marketable
from ibkr_tui.core.orders.risk import (
    Assessment,
    Judged,
    RiskFacts,
    check_mode,
    check_rehearsal,
    judge,
    measure,
)
from ibkr_tui.core.orders.standing import acts_as, before, check_followers, check_place
from ibkr_tui.core.settings import Limits, Profile
from ibkr_tui.model.clock import Clock
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.groups import GroupKind, Leg, Proposal
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.numbers import plain
from ibkr_tui.model.orders import Order, OrderTicket, Role, Side
from ibkr_tui.model.tickets import check_ticket

LegFacts = tuple[Leg, RiskFacts]


class ReadFacts(Protocol):
    """What the gate needs to know of an order; `without`: the key of an order that this one replaces."""

    async def __call__(self, ticket: OrderTicket, instrument: Instrument, *, without: str = "") -> RiskFacts: ...


class Judgement(msgspec.Struct, frozen=True):
    """What the gate found of a proposal that it lets pass. `value` is its notional in the base currency, `legs` the
    numbers of each leg in the proposal's order; `adds_risk` is what `Gate.check_switch` wants to know."""

    value: Decimal
    leverage_before: Decimal | None
    leverage_after: Decimal | None
    legs: tuple[Assessment, ...]
    warnings: tuple[str, ...] = ()
    adds_risk: bool = True


class Examination(msgspec.Struct, frozen=True):
    """What the gate would say of a proposal: its numbers, every rule that would refuse it, and what it knew."""

    judgement: Judgement
    refusals: tuple[BrokerError, ...]
    facts: tuple[RiskFacts, ...]


class Gate:
    """Judges proposals for one account. `on_journal_failure` is told why nothing can be recorded."""

    def __init__(
        self,
        *,
        profile: Profile,
        read_facts: ReadFacts,
        switch: KillSwitch,
        live: LiveDesk,
        journal: Journal,
        book: OrderBook,
        limits: LimitsInForce,
        approvals: Approvals,
        clock: Clock,
        on_journal_failure: Callable[[str], None] = lambda why: None,
    ) -> None:
        self._profile = profile
        self._read_facts = read_facts
        self._switch = switch
        self._live = live
        self._journal = journal
        self._book = book
        self._limits = limits
        self._approvals = approvals
        self._clock = clock
        self._on_journal_failure = on_journal_failure

    async def judge(
        self, proposal: Proposal, caller: Caller, approval: str = "", *, follows: bool = False
    ) -> Judgement:
        """The numbers of a proposal that may be sent; `approval` is used up. One that `follows` was approved with
        another: the legs of a bracket have one quantity.

        Raises BrokerError with the rule that refused it: JOURNAL_UNAVAILABLE, KILL_SWITCH_ON, LIVE_…,
        RISK_…, APPROVAL_…
        """
        self._check_journal()
        _check_tickets(proposal)
        amended = self._amended(proposal)
        legs = await self._facts(proposal, amended)
        adds = self._adds_risk(proposal, legs, amended)
        self.check_switch(adds_risk=adds)
        self._check_mode(proposal, legs)
        judged = self._judge(proposal, legs, adds, amended, beside=self._beside(proposal))
        await self._check_pace(proposal, judged.value)
        check_rehearsal(legs[0][1])
        if not follows:
            self._check_approval(proposal, approval)
        self.check_switch(adds_risk=adds)  # it may have been turned on while the facts were read
        self._live.check_orders()  # and an acknowledgement may have run out
        return _judgement(judged, adds)

    async def examine(self, proposal: Proposal) -> Examination:
        """As `judge`, but every refusal is told and nothing is used up: for a preview.

        Raises BrokerError BAD_TICKET for what cannot be sent, RISK_NO_QUOTE when nothing gives it a price.
        """
        _check_tickets(proposal)
        amended = self._amended(proposal)
        legs = await self._facts(proposal, amended)
        adds = self._adds_risk(proposal, legs, amended)
        judged = measure(proposal.kind, legs, self._limits.now)
        refusals: list[BrokerError] = []

        def keep(rule: Callable[[], object]) -> None:
            try:
                rule()
            except BrokerError as error:
                refusals.append(error)

        def whole() -> None:
            nonlocal judged
            judged = self._judge(proposal, legs, adds, amended)

        keep(self._check_journal)
        keep(lambda: self.check_switch(adds_risk=adds))
        keep(lambda: self._check_mode(proposal, legs))
        keep(whole)
        unusual: list[str] = []
        try:
            await self._check_pace(proposal, judged.value)
            for leg in proposal.legs[:1]:
                unusual.append(unusual_size(leg, await self._journal.usual_qty(leg.instrument.conid)))
        except BrokerError as error:
            if error.code not in {known.code for known in refusals}:
                refusals.append(error)
        keep(lambda: check_rehearsal(legs[0][1]) if self._profile.orders == "dry_run" else None)
        found = _judgement(judged, adds)
        warnings = (*found.warnings, *filter(None, unusual))
        return Examination(
            msgspec.structs.replace(found, warnings=warnings), tuple(refusals), tuple(facts for _, facts in legs)
        )

    def check_switch(self, *, adds_risk: bool = True) -> None:
        """Right before each POST of an order or an amend, never before a cancel. Raises BrokerError KILL_SWITCH_ON."""
        if adds_risk:
            self._switch.check()

    @property
    def needs_approval(self) -> bool:
        """Whether an order needs a preview that was approved: on live always."""
        return self._profile.kind == "live" or self._profile.safety.require_approval

    def _adds_risk(self, proposal: Proposal, legs: list[LegFacts], amended: Order | None) -> bool:
        if amended is None:
            return True
        known = self._book.ticket(amended.key)
        return adds_risk(amended, proposal.legs[0].ticket, legs[0][1].position, known)

    def _amended(self, proposal: Proposal) -> Order | None:
        if not proposal.amends:
            return None
        order = self._book.find(proposal.amends)
        if order is None:
            raise BrokerError("ORDER_NOT_FOUND", "there is no such order to amend")
        return order

    async def _facts(self, proposal: Proposal, amended: Order | None) -> list[LegFacts]:
        """Each leg with what is known of it. What of an amended order is filled is held, and works no more."""
        if amended is None:
            return [(leg, await self._read_facts(leg.ticket, leg.instrument)) for leg in proposal.legs]
        found = []
        for leg in proposal.legs:
            left = leg.ticket.qty - amended.filled
            ticket = msgspec.structs.replace(leg.ticket, qty=left) if left > 0 else leg.ticket
            facts = await self._read_facts(ticket, leg.instrument, without=amended.key)
            role = acts_as(amended, self._parent(amended))
            found.append((msgspec.structs.replace(leg, ticket=ticket, role=role), facts))
        return found

    def _parent(self, order: Order) -> Order | None:
        """The order that it waits, or waited, for: ours, or one placed elsewhere that its rows name."""
        return self._book.parent(order.key) or (self._book.find(order.parent_id) if order.parent_id else None)

    def _beside(self, proposal: Proposal) -> Decimal:
        """What works on the side of a closing already, and takes from the same position."""
        if not proposal.closes and not proposal.turns:
            return Decimal(0)
        leg = proposal.legs[0]
        return reducing(self._book, leg.instrument.conid, leg.ticket.side)

    def _check_standing(self, leg: Leg, facts: RiskFacts, amended: Order, limits: Limits) -> None:
        """What an amended leg may not cross: its bracket's other prices, the orders that wait for it."""
        group = self._book.group(amended.group_id)
        check_place(amended, leg.ticket, group)
        waiting = [
            ticket
            for order in group
            if order.role is Role.CHILD and not order.state.is_done and order.conid == amended.conid
            and (ticket := self._book.ticket(order.key)) is not None
        ]  # fmt: skip
        check_followers(amended, leg, waiting, facts.quote, limits)

    def _judge(
        self,
        proposal: Proposal,
        legs: list[LegFacts],
        adds: bool,
        amended: Order | None,
        *,
        beside: Decimal = Decimal(0),
    ) -> Judged:
        limits, waits_for = self._limits.now, None
        if amended is not None:
            facts = legs[0][1]
            self._check_standing(proposal.legs[0], facts, amended, limits)
            waits_for = before(amended, self._parent(amended), facts.quote, limits)
        return judge(
            proposal.kind,
            legs,
            limits,
            amends=bool(proposal.amends),
            closes=proposal.closes,
            eases=not adds,
            turns=proposal.turns,
            beside=beside,
            before=waits_for,
        )

    async def _check_pace(self, proposal: Proposal, value: Decimal) -> None:
        """The rules that count. Closing is no new risk: only the same closing twice is refused."""
        now, limits = self._clock.now(), self._limits.now
        if not proposal.amends:
            check_duplicate(proposal, self._book, now, limits)
        since = counted_from(now, limits)
        if proposal.closes or since is None:
            return
        sent = await self._journal.sent_since(since)
        check_rate(len(proposal.legs), sent, now, limits)
        if not proposal.amends:
            check_day(value, sent, now, limits)

    def _check_mode(self, proposal: Proposal, legs: list[LegFacts]) -> None:
        for _, facts in legs:
            check_mode(facts)
        try:
            self._live.check(proposal)
        except BrokerError as error:
            raise (self._with_limit(error, proposal, legs) if error.code == "LIVE_MARKET_ORDER" else error) from None

    def _with_limit(self, error: BrokerError, proposal: Proposal, legs: list[LegFacts]) -> BrokerError:
        """The refusal of a market order, with the limit that would fill at once as the market is."""
        leg, facts = legs[0]
        price = marketable(leg.instrument, leg.ticket.side, facts.quote, self._limits.now)
        if price is None:
            return error
        field = "entry_price" if proposal.kind is GroupKind.BRACKET else "limit_price"
        other = "ask" if leg.ticket.side is Side.BUY else "bid"
        return BrokerError(
            error.code,
            f"{error.message}; at a limit of {plain(price)}, the {other}, it fills at once as the market is",
            details=error.details | {"field": field, "marketable": plain(price)},
            user_action=f"Set {error.details['set']} = true and restart the core, or give {field}={plain(price)}.",
        )

    def _check_journal(self) -> None:
        if why := self._journal.failure:
            self._on_journal_failure(why)
            raise BrokerError("JOURNAL_UNAVAILABLE", f"nothing was sent: {why}")

    def _check_approval(self, proposal: Proposal, approval: str) -> None:
        if approval:
            self._approvals.use(approval, proposal)
        elif self.needs_approval:
            raise BrokerError("APPROVAL_REQUIRED", f"profile {self._profile.name} sends only what was approved")


def _check_tickets(proposal: Proposal) -> None:
    for leg in proposal.legs:
        check_ticket(leg.ticket, leg.instrument)


def _judgement(judged: Judged, adds: bool) -> Judgement:
    return Judgement(judged.value, judged.leverage_before, judged.leverage_after, judged.legs, judged.warnings, adds)

"""What a proposal would do: our numbers, and the broker's what-if if it gives one. Creates nothing at the broker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, Protocol

from ibkr_tui.core.market.quotes import FIELDS
from ibkr_tui.core.orders.approvals import Approvals
from ibkr_tui.core.orders.gate import Examination, Gate
from ibkr_tui.core.orders.limits import LimitsInForce
from ibkr_tui.core.orders.payloads import encode, proposal_payload
from ibkr_tui.core.orders.pricing import distance_pct
from ibkr_tui.core.web.wire import WhatIf
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.groups import Proposal
from ibkr_tui.model.orders import OrderPreview, OrderTicket, OrderType, PreviewLeg, Refusal, Role

FAR_PCT: Final = Decimal(3)
"""IBKR asks about a price that is farther from the market than this (o163)."""
_STOPS: Final = {OrderType.STOP, OrderType.STOP_LIMIT}


class WhatIfRead(Protocol):
    """The reads this module needs."""

    async def snapshot(self, conids: Sequence[int], fields: Sequence[str]) -> Mapping[int, Mapping[str, Any]]: ...

    async def whatif(self, account: str, body: bytes) -> WhatIf: ...


class Previewer:
    """Makes previews that can be approved."""

    def __init__(self, *, gate: Gate, approvals: Approvals, reads: WhatIfRead, limits: LimitsInForce) -> None:
        self._gate = gate
        self._approvals = approvals
        self._reads = reads
        self._limits = limits

    async def preview(self, proposal: Proposal) -> OrderPreview:
        """The preview; every rule that would refuse the proposal is a warning.

        Raises BrokerError BAD_TICKET for what cannot be sent, RISK_NO_QUOTE when nothing gives it a price.
        """
        found = await self._gate.examine(proposal)
        warnings = [*found.judgement.warnings, *(f"{error.message} ({error.code})" for error in found.refusals)]
        told = WhatIf()
        try:
            told = await self._what_if(proposal)
        except BrokerError as error:
            warnings.append(f"IBKR gave no estimate: {error.message}")
        warnings += [words for words in (told.warning, told.error) if words]
        return self._put_together(proposal, found, told, tuple(dict.fromkeys(warnings)))

    async def _what_if(self, proposal: Proposal) -> WhatIf:
        """The estimate, which needs a snapshot of the instrument to have been taken (reference 4.6)."""
        coids = [f"preview{number}" for number, _ in enumerate(proposal.legs)]
        body = encode(proposal_payload(proposal, coids))
        try:
            return await self._reads.whatif(proposal.account, body)
        except BrokerError as error:
            if error.code not in {"IBKR_NO_MARKET_DATA_SUBSCRIPTION", "IBKR_REQUEST_REFUSED"}:
                raise
        await self._reads.snapshot([leg.instrument.conid for leg in proposal.legs[:1]], FIELDS)
        return await self._reads.whatif(proposal.account, body)

    def _put_together(
        self, proposal: Proposal, found: Examination, told: WhatIf, warnings: tuple[str, ...]
    ) -> OrderPreview:
        first, facts, judged = proposal.legs[0], found.facts[0], found.judgement
        ticket, quote, priced = first.ticket, facts.quote, judged.legs[0]
        distance = distance_pct(ticket, priced.price, quote)
        risk, reward = _outcomes(proposal, found)
        preview_id, expires_at = self._approvals.previewed(proposal)
        return OrderPreview(
            instrument=first.instrument.description,
            conid=first.instrument.conid,
            account=facts.account,
            side=ticket.side,
            qty=ticket.qty,
            order_type=ticket.order_type,
            tif=ticket.tif,
            price=priced.price,
            price_source=priced.price_source,
            value=_money(judged.value),
            currency=first.instrument.currency,
            leverage_before=_rounded(judged.leverage_before),
            leverage_after=_rounded(judged.leverage_after),
            leverage_cap=self._limits.now.max_leverage,
            distance_pct=_rounded(distance),
            quote_age_s=quote.age if quote else None,
            commission=told.commission,
            margin_before=told.initial.current,
            margin_after=told.initial.after,
            maintenance_before=told.maintenance.current,
            maintenance_after=told.maintenance.after,
            warnings=warnings,
            limit_price=ticket.limit_price,
            stop_price=ticket.stop_price,
            kind=proposal.kind.value,
            legs=tuple(_legs(proposal, found)) if len(proposal.legs) > 1 else (),
            refused_by=tuple(dict.fromkeys(error.code for error in found.refusals)),
            refusals=tuple(
                Refusal(error.code, error.message, error.user_action, str(error.details.get("field", "")))
                for error in found.refusals
            ),
            questions=tuple(_questions(ticket, distance, is_known=quote is not None and not quote.unavailable)),
            money_at_risk=risk,
            reward=reward,
            preview_id=preview_id,
            expires_at=expires_at,
            needs_approval=self._gate.needs_approval,
        )


def _legs(proposal: Proposal, found: Examination) -> list[PreviewLeg]:
    return [
        PreviewLeg(
            role=leg.role,
            instrument=leg.instrument.description,
            side=leg.ticket.side,
            qty=leg.ticket.qty,
            order_type=leg.ticket.order_type,
            price=priced.price,
            value=_money(priced.value),
            limit_price=leg.ticket.limit_price,
            stop_price=leg.ticket.stop_price,
        )
        for leg, priced in zip(proposal.legs, found.judgement.legs, strict=True)
    ]


def _outcomes(proposal: Proposal, found: Examination) -> tuple[Decimal | None, Decimal | None]:
    """What a bracket loses at its stop and wins at its target, in the base currency."""
    by_role = {leg.role: priced for leg, priced in zip(proposal.legs, found.judgement.legs, strict=True)}
    entry = by_role.get(Role.ENTRY)
    if entry is None or entry.price == 0:
        return None, None
    unit = entry.value / entry.price
    exits = [by_role.get(role) for role in (Role.STOP, Role.TARGET)]
    stop, target = (None if one is None else _money(abs(one.price - entry.price) * unit) for one in exits)
    return stop, target


def _questions(ticket: OrderTicket, distance: Decimal | None, *, is_known: bool) -> list[str]:
    """What IBKR is likely to ask before it takes this order (reference 4.6)."""
    found = []
    if not is_known:
        found.append("the instrument has no market data (o354)")
    if ticket.limit_price is not None and distance is not None and abs(distance) > FAR_PCT:
        found.append(f"the price is {abs(distance):.1f} % from the market (o163)")
    if ticket.order_type in _STOPS:
        found.append("the risks of stop orders (o10331)")
    return found


def _money(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("0.01"))


def _rounded(number: Decimal | None) -> Decimal | None:
    return None if number is None else round(number, 4)

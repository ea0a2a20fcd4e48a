"""What an order would do: our numbers, and the broker's what-if if it gives one. Creates nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Protocol

from ibkr_tui.core.market.quotes import FIELDS
from ibkr_tui.core.orders.facts import FactsDesk
from ibkr_tui.core.orders.payloads import encode, order_payload
from ibkr_tui.core.orders.risk import Assessment, RiskFacts, assess, check, check_mode
from ibkr_tui.core.settings import Profile
from ibkr_tui.core.web.wire import WhatIf
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.orders import OrderPreview, OrderTicket, Side
from ibkr_tui.model.tickets import check_ticket

_COID = "preview"


class WhatIfRead(Protocol):
    """The reads this module needs."""

    async def snapshot(self, conids: Sequence[int], fields: Sequence[str]) -> Mapping[int, Mapping[str, Any]]: ...

    async def whatif(self, account: str, body: bytes) -> WhatIf: ...


async def preview(
    ticket: OrderTicket, instrument: Instrument, desk: FactsDesk, reads: WhatIfRead, profile: Profile
) -> OrderPreview:
    """The preview; every rule that would refuse the order is a warning.

    Raises BrokerError BAD_TICKET for a ticket that cannot be sent, RISK_NO_QUOTE when nothing gives it a price.
    """
    check_ticket(ticket, instrument)
    facts = await desk.gather(ticket, instrument)
    found = assess(ticket, instrument, facts, profile.limits)
    warnings = _rules(ticket, instrument, facts, profile)
    told = WhatIf()
    try:
        body = encode(order_payload(ticket, instrument.conid, profile.account_id, _COID))
        told = await _what_if(reads, profile.account_id, instrument.conid, body)
    except BrokerError as error:
        warnings.append(f"IBKR gave no estimate: {error.message}")
    warnings += [words for words in (told.warning, told.error) if words]
    return _preview(ticket, instrument, facts, found, profile, told, tuple(warnings))


async def _what_if(reads: WhatIfRead, account: str, conid: int, body: bytes) -> WhatIf:
    """The estimate, which needs a snapshot of the instrument to have been taken (reference 4.6)."""
    try:
        return await reads.whatif(account, body)
    except BrokerError as error:
        if error.code not in {"IBKR_NO_MARKET_DATA_SUBSCRIPTION", "IBKR_REQUEST_REFUSED"}:
            raise
    await reads.snapshot([conid], FIELDS)
    return await reads.whatif(account, body)


def _rules(ticket: OrderTicket, instrument: Instrument, facts: RiskFacts, profile: Profile) -> list[str]:
    broken = []
    for rule in (lambda: check_mode(facts), lambda: check(ticket, instrument, facts, profile.limits)):
        try:
            rule()
        except BrokerError as error:
            broken.append(f"{error.message} ({error.code})")
    if profile.orders == "dry_run":
        broken.append("this profile only rehearses orders: it would not be sent")
    return broken


def _preview(  # noqa: PLR0917 - one struct, put together from its sources
    ticket: OrderTicket,
    instrument: Instrument,
    facts: RiskFacts,
    found: Assessment,
    profile: Profile,
    told: WhatIf,
    warnings: tuple[str, ...],
) -> OrderPreview:
    quote = facts.quote
    other: Any = None if quote is None else quote.ask if ticket.side is Side.BUY else quote.bid
    distance = (found.price - other) / other * 100 if other else None
    return OrderPreview(
        instrument=instrument.description,
        conid=instrument.conid,
        account=facts.account,
        side=ticket.side,
        qty=ticket.qty,
        order_type=ticket.order_type,
        tif=ticket.tif,
        price=found.price,
        price_source=found.price_source,
        value=found.value.quantize(Decimal("0.01")),
        currency=instrument.currency,
        leverage_before=_rounded(found.leverage_before),
        leverage_after=_rounded(found.leverage_after),
        leverage_cap=profile.limits.max_leverage,
        distance_pct=_rounded(distance),
        quote_age_s=quote.age if quote else None,
        commission=told.commission,
        margin_before=told.initial.current,
        margin_after=told.initial.after,
        warnings=warnings,
        limit_price=ticket.limit_price,
    )


def _rounded(number: Decimal | None) -> Decimal | None:
    return None if number is None else round(number, 4)

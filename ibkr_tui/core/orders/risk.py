"""The rules of the gate (design 6.7): pure, over a small set of facts. Each names itself, says why and what to do.

Leverage is checked twice: the order's own value against equity, and the account's gross value after the order, with
what already works counted as if it had filled. An order that only makes a position smaller passes both.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_FLOOR, Decimal
from typing import Final

import msgspec

from ibkr_tui.core.orders.exposure import EXITS, Sides
from ibkr_tui.core.orders.pricing import QuoteFacts, check_after, check_collar, check_stop_side, fills_at, price_of
from ibkr_tui.core.settings import ASSET_CLASSES, Limits
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.groups import GroupKind, Leg
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.numbers import plain
from ibkr_tui.model.orders import OrderTicket, Role, Side
from ibkr_tui.model.tickets import notional

__all__ = ["Assessment", "Before", "Judged", "QuoteFacts", "RiskFacts", "assess", "check", "check_mode",
           "check_rehearsal", "judge", "measure", "reduces"]  # fmt: skip

_OPTIONS: Final = frozenset({"OPT", "FOP"})
_WAITS: Final = EXITS | {Role.CHILD}
"""Roles that act only after another order: what that one fills at is the market they meet."""
_LEADS: Final = frozenset({Role.ENTRY, Role.TRIGGER})
_BRACKET_FIELDS: Final = {
    (Role.ENTRY, "limit_price"): "entry_price",
    (Role.STOP, "stop_price"): "stop_loss",
    (Role.TARGET, "limit_price"): "take_profit",
}


class RiskFacts(msgspec.Struct, frozen=True):
    """What the gate knows. Money is in the account's base currency, `rate` turns the instrument's currency into it.

    `position` is the signed quantity held and `position_value` its market value (None: at the order's own price);
    `working` what works on the same instrument, `pending` what working orders may add to other positions; `unvalued`
    has the words on working orders whose value is in neither.
    """

    orders_mode: str
    account: str
    pinned_account: str
    net_liquidation: Decimal
    gross_value: Decimal
    position: Decimal
    rate: Decimal
    quote: QuoteFacts | None
    pending: Decimal = Decimal(0)
    unknown_same_side: str = ""
    position_value: Decimal | None = None
    working: Sides = Sides()
    unvalued: tuple[str, ...] = ()


class Assessment(msgspec.Struct, frozen=True):
    """The numbers the gate judged, for the preview and the audit; leverage counts what works as if it were filled."""

    price: Decimal
    price_source: str
    value: Decimal
    leverage_before: Decimal | None
    leverage_after: Decimal | None
    warnings: tuple[str, ...] = ()


class Judged(msgspec.Struct, frozen=True):
    """A proposal as a whole: `value` is what counts of its legs (requirement A-091)."""

    value: Decimal
    leverage_before: Decimal | None
    leverage_after: Decimal | None
    legs: tuple[Assessment, ...]

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is not refused but should be known."""
        return tuple(dict.fromkeys(words for leg in self.legs for words in leg.warnings))


class Before(msgspec.Struct, frozen=True):
    """The order that another one waits for: its instrument, and the price at which it is likely to fill."""

    conid: int
    price: Decimal


def check_mode(facts: RiskFacts) -> None:
    """Whether this profile may send orders at all. Raises BrokerError ORDERS_REFUSED or IBKR_ACCOUNT_NOT_FOUND."""
    if facts.account != facts.pinned_account:
        raise BrokerError("IBKR_ACCOUNT_NOT_FOUND", "the order names another account than the profile's")
    if facts.orders_mode not in {"send", "dry_run"}:
        raise BrokerError("ORDERS_REFUSED", "orders are off for this profile")


def check_rehearsal(facts: RiskFacts) -> None:
    """The last rule, after all others passed. Raises BrokerError ORDERS_REFUSED where orders are only rehearsed."""
    if facts.orders_mode != "send":
        raise BrokerError(
            "ORDERS_REFUSED",
            "this profile only rehearses orders (orders = dry_run): the order passed every check and was not sent",
            user_action='Set orders = "send" in the profile to send orders.',
        )


def assess(ticket: OrderTicket, instrument: Instrument, facts: RiskFacts, limits: Limits) -> Assessment:
    """The order's numbers. Raises BrokerError RISK_NO_QUOTE for an order that takes a quote to be valued."""
    price, source = price_of(ticket, facts.quote, limits)
    value = notional(ticket.qty, price, instrument.multiplier, facts.rate)
    equity = facts.net_liquidation
    if equity <= 0:
        return Assessment(price, source, value, None, None)
    before, after = _gross(ticket, instrument, facts, price)
    return Assessment(price, source, value, before / equity, after / equity)


def check(ticket: OrderTicket, instrument: Instrument, facts: RiskFacts, limits: Limits) -> Assessment:
    """Every rule on one order alone but the mode's. Raises BrokerError with the rule that refused."""
    return judge(GroupKind.SIMPLE, [(Leg(Role.SINGLE, ticket, instrument), facts)], limits).legs[0]


def judge(
    kind: GroupKind,
    legs: Sequence[tuple[Leg, RiskFacts]],
    limits: Limits,
    *,
    amends: bool = False,
    closes: bool = False,
    eases: bool = False,
    turns: bool = False,
    beside: Decimal = Decimal(0),
    before: Before | None = None,
) -> Judged:
    """Every rule on a proposal but the mode's and those that count orders. Raises BrokerError with the rule's code.

    `closes`: it takes from a position, which no limit on size keeps anybody from; POSITION_CHANGED when it does not,
    with the quantity that works `beside` it on its side. `turns`: it turns the position round, exactly; raises it too.
    `eases`: it amends a working order to less risk, which no limit on size keeps anybody from either. `before` is the
    order that an amended one waits for; in a group that is its first one.
    """
    sized = not closes and not eases
    found: list[Assessment] = []
    for number, (leg, facts) in enumerate(legs):
        if closes or turns:
            _check_closing(leg, facts, beside, turns=turns)
        if sized:
            _check_names(leg.instrument, limits)
            _check_qty(leg.ticket, limits)
            _check_valued(facts)
        if facts.unknown_same_side and not amends:
            raise BrokerError(
                "ORDER_BLOCKED_UNKNOWN",
                f"an order to {leg.ticket.side.value} {leg.instrument.description} has an unknown fate",
                details={"coid": facts.unknown_same_side},
            )
        try:
            found.append(_assess_leg(leg, facts, limits, before))
        except BrokerError as error:
            raise _in_group(error, kind, number, leg.role) from None
        if leg.role in _LEADS and before is None:
            price = fills_at(leg.ticket, found[-1].price, facts.quote, limits)
            before = Before(leg.instrument.conid, price)
    judged = _together(kind, legs, found)
    if sized:
        _check_value(judged, legs, limits)
        _check_leverage(kind, legs, judged, limits)
    return judged


def measure(kind: GroupKind, legs: Sequence[tuple[Leg, RiskFacts]], limits: Limits) -> Judged:
    """The numbers of a proposal, judged by nothing. Raises BrokerError RISK_NO_QUOTE or BAD_TICKET as `assess`."""
    return _together(kind, legs, [assess(leg.ticket, leg.instrument, facts, limits) for leg, facts in legs])


def reduces(position: Decimal, side: Side, qty: Decimal) -> bool:
    """Whether an order only makes the position smaller, without turning it round."""
    return position != 0 and (position > 0) != (side is Side.BUY) and qty <= abs(position)


def _check_closing(leg: Leg, facts: RiskFacts, beside: Decimal, *, turns: bool) -> None:
    """Raise BrokerError POSITION_CHANGED for a closing that would leave a position on the other side, and for a turn
    that is not twice the position."""
    side, qty = leg.ticket.side, leg.ticket.qty
    held = facts.position if not turns else facts.position * 2
    fits = reduces(held, side, qty + beside)
    if fits and (not turns or qty == abs(held)):
        return
    more = f" beside {plain(beside)} that work on that side already" if beside else ""
    what = "does not turn round" if turns else "is more than closes"
    raise BrokerError(
        "POSITION_CHANGED",
        f"{side.value} {plain(qty)} {leg.instrument.description}{more} {what} the position of {plain(facts.position)}",
    )


def _in_group(error: BrokerError, kind: GroupKind, number: int, role: Role) -> BrokerError:
    """The refusal of one leg, with its field named as the group's arguments name it."""
    if kind is GroupKind.SIMPLE or "field" not in error.details:
        return error
    prefix = f"legs.{number}." if kind is GroupKind.OCO else f"{role.value}." if kind is GroupKind.OTO else ""

    def named(field: str) -> str:
        return _BRACKET_FIELDS.get((role, field), field) if kind is GroupKind.BRACKET else prefix + field

    fields = {named(str(name)): words for name, words in dict(error.details.get("fields") or {}).items()}
    details = error.details | {"field": named(str(error.details["field"]))} | ({"fields": fields} if fields else {})
    return BrokerError(
        error.code, error.message, retryable=error.retryable, details=details, user_action=error.user_action
    )


def _only_reduces(leg: Leg, facts: RiskFacts, found: Assessment) -> bool:
    """Whether it makes the position smaller even if all that works on its side is filled too."""
    if not reduces(facts.position, leg.ticket.side, leg.ticket.qty):
        return False
    works = facts.working.buying if leg.ticket.side is Side.BUY else facts.working.selling
    return works <= 0 or works + found.value <= found.value / leg.ticket.qty * abs(facts.position)


def asset_class(sec_type: str) -> str:
    """The name of requirement A-096 for a security type; empty for one that has none."""
    kind = "OPT" if sec_type in _OPTIONS else sec_type
    return next((name for name, known in ASSET_CLASSES.items() if known == kind), "")


def _assess_leg(leg: Leg, facts: RiskFacts, limits: Limits, before: Before | None) -> Assessment:
    ticket, instrument = leg.ticket, leg.instrument
    found = assess(ticket, instrument, facts, limits)
    if leg.role in _WAITS and (before is None or before.conid == instrument.conid):
        if before is not None:
            check_after(ticket, instrument, before.price, limits)
        return found
    if leg.role not in _WAITS:  # where another instrument's stop will be then, today's market does not say
        check_stop_side(ticket, instrument, facts.quote, limits)
    warning = check_collar(ticket, instrument, facts.quote, limits)
    return msgspec.structs.replace(found, warnings=(warning,)) if warning else found


def _together(kind: GroupKind, legs: Sequence[tuple[Leg, RiskFacts]], found: Sequence[Assessment]) -> Judged:
    """Bracket: its entry. OTO: both if both buy. Else the largest leg (requirement A-091)."""
    counted = list(found[:1]) if kind is GroupKind.BRACKET else list(found)
    adds = kind is GroupKind.OTO and all(leg.ticket.side is Side.BUY for leg, _ in legs)
    values = [one.value for one in counted]
    before = counted[0].leverage_before
    if before is None or any(one.leverage_after is None for one in counted):
        return Judged(sum(values, Decimal(0)) if adds else max(values), None, None, tuple(found))
    steps = [(one.leverage_after or before) - (one.leverage_before or before) for one in counted]
    if adds:
        return Judged(sum(values, Decimal(0)), before, before + sum(steps, Decimal(0)), tuple(found))
    return Judged(max(values), before, before + max(steps), tuple(found))


def _check_names(instrument: Instrument, limits: Limits) -> None:
    symbols = {name.upper() for name in limits.allowed_symbols}
    if symbols and not symbols & {instrument.symbol.upper(), instrument.description.upper()}:
        raise BrokerError("RISK_SYMBOL", f"{instrument.description} is not among the symbols that may be traded")
    if limits.allowed_asset_classes and asset_class(instrument.sec_type) not in limits.allowed_asset_classes:
        what = asset_class(instrument.sec_type) or instrument.sec_type
        allowed = ", ".join(limits.allowed_asset_classes)
        raise BrokerError("RISK_ASSET_CLASS", f"{instrument.description} is {what}; only {allowed} may be traded")


def _check_qty(ticket: OrderTicket, limits: Limits) -> None:
    most = limits.max_order_qty
    if most is not None and ticket.qty > most:
        raise BrokerError(
            "RISK_ORDER_QTY",
            f"the quantity {plain(ticket.qty)} is above the limit of {plain(most)}",
            user_action=f"Lower the quantity to {plain(_whole(most))}, or raise limits.max_order_qty.",
        )


def _check_valued(facts: RiskFacts) -> None:
    if facts.unvalued:
        more = f" (and {len(facts.unvalued) - 1} more)" if len(facts.unvalued) > 1 else ""
        raise BrokerError("RISK_UNVALUED", f"what works already can't be valued – {facts.unvalued[0]}{more}")


def _check_value(judged: Judged, legs: Sequence[tuple[Leg, RiskFacts]], limits: Limits) -> None:
    most = limits.max_order_value
    if most is None or judged.value <= most:
        return
    fits = _whole(most / judged.value * legs[0][0].ticket.qty)
    raise BrokerError(
        "RISK_ORDER_VALUE",
        f"the order's value {_money(judged.value)} is above the limit of {_money(most)}",
        user_action=f"{_advice(fits, legs)}, or raise limits.max_order_value in the configuration.",
    )


def _check_leverage(kind: GroupKind, legs: Sequence[tuple[Leg, RiskFacts]], judged: Judged, limits: Limits) -> None:
    """The rule of requirement A-095, on the order alone and on the account after it."""
    cap, (first, facts) = limits.max_leverage, legs[0]
    counts = legs[:1] if kind is GroupKind.BRACKET else legs
    if judged.leverage_after is None or judged.leverage_before is None:
        raise BrokerError("RISK_LEVERAGE", "the account has no equity to trade on")
    if all(_only_reduces(leg, known, one) for (leg, known), one in zip(counts, judged.legs, strict=False)):
        return
    own = judged.value / facts.net_liquidation
    after = judged.leverage_after if judged.leverage_after > judged.leverage_before else Decimal(0)
    worst = max(own, after)
    if worst <= cap:
        return
    fits = _fitting(first, facts, judged.legs[0], cap) if len(counts) == 1 else Decimal(0)
    what = "of this order alone" if own >= after else "after this order"
    advice = _advice(fits, legs) if fits > 0 or len(counts) > 1 else "Close something first"
    raise BrokerError(
        "RISK_LEVERAGE",
        f"leverage {what} would be {worst:.2f}, the cap is {plain(cap)}",
        user_action=f"{advice}, or raise limits.max_leverage in the configuration.",
        details={"leverage": f"{worst:.4f}", "cap": plain(cap), "fits": plain(fits)},
    )


def _fitting(leg: Leg, facts: RiskFacts, found: Assessment, cap: Decimal) -> Decimal:
    """The largest whole quantity of a single order that both leverage rules let pass."""
    one = found.value / leg.ticket.qty
    if one <= 0:
        return Decimal(0)
    held, others = _held(facts, one)
    room = cap * facts.net_liquidation - others
    side = leg.ticket.side
    left = room - held - facts.working.buying if side is Side.BUY else room + held - facts.working.selling
    return max(_whole(min(left, cap * facts.net_liquidation) / one), Decimal(0))


def _gross(ticket: OrderTicket, instrument: Instrument, facts: RiskFacts, price: Decimal) -> tuple[Decimal, Decimal]:
    """The account's largest gross value before and after the order, if all that works fills."""
    one = notional(Decimal(1), price, instrument.multiplier, facts.rate)
    held, others = _held(facts, one)
    after = held + ticket.side.sign * ticket.qty * one
    return others + facts.working.worst(held), others + facts.working.worst(after)


def _held(facts: RiskFacts, one: Decimal) -> tuple[Decimal, Decimal]:
    """The signed value of the position, and all else; `one`: the value of one unit."""
    held = facts.position * one if facts.position_value is None else facts.position_value
    return held, max(facts.gross_value - abs(held), Decimal(0)) + facts.pending


def _advice(fits: Decimal, legs: Sequence[tuple[Leg, RiskFacts]]) -> str:
    if len({leg.ticket.qty for leg, _ in legs}) > 1 or fits <= 0:
        return "Lower the quantities" if len(legs) > 1 else "Lower the quantity"
    return f"Lower the quantity to {plain(fits)}"


def _whole(number: Decimal) -> Decimal:
    return number.to_integral_value(ROUND_FLOOR)


def _money(amount: Decimal) -> str:
    return f"{amount:,.2f}"

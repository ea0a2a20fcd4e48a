"""The gate before every order (design 6.7): pure rules over a small set of facts. It names the rule that refused.

Leverage is checked twice: the order's own value against equity, and the account's gross value after the order, with
what already works counted as if it had filled. An order that only makes a position smaller passes both.
"""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal

import msgspec

from ibkr_tui.core.settings import Limits
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.numbers import plain
from ibkr_tui.model.orders import OrderTicket, OrderType, Side
from ibkr_tui.model.quotes import QuoteStatus
from ibkr_tui.model.tickets import notional


class QuoteFacts(msgspec.Struct, frozen=True):
    """The quote at the gate. `age` is seconds since it was last known to be right."""

    status: QuoteStatus
    bid: Decimal | None = None
    ask: Decimal | None = None
    last: Decimal | None = None
    age: float | None = None


class RiskFacts(msgspec.Struct, frozen=True):
    """What the gate knows. Money is in the account's base currency, `rate` turns the instrument's currency into it.

    `position` is the signed quantity held, `pending` the value of orders at work that would add to positions.
    """

    orders_mode: str
    is_live: bool
    account: str
    pinned_account: str
    net_liquidation: Decimal
    gross_value: Decimal
    position: Decimal
    rate: Decimal
    quote: QuoteFacts | None
    pending: Decimal = Decimal(0)
    unknown_same_side: str = ""


class Assessment(msgspec.Struct, frozen=True):
    """The numbers the gate judged, for the preview and the audit; leverage counts what works as if it were filled."""

    price: Decimal
    price_source: str
    value: Decimal
    leverage_before: Decimal | None
    leverage_after: Decimal | None


def check_mode(facts: RiskFacts) -> None:
    """Whether this profile may send orders at all. Raises BrokerError ORDERS_REFUSED or IBKR_ACCOUNT_NOT_FOUND."""
    if facts.account != facts.pinned_account:
        raise BrokerError("IBKR_ACCOUNT_NOT_FOUND", "the order names another account than the profile's")
    if facts.is_live:
        raise BrokerError("ORDERS_REFUSED", "live profiles refuse every order until live trading can be armed")
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
    """The order's numbers. Raises BrokerError RISK_NO_QUOTE for a market order without a fresh quote."""
    price, source = _price(ticket, facts, limits)
    value = notional(ticket.qty, price, instrument.multiplier, facts.rate)
    equity = facts.net_liquidation
    if equity <= 0:
        return Assessment(price, source, value, None, None)
    one = notional(Decimal(1), price, instrument.multiplier, facts.rate)
    held = abs(facts.position) * one
    after = abs(facts.position + ticket.side.sign * ticket.qty) * one
    gross_after = max(facts.gross_value - held, Decimal(0)) + after + facts.pending
    before = facts.gross_value + facts.pending
    return Assessment(price, source, value, before / equity, gross_after / equity)


def check(ticket: OrderTicket, instrument: Instrument, facts: RiskFacts, limits: Limits) -> Assessment:
    """Every rule but the mode's. Raises BrokerError with the rule that refused; returns the numbers it judged."""
    if facts.unknown_same_side:
        raise BrokerError(
            "ORDER_BLOCKED_UNKNOWN",
            f"an order to {ticket.side.value} {instrument.description} has an unknown fate",
            details={"coid": facts.unknown_same_side},
        )
    if limits.max_order_qty is not None and ticket.qty > limits.max_order_qty:
        raise BrokerError(
            "RISK_ORDER_QTY", f"the quantity {plain(ticket.qty)} is above the limit of {plain(limits.max_order_qty)}"
        )
    found = assess(ticket, instrument, facts, limits)
    if limits.max_order_value is not None and found.value > limits.max_order_value:
        raise BrokerError(
            "RISK_ORDER_VALUE",
            f"the order's value {_money(found.value)} is above the limit of {_money(limits.max_order_value)}",
        )
    _check_leverage(ticket, facts, limits, found)
    return found


def reduces(position: Decimal, side: Side, qty: Decimal) -> bool:
    """Whether an order only makes the position smaller, without turning it round."""
    return position != 0 and (position > 0) != (side is Side.BUY) and qty <= abs(position)


def _price(ticket: OrderTicket, facts: RiskFacts, limits: Limits) -> tuple[Decimal, str]:
    if ticket.order_type is OrderType.LIMIT:
        if ticket.limit_price is None:
            raise BrokerError("BAD_TICKET", "A limit order needs a limit price.", details={"field": "limit_price"})
        return ticket.limit_price, "limit"
    quote = facts.quote
    if quote is None:
        raise BrokerError("RISK_NO_QUOTE", "a market order needs a fresh quote, and there is none")
    if quote.status is not QuoteStatus.LIVE:
        raise BrokerError("RISK_NO_QUOTE", f"a market order needs a live quote; this one is {_words(quote.status)}")
    if quote.age is None or quote.age > limits.max_quote_age_s:
        age = "unknown" if quote.age is None else f"{quote.age:.0f} s"
        raise BrokerError(
            "RISK_NO_QUOTE", f"the quote's age is {age}; a market order needs at most {limits.max_quote_age_s:g} s"
        )
    price, name = (quote.ask, "ask") if ticket.side is Side.BUY else (quote.bid, "bid")
    if price is None or price <= 0:
        raise BrokerError("RISK_NO_QUOTE", f"a market order to {ticket.side.value} needs a quote with {name}")
    return price, name


def _check_leverage(ticket: OrderTicket, facts: RiskFacts, limits: Limits, found: Assessment) -> None:
    cap = limits.max_leverage
    if found.leverage_after is None:
        raise BrokerError("RISK_LEVERAGE", "the account has no equity to trade on")
    if reduces(facts.position, ticket.side, ticket.qty):
        return
    own = found.value / facts.net_liquidation
    worst = max(own, found.leverage_after)
    if worst <= cap:
        return
    room = cap * facts.net_liquidation - (found.leverage_after * facts.net_liquidation - found.value)
    share = min(room, cap * facts.net_liquidation) / found.value
    fits = (share * ticket.qty).to_integral_value(ROUND_FLOOR)
    what = "of this order alone" if own >= found.leverage_after else "after this order"
    advice = f"Lower the quantity to {plain(fits)}" if fits > 0 else "Close something first"
    raise BrokerError(
        "RISK_LEVERAGE",
        f"leverage {what} would be {worst:.2f}, the cap is {plain(cap)}",
        user_action=f"{advice}, or raise limits.max_leverage in the configuration.",
    )


def _words(status: QuoteStatus) -> str:
    return "without data" if status is QuoteStatus.NO_DATA else status.value


def _money(amount: Decimal) -> str:
    return f"{amount:,.2f}"

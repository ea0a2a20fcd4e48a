"""What an order would be done at, for its value, and whether its price is far beyond the market. Pure.

Only a price that reaches beyond the market is refused: a buy above the ask, a sell below the bid. A bid far below it is
nobody's harm.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

import msgspec

from ibkr_tui.core.settings import Limits
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.increments import nearest_prices
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.numbers import plain
from ibkr_tui.model.orders import OrderTicket, OrderType, Side, Tif, TrailBy
from ibkr_tui.model.quotes import QuoteStatus

BPS: Final = Decimal(10_000)
_AGED: Final = {QuoteStatus.FROZEN: "frozen", QuoteStatus.DELAYED: "delayed", QuoteStatus.HALTED: "halted"}
_HAS_LIMIT: Final = {OrderType.LIMIT, OrderType.STOP_LIMIT, OrderType.MIDPRICE}
_NAMES: Final = {OrderType.MARKET: "market", OrderType.TRAIL: "trailing", OrderType.TRAIL_LIMIT: "trailing",
                 OrderType.MIDPRICE: "midprice"}  # fmt: skip


class QuoteFacts(msgspec.Struct, frozen=True):
    """The quote at the gate. `age` is seconds since it was last known to be right; `unavailable`: the broker gives no
    prices of this instrument to this user, so that waiting for one is in vain."""

    status: QuoteStatus
    bid: Decimal | None = None
    ask: Decimal | None = None
    last: Decimal | None = None
    age: float | None = None
    close: Decimal | None = None
    unavailable: bool = False


class Reference(msgspec.Struct, frozen=True):
    """The market's price to compare with: `source` is what it is, `is_fresh` whether it is of now."""

    price: Decimal
    source: str
    is_fresh: bool


def is_fresh(quote: QuoteFacts | None, limits: Limits) -> bool:
    """Live, and confirmed within the limit."""
    return (
        quote is not None
        and quote.status is QuoteStatus.LIVE
        and quote.age is not None
        and quote.age <= limits.max_quote_age_s
    )


_TRIGGERED: Final = frozenset({OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAIL, OrderType.TRAIL_LIMIT})


def reference(quote: QuoteFacts | None, side: Side, limits: Limits) -> Reference | None:
    """The adverse side of a fresh quote; of a closed, halted or delayed market its last price; None without any."""
    if quote is None:
        return None
    other, name = (quote.ask, "ask") if side is Side.BUY else (quote.bid, "bid")
    if is_fresh(quote, limits):
        if other is not None and other > 0:
            return Reference(other, name, True)
        word = ""
    elif quote.status in _AGED:
        word = _AGED[quote.status] + " "
    else:
        return None
    for price, source in ((quote.last, "last"), (quote.close, "close"), (other, name)):
        if price is not None and price > 0:
            return Reference(price, word + source, False)
    return None


def price_of(ticket: OrderTicket, quote: QuoteFacts | None, limits: Limits) -> tuple[Decimal, str]:
    """The price that an order is valued at, and what that price is.

    Raises BrokerError RISK_NO_QUOTE where it takes a quote that is not there, BAD_TICKET without its own price.
    """
    kind = ticket.order_type
    if kind in {OrderType.LIMIT, OrderType.STOP_LIMIT}:
        return _needed(ticket.limit_price, "limit_price", "A limit order needs a limit price."), "limit"
    if kind is OrderType.MIDPRICE and ticket.limit_price is not None:
        return ticket.limit_price, "limit"
    if kind is OrderType.STOP:
        stop = _needed(ticket.stop_price, "stop_price", "A stop order needs a stop price.")
        return (_at_least(stop, ticket, quote, limits) if ticket.side is Side.BUY else stop), "stop"
    if kind in {OrderType.TRAIL, OrderType.TRAIL_LIMIT}:
        return _trailing(ticket, quote, limits), "trail"
    market = reference(quote, ticket.side, limits)
    if market is not None and (market.is_fresh or ticket.tif is Tif.OPG):
        return market.price, market.source
    raise _no_quote(ticket, quote, limits)


def _at_least(trigger: Decimal, ticket: OrderTicket, quote: QuoteFacts | None, limits: Limits) -> Decimal:
    """What acts at once fills at the market: a trigger that is written low makes no order small. Of an old quote the
    last known price still says more than such a trigger.
    """
    market = reference(quote, ticket.side, limits)
    if market is not None:
        return max(trigger, market.price)
    known = (quote.last or quote.close) if quote is not None else None
    return trigger if known is None else max(trigger, known)


def _trailing(ticket: OrderTicket, quote: QuoteFacts | None, limits: Limits) -> Decimal:
    """Where a trailing order would trigger if the market turned now; of one with a limit, that limit."""
    sign = ticket.side.sign
    trigger = ticket.stop_price
    if trigger is not None:
        trigger = _at_least(trigger, ticket, quote, limits)  # it follows the market from there
    else:
        distance = _needed(ticket.trail, "trail", "A trailing order needs its distance.")
        market = reference(quote, ticket.side, limits)
        if market is None:
            raise _no_quote(ticket, quote, limits)
        if ticket.trail_by is TrailBy.PERCENT:
            distance = market.price * distance / 100
        trigger = market.price + sign * distance
    if ticket.order_type is OrderType.TRAIL_LIMIT and ticket.limit_offset is not None:
        trigger += sign * ticket.limit_offset
    return max(trigger, Decimal(0))


def check_collar(ticket: OrderTicket, instrument: Instrument, quote: QuoteFacts | None, limits: Limits) -> str:
    """A warning, or nothing. Raises BrokerError RISK_PRICE_COLLAR, RISK_NO_QUOTE without a price to compare with."""
    bps = limits.price_collar_bps
    limit = ticket.limit_price
    if bps == 0 or limit is None or ticket.order_type not in _HAS_LIMIT:
        return ""
    if ticket.order_type is OrderType.STOP_LIMIT:  # it acts when the market is at its stop
        market = None if ticket.stop_price is None else Reference(ticket.stop_price, "stop", True)
    else:
        market = reference(quote, ticket.side, limits)
    if market is None:
        if quote is not None and quote.unavailable:
            return f"there is no market data of {instrument.description}: the limit price is not compared with anything"
        raise BrokerError(
            "RISK_NO_QUOTE",
            f"there is no fresh price of {instrument.description} to compare the limit price with",
            user_action="Wait for a fresh quote; limits.price_collar_bps = 0 turns the comparison off.",
        )
    _check_beyond(limit, ticket.side, market, instrument, bps)
    return "" if market.is_fresh else f"the limit price was compared with the {market.source} {plain(market.price)}"


def fills_at(ticket: OrderTicket, price: Decimal, quote: QuoteFacts | None, limits: Limits) -> Decimal:
    """Where an order that is valued at `price` is likely to fill: a limit beyond the market, at the market."""
    market = reference(quote, ticket.side, limits)
    if ticket.order_type not in {OrderType.LIMIT, OrderType.MIDPRICE} or market is None or not market.is_fresh:
        return price
    return min(price, market.price) if ticket.side is Side.BUY else max(price, market.price)


def check_after(ticket: OrderTicket, instrument: Instrument, filled_at: Decimal, limits: Limits) -> None:
    """An order that waits for another one on its instrument, which fills at `filled_at`: the market it will meet.

    Raises BrokerError BAD_TICKET for a stop that would act at once, RISK_PRICE_COLLAR.
    """
    stop, kind, buys = ticket.stop_price, ticket.order_type, ticket.side is Side.BUY
    if stop is not None and kind in _TRIGGERED and (stop <= filled_at if buys else stop >= filled_at):
        there = "above" if buys else "below"
        words = (
            f"A stop to {ticket.side.value} belongs {there} {plain(filled_at)}, where the order before it fills: "
            f"at {plain(stop)} it would act at once."
        )
        raise BrokerError("BAD_TICKET", words, details={"field": "stop_price", "fields": {"stop_price": words}})
    limit, bps = ticket.limit_price, limits.price_collar_bps
    if bps == 0 or limit is None or kind not in _HAS_LIMIT:
        return
    at_stop = kind is OrderType.STOP_LIMIT and stop is not None
    source = "stop" if at_stop else "price at which the order before it fills,"
    _check_beyond(limit, ticket.side, Reference(stop if at_stop and stop else filled_at, source, True), instrument, bps)


def marketable(instrument: Instrument, side: Side, quote: QuoteFacts | None, limits: Limits) -> Decimal | None:
    """The limit price that fills at once as the market is: the other side of a fresh quote; None without one."""
    market = reference(quote, side, limits)
    if market is None or not market.is_fresh:
        return None
    below, above = nearest_prices(instrument.increments, market.price)
    return above if side is Side.BUY else below


def _check_beyond(limit: Decimal, side: Side, market: Reference, instrument: Instrument, bps: Decimal) -> None:
    """Raise BrokerError RISK_PRICE_COLLAR for a limit that reaches farther beyond `market` than `bps` allow."""
    beyond = (limit / market.price - 1) * side.sign * BPS
    if beyond > bps:
        farthest = market.price * (1 + side.sign * bps / BPS)
        below, above = nearest_prices(instrument.increments, farthest)
        word, allowed = ("above", below) if side is Side.BUY else ("below", above)
        raise BrokerError(
            "RISK_PRICE_COLLAR",
            f"the limit price {plain(limit)} is {beyond / 100:.1f} % {word} the {market.source} "
            f"{plain(market.price)}; the collar is {plain(bps / 100)} %",
            user_action=f"A limit price of {plain(allowed)} passes; or change limits.price_collar_bps.",
            details={"field": "limit_price", "nearest": plain(allowed)},
        )


def check_stop_side(ticket: OrderTicket, instrument: Instrument, quote: QuoteFacts | None, limits: Limits) -> None:
    """Raise BrokerError BAD_TICKET for a stop that the market has passed already: it would act at once."""
    stop = ticket.stop_price
    if stop is None or ticket.order_type not in _TRIGGERED or quote is None:
        return
    if not is_fresh(quote, limits) or quote.last is None or quote.bid is None or quote.ask is None:
        return
    buys = ticket.side is Side.BUY
    # Both the last trade and the quote are beyond it: a stop between bid and ask may be meant.
    passed = stop <= min(quote.last, quote.bid) if buys else stop >= max(quote.last, quote.ask)
    if passed:
        where, there = ("below", "above") if buys else ("above", "below")
        words = (
            f"A stop to {ticket.side.value} belongs {there} the market: {plain(stop)} is {where} "
            f"{instrument.description} at {plain(quote.last)} and would act at once."
        )
        raise BrokerError("BAD_TICKET", words, details={"field": "stop_price", "fields": {"stop_price": words}})


def distance_pct(ticket: OrderTicket, price: Decimal, quote: QuoteFacts | None) -> Decimal | None:
    """How far `price` is from the side of the quote that the order would meet, in per cent; None without a quote."""
    if quote is None:
        return None
    other = (quote.ask if ticket.side is Side.BUY else quote.bid) or quote.last or quote.close
    return (price - other) / other * 100 if other else None


def _needed(price: Decimal | None, field: str, words: str) -> Decimal:
    if price is None:
        raise BrokerError("BAD_TICKET", words, details={"field": field, "fields": {field: words}})
    return price


def _no_quote(ticket: OrderTicket, quote: QuoteFacts | None, limits: Limits) -> BrokerError:
    what = f"a {_NAMES[ticket.order_type]} order"
    if quote is None:
        why = f"{what} needs a fresh quote, and there is none"
    elif quote.status is not QuoteStatus.LIVE:
        word = "without data" if quote.status is QuoteStatus.NO_DATA else quote.status.value
        why = f"{what} needs a live quote; this one is {word}"
    elif not is_fresh(quote, limits):
        age = "unknown" if quote.age is None else f"{quote.age:.0f} s"
        why = f"the quote's age is {age}; {what} needs at most {limits.max_quote_age_s:g} s"
    else:
        name = "ask" if ticket.side is Side.BUY else "bid"
        why = f"{what} to {ticket.side.value} needs a quote with {name}"
    return BrokerError("RISK_NO_QUOTE", why)

"""A ticket as it is being filled in: texts and choices, read into an order ticket or into a sentence a field. Pure."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.numbers import parse_entry, plain
from ibkr_tui.model.orders import OrderTicket, OrderType, Side, Tif
from ibkr_tui.model.quotes import Quote
from ibkr_tui.model.tickets import ticket_problems

TYPES = (OrderType.LIMIT, OrderType.MARKET)
TIFS = (Tif.DAY, Tif.GTC, Tif.IOC)


class TicketForm(msgspec.Struct, frozen=True):
    """What stands in the fields."""

    symbol: str
    conid: int | None
    side: Side
    order_type: OrderType = OrderType.LIMIT
    qty: str = ""
    limit_price: str = ""
    tif: Tif = Tif.DAY

    def with_next_type(self) -> TicketForm:
        """Market for limit, limit for market."""
        return msgspec.structs.replace(self, order_type=TYPES[(TYPES.index(self.order_type) + 1) % len(TYPES)])

    def with_next_tif(self) -> TicketForm:
        """The next time in force."""
        return msgspec.structs.replace(self, tif=TIFS[(TIFS.index(self.tif) + 1) % len(TIFS)])

    def with_other_side(self) -> TicketForm:
        """Sell for buy, buy for sell."""
        return msgspec.structs.replace(self, side=Side.SELL if self.side is Side.BUY else Side.BUY)


def read_form(form: TicketForm, instrument: Instrument | None) -> tuple[OrderTicket | None, dict[str, str]]:
    """The ticket, or what is wrong by field."""
    problems: dict[str, str] = {}
    qty = _number(form.qty, "qty", "quantity", problems)
    price = None
    if form.order_type is OrderType.LIMIT:
        price = _number(form.limit_price, "limit_price", "limit price", problems)
    if problems:
        return None, problems
    ticket = OrderTicket(
        side=form.side,
        qty=qty if qty is not None else Decimal(0),
        symbol=form.symbol,
        conid=form.conid,
        order_type=form.order_type,
        limit_price=price,
        tif=form.tif,
    )
    for problem in ticket_problems(ticket, instrument):
        problems.setdefault(problem.field, problem.message)
    return (None, problems) if problems else (ticket, {})


def _number(text: str, field: str, name: str, problems: dict[str, str]) -> Decimal | None:
    try:
        return parse_entry(text, what=name)
    except BrokerError as error:
        said = error.message.removeprefix(f"{name}: ")
        problems[field] = "Fill this in." if said == "is empty" else f"{said[:1].upper()}{said[1:]}."
        return None


def first_price(quote: Quote | None, side: Side) -> str:
    """The limit a new ticket begins with: the near side of the market, where an order rests."""
    if quote is None:
        return ""
    price = (quote.bid if side is Side.BUY else quote.ask) or quote.last
    if price is None:
        return ""
    shown = f"{price:.{quote.decimals}f}"
    return shown if Decimal(shown) == price else plain(price)

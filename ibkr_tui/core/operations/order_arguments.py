"""The arguments of order operations: their names are those of requirements A-086…A-096."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from ibkr_tui.core.operations.arguments import Conid
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.numbers import parse_entry
from ibkr_tui.model.orders import OrderTicket, OrderType, Side, Tif, Verdict

SEC_TYPES = {"stocks": "STK", "options": "OPT", "futures": "FUT", "forex": "CASH"}


class WhichOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An order by our own id (coid) or IBKR's."""

    order_id: str | int = ""
    coid: str = ""

    @property
    def name(self) -> str:
        """The id that was given."""
        return str(self.order_id).strip() or self.coid.strip()


class ResolveOrder(WhichOrder, frozen=True, forbid_unknown_fields=True):
    """A verdict on an order of unknown fate. `confirm` is its symbol, typed: not_sent needs it."""

    verdict: Verdict = Verdict.KEEP
    confirm: str = ""


class AnswerQuestion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A person's answer to a broker's question."""

    question_id: str
    confirmed: bool


class PlaceOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An order. Quantities and prices are numbers in plain digits, best given as strings."""

    side: Side
    qty: str | int | float
    symbol: str = ""
    conid: Conid | None = None
    order_type: OrderType = OrderType.MARKET
    limit_price: str | int | float | None = None
    tif: Tif = Tif.DAY
    asset_class: str = "stocks"
    sec_type: str = ""
    exchange: str = "SMART"
    outside_rth: bool = False

    @property
    def kind(self) -> str:
        """The security type: `sec_type`, or what `asset_class` stands for. Raises BrokerError BAD_ARGUMENT."""
        if self.sec_type:
            return self.sec_type.upper()
        found = SEC_TYPES.get(self.asset_class.lower())
        if found is None:
            raise BrokerError("BAD_ARGUMENT", f"asset_class is one of {', '.join(SEC_TYPES)}")
        return "" if found == "STK" else found

    def ticket(self) -> OrderTicket:
        """The ticket these arguments describe. Raises BrokerError BAD_NUMBER."""
        return OrderTicket(
            side=self.side,
            qty=_number(self.qty, "qty"),
            symbol=self.symbol,
            conid=self.conid,
            order_type=self.order_type,
            limit_price=None if self.limit_price in {None, ""} else _number(self.limit_price, "limit_price"),
            tif=self.tif,
            exchange=self.exchange or "SMART",
            outside_rth=self.outside_rth,
        )


def _number(value: str | int | float | None, what: str) -> Decimal:
    if isinstance(value, bool) or value is None:
        raise BrokerError("BAD_NUMBER", f"{what}: is not a number", details={"field": what})
    # A float prints the shortest digits that mean it: 188.1 is "188.1", and 1e22 is refused like any exponent.
    return parse_entry(value if isinstance(value, str) else repr(value), what=what)

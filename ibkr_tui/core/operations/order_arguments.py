"""The arguments of order operations: their names are those of requirements A-086…A-096."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from ibkr_tui.core.operations.arguments import Conid
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.groups import BracketPrices
from ibkr_tui.model.numbers import parse_entry
from ibkr_tui.model.orders import OrderTicket, OrderType, Side, Tif, TrailBy, Verdict

Number = str | int | float

SEC_TYPES = {"stocks": "STK", "options": "OPT", "futures": "FUT", "forex": "CASH"}


class WhichOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An order by our own id (coid) or IBKR's, or a group by its own."""

    order_id: str | int = ""
    coid: str = ""
    group_id: str = ""

    @property
    def name(self) -> str:
        """The id that was given; a group's only where no order's was."""
        return str(self.order_id).strip() or self.coid.strip() or self.group_id.strip()


class ResolveOrder(WhichOrder, frozen=True, forbid_unknown_fields=True):
    """A verdict on an order of unknown fate. `confirm` is its symbol, typed: not_sent needs it."""

    verdict: Verdict = Verdict.KEEP
    confirm: str = ""


class AnswerQuestion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A person's answer to a broker's question: yes or no, or one of the options that it names."""

    question_id: str
    confirmed: bool | None = None
    option: str = ""


class PlaceOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An order. Quantities and prices are numbers in plain digits, best given as strings.

    A trailing order has `trail` (by `amount` or `percent`), a stop_price to begin with where it is wanted, and with a
    limit its `limit_offset` beyond the stop. Futures say with `manual_indicator` whether a person entered the order,
    and with `ext_operator` who. `approval` is what approve_order gave.
    """

    side: Side
    qty: Number
    symbol: str = ""
    conid: Conid | None = None
    order_type: OrderType = OrderType.MARKET
    limit_price: Number | None = None
    tif: Tif = Tif.DAY
    asset_class: str = "stocks"
    sec_type: str = ""
    exchange: str = "SMART"
    outside_rth: bool = False
    stop_price: Number | None = None
    trail: Number | None = None
    trail_by: TrailBy = TrailBy.AMOUNT
    limit_offset: Number | None = None
    manual_indicator: bool | None = None
    ext_operator: str = ""
    approval: str = ""

    @property
    def kind(self) -> str:
        """The security type: `sec_type`, or what `asset_class` stands for. Raises BrokerError BAD_ARGUMENT."""
        return kind_of(self.sec_type, self.asset_class)

    def ticket(self) -> OrderTicket:
        """The ticket these arguments describe. Raises BrokerError BAD_NUMBER."""
        return OrderTicket(
            side=self.side,
            qty=number(self.qty, "qty"),
            symbol=self.symbol,
            conid=self.conid,
            order_type=self.order_type,
            limit_price=number_or_none(self.limit_price, "limit_price"),
            tif=self.tif,
            exchange=self.exchange or "SMART",
            outside_rth=self.outside_rth,
            stop_price=number_or_none(self.stop_price, "stop_price"),
            trail=number_or_none(self.trail, "trail"),
            trail_by=self.trail_by,
            limit_offset=number_or_none(self.limit_offset, "limit_offset"),
            manual_indicator=self.manual_indicator,
            ext_operator=self.ext_operator,
        )


class PlaceBracketOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An entry, at a limit or without entry_price at market, with the stop and the target that guard it."""

    side: Side
    qty: Number
    stop_loss: Number
    take_profit: Number
    symbol: str = ""
    conid: Conid | None = None
    entry_price: Number | None = None
    tif: Tif = Tif.GTC
    asset_class: str = "stocks"
    sec_type: str = ""
    exchange: str = "SMART"
    outside_rth: bool = False
    manual_indicator: bool | None = None
    ext_operator: str = ""
    approval: str = ""

    def prices(self) -> BracketPrices:
        """Its three prices. Raises BrokerError BAD_NUMBER."""
        return BracketPrices(
            number_or_none(self.entry_price, "entry_price"),
            number(self.stop_loss, "stop_loss"),
            number(self.take_profit, "take_profit"),
        )

    def entry(self) -> PlaceOrder:
        """The order that enters."""
        return PlaceOrder(
            self.side,
            self.qty,
            self.symbol,
            self.conid,
            OrderType.MARKET if self.entry_price in {None, ""} else OrderType.LIMIT,
            self.entry_price,
            self.tif,
            self.asset_class,
            self.sec_type,
            self.exchange,
            self.outside_rth,
            manual_indicator=self.manual_indicator,
            ext_operator=self.ext_operator,
        )


class PlaceOcoOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Two or more orders of which the first to fill cancels the others; each in the shape of place_order."""

    legs: list[PlaceOrder]
    approval: str = ""


class PlaceOtoOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An order that waits for another one to fill; both in the shape of place_order.

    `sequential` sends the child by itself, after the trigger: for a broker that refuses both in one request.
    """

    trigger: PlaceOrder
    child: PlaceOrder
    sequential: bool = False
    approval: str = ""


class AmendOrder(WhichOrder, frozen=True, forbid_unknown_fields=True):
    """What is to change of an order; the rest of it stays. Side, instrument and type can be said, and not changed."""

    qty: Number | None = None
    limit_price: Number | None = None
    stop_price: Number | None = None
    trail: Number | None = None
    limit_offset: Number | None = None
    trail_by: TrailBy | None = None
    tif: Tif | None = None
    outside_rth: bool | None = None
    side: Side | None = None
    symbol: str = ""
    conid: Conid | None = None
    order_type: OrderType | None = None
    manual_indicator: bool | None = None
    ext_operator: str = ""
    approval: str = ""

    def changes(self) -> dict[str, Any]:
        """The fields of the ticket that were given. Raises BrokerError BAD_NUMBER or BAD_ARGUMENT."""
        prices = {
            name: number_or_none(getattr(self, name), name)
            for name in ("qty", "limit_price", "stop_price", "trail", "limit_offset")
        }
        rest = {name: getattr(self, name) for name in ("trail_by", "tif", "outside_rth", "manual_indicator")}
        found = {name: value for name, value in (prices | rest).items() if value is not None}
        if self.ext_operator:
            found["ext_operator"] = self.ext_operator
        if not found:
            raise BrokerError("BAD_ARGUMENT", "name what is to change: qty, limit_price, stop_price, tif …")
        return found


def kind_of(sec_type: str, asset_class: str) -> str:
    """The security type; empty for a stock, which needs none. Raises BrokerError BAD_ARGUMENT."""
    if sec_type:
        return sec_type.upper()
    found = SEC_TYPES.get(asset_class.lower())
    if found is None:
        raise BrokerError("BAD_ARGUMENT", f"asset_class is one of {', '.join(SEC_TYPES)}")
    return "" if found == "STK" else found


def number_or_none(value: Number | None, what: str) -> Decimal | None:
    """The number, strictly read; None where nothing was given."""
    return None if value is None or value == "" else number(value, what)


def number(value: Number, what: str) -> Decimal:
    """The number, strictly read. Raises BrokerError BAD_NUMBER."""
    if isinstance(value, bool):
        raise BrokerError("BAD_NUMBER", f"{what}: is not a number", details={"field": what})
    # A float prints the shortest digits that mean it: 188.1 is "188.1", and 1e22 is refused like any exponent.
    return parse_entry(value if isinstance(value, str) else repr(value), what=what)

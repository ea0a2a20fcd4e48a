"""One order and the rows that describe it on the wire."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ibkr_tui.sim.instruments import Instrument
from ibkr_tui.sim.text import plain, short_time, trade_time

FINISHED = frozenset({"Filled", "Cancelled", "Inactive"})
# What rows call an order type that tickets call otherwise: ``origOrderType`` and ``orderType``.
TYPE_NAMES = {
    "LMT": ("LIMIT", "Limit"),
    "MKT": ("MARKET", "Market"),
    "STP": ("STOP", "Stop"),
    "STOP_LIMIT": ("STOP_LIMIT", "Stop Limit"),
    "TRAIL": ("TRAIL", "Trailing Stop"),
    "TRAILLMT": ("TRAILLMT", "Trailing Stop Limit"),
    "MIDPRICE": ("MIDPRICE", "MidPrice"),
}
_CCP = {
    "PendingSubmit": "1",
    "PreSubmitted": "0",
    "Submitted": "0",
    "PendingCancel": "0",
    "Filled": "2",
    "Cancelled": "4",
    "Inactive": "8",
}
_COLOURS = {"Filled": "#FFFFFF", "Submitted": "#0000CC", "PreSubmitted": "#0000CC", "Cancelled": "#AA0000"}


@dataclass
class Order:
    """An order at the broker.

    ``price`` is its limit, ``stop`` what triggers it. A ``held`` order waits for its parent's fill; ``group`` names
    the orders of which a fill of one ends the others; ``opens_at`` is the opening an OPG order waits for (exchange
    time).
    """

    order_id: int
    account: str
    instrument: Instrument
    side: str
    quantity: Decimal
    order_type: str
    price: Decimal | None
    tif: str
    outside_rth: bool
    coid: str
    created: float
    status: str = "PendingSubmit"
    filled: Decimal = Decimal(0)
    paid: Decimal = Decimal(0)
    commission: Decimal = Decimal(0)
    updated: float = 0.0
    reason: str = ""
    stop: Decimal | None = None
    trail: Decimal | None = None
    trail_percent: bool = False
    parent_id: int | None = None
    group: str = ""
    single: bool = False
    held: bool = False
    triggered: bool = False
    opens_at: float | None = None

    @property
    def remaining(self) -> Decimal:
        return self.quantity - self.filled

    @property
    def finished(self) -> bool:
        return self.status in FINISHED

    @property
    def average(self) -> Decimal:
        return self.paid / self.filled if self.filled else Decimal(0)

    @property
    def sign(self) -> int:
        return 1 if self.side == "BUY" else -1

    @property
    def price_text(self) -> str:
        """The price field of a row: the limit, or the stop of an order that has none, or nothing."""
        shown = self.price if self.price is not None else self.stop
        return plain(shown) if shown is not None else ""

    @property
    def average_text(self) -> str:
        return plain(round(self.average, 4))

    @property
    def fills_text(self) -> str:
        """``filled/remaining`` while it works, one number when all of it is filled (reference section 4.3)."""
        if self.remaining == 0:
            return plain(self.quantity)
        return f"{plain(self.filled)}/{plain(self.remaining)}"

    @property
    def description(self) -> str:
        """Text such as ``Buy 100 Limit 188.00, Day``."""
        done = self.status == "Filled"
        verb = {"BUY": ("Buy", "Bought"), "SELL": ("Sell", "Sold")}[self.side][done]
        prices = [f" {value:.{self.instrument.decimals}f}" for value in (self.stop, self.price) if value is not None]
        price = "".join(prices[:1]) + "".join(f" Limit{value}" for value in prices[1:])
        return f"{verb} {plain(self.quantity)} {self.instrument.symbol} {TYPE_NAMES[self.order_type][1]}{price}, " + (
            "Day" if self.tif == "DAY" else self.tif
        )

    def row(self) -> dict[str, Any]:
        """The row of ``GET /iserver/account/orders`` and of the ``sor`` topic."""
        item = self.instrument
        moment = self.updated or self.created
        row: dict[str, Any] = {
            "acct": self.account,
            "conidex": str(item.conid),
            "conid": item.conid,
            "account": self.account,
            "orderId": self.order_id,
            "cashCcy": item.currency,
            "sizeAndFills": self.fills_text,
            "orderDesc": self.description,
            "description1": item.symbol,
            "ticker": item.symbol,
            "secType": item.sec_type,
            "listingExchange": item.listing_exchange,
            "remainingQuantity": float(self.remaining),
            "filledQuantity": float(self.filled),
            "totalSize": float(self.quantity),
            "companyName": item.name,
            "status": self.status,
            "order_ccp_status": self.status,
            "origOrderType": TYPE_NAMES[self.order_type][0],
            "supportsTaxOpt": "1",
            "lastExecutionTime": short_time(moment),
            "orderType": TYPE_NAMES[self.order_type][1],
            "bgColor": "#FFFFFF",
            "fgColor": _COLOURS.get(self.status, "#000000"),
            "isEventTrading": "0",
            "price": self.price_text,
            "timeInForce": "CLOSE" if self.tif == "DAY" else self.tif,
            "lastExecutionTime_r": int(moment * 1000),
            "side": self.side,
        }
        if item.sec_type in ("OPT", "FUT"):
            row["description2"] = item.description
        if self.coid:
            row["order_ref"] = self.coid
        if self.stop is not None:
            row["auxPrice"] = row["stop_price"] = plain(self.stop)
        if self.trail is not None:
            row["trailingAmount"] = plain(self.trail)
            row["trailingAmountUnit"] = "%" if self.trail_percent else "amt"
        if self.parent_id is not None:
            row["parentId"] = self.parent_id
        if self.group:
            row["ocaGroupId"] = self.group
        if self.filled:
            row["avgPrice"] = self.average_text
        if self.outside_rth:
            row["outsideRTH"] = True
        if self.reason:
            row["order_cancellation_by_system_reason"] = self.reason
        return row

    def status_row(self) -> dict[str, Any]:
        """The answer of ``GET /iserver/account/order/status/{id}`` (snake case, numbers as strings)."""
        item = self.instrument
        row: dict[str, Any] = {
            "sub_type": None,
            "request_id": str(self.order_id),
            "server_id": "0",
            "order_id": self.order_id,
            "conidex": str(item.conid),
            "conid": item.conid,
            "symbol": item.symbol,
            "side": self.side[0],
            "contract_description_1": item.symbol,
            "listing_exchange": item.listing_exchange,
            "option_acct": "c",
            "company_name": item.name,
            "size": f"{self.remaining:.1f}",
            "total_size": f"{self.quantity:.1f}",
            "currency": item.currency,
            "account": self.account,
            "order_type": TYPE_NAMES[self.order_type][0],
            "cum_fill": f"{self.filled:.1f}",
            "order_status": self.status,
            "order_ccp_status": _CCP[self.status],
            "order_status_description": self.reason or f"Order {self.status}",
            "tif": self.tif,
            "fg_color": _COLOURS.get(self.status, "#000000"),
            "bg_color": "#FFFFFF",
            "order_not_editable": self.finished,
            "editable_fields": "" if self.finished else "\u001e",
            "cannot_cancel_order": self.finished,
            "deactivate_order": False,
            "sec_type": item.sec_type,
            "available_chart_periods": "#R|1",
            "order_description": self.description,
            "order_description_with_contract": self.description,
            "alert_active": 1,
            "child_order_type": "3" if self.parent_id is not None else "0",
            "order_clearing_account": self.account,
            "size_and_fills": self.fills_text,
            "exit_strategy_display_price": plain(self.price or self.average),
            "exit_strategy_chart_description": "",
            "exit_strategy_tool_availability": "1",
            "allowed_duplicate_opposite": True,
            "order_time": short_time(self.created),
        }
        if self.price is not None:
            row["limit_price"] = f"{self.price:.{item.decimals}f}"
        if self.stop is not None:
            row["stop_price"] = f"{self.stop:.{item.decimals}f}"
        if self.group:
            row["oca_group_id"] = self.group
        if self.filled:
            row["average_price"] = self.average_text
        if self.coid:
            row["order_ref"] = self.coid
        return row


@dataclass(frozen=True)
class Execution:
    """One print of an order."""

    execution_id: str
    order: Order
    quantity: Decimal
    price: Decimal
    commission: Decimal
    moment: float
    position: Decimal

    def row(self, with_commission: bool = True) -> dict[str, Any]:
        """The row of ``GET /iserver/account/trades`` and of the ``str`` topic (reference section 4.3)."""
        order, item = self.order, self.order.instrument
        net = self.quantity * self.price * item.multiplier
        # The middle of a quote can lie between two increments.
        price = f"{self.price:.{item.decimals}f}" if self.price % item.tick == 0 else plain(self.price)
        row: dict[str, Any] = {
            "execution_id": self.execution_id,
            "symbol": item.symbol,
            "supports_tax_opt": "1",
            "side": order.side[0],
            "order_description": f"{'Bot' if order.sign > 0 else 'Sold'} {plain(self.quantity)} @ "
            f"{price} on {item.exchange}",
            "trade_time": trade_time(self.moment),
            "trade_time_r": int(self.moment * 1000),
            "size": float(self.quantity),
            "price": price,
            "exchange": item.exchange,
            "net_amount": float(net),
            "account": order.account,
            "accountCode": order.account,
            "company_name": item.name,
            "contract_description_1": item.symbol,
            "sec_type": item.sec_type,
            "listing_exchange": item.listing_exchange,
            "conid": item.conid,
            "conidEx": str(item.conid),
            "position": plain(self.position),
            "clearing_id": "IB",
            "clearing_name": "IB",
            "liquidation_trade": "0",
            "is_event_trading": "0",
            "order_id": order.order_id,
        }
        if order.coid:
            row["order_ref"] = order.coid
        if with_commission:
            row["commission"] = f"{self.commission:.2f}"
        return row

"""The arguments of what guards orders: previews of every kind, approvals, the kill switch, closing, limits."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Literal

import msgspec

from ibkr_tui.core.dispatch import Caller
from ibkr_tui.core.operations.arguments import Conid
from ibkr_tui.core.operations.order_arguments import PlaceOrder
from ibkr_tui.core.orders.closing import CloseHow
from ibkr_tui.core.settings import Limits
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.numbers import parse_entry
from ibkr_tui.model.orders import OrderType, Side, Tif, TrailBy

Number = str | int | float
PreviewKind = Literal["simple", "bracket", "oco", "oto", "amend", "close", "reverse"]
_WHOLE = frozenset({"max_orders_per_minute"})
_SECONDS = frozenset({"max_quote_age_s", "duplicate_window_s"})


class PreviewOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to be previewed: the arguments of the operation that would send it, and its `kind`.

    `order_id` or `coid` name the order of an amend.
    """

    kind: PreviewKind = "simple"
    side: Side | None = None
    qty: Number | None = None
    symbol: str = ""
    conid: Conid | None = None
    order_type: OrderType = OrderType.MARKET
    limit_price: Number | None = None
    stop_price: Number | None = None
    trail: Number | None = None
    trail_by: TrailBy | None = None
    limit_offset: Number | None = None
    tif: Tif | None = None
    asset_class: str = "stocks"
    sec_type: str = ""
    exchange: str = ""
    outside_rth: bool | None = None
    manual_indicator: bool | None = None
    ext_operator: str = ""
    entry_price: Number | None = None
    stop_loss: Number | None = None
    take_profit: Number | None = None
    legs: list[PlaceOrder] = []
    trigger: PlaceOrder | None = None
    child: PlaceOrder | None = None
    order_id: str | int = ""
    coid: str = ""
    sequential: bool = False
    approval: str = ""

    def given(self) -> dict[str, Any]:
        """The arguments that were given, by name, without the kind: what the sending operation would be called with."""
        said = {name: getattr(self, name) for name in self.__struct_fields__ if name not in {"kind", "approval"}}
        defaults = PreviewOrder()
        return {name: value for name, value in said.items() if value != getattr(defaults, name)}


class ApproveOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Approve what was previewed under that id."""

    preview_id: str


class SetKillSwitch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Turn the kill switch on, or off."""

    on: bool
    reason: str = ""


class CancelAllOrders(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every working order, or those of a symbol, an instrument, a side."""

    symbol: str = ""
    conid: Conid | None = None
    side: Side | None = None


class ClosePosition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A position by symbol or conid; all of it or `qty`, at market or at a limit."""

    symbol: str = ""
    conid: Conid | None = None
    qty: Number | None = None
    limit_price: Number | None = None
    tif: Tif = Tif.DAY
    outside_rth: bool = False
    ext_operator: str = ""
    approval: str = ""

    def how(self, caller: Caller) -> CloseHow:
        """How it is to be closed. Raises BrokerError BAD_NUMBER."""
        return CloseHow(
            number_or_none(self.qty, "qty"),
            number_or_none(self.limit_price, "limit_price"),
            self.tif,
            self.outside_rth,
            caller.interactive,
            self.ext_operator.strip(),
        )


class ReversePosition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A position by symbol or conid, turned round at market or at a limit."""

    symbol: str = ""
    conid: Conid | None = None
    limit_price: Number | None = None
    tif: Tif = Tif.DAY
    ext_operator: str = ""
    approval: str = ""

    def how(self, caller: Caller) -> CloseHow:
        """How it is to be turned. Raises BrokerError BAD_NUMBER."""
        limit = number_or_none(self.limit_price, "limit_price")
        return CloseHow(None, limit, self.tif, manual=caller.interactive, operator=self.ext_operator.strip())


class CloseAllPositions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`confirm` is the word CLOSE-ALL: a live account needs it. `at_limit`: not at market but each at a limit where its
    market is, which may stay at work; for a live profile without allow_market."""

    confirm: str = ""
    at_limit: bool = False


class TightenLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Limits of the configuration, tighter; what is not named stays as it is."""

    max_leverage: Number | None = None
    max_order_value: Number | None = None
    max_order_qty: Number | None = None
    max_quote_age_s: Number | None = None
    max_orders_per_minute: Number | None = None
    max_day_value: Number | None = None
    price_collar_bps: Number | None = None
    duplicate_window_s: Number | None = None
    allowed_symbols: list[str] | None = None
    allowed_asset_classes: list[str] | None = None

    def changes(self) -> dict[str, Any]:
        """What is to change, typed as the limits have it. Raises BrokerError BAD_NUMBER or BAD_ARGUMENT."""
        found: dict[str, Any] = {}
        for name in Limits.__struct_fields__:
            value = getattr(self, name)
            if value is None:
                continue
            if isinstance(value, list):
                found[name] = tuple(value)
                continue
            number = parse_entry(value if isinstance(value, str) else repr(value), what=name)
            if name in _WHOLE and number != number.to_integral_value():
                raise BrokerError("BAD_NUMBER", f"{name}: {value} is not a whole number", details={"field": name})
            found[name] = int(number) if name in _WHOLE else float(number) if name in _SECONDS else number
        if not found:
            raise BrokerError("BAD_ARGUMENT", f"name a limit: {', '.join(Limits.__struct_fields__)}")
        return found


def number_or_none(value: Number | None, what: str) -> Decimal | None:
    """The number, strictly read; None where there is none. Raises BrokerError BAD_NUMBER."""
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        raise BrokerError("BAD_NUMBER", f"{what}: is not a number", details={"field": what})
    number = parse_entry(value if isinstance(value, str) else repr(value), what=what)
    if number <= 0:
        words = f"The {what.replace('_', ' ')} must be more than zero."
        raise BrokerError("BAD_TICKET", words, details={"field": what, "fields": {what: words}})
    return number

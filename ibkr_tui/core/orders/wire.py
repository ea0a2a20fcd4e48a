"""Their order and trade rows, read (reference 4.3 and 6): types differ between endpoints, fields come and go."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

import msgspec

from ibkr_tui.model.numbers import parse_wire_or_none
from ibkr_tui.model.orders import Fill, Side
from ibkr_tui.model.text import clean

_SIDES: Final[Mapping[str, Side]] = {
    "BUY": Side.BUY, "B": Side.BUY, "BOT": Side.BUY, "SELL": Side.SELL, "S": Side.SELL, "SLD": Side.SELL,
}  # fmt: skip
_STATUS_NAMES: Final = {
    "order_id": "orderId", "account": "acct", "order_status": "status", "total_size": "totalSize", "symbol": "ticker",
    "filled_quantity": "filledQuantity", "cum_fill": "filledQuantity", "limit_price": "price", "side": "side",
    "avg_fill_price": "avgPrice", "average_price": "avgPrice", "tif": "timeInForce", "order_type": "orderType",
    "contract_description_1": "description1", "stop_price": "auxPrice", "aux_price": "auxPrice",
    "oca_group_id": "ocaGroupId",
}  # fmt: skip
_TIFS: Final = {"close": "day"}  # a day order is listed as CLOSE
_TYPES: Final[Mapping[str, str]] = {
    "mkt": "market", "market": "market", "lmt": "limit", "limit": "limit", "stp": "stop", "stop": "stop",
    "stoplimit": "stop_limit", "stplmt": "stop_limit", "stoplmt": "stop_limit", "trail": "trail",
    "trailing": "trail", "trailingstop": "trail", "traillmt": "trail_limit", "traillimit": "trail_limit",
    "trailinglimit": "trail_limit", "trailingstoplimit": "trail_limit", "midprice": "midprice", "midpx": "midprice",
}  # fmt: skip
_STOPS: Final = {"stop", "trail"}


class OrderRow(msgspec.Struct, frozen=True):
    """What an order row says, as far as it says it. `total` is its size where it says so, `qty` also where the size
    follows from what is filled and left."""

    order_id: str
    account: str = ""
    order_ref: str = ""
    conid: int = 0
    symbol: str = ""
    description: str = ""
    side: Side | None = None
    order_type: str = ""
    qty: Decimal | None = None
    filled: Decimal | None = None
    limit_price: Decimal | None = None
    avg_price: Decimal | None = None
    tif: str = ""
    status: str = ""
    text: str = ""
    at: datetime | None = None
    stop_price: Decimal | None = None
    parent_id: str = ""
    total: Decimal | None = None
    outside_rth: bool | None = None


def order_row(row: Mapping[str, Any], kind: str = "") -> OrderRow | None:
    """A row of `orders` or `sor`, merged or sparse; None when it names no order. `kind` is its type where it is
    known and the row does not say it: what a price means hangs on it.
    """
    order_id = _id(row.get("orderId"))
    if not order_id:
        return None
    filled = _number(row, "filledQuantity")
    qty = total = _number(row, "totalSize")
    if qty is None:
        remaining = _number(row, "remainingQuantity")
        qty = None if remaining is None else remaining + (filled or Decimal(0))
    kind = order_type(_word(row, "orderType", "origOrderType")) or kind
    symbol = _word(row, "ticker")
    tif = _word(row, "timeInForce").lower()
    reason = _word(row, "order_cancellation_by_system_reason", limit=200)
    limit, stop = _prices(row, kind)
    return OrderRow(
        order_id=order_id,
        account=_word(row, "acct", "account"),
        order_ref=_word(row, "order_ref"),
        conid=_conid(row),
        symbol=symbol,
        description=_word(row, "description1") or symbol,
        side=_SIDES.get(_word(row, "side").upper()),
        order_type=kind,
        qty=qty,
        filled=filled,
        limit_price=limit,
        avg_price=_number(row, "avgPrice"),
        tif=_TIFS.get(tif, tif),
        status=_word(row, "status"),
        text=reason,
        at=_millis(row.get("lastExecutionTime_r")),
        stop_price=stop,
        parent_id=_id(row.get("parentId")) or _id(row.get("ocaGroupId")),
        total=total,
        outside_rth=_flag(row.get("outsideRTH")),
    )


def order_type(word: str) -> str:
    """Our word for their type of order (`Limit`, `LMT`, `STOP_LIMIT`, `Trailing Stop`); theirs where we have none."""
    letters = "".join(char for char in word.lower() if char.isalpha())
    return _TYPES.get(letters, word.lower())


def _prices(row: Mapping[str, Any], kind: str) -> tuple[Decimal | None, Decimal | None]:
    """Limit and stop: of a stop order `price` is its stop, of others its limit (reference 4.3 and 4.4)."""
    price, aux = _number(row, "price") or None, _number(row, "auxPrice", "stop_price") or None
    if kind in _STOPS:
        return None, aux or price
    return (None, None) if kind == "market" else (price, aux)


def status_as_row(status: Mapping[str, Any]) -> dict[str, Any]:
    """An answer of order/status under the names of the order list, so that the two can be merged."""
    named = {ours: status[theirs] for theirs, ours in _STATUS_NAMES.items() if status.get(theirs) is not None}
    return named | ({"conid": status["conid"]} if "conid" in status else {})


def fill_row(row: Mapping[str, Any]) -> Fill | None:
    """A row of `trades` or `str`; None when it lacks what makes it a fill."""
    execution = _word(row, "execution_id", limit=80)
    side = _SIDES.get(_word(row, "side").upper())
    qty, price = _number(row, "size"), _number(row, "price")
    at = _millis(row.get("trade_time_r")) or _trade_time(row.get("trade_time"))
    if not execution or side is None or qty is None or qty <= 0 or price is None or at is None:
        return None
    commission = _number(row, "commission")
    return Fill(
        execution_id=execution,
        account=_word(row, "account", "accountCode", "acct"),
        conid=_conid(row),
        symbol=_word(row, "symbol", "contract_description_1"),
        side=side,
        qty=qty,
        price=price,
        at=at,
        order_id=_id(row.get("order_id", row.get("orderId"))),
        coid=_word(row, "order_ref"),
        commission=commission,
    )


def _word(row: Mapping[str, Any], *names: str, limit: int = 64) -> str:
    for name in names:
        value = row.get(name)
        if value is not None and value != "":
            return clean(str(value), limit=limit)
    return ""


def _flag(value: Any) -> bool | None:
    """A yes or no, however it is written; None where it is not said."""
    return {"true": True, "1": True, "false": False, "0": False}.get(str(value).lower())


def _number(row: Mapping[str, Any], *names: str) -> Decimal | None:
    for name in names:
        found = parse_wire_or_none(row.get(name))
        if found is not None:
            return found
    return None


def _id(value: Any) -> str:
    text = str(value).strip() if isinstance(value, int | str) and not isinstance(value, bool) else ""
    return text if text.isascii() and text.isdigit() and int(text) > 0 else ""


def _conid(row: Mapping[str, Any]) -> int:
    text = str(row.get("conid") or row.get("conidex") or row.get("conidEx") or "").partition("@")[0]
    return int(text) if text.isascii() and text.isdigit() else 0


def _millis(value: Any) -> datetime | None:
    number = parse_wire_or_none(value)
    if number is None or not 0 < number < 10**14:
        return None
    return datetime.fromtimestamp(float(number) / 1000, UTC)


def _trade_time(value: Any) -> datetime | None:
    try:
        return datetime.strptime(str(value), "%Y%m%d-%H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None

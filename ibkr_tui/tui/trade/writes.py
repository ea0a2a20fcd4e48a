"""What takes away or changes risk, asked of the core: cancel, cancel all, close, reverse, flatten, move, kill."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import msgspec

from ibkr_tui.model.errors import CATALOGUE, BrokerError
from ibkr_tui.model.numbers import plain
from ibkr_tui.model.orders import Order, OrderPreview
from ibkr_tui.model.portfolio import Position
from ibkr_tui.tui import requests
from ibkr_tui.tui.feed import Feed
from ibkr_tui.tui.trade import calls

FLATTEN_WORD: Final = "CLOSE-ALL"
CANCEL_ALL_WORD: Final = "CANCEL-ALL"
KILL_OFF_WORD: Final = "RESUME"
_PEOPLE_DEADLINE_S: Final = 600.0
_NO_MARKET: Final = "LIVE_MARKET_ORDER"


def order_name(order: Order) -> str:
    """The broker's id where there is one, else our key."""
    return order.order_id or order.key


async def cancel(feed: Feed, order: Order) -> Any:
    """Ask the broker to cancel an order."""
    return await feed.call("cancel_order", {"order_id": order_name(order)}, deadline=20)


async def cancel_group(feed: Feed, group_id: str) -> Any:
    """Ask for every order of a group to be cancelled: the core knows in which sequence, and which are not seen yet."""
    return await feed.call("cancel_order", {"group_id": group_id}, deadline=60)


class Swept(msgspec.Struct, frozen=True):
    """What became of the requests to cancel everything: in words, and how many failed or wait to be seen."""

    text: str = ""
    failed: int = 0
    waiting: int = 0
    unread: str = ""

    @property
    def is_whole(self) -> bool:
        """Whether every order was asked for."""
        return not (self.failed or self.waiting or self.unread)


async def cancel_all(feed: Feed) -> Swept:
    """Ask for every working order to be cancelled."""
    return await feed.call("cancel_all_orders", {}, result=Swept, deadline=80)


async def preview_close(feed: Feed, position: Position, *, reverse: bool) -> OrderPreview:
    """What closing a position would do, or turning it round: at market, or where this profile may send no market order,
    at a limit where the market is."""
    arguments: dict[str, object] = {"kind": "reverse" if reverse else "close", "conid": position.conid}
    preview = await feed.call("preview_order", arguments, result=OrderPreview, deadline=20)
    if _NO_MARKET not in preview.refused_by:
        return preview
    arguments["limit_price"] = plain(preview.price)
    return await feed.call("preview_order", arguments, result=OrderPreview, deadline=20)


async def close(feed: Feed, position: Position, preview: OrderPreview, *, reverse: bool) -> Any:
    """Close a position as previewed, or turn it round; its working orders are cancelled first."""
    operation = "reverse_position" if reverse else "close_position"
    limit = {} if preview.limit_price is None else {"limit_price": plain(preview.limit_price)}
    arguments = {"conid": position.conid} | limit | await calls.approval(feed, preview)
    return await feed.call(operation, arguments, deadline=_PEOPLE_DEADLINE_S)


async def flattens_at_limit(feed: Feed) -> bool:
    """Whether a live profile may send no market order, so that positions are closed at limits."""
    return not (await requests.live_gate(feed)).allow_market


async def flatten(feed: Feed, *, at_limit: bool) -> None:
    """Close every position. Raises BrokerError with those that are not closed, and why."""
    arguments = {"confirm": FLATTEN_WORD} | ({"at_limit": True} if at_limit else {})
    answer = await feed.call("close_all_positions", arguments, deadline=_PEOPLE_DEADLINE_S)
    rows = [row for row in answer.get("positions", ()) if row.get("error")]
    if rows:
        names = "; ".join(f"{row['description']}: {row['text']}" for row in rows)
        raise BrokerError(
            rows[0]["error"] if rows[0]["error"] in CATALOGUE else "INTERNAL",
            f"{len(rows)} of {len(answer['positions'])} positions are not closed, and what guards them stays: {names}",
        )


async def amend_price(feed: Feed, order: Order, price: Decimal) -> None:
    """The same order at another price: its stop where it has one, else its limit."""
    arguments = restated(order, price)
    preview = await feed.call("preview_order", arguments | {"kind": "amend"}, result=OrderPreview, deadline=20)
    arguments |= await calls.approval(feed, preview)
    await feed.call("amend_order", arguments, deadline=_PEOPLE_DEADLINE_S)


def moved_field(order: Order) -> str:
    """The price that moves when an order is moved; empty for an order without one."""
    if order.stop_price is not None and order.trail is None:
        return "stop_price"
    return "limit_price" if order.limit_price is not None else ""


def restated(order: Order, price: Decimal) -> dict[str, object]:
    """The whole order as arguments of amend_order, with its price replaced; a stop-limit's limit keeps its distance."""
    arguments: dict[str, object] = {
        "order_id": order_name(order),
        "side": str(order.side),
        "qty": plain(order.qty),
        "order_type": order.order_type,
        "tif": order.tif,
        "symbol": order.symbol,
        "conid": order.conid,
    }
    for name in ("limit_price", "stop_price", "trail"):
        value: Decimal | None = getattr(order, name)
        if value is not None:
            arguments[name] = plain(value)
    field = moved_field(order)
    if field == "stop_price" and order.limit_price is not None and order.stop_price is not None:
        arguments["limit_price"] = plain(order.limit_price + price - order.stop_price)
    if field:
        arguments[field] = plain(price)
    return arguments


async def kill(feed: Feed, *, on: bool) -> Any:
    """Trip the kill switch, or lift it."""
    return await feed.call("set_kill_switch", {"on": on}, deadline=5)

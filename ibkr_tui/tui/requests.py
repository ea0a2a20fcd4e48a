"""What the app asks of its core, each with its answer's type and a deadline that fits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from ibkr_tui.model.alerts import Alert
from ibkr_tui.model.audit import AuditPage
from ibkr_tui.model.chains import OptionChain
from ibkr_tui.model.core_log import LogLevel, LogTail
from ibkr_tui.model.instruments import Instrument, Listing
from ibkr_tui.model.live_gate import LiveGate
from ibkr_tui.model.looks import Looks
from ibkr_tui.model.orders import Order
from ibkr_tui.model.performance import Performance
from ibkr_tui.model.portfolio import LedgerLine
from ibkr_tui.model.quotes import Bar
from ibkr_tui.tui.feed import Feed

TAKE_OVER_WORD: Final = "TAKE-OVER"


class LoginAccount(msgspec.Struct, frozen=True):
    """An account of the login; `selected` is the one that the core trades on."""

    account: str
    selected: bool = False


def _named(symbol: str, conid: int | None) -> dict[str, object]:
    return {"symbol": symbol} if conid is None else {"symbol": symbol, "conid": conid}


async def look_at(feed: Feed, quotes: Sequence[int], depth: Sequence[int]) -> Looks:
    """Say everything that can be seen; the answer names what streams, and what found no place."""
    return await feed.call("look_at", {"quotes": list(quotes), "depth": list(depth)}, result=Looks, deadline=20)


async def bars(feed: Feed, symbol: str, conid: int | None, period: str, bar: str) -> list[Bar]:
    """History, oldest first."""
    found = await feed.call("get_bars", {**_named(symbol, conid), "period": period, "bar": bar}, deadline=20)
    rows = found.get("bars", []) if isinstance(found, dict) else found
    return msgspec.convert(rows, list[Bar], strict=False)


async def ledger(feed: Feed) -> list[LedgerLine]:
    """Cash and values by currency, `BASE` first."""
    return await feed.call("get_ledger", {}, result=list[LedgerLine], deadline=20)


async def option_chain(feed: Feed, symbol: str, conid: int | None, expiry: str, strikes: int) -> OptionChain:
    """Contracts of `strikes` strikes around the money. `expiry` is a day, a month, or empty for the nearest day."""
    arguments = {**_named(symbol, conid), "expiry": expiry, "rows": strikes}
    return await feed.call("get_option_chain", arguments, result=OptionChain, deadline=90)


async def accounts(feed: Feed) -> list[LoginAccount]:
    """Every account of the login."""
    return await feed.call("list_accounts", {}, result=list[LoginAccount], deadline=15)


async def switch_account(feed: Feed, account: str) -> None:
    """Select an account at IBKR. Raises ACCOUNT_PINNED for any but the profile's."""
    await feed.call("switch_account", {"account": account}, deadline=20)


async def performance(feed: Feed, period: str) -> Performance:
    """How the account did over `period`, such as 1M or YTD."""
    return await feed.call("get_performance", {"period": period}, result=Performance, deadline=30)


async def search(feed: Feed, words: str) -> list[Listing]:
    """Listings whose symbol or name matches."""
    return await feed.call("search_contracts", {"symbol": words}, result=list[Listing], deadline=10)


async def add_alert(feed: Feed, arguments: Mapping[str, object]) -> Alert:
    """Set an alert; it is kept when this returns."""
    return await feed.call("add_alert", arguments, result=Alert, deadline=20)


async def remove_alert(feed: Feed, alert_id: str) -> None:
    """Forget an alert."""
    await feed.call("remove_alert", {"id": alert_id}, deadline=10)


async def contract(feed: Feed, symbol: str, conid: int | None) -> Instrument:
    """The listing's name, currency and price increments."""
    return await feed.call("get_contract", _named(symbol, conid), result=Instrument, deadline=10)


async def resolve(feed: Feed, order: Order, verdict: str, *, confirm: str = "") -> None:
    """A person's verdict on an order of unknown fate."""
    await feed.call("resolve_order", {"coid": order.key, "verdict": verdict, "confirm": confirm}, deadline=20)


async def core_log(feed: Feed, level: LogLevel, after: str = "") -> LogTail:
    """The end of the core's log, or what came since the cursor `after`."""
    arguments = {"lines": 500, "level": str(level), "after": after}
    return await feed.call("get_log", arguments, result=LogTail, deadline=5)


async def audit(
    feed: Feed, *, count: int, coid: str = "", kinds: Sequence[str] = (), before: int | None = None
) -> AuditPage:
    """The newest audit rows of an order, of some kinds, before a number; newest last."""
    arguments: dict[str, object] = {"count": count, "coid": coid, "kinds": list(kinds)}
    if before is not None:
        arguments["before"] = before
    return await feed.call("get_audit", arguments, result=AuditPage, deadline=10)


async def take_over(feed: Feed) -> None:
    """Take the session from the program that competes for it."""
    await feed.call("take_over", {"confirm": TAKE_OVER_WORD}, deadline=30)


async def live_gate(feed: Feed) -> LiveGate:
    """What stands before live orders."""
    return await feed.call("get_live_gate", {}, result=LiveGate, deadline=10)


async def acknowledge_live(feed: Feed, item: str, typed: str) -> LiveGate:
    """Acknowledge one item of the checklist by its words, which a person has typed."""
    return await feed.call("acknowledge_live", {"item": item, "typed": typed}, result=LiveGate, deadline=10)


async def answer(feed: Feed, question_id: str, given: Mapping[str, object]) -> None:
    """Answer a broker's question: with `confirmed`, or with an `option` of its own."""
    await feed.call("answer_question", {"question_id": question_id, **given}, deadline=20)

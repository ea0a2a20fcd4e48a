"""The control URL's ``POST market``: what a test makes the market do to instruments, and what it sees of them.

``conid`` or ``conids`` (or ``"conids": "all"``) with any of ``price`` · ``halted`` (with ``seconds``, it ends by
itself) · ``frozen`` (quotes stand still) · ``feed`` (letters of field 6509) · ``book`` (normal, empty, one_sided,
crossed). The answer tells each instrument's quote and book as they are now, best price first.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from ibkr_tui.sim.depth import STATES, Level, book_of
from ibkr_tui.sim.simulator import Simulator
from ibkr_tui.sim.text import plain
from ibkr_tui.sim.walk import Walk

KEYS = frozenset({"conid", "conids", "price", "halted", "seconds", "frozen", "feed", "book"})


def command(sim: Simulator, body: Any) -> Any:
    """Carry it out; ``ValueError`` says what is wrong with it."""
    if not isinstance(body, dict) or not set(body) <= KEYS:
        raise ValueError(f"keys are {', '.join(sorted(KEYS))}")
    walks = _named(sim, body)
    price = _price(body)
    if body.get("book", "normal") not in STATES:
        raise ValueError(f"book must be one of {', '.join(STATES)}")
    for walk in walks:
        _change(sim, walk, body)
        if price is not None:
            walk.place_at(price)
        walk.version += 1
    sim.broker.match_all()
    return {"instruments": [_row(walk) for walk in walks[:100]]}


def _named(sim: Simulator, body: dict[str, Any]) -> list[Walk]:
    market = sim.market
    if body.get("conids") == "all":
        return list(market.walks.values())
    conids = [int(conid) for conid in body["conids"]] if "conids" in body else [int(body["conid"])]
    for conid in conids:
        if conid not in market.instruments:
            raise ValueError(f"no instrument {conid}")
    return [market.walks[conid] for conid in conids]


def _price(body: dict[str, Any]) -> Decimal | None:
    if "price" not in body:
        return None
    try:
        price = Decimal(str(body["price"]))
    except InvalidOperation:
        price = Decimal(0)
    if not price.is_finite() or price <= 0:
        raise ValueError("price must be a number above 0")
    return price


def _change(sim: Simulator, walk: Walk, body: dict[str, Any]) -> None:
    if "halted" in body:
        seconds = body.get("seconds")
        sim.market.halt(walk.instrument.conid, bool(body["halted"]), float(seconds) if seconds is not None else None)
    walk.frozen = bool(body.get("frozen", walk.frozen))
    walk.feed = str(body.get("feed", walk.feed)) or walk.feed
    walk.book_state = str(body.get("book", walk.book_state))


def _row(walk: Walk) -> dict[str, Any]:
    book = book_of(walk)

    def side(levels: tuple[Level, ...]) -> list[list[str]]:
        return [[plain(walk.price(level.price)), str(level.size)] for level in levels]

    return {
        "conid": walk.instrument.conid,
        "last": plain(walk.last_price),
        "bid": plain(walk.bid_price),
        "ask": plain(walk.ask_price),
        "halted": walk.halted,
        "bids": side(book.bids),
        "asks": side(book.asks),
    }

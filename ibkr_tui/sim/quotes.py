"""A quote as the wire shows it: string codes, strings with commas, prefixes (reference section 4.8)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ibkr_tui.sim.expiries import month_name
from ibkr_tui.sim.hours import Phase
from ibkr_tui.sim.instruments import Instrument
from ibkr_tui.sim.market import Market
from ibkr_tui.sim.portfolio import Holding, Portfolio
from ibkr_tui.sim.text import percent_text, price_text, size_text, volume_text
from ibkr_tui.sim.walk import Walk

EXCHANGE_LETTERS = {"NASDAQ": "Q", "NYSE": "N", "ARCA": "P", "SMART": "C"}
DEFAULT_FIELDS = ("31", "84", "86")
MAX_FIELDS = 50
# What a live or a delayed feed is called while its market is closed.
_FROZEN = {"R": "Z", "D": "Y"}


@dataclass(frozen=True)
class _View:
    """One instrument as one user sees it."""

    market: Market
    book: Portfolio
    item: Instrument
    walk: Walk

    def price(self, ticks: int) -> str:
        return price_text(self.walk.price(ticks), self.item.decimals)

    @property
    def holding(self) -> Holding | None:
        holding = self.book.holdings.get(self.item.conid)
        return holding if holding and holding.quantity else None


def quote(market: Market, book: Portfolio, conid: int, fields: Iterable[str]) -> dict[str, Any]:
    """The asked-for fields of an instrument that have a value; without permission only the static ones have."""
    view = _View(market, book, market.instruments[conid], market.walks[conid])
    blind = view.walk.feed[0] in "NO"
    found: dict[str, Any] = {}
    for code in fields:
        reader = _STATIC.get(code) or (None if blind else _LIVE.get(code) or _POSITION.get(code))
        value = reader(view) if reader else None
        if value is not None:
            found[code] = value
            if code == "87":
                found["87_raw"] = float(int(view.walk.day.volume))
    return found


def availability(market: Market, conid: int) -> str:
    """Field 6509: the feed's letters; frozen outside trading hours."""
    feed = market.walks[conid].feed
    frozen = _FROZEN.get(feed[0]) if market.phase(conid) is Phase.CLOSED else None
    return frozen + feed[1:] if frozen else feed


def _last(view: _View) -> str:
    closed = view.market.phase(view.item.conid) is Phase.CLOSED
    return ("H" if view.walk.halted else "C" if closed else "") + view.price(view.walk.last)


def _change(view: _View) -> str:
    return f"{view.walk.price(view.walk.last - view.walk.day.previous_close):,.{view.item.decimals}f}"


def _percent(value: float, base: float) -> str:
    return percent_text((value / base - 1) * 100)


def _greek(index: int) -> Callable[[_View], str | None]:
    def read(view: _View) -> str | None:
        return f"{view.market.greeks(view.item.conid)[index]:.3f}" if view.item.sec_type == "OPT" else None

    return read


def _year(index: int) -> Callable[[_View], str]:
    return lambda view: price_text(view.market.year_range(view.item.conid)[index], view.item.decimals)


def _held(read: Callable[[_View, Holding], str]) -> Callable[[_View], str | None]:
    """A field that only a position has."""
    return lambda view: read(view, view.holding) if view.holding else None


def _unrealized(view: _View, holding: Holding) -> Decimal:
    return view.book.unrealized(view.item, holding)


def _today(view: _View, holding: Holding) -> Decimal:
    """What the position has earned since the last close."""
    moved = view.walk.mark - view.walk.price(view.walk.day.previous_close)
    return holding.quantity * moved * view.item.multiplier


def _open_interest(view: _View, kind: str) -> str | None:
    if view.item.sec_type != kind:
        return None
    return volume_text(view.item.average_volume * (3 + view.item.conid % 5))


def _volatility(view: _View) -> str:
    return percent_text(view.item.volatility * 100)


def _implied(view: _View) -> str | None:
    """Only a stock with options and an option have one."""
    if view.item.sec_type != "OPT" and not view.market.chains.has(view.item.conid):
        return None
    return percent_text(view.market.implied_volatility(view.item.conid) * 100)


_LIVE: dict[str, Callable[[_View], Any]] = {
    "31": _last,
    "70": lambda view: view.price(view.walk.day.high),
    "71": lambda view: view.price(view.walk.day.low),
    "82": _change,
    "83": lambda view: _percent(view.walk.last, view.walk.day.previous_close),
    "84": lambda view: view.price(view.walk.bid),
    "85": lambda view: size_text(view.walk.ask_size),
    "86": lambda view: view.price(view.walk.ask),
    "87": lambda view: volume_text(view.walk.day.volume),
    "88": lambda view: size_text(view.walk.bid_size),
    "6509": lambda view: availability(view.market, view.item.conid),
    "7057": lambda view: EXCHANGE_LETTERS.get(view.item.exchange),
    "7058": lambda view: EXCHANGE_LETTERS.get(view.item.exchange),
    "7059": lambda view: size_text(view.walk.last_size),
    "7068": lambda view: EXCHANGE_LETTERS.get(view.item.exchange),
    "7084": _implied,
    "7087": _volatility,
    "7283": _implied,
    "7293": _year(0),
    "7294": _year(1),
    "7295": lambda view: view.price(view.walk.day.open),
    "7296": lambda view: view.price(view.walk.day.previous_close),
    "7308": _greek(1),
    "7309": _greek(2),
    "7310": _greek(3),
    "7311": _greek(4),
    "7633": lambda view: _implied(view) if view.item.sec_type == "OPT" else None,
    "7635": lambda view: price_text(view.walk.mark, view.item.decimals + 1),
    "7682": lambda view: _percent(view.walk.last, view.walk.day.open),
    "7741": lambda view: view.price(view.walk.day.previous_close),
    "7762": lambda view: str(int(view.walk.day.volume)),
}

_POSITION: dict[str, Callable[[_View], Any]] = {
    "73": _held(lambda view, holding: f"{view.book.market_value(view.item, holding):,.2f}"),
    "78": _held(lambda view, holding: f"{_today(view, holding):,.2f}"),
    "79": _held(lambda view, holding: f"{holding.realized:,.2f}"),
    "7292": _held(lambda view, holding: f"{holding.cost:,.2f}"),
    "74": _held(lambda view, holding: f"{holding.average(view.item.multiplier):,.2f}"),
    "75": _held(lambda view, holding: f"{_unrealized(view, holding):,.2f}"),
    "76": _held(lambda view, holding: f"{holding.quantity:,.0f}"),
    "77": _held(lambda view, holding: f"{_unrealized(view, holding):,.0f}"),
    "80": _held(lambda view, holding: percent_text(float(_unrealized(view, holding) / abs(holding.cost) * 100))),
}

_STATIC: dict[str, Callable[[_View], Any]] = {
    "55": lambda view: view.item.symbol,
    "6004": lambda view: view.item.exchange,
    "6008": lambda view: view.item.conid,
    "6070": lambda view: view.item.sec_type,
    "6457": lambda view: str(view.item.underlying) if view.item.underlying else None,
    "7051": lambda view: view.item.name,
    "7094": lambda view: f"{view.item.conid}@{view.item.exchange}",
    "7184": lambda view: "1",
    "7219": lambda view: view.item.description,
    "7221": lambda view: view.item.exchange,
    "7280": lambda view: view.item.industry or None,
    "7281": lambda view: view.item.category or None,
    "7282": lambda view: volume_text(view.item.average_volume),
    "7644": lambda view: "Shortable" if view.item.sec_type == "STK" else None,
    "58": lambda view: view.item.local_symbol,
    "201": lambda view: view.item.right or None,
    "6072": lambda view: month_name(view.item.expiry) if view.item.expiry else None,
    "6073": lambda view: f"{view.item.expiry:%Y%m%d}" if view.item.expiry else None,
    "7220": lambda view: view.item.local_symbol if view.item.expiry else None,
    "7638": lambda view: _open_interest(view, "OPT"),
    "7697": lambda view: _open_interest(view, "FUT"),
    "7768": lambda view: "1",
}

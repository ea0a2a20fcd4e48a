"""Market scanners over the simulator's own instruments (reference section 4.9)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ibkr_tui.sim.calls import Call, Problem, get, post
from ibkr_tui.sim.instruments import Instrument
from ibkr_tui.sim.market import Market
from ibkr_tui.sim.text import percent_text, volume_text
from ibkr_tui.sim.walk import Walk

MAX_ROWS = 50


@dataclass(frozen=True)
class _Scan:
    """One type: what it sorts by (``None``: the instrument is not in it), and how the figure is shown."""

    name: str
    column: str
    key: Callable[[Market, Walk], float | None]
    text: Callable[[float], str]
    rising: bool = False


def _change(market: Market, walk: Walk) -> float | None:
    return (walk.last / walk.day.previous_close - 1) * 100


def _implied(market: Market, walk: Walk) -> float | None:
    conid = walk.instrument.conid
    return market.implied_volatility(conid) * 100 if market.chains.has(conid) else None


_SCANS = {
    "TOP_PERC_GAIN": _Scan("Top % Gainers", "Chg%", _change, percent_text),
    "TOP_PERC_LOSE": _Scan("Top % Losers", "Chg%", _change, percent_text, rising=True),
    "MOST_ACTIVE": _Scan("Most Active", "Volume", lambda market, walk: walk.day.volume, volume_text),
    "MOST_ACTIVE_USD": _Scan(
        "Most Active ($)",
        "Value",
        lambda market, walk: walk.day.volume * float(walk.last_price) * walk.instrument.multiplier,
        volume_text,
    ),
    "HOT_BY_VOLUME": _Scan(
        "Hot by Volume",
        "Volume",
        lambda market, walk: walk.day.volume / walk.instrument.average_volume,
        lambda value: f"{value:.2f}",
    ),
    "TOP_OPEN_PERC_GAIN": _Scan(
        "Top % Gainers Since Open", "Chg%", lambda market, walk: (walk.last / walk.day.open - 1) * 100, percent_text
    ),
    "HIGH_OPT_IMP_VOLAT": _Scan("Highest Option Implied Volatility", "IV", _implied, percent_text),
    "HALTED": _Scan("Halted", "Last", lambda market, walk: float(walk.last_price) if walk.halted else None, str),
}
_FILTERS: dict[str, tuple[str, str, Callable[[Walk, float], bool]]] = {
    "priceAbove": ("Price", "Price Greater Than", lambda walk, value: float(walk.last_price) > value),
    "priceBelow": ("Price", "Price Less Than", lambda walk, value: float(walk.last_price) < value),
    "volumeAbove": ("Volume", "Volume Above", lambda walk, value: walk.day.volume > value),
    "changePercAbove": (
        "Change",
        "Change % Above",
        lambda walk, value: (walk.last / walk.day.previous_close - 1) * 100 > value,
    ),
    "changePercBelow": (
        "Change",
        "Change % Below",
        lambda walk, value: (walk.last / walk.day.previous_close - 1) * 100 < value,
    ),
}
_INSTRUMENTS: dict[str, tuple[str, Callable[[Instrument], bool]]] = {
    "STK": ("US Stocks", lambda item: item.sec_type == "STK" and item.is_us and item.kind == "COMMON"),
    "ETF.EQ.US": ("US Equity ETFs", lambda item: item.sec_type == "STK" and item.is_us and item.kind == "ETF"),
    "FUT.US": ("US Futures", lambda item: item.sec_type == "FUT"),
}
_LOCATIONS: dict[str, tuple[str, dict[str, tuple[str, frozenset[str]]]]] = {
    "STK.US": (
        "US Stocks",
        {
            "STK.US.MAJOR": ("Listed/NASDAQ", frozenset({"NASDAQ", "NYSE", "ARCA"})),
            "STK.NASDAQ": ("NASDAQ", frozenset({"NASDAQ"})),
            "STK.NYSE": ("NYSE", frozenset({"NYSE"})),
        },
    ),
    "ETF.EQ.US": (
        "US Equity ETFs",
        {"ETF.EQ.US.MAJOR": ("Listed/NASDAQ", frozenset({"NASDAQ", "NYSE", "ARCA"}))},
    ),
    "FUT.US": ("US Futures", {"FUT.CME": ("CME", frozenset({"CME"})), "FUT.NYMEX": ("NYMEX", frozenset({"NYMEX"}))}),
}
_PLACES = {code: exchanges for _, places in _LOCATIONS.values() for code, (_, exchanges) in places.items()}


def _params(call: Call) -> Any:
    return {
        "scan_type_list": [
            {"display_name": scan.name, "code": code, "instruments": list(_INSTRUMENTS)}
            for code, scan in _SCANS.items()
        ],
        "instrument_list": [
            {"display_name": name, "type": code, "filters": list(_FILTERS)} for code, (name, _) in _INSTRUMENTS.items()
        ],
        "filter_list": [
            {"group": group, "display_name": name, "code": code, "type": "range"}
            for code, (group, name, _) in _FILTERS.items()
        ],
        "location_tree": [
            {
                "display_name": name,
                "type": code,
                "locations": [
                    {"display_name": place, "type": place_code, "locations": None}
                    for place_code, (place, _) in places.items()
                ],
            }
            for code, (name, places) in _LOCATIONS.items()
        ],
    }


def _run(call: Call) -> Any:
    """A type, instrument, location or filter that is in no list is a 500."""
    body = call.object()
    scan, kind = _SCANS.get(str(body.get("type"))), _INSTRUMENTS.get(str(body.get("instrument")))
    location = str(body.get("location"))
    if scan is None or kind is None or not (location in _PLACES or location in _LOCATIONS):
        raise Problem(500, "Scanner type, instrument or location not supported")
    conditions = _conditions(body.get("filter") or [])
    exchanges = _PLACES.get(location)
    market = call.sim.market
    found: list[tuple[float, Walk]] = []
    for walk in market.walks.values():
        item = walk.instrument
        if not kind[1](item) or (exchanges is not None and item.exchange not in exchanges):
            continue
        key = scan.key(market, walk)
        if key is not None and all(condition(walk) for condition in conditions):
            found.append((key, walk))
    found.sort(key=lambda pair: pair[0], reverse=not scan.rising)
    rows = [_row(scan, place, key, walk) for place, (key, walk) in enumerate(found[:MAX_ROWS])]
    return {"contracts": rows, "scan_data_column_name": scan.column}


def _conditions(filters: Any) -> list[Callable[[Walk], bool]]:
    if not isinstance(filters, list):
        raise Problem(500, "filter must be a list")
    conditions = []
    for one in filters:
        known = _FILTERS.get(str(one.get("code"))) if isinstance(one, dict) else None
        try:
            value = float(one["value"]) if known else 0.0
        except (KeyError, TypeError, ValueError):
            known = None
        if known is None:
            raise Problem(500, f"Scanner filter not supported: {one}")
        conditions.append(_bound(known[2], value))
    return conditions


def _bound(test: Callable[[Walk, float], bool], value: float) -> Callable[[Walk], bool]:
    return lambda walk: test(walk, value)


def _row(scan: _Scan, place: int, key: float, walk: Walk) -> dict[str, Any]:
    item = walk.instrument
    row = {
        "server_id": str(place),
        "symbol": item.symbol,
        "conidex": str(item.conid),
        "con_id": item.conid,
        "available_chart_periods": "#R|1",
        "company_name": item.name,
        "scan_data": scan.text(key),
        "contract_description_1": item.local_symbol if item.expiry else item.symbol,
        "listing_exchange": item.listing_exchange,
        "sec_type": item.sec_type,
    }
    return {**row, "column_name": scan.column} if place == 0 else row


ROUTES = [get("/iserver/scanner/params", _params), post("/iserver/scanner/run", _run)]

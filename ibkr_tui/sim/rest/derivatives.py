"""Options and futures: strikes, contracts of a month, chains of futures (reference section 4.7)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from ibkr_tui.sim.calls import Call, Problem, get
from ibkr_tui.sim.chains import RIGHTS
from ibkr_tui.sim.expiries import month_name, on_trading_day
from ibkr_tui.sim.instruments import Instrument

OPTION_EXCHANGES = ("SMART", "AMEX", "CBOE")
_WORDS = {"C": "Call", "P": "Put"}


def option_months(call: Call, item: Instrument) -> str:
    """Months with listed options, ``APR26;MAY26``; empty for an instrument without options."""
    if not call.sim.market.chains.has(item.conid):
        return ""
    days = call.sim.market.chains.expiries(call.sim.market.today)
    return ";".join(dict.fromkeys(month_name(day) for day in days))


def future_months(call: Call, item: Instrument) -> str:
    """Months of the futures on the same underlying."""
    return ";".join(month_name(future.expiry) for future in _futures_on(call, item.underlying) if future.expiry)


def _futures_on(call: Call, underlying: int) -> list[Instrument]:
    found = (item for item in call.sim.market.instruments.values() if item.sec_type == "FUT")
    return sorted((item for item in found if item.underlying == underlying), key=lambda item: item.expiry or date.max)


def _month(text: str) -> str:
    """A month as asked for, checked: ``JAN27``."""
    try:
        return f"{datetime.strptime(text.title(), '%b%y'):%b%y}".upper()
    except ValueError:
        raise Problem(400, f"Bad Request: invalid month {text}") from None


def _underlying(call: Call) -> int:
    """The conid asked for: a contract, or the index under a future."""
    text = call.query.get("conid", "")
    if text.isdigit() and _futures_on(call, int(text)):
        return int(text)
    return call.conid(text)


def _strikes(call: Call) -> Any:
    """Empty for a symbol that was not searched for in this session."""
    conid, kind, month = _underlying(call), call.query.get("sectype", ""), _month(call.query.get("month", ""))
    if not kind:
        raise Problem(400, "Bad Request: sectype required")
    market = call.sim.market
    item = market.instruments.get(conid)
    known = kind == "OPT" and item is not None and item.symbol in call.login.searched and market.chains.has(conid)
    listed = known and any(month_name(day) == month for day in market.chains.expiries(market.today))
    strikes = [float(strike) for strike in market.chains.strikes(conid)] if listed else []
    return {"call": strikes, "put": strikes}


def _info(call: Call) -> Any:
    conid, kind = _underlying(call), call.query.get("sectype", "STK") or "STK"
    item = call.sim.market.instruments.get(conid)
    if item is not None and item.sec_type == kind and not call.query.get("month"):
        return [_row(item)]
    if kind == "OPT":
        return [_row(option) for option in _options(call, conid)]
    if kind == "FUT":
        month = _month(call.query.get("month", ""))
        futures = _futures_on(call, conid)
        return [_row(future) for future in futures if future.expiry and month_name(future.expiry) == month]
    return []


def _options(call: Call, conid: int) -> Iterable[Instrument]:
    """The contracts of a month and a strike, for one right or both; an unlisted strike has none."""
    month = _month(call.query.get("month", ""))
    right = call.query.get("right", "").upper()
    if right and right not in RIGHTS:
        raise Problem(400, f"Bad Request: invalid right {right}")
    try:
        strike = Decimal(call.query.get("strike", ""))
    except InvalidOperation:
        raise Problem(400, "Bad Request: strike required") from None
    market = call.sim.market
    if not market.chains.has(conid) or strike not in market.chains.strikes(conid):
        return []
    days = [day for day in market.chains.expiries(market.today) if month_name(day) == month]
    conids = (market.chains.conid_of(conid, day, strike, one) for day in days for one in (right or "CP"))
    return [market.instruments[found] for found in conids]


def _row(item: Instrument) -> dict[str, Any]:
    option, derivative = item.sec_type == "OPT", item.expiry is not None
    smart = option or (item.is_us and item.sec_type == "STK")
    exchanges = OPTION_EXCHANGES if option else ("SMART", item.exchange) if smart else (item.exchange,)
    description = None
    if option and item.expiry and item.strike is not None:
        day = f"{item.expiry:%b %d '%y}".upper()
        description = f"({day} {item.strike.normalize():f} {_WORDS[item.right]})"
    return {
        "conid": item.conid,
        "symbol": item.symbol,
        "ticker": item.symbol,
        "secType": item.sec_type,
        "exchange": "SMART" if smart else item.exchange,
        "listingExchange": None if option else item.exchange,
        "right": item.right or "?",
        "strike": float(item.strike or 0),
        "currency": item.currency,
        "cusip": None,
        "coupon": "No Coupon",
        "desc1": item.symbol,
        "desc2": description,
        "maturityDate": f"{item.expiry:%Y%m%d}" if item.expiry else None,
        "multiplier": str(item.multiplier) if derivative else None,
        "tradingClass": "NMS" if item.exchange == "NASDAQ" else item.symbol,
        "validExchanges": ",".join(exchanges),
        "showPrips": False,
        "companyName": item.name,
    }


def _futures(call: Call) -> Any:
    symbols = [text.strip().upper() for text in call.query.get("symbols", "").split(",") if text.strip()]
    if not symbols:
        raise Problem(400, "Bad Request: symbols required")
    exchange = call.query.get("exchange", "").upper()
    answer: dict[str, list[dict[str, Any]]] = {}
    for symbol in symbols:
        items = [item for item in call.sim.market.by_symbol(symbol) if item.sec_type == "FUT"]
        answer[symbol] = [_future_row(item) for item in items if exchange in ("", item.exchange)]
    return answer


def _future_row(item: Instrument) -> dict[str, Any]:
    ends = int(f"{item.expiry:%Y%m%d}")
    last = int(f"{on_trading_day(item.expiry):%Y%m%d}") if item.expiry else ends
    return {
        "symbol": item.symbol,
        "conid": item.conid,
        "underlyingConid": item.underlying,
        "expirationDate": ends,
        "ltd": last,
        "shortFuturesCutOff": last,
        "longFuturesCutOff": last,
    }


ROUTES = [
    get("/iserver/secdef/strikes", _strikes),
    get("/iserver/secdef/info", _info),
    get("/trsrv/futures", _futures),
]

"""Contract endpoints: search, definitions, rules, trading schedule (reference section 4.7)."""

from __future__ import annotations

from typing import Any

from ibkr_tui.sim.calls import Call, Problem, get, get_or_post, post
from ibkr_tui.sim.instruments import Instrument
from ibkr_tui.sim.rest import derivatives, schedules
from ibkr_tui.sim.rest.derivatives import OPTION_EXCHANGES, future_months, option_months
from ibkr_tui.sim.text import plain

MAX_SECDEF = 200


def _flag(value: object) -> bool:
    return value is True or str(value).lower() == "true"


def _search_row(call: Call, item: Instrument) -> dict[str, Any]:
    sections: list[dict[str, Any]] = [{"secType": item.sec_type}]
    if not item.is_us and item.sec_type == "STK":
        sections = [{"secType": "STK", "exchange": f"{item.exchange};"}]
    if item.sec_type == "CASH":
        sections = [{"secType": "CASH", "exchange": item.exchange}]
    months = option_months(call, item)
    if months:
        sections.append({"secType": "OPT", "months": months, "exchange": ";".join(OPTION_EXCHANGES)})
        sections.append({"secType": "BAG"})
    return {
        "conid": str(item.conid),
        "companyHeader": f"{item.name} - {item.exchange}",
        "companyName": item.name,
        "symbol": item.symbol,
        "description": item.exchange,
        "restricted": None,
        "sections": sections,
    }


def _future_row(call: Call, item: Instrument) -> dict[str, Any]:
    """A future is found under its index, which has the conid of the underlying."""
    return {
        "conid": str(item.underlying),
        "companyHeader": f"{item.name} - {item.exchange}",
        "companyName": item.name,
        "symbol": item.symbol,
        "description": item.exchange,
        "restricted": "IND",
        "sections": [
            {"secType": "IND"},
            {"secType": "FUT", "months": future_months(call, item), "exchange": item.exchange},
        ],
    }


def _search(call: Call) -> Any:
    values = dict(call.query) if call.method == "GET" else call.object()
    text = str(values.get("symbol", "")).strip().upper()
    if not text:
        raise Problem(400, "Bad Request: symbol required")
    wanted_type = str(values.get("secType", "") or "")
    by_name = _flag(values.get("name"))
    found = [
        item
        for item in call.sim.market.instruments.values()
        if item.sec_type in ("STK", "CASH", "FUT")
        and not item.leader
        and (not wanted_type or item.sec_type == wanted_type or (wanted_type == "IND" and item.sec_type == "FUT"))
    ]
    if by_name:
        hits = [item for item in found if text in item.name.upper()]
    else:
        exact = [item for item in found if text in (item.symbol, item.symbol.split(".")[0])]
        hits = exact or [item for item in found if item.symbol.startswith(text)]
    call.login.searched |= {item.symbol for item in hits}
    return [
        _future_row(call, item) if item.sec_type == "FUT" else _search_row(call, item) for item in _us_not_first(hits)
    ]


def _us_not_first(items: list[Instrument]) -> list[Instrument]:
    """Where a symbol has listings abroad, one of them comes before the US one: order is no promise."""
    if len({item.symbol for item in items}) == 1 and len(items) > 1 and items[0].is_us:
        return [items[1], items[0], *items[2:]]
    return items


def _stocks(call: Call) -> Any:
    answer: dict[str, list[dict[str, Any]]] = {}
    for symbol in call.query.get("symbols", "").split(","):
        listings = [item for item in call.sim.market.by_symbol(symbol.strip()) if item.sec_type == "STK"]
        names: dict[str, list[Instrument]] = {}
        for item in _us_not_first(listings):
            names.setdefault(item.name, []).append(item)
        answer[symbol.strip()] = [
            {
                "name": name,
                "chineseName": name.title(),
                "assetClass": "STK",
                "contracts": [{"conid": i.conid, "exchange": i.exchange, "isUS": i.is_us} for i in group],
            }
            for name, group in names.items()
        ]
    return answer


def increment_rules(item: Instrument) -> list[dict[str, float]]:
    """From which price on, which increment."""
    return [{"lowerEdge": float(edge), "increment": float(increment)} for edge, increment in item.increments]


def _secdef_row(call: Call, item: Instrument) -> dict[str, Any]:
    expiry = f"{item.expiry:%Y%m%d}" if item.expiry else None
    return {
        "conid": item.conid,
        "currency": item.currency,
        "time": 12,
        "chineseName": item.name,
        "name": item.name,
        "assetClass": item.sec_type,
        "expiry": expiry,
        "lastTradingDay": expiry,
        "group": item.category or None,
        "putOrCall": item.right or None,
        "sector": item.industry or None,
        "sectorGroup": item.category or None,
        "strike": plain(item.strike) if item.strike else "0",
        "ticker": item.symbol,
        "undConid": item.underlying,
        "multiplier": float(item.multiplier if item.underlying else 0),
        "type": item.kind,
        "hasOptions": call.sim.market.chains.has(item.conid),
        "fullName": item.description,
        "isUS": item.is_us,
        "incrementRules": increment_rules(item),
        "isEventContract": False,
        "listingExchange": item.exchange,
        "countryCode": "US",
        "allExchanges": f"SMART,{item.exchange}",
    }


def _secdef(call: Call) -> Any:
    conids = [text for text in call.query.get("conids", "").split(",") if text]
    if not conids or len(conids) > MAX_SECDEF:
        raise Problem(400, "Bad Request: conids")
    known = call.sim.market.instruments
    return {"secdef": [_secdef_row(call, known[int(text)]) for text in conids if text.isdigit() and int(text) in known]}


def _info_row(item: Instrument) -> dict[str, Any]:
    smart = item.is_us and item.sec_type != "FUT"
    return {
        "cfi_code": "",
        "symbol": item.symbol,
        "cusip": None,
        "expiry_full": f"{item.expiry:%Y%m%d}" if item.expiry else None,
        "con_id": item.conid,
        "maturity_date": f"{item.expiry:%Y%m%d}" if item.expiry else None,
        "industry": item.industry,
        "instrument_type": item.sec_type,
        "has_related_contracts": True,
        "trading_class": "NMS" if item.exchange == "NASDAQ" else item.symbol,
        "valid_exchanges": "SMART,AMEX,NYSE,CBOE,ARCA,NASDAQ" if smart else item.exchange,
        "allow_sell_long": False,
        "is_zero_commission_security": False,
        "local_symbol": item.local_symbol,
        "contract_clarification_type": None,
        "classifier": None,
        "currency": item.currency,
        "text": item.description if item.underlying else None,
        "underlying_con_id": item.underlying,
        "r_t_h": True,
        "multiplier": str(item.multiplier) if item.underlying else None,
        "underlying_issuer": None,
        "contract_month": f"{item.expiry:%Y%m}" if item.expiry else None,
        "company_name": item.name,
        "smart_available": smart,
        "exchange": "SMART" if smart else item.exchange,
        "category": item.category,
    }


def _rules(call: Call, item: Instrument) -> dict[str, Any]:
    walk = call.sim.market.walks[item.conid]
    last = float(walk.last_price)
    return {
        "algoEligible": item.sec_type == "STK",
        "allOrNoneEligible": True,
        "costReport": False,
        "canTradeAcctIds": [call.account],
        "error": None,
        "orderTypes": ["limit", "market"],
        "orderTypesOutside": ["limit"],
        "tifTypes": ["IOC/MARKET,LIMIT,a", "GTC/o,a", "DAY/o,a"],
        "defaultSize": 100 if item.sec_type == "STK" else 1,
        "cashSize": 0.0,
        "sizeIncrement": 1,
        "limitPrice": last,
        "stopprice": last,
        "preview": True,
        "displaySize": None,
        "cashCcy": item.currency,
        "hasSecondary": True,
        "increment": float(item.tick * walk.grain),
        "incrementDigits": item.decimals,
        "negativeCapable": False,
        "incrementRules": increment_rules(item),
    }


def _info(call: Call) -> Any:
    return _info_row(call.sim.market.instruments[call.conid(call.params["conid"])])


def _info_and_rules(call: Call) -> Any:
    item = call.sim.market.instruments[call.conid(call.params["conid"])]
    return {**_info_row(item), "rules": _rules(call, item)}


def _contract_rules(call: Call) -> Any:
    return _rules(call, call.sim.market.instruments[call.conid(str(call.object().get("conid")))])


def _pairs(call: Call) -> Any:
    currency = call.query.get("currency", "USD").upper()
    rows = []
    for item in call.sim.market.instruments.values():
        if item.sec_type == "CASH" and currency in item.symbol.split("."):
            rows.append(
                {
                    "symbol": item.symbol,
                    "conid": item.conid,
                    "ccyPair": next(part for part in item.symbol.split(".") if part != currency),
                }
            )
    return {currency: rows}


def _exchange_rate(call: Call) -> Any:
    try:
        source, target = (call.sim.market.rate(call.query[name].upper()) for name in ("source", "target"))
    except KeyError:
        raise Problem(400, "Bad Request: source and target") from None
    return {"rate": float(round(source / target, 8))}


ROUTES = [
    get_or_post("/iserver/secdef/search", _search),
    get("/trsrv/stocks", _stocks),
    get("/trsrv/secdef", _secdef),
    get("/iserver/contract/{conid}/info", _info),
    get("/iserver/contract/{conid}/info-and-rules", _info_and_rules),
    post("/iserver/contract/rules", _contract_rules),
    get("/iserver/currency/pairs", _pairs),
    get("/iserver/exchangerate", _exchange_rate),
    *derivatives.ROUTES,
    *schedules.ROUTES,
]

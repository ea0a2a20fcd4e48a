"""Portfolio endpoints: summary, ledger, positions, partitioned P&L (reference section 4.2)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ibkr_tui.sim.calls import Call, Problem, get, post
from ibkr_tui.sim.figures import amounts, ledger, words
from ibkr_tui.sim.instruments import Instrument
from ibkr_tui.sim.portfolio import Holding, Portfolio
from ibkr_tui.sim.rest import performance
from ibkr_tui.sim.rest.contracts import increment_rules
from ibkr_tui.sim.text import number, plain

DOCUMENTED_PAGE = 100


def _own(call: Call) -> None:
    """A stranger's account under /portfolio is a 401 with an empty body."""
    if call.params["account"] not in call.login.user.accounts:
        raise Problem(401)


def _money(amount: Decimal, moment: int, currency: str | None = "USD") -> dict[str, Any]:
    return {
        "amount": number(amount),
        "currency": currency,
        "isNull": False,
        "timestamp": moment,
        "value": None,
        "severity": 0,
    }


def _word(value: str, moment: int) -> dict[str, Any]:
    return {"amount": 0.0, "currency": None, "isNull": False, "timestamp": moment, "value": value, "severity": 0}


def _summary(call: Call) -> Any:
    _own(call)
    if not call.login.portfolio_accounts_read:
        return {}
    moment = int(call.sim.clock.now() * 1000)
    found = {name.lower(): _word(text, moment) for name, text in words(call.portfolio).items()}
    return found | {name.lower(): _money(amount, moment) for name, amount in amounts(call.portfolio).items()}


def _ledger(call: Call) -> Any:
    _own(call)
    if not call.login.portfolio_accounts_read:
        return {}
    rows = ledger(call.portfolio, call.sim.market, call.sim.clock.now())
    return {currency: {name.lower(): value for name, value in row.items()} for currency, row in rows.items()}


def _sparse_row(call: Call, book: Portfolio, item: Instrument, holding: Holding) -> dict[str, Any]:
    """The keys of a position's first read: no names, numbers where strings come later."""
    average = holding.average(item.multiplier)
    return {
        "acctId": book.account,
        "conid": item.conid,
        "contractDesc": item.description,
        "position": float(holding.quantity),
        "mktPrice": number(book.mark(item.conid), 7),
        "mktValue": number(book.market_value(item, holding)),
        "currency": item.currency,
        "avgCost": number(average * item.multiplier, 8),
        "avgPrice": number(average, 8),
        "realizedPnl": number(holding.realized),
        "unrealizedPnl": number(book.unrealized(item, holding)),
        "exchs": None,
        "expiry": f"{item.expiry:%Y%m%d}" if item.expiry else None,
        "putOrCall": item.right or None,
        "multiplier": float(item.multiplier) if item.multiplier > 1 else None,
        "strike": float(item.strike or 0),
        "exerciseStyle": "American" if item.right else None,
        "conExchMap": [],
        "assetClass": item.sec_type,
        "undConid": item.underlying,
        "model": "",
    }


def _row(call: Call, book: Portfolio, item: Instrument, holding: Holding) -> dict[str, Any]:
    """A whole position row."""
    row = _sparse_row(call, book, item, holding)
    rate = call.sim.market.rate(item.currency)
    derivative = item.underlying != 0
    symbol = item.symbol
    row |= {
        "strike": plain(item.strike) if item.strike else "0",
        "multiplier": float(item.multiplier if derivative else 0),
        "baseMktValue": number(book.market_value(item, holding) * rate),
        "baseMktPrice": number(book.mark(item.conid) * rate, 7),
        "baseAvgCost": number(holding.average(1) * rate, 8),
        "baseAvgPrice": number(holding.average(item.multiplier) * rate, 8),
        "baseRealizedPnl": number(holding.realized * rate),
        "baseUnrealizedPnl": number(book.unrealized(item, holding) * rate),
        "time": 34,
        "chineseName": item.name,
        "allExchanges": "AMEX,NYSE,CBOE,PHLX,CHX,ARCA,ISLAND,ISE",
        "listingExchange": item.exchange,
        "countryCode": "US",
        "name": item.name,
        "lastTradingDay": f"{item.expiry:%Y%m%d}" if item.expiry else None,
        "group": item.category or None,
        "sector": item.industry or None,
        "sectorGroup": item.category or None,
        "ticker": symbol,
        "type": item.kind,
        "undComp": item.name if derivative else None,
        "undSym": symbol if derivative else None,
        "fullName": item.description,
        "pageSize": DOCUMENTED_PAGE,
        "hasOptions": call.sim.market.chains.has(item.conid),
        "isUS": item.is_us,
        "incrementRules": increment_rules(item),
        "displayRule": {
            "magnification": 0,
            "displayRuleStep": [{"decimalDigits": item.decimals, "lowerEdge": 0.0, "wholeDigits": 4}],
        },
        "isEventContract": False,
    }
    return row


def _positions(call: Call) -> Any:
    _own(call)
    if not call.login.portfolio_accounts_read:
        return []
    try:
        page = int(call.params["page"])
    except ValueError:
        raise Problem(400, "Bad Request: page") from None
    size = call.sim.options.page_size
    rows = list(call.portfolio.open_positions())[page * size : (page + 1) * size]
    make = _row if call.login.positions_read else _sparse_row
    call.login.positions_read = True
    return [make(call, call.portfolio, item, holding) for item, holding in rows]


def _held(call: Call, book: Portfolio) -> list[dict[str, Any]]:
    conid = call.params["conid"]
    return [_row(call, book, item, held) for item, held in book.open_positions() if str(item.conid) == conid]


def _position(call: Call) -> Any:
    _own(call)
    return _held(call, call.portfolio)


def _position_everywhere(call: Call) -> Any:
    books = call.sim.broker.portfolios
    return {account: _held(call, books[account]) for account in call.login.user.accounts}


def _invalidate(call: Call) -> Any:
    _own(call)
    return {"message": "success"}


def _positions2(call: Call) -> Any:
    _own(call)
    rows = []
    for item, holding in call.portfolio.open_positions():
        rows.append(
            {
                "position": float(holding.quantity),
                "conid": str(item.conid),
                "avgCost": float(holding.average(1)),
                "avgPrice": float(holding.average(item.multiplier)),
                "currency": item.currency,
                "description": item.description,
                "isLastToLoq": False,
                "marketPrice": float(call.portfolio.mark(item.conid)),
                "marketValue": float(call.portfolio.market_value(item, holding)),
                "realizedPnl": float(holding.realized),
                "secType": item.sec_type,
                "timestamp": int(call.sim.clock.now()),
                "unrealizedPnl": float(call.portfolio.unrealized(item, holding)),
                "assetClass": item.sec_type,
                "sector": item.industry or None,
                "group": item.category or None,
                "model": "",
            }
        )
    return rows


def _allocation(call: Call) -> Any:
    _own(call)
    tables: dict[str, dict[str, dict[str, float]]] = {
        name: {"long": {}, "short": {}} for name in ("assetClass", "sector", "group")
    }
    for item, holding in call.portfolio.open_positions():
        value = float(call.portfolio.market_value(item, holding) * call.sim.market.rate(item.currency))
        side = "long" if value >= 0 else "short"
        for name, key in (("assetClass", item.sec_type), ("sector", item.industry), ("group", item.category)):
            table = tables[name][side]
            table[key or "Others"] = round(table.get(key or "Others", 0.0) + value, 2)
    tables["assetClass"]["long"]["CASH"] = number(call.portfolio.total_cash)
    return tables


def pnl_row(book: Portfolio) -> dict[str, Any]:
    """One row of partitioned P&L, also of the ``spl`` topic."""
    return {
        "rowType": 1,
        "dpl": number(book.daily_pnl),
        "nl": number(book.net_liquidation),
        "upl": number(book.total_unrealized()),
        "el": number(book.available_funds),
        "uel": number(book.total_cash),
        "mv": number(book.total(frozenset({"STK", "OPT", "FUT"}))),
    }


def _partitioned(call: Call) -> Any:
    if not call.login.pnl_primed:
        call.login.pnl_primed = True
        return {"upnl": {}}
    return {"upnl": {f"{call.account}.Core": pnl_row(call.portfolio)}}


ROUTES = [
    get("/portfolio/{account}/summary", _summary),
    get("/portfolio/{account}/ledger", _ledger),
    post("/portfolio/{account}/positions/invalidate", _invalidate),
    get("/portfolio/{account}/positions/{page}", _positions),
    get("/portfolio/{account}/position/{conid}", _position),
    get("/portfolio/{account}/allocation", _allocation),
    get("/portfolio/{account}/combo/positions", lambda call: []),
    get("/portfolio/positions/{conid}", _position_everywhere),
    get("/portfolio2/{account}/positions", _positions2),
    get("/iserver/account/pnl/partitioned", _partitioned),
    *performance.ROUTES,
]

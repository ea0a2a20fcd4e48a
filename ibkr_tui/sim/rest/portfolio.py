"""Portfolio endpoints: summary, ledger, positions, partitioned P&L (reference section 4.2)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ibkr_tui.sim.calls import Call, Problem, get, post
from ibkr_tui.sim.instruments import Instrument
from ibkr_tui.sim.portfolio import Holding, Portfolio
from ibkr_tui.sim.text import number, plain

ZERO = Decimal(0)
DOCUMENTED_PAGE = 100


def _own(call: Call) -> None:
    """A stranger's account under /portfolio is a 401 with an empty body."""
    if call.params["account"] != call.account:
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


def _amounts(book: Portfolio) -> dict[str, Decimal]:
    """Money items that exist for the total and for each segment."""
    net, initial, maintenance = book.net_liquidation, book.initial_margin, book.maintenance_margin
    funds, excess = book.available_funds, book.excess_liquidity
    return {
        "netliquidation": net,
        "equitywithloanvalue": net,
        "totalcashvalue": book.total_cash,
        "grosspositionvalue": book.gross,
        "availablefunds": funds,
        "fullavailablefunds": funds,
        "lookaheadavailablefunds": funds,
        "excessliquidity": excess,
        "fullexcessliquidity": excess,
        "lookaheadexcessliquidity": excess,
        "initmarginreq": initial,
        "fullinitmarginreq": initial,
        "lookaheadinitmarginreq": initial,
        "maintmarginreq": maintenance,
        "fullmaintmarginreq": maintenance,
        "lookaheadmaintmarginreq": maintenance,
        "accruedcash": ZERO,
        "accrueddividend": ZERO,
        "billable": ZERO,
        "guarantee": ZERO,
        "incentivecoupons": ZERO,
        "indianstockhaircut": ZERO,
        "pasharesvalue": ZERO,
        "physicalcertificatevalue": ZERO,
        "postexpirationexcess": ZERO,
        "postexpirationmargin": ZERO,
        "totaldebitcardpendingcharges": ZERO,
    }


def _summary(call: Call) -> Any:
    _own(call)
    if not call.login.portfolio_accounts_read:
        return {}
    book, moment = call.portfolio, int(call.sim.clock.now() * 1000)
    found: dict[str, Any] = {
        "accountcode": _word(call.account, moment),
        "accountready": _word("true", moment),
        "accounttype": _word("INDIVIDUAL", moment),
        "daytradesremaining": _word("-1", moment),
        "highestseverity": _word("", moment),
        "lookaheadnextchange": _word("0", moment),
        "nlvandmargininreview": _word("false", moment),
        "whatifpmenabled": _word("true", moment),
        "cushion": _word(f"{book.excess_liquidity / book.net_liquidation:.6f}", moment),
        "tradingtype-s": _word("STKNOPT", moment),
        "segmenttitle-s": _word("US Securities", moment),
        "segmenttitle-c": _word("US Commodities", moment),
        "segmenttitle-p": _word("Crypto at Paxos", moment),
    }
    for key, amount in _amounts(book).items():
        found[key] = _money(amount, moment)
        found[f"{key}-s"] = _money(amount, moment)
        found[f"{key}-c"] = _money(ZERO, moment)
        found[f"{key}-p"] = _money(ZERO, moment)
    for key, amount in {
        "buyingpower": book.buying_power,
        "previousdayequitywithloanvalue": book.previous_equity,
        "regtequity": book.net_liquidation,
        "regtmargin": book.gross / 2,
        "sma": book.available_funds,
        "netliquidationuncertainty": ZERO,
    }.items():
        found[key] = _money(amount, moment)
    return found


def _ledger_row(call: Call, currency: str, cash: Decimal, rate: Decimal, only: str | None) -> dict[str, Any]:
    book = call.portfolio
    zeros = (
        "commoditymarketvalue",
        "corporatebondsmarketvalue",
        "warrantsmarketvalue",
        "interest",
        "moneyfunds",
        "funds",
        "issueroptionsmarketvalue",
        "tbondsmarketvalue",
        "futureoptionmarketvalue",
        "cashbalancefxsegment",
        "tbillsmarketvalue",
        "dividends",
        "cryptocurrencyvalue",
    )
    futures = book.total(frozenset({"FUT"}), only)
    return {
        **dict.fromkeys(zeros, 0.0),
        "settledcash": number(cash),
        "cashbalance": number(cash),
        "exchangerate": float(round(rate, 7)),
        "sessionid": 1,
        "netliquidationvalue": number(cash + book.total(currency=only)),
        "unrealizedpnl": number(book.total_unrealized(only)),
        "realizedpnl": number(book.realized_today if currency in ("USD", "BASE") else ZERO),
        "stockmarketvalue": number(book.total(frozenset({"STK"}), only)),
        "stockoptionmarketvalue": number(book.total(frozenset({"OPT"}), only)),
        "futuremarketvalue": number(futures),
        "futuresonlypnl": number(futures),
        "currency": currency,
        "acctcode": call.account,
        "key": "LedgerList",
        "secondkey": currency,
        "timestamp": int(call.sim.clock.now()),
        "severity": 0,
    }


def _ledger(call: Call) -> Any:
    _own(call)
    if not call.login.portfolio_accounts_read:
        return {}
    book = call.portfolio
    rows = {
        currency: _ledger_row(call, currency, cash, call.sim.market.rate(currency), currency)
        for currency, cash in book.cash.items()
    }
    rows["BASE"] = _ledger_row(call, "BASE", book.total_cash, Decimal(1), None)
    return rows


def _sparse_row(call: Call, item: Instrument, holding: Holding) -> dict[str, Any]:
    """The keys of a position's first read: no names, numbers where strings come later."""
    book = call.portfolio
    average = holding.average(item.multiplier)
    return {
        "acctId": call.account,
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


def _row(call: Call, item: Instrument, holding: Holding) -> dict[str, Any]:
    """A whole position row."""
    row = _sparse_row(call, item, holding)
    rate = call.sim.market.rate(item.currency)
    derivative = item.underlying != 0
    symbol = item.symbol
    row |= {
        "strike": plain(item.strike) if item.strike else "0",
        "multiplier": float(item.multiplier if derivative else 0),
        "baseMktValue": number(call.portfolio.market_value(item, holding) * rate),
        "baseMktPrice": number(call.portfolio.mark(item.conid) * rate, 7),
        "baseAvgCost": number(holding.average(1) * rate, 8),
        "baseAvgPrice": number(holding.average(item.multiplier) * rate, 8),
        "baseRealizedPnl": number(holding.realized * rate),
        "baseUnrealizedPnl": number(call.portfolio.unrealized(item, holding) * rate),
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
        "hasOptions": item.sec_type == "STK",
        "isUS": item.is_us,
        "incrementRules": [{"lowerEdge": 0.0, "increment": float(item.tick)}],
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
    return [make(call, item, holding) for item, holding in rows]


def _held(call: Call) -> list[dict[str, Any]]:
    conid = call.params["conid"]
    return [_row(call, item, holding) for item, holding in call.portfolio.open_positions() if str(item.conid) == conid]


def _position(call: Call) -> Any:
    _own(call)
    return _held(call)


def _position_everywhere(call: Call) -> Any:
    return {call.account: _held(call)}


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
]

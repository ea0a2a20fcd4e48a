"""Account endpoints: the accounts of the user and their summaries (reference section 4.1)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from ibkr_tui.sim.calls import Call, Problem, get, post
from ibkr_tui.sim.logins import Login
from ibkr_tui.sim.rest.session import SERVER
from ibkr_tui.sim.text import number, whole_text

_ALL_PERIODS = ("STK", "CFD", "WAR", "IOPT", "FUT", "CASH", "IND", "BOND", "FUND", "CMDTY", "PHYSS", "CRYPTO")
_FEATURES = {
    "showGFIS": True,
    "showEUCostReport": False,
    "allowEventContract": True,
    "allowFXConv": True,
    "allowFinancialLens": False,
    "allowMTA": True,
    "allowTypeAhead": True,
    "allowEventTrading": True,
    "snapshotRefreshTimeout": 30,
    "liteUser": False,
    "showWebNews": True,
    "research": True,
    "debugPnl": True,
    "showTaxOpt": True,
    "showImpactDashboard": True,
    "allowDynAccount": False,
    "allowCrypto": True,
    "allowedAssetTypes": "STK,CFD,OPT,FOP,WAR,FUT,BAG,PDC,CASH,IND,BOND,BILL,FUND,SLB,News,CMDTY,CRYPTO",
}
_PROPERTIES = {
    "hasChildAccounts": False,
    "supportsCashQty": True,
    "liteUnderPro": False,
    "noFXConv": False,
    "isProp": False,
    "supportsFractions": True,
    "allowCustomerTime": False,
    "autoFx": False,
}


def accounts_payload(login: Login) -> dict[str, Any]:
    """The body of ``GET /iserver/accounts``, also the ``act`` topic's arguments."""
    periods: dict[str, list[str]] = {name: ["*"] for name in _ALL_PERIODS}
    periods |= {name: ["2h", "1d", "2d", "1w", "1m"] for name in ("OPT", "FOP")}
    return {
        "accounts": list(login.user.accounts),
        "acctProps": dict.fromkeys(login.user.accounts, _PROPERTIES),
        "aliases": {account: account for account in login.user.accounts},
        "allowFeatures": _FEATURES,
        "chartPeriods": periods,
        "groups": [],
        "profiles": [],
        "selectedAccount": login.account,
        "serverInfo": SERVER,
        "sessionId": f"{login.session_id[:8]}.{login.session_id[8:16]}",
        "isFT": False,
        "isPaper": login.user.is_paper,
    }


def _accounts(call: Call) -> Any:
    call.login.accounts_read = True
    return accounts_payload(call.login)


def _switch(call: Call) -> Any:
    """Work with another account of the login; its orders have to be read anew."""
    wanted = call.object().get("acctId")
    if wanted is None:
        raise Problem(400, "Bad Request: acctId required")
    if wanted not in call.login.user.accounts:
        raise Problem(500, "unknown account")
    if wanted == call.account:
        return {"success": "Account already set"}
    call.login.selected = wanted
    call.login.orders_primed = call.login.trades_primed = call.login.pnl_primed = False
    return {"set": True, "acctId": wanted}


def portfolio_account(login: Login, account: str) -> dict[str, Any]:
    """One row of ``GET /portfolio/accounts``."""
    return {
        "id": account,
        "PrepaidCrypto-Z": False,
        "PrepaidCrypto-P": False,
        "brokerageAccess": True,
        "accountId": account,
        "accountVan": account,
        "accountTitle": "Sam Trader",
        "displayName": "Sam Trader",
        "accountAlias": None,
        "accountStatus": 1769922000000,
        "currency": "USD",
        "type": "DEMO" if login.user.is_paper else "INDIVIDUAL",
        "tradingType": "STKNOPT",
        "businessType": "INDEPENDENT",
        "category": "",
        "ibEntity": "IBLLC-US",
        "faclient": False,
        "clearingStatus": "O",
        "covestor": False,
        "noClientTrading": False,
        "trackVirtualFXPortfolio": False,
        "acctCustType": "INDIVIDUAL",
        "parent": {"mmc": [], "accountId": "", "isMParent": False, "isMChild": False, "isMultiplex": False},
        "desc": account,
    }


def _portfolio_accounts(call: Call) -> Any:
    call.login.portfolio_accounts_read = True
    return [portfolio_account(call.login, account) for account in call.login.user.accounts]


def _meta(call: Call) -> Any:
    if call.params["account"] not in call.login.user.accounts:
        raise Problem(401)
    return portfolio_account(call.login, call.params["account"])


def _own(call: Call) -> None:
    """``/iserver/account/{x}`` of a stranger is a 400."""
    if call.params["account"] not in call.login.user.accounts:
        raise Problem(400, "Bad Request: unknown account")


def _summary(call: Call) -> Any:
    _own(call)
    book = call.portfolio
    initial, cash = number(book.initial_margin), number(book.total_cash)
    balances = [
        {"currency": currency, "balance": number(amount), "settledCash": number(amount)}
        for currency, amount in book.cash.items()
    ]
    return {
        "accountType": "",
        "status": "",
        "balance": number(book.available_funds),
        "SMA": number(book.available_funds),
        "buyingPower": number(book.buying_power),
        "availableFunds": number(book.available_funds),
        "excessLiquidity": number(book.excess_liquidity),
        "netLiquidationValue": number(book.net_liquidation),
        "equityWithLoanValue": number(book.net_liquidation),
        "regTLoan": 0.0,
        "securitiesGVP": number(book.gross),
        "totalCashValue": cash,
        "accruedInterest": 0.0,
        "regTMargin": number(book.gross / 2),
        "initialMargin": initial,
        "maintenanceMargin": number(book.maintenance_margin),
        "cashBalances": balances,
    }


def _money(value: Decimal) -> str:
    return f"{whole_text(value)} USD"


def _segments(values: dict[str, Decimal], leverage: Decimal | None = None) -> dict[str, dict[str, str]]:
    """The same figures for total and securities, zeros for the segments the account does not use."""
    used = {key: _money(value) for key, value in values.items()}
    empty = {key: _money(Decimal(0)) for key in values}
    if leverage is not None:
        used["leverage"], empty["leverage"] = f"{leverage:.2f}", "0.00"
    return {"total": used, "Crypto at Paxos": empty, "commodities": empty, "securities": used}


def _available(call: Call) -> Any:
    _own(call)
    book = call.portfolio
    funds, excess = book.available_funds, book.excess_liquidity
    return _segments(
        {
            "current_available": funds,
            "current_excess": excess,
            "buying_power": book.buying_power,
            "look_ahead_available": funds,
            "look_ahead_excess": excess,
        },
        book.gross / book.net_liquidation if book.net_liquidation else Decimal(0),
    )


def _balances(call: Call) -> Any:
    _own(call)
    book = call.portfolio
    return _segments(
        {
            "net_liquidation": book.net_liquidation,
            "equity_with_loan": book.net_liquidation,
            "cash": book.total_cash,
            "MTD Interest": Decimal(0),
            "previous_day_equity_with_loan": book.previous_equity,
        }
    )


def _margins(call: Call) -> Any:
    _own(call)
    initial, maintenance = call.portfolio.initial_margin, call.portfolio.maintenance_margin
    return _segments(
        {
            "current_initial": initial,
            "current_maint": maintenance,
            "look_ahead_initial": initial,
            "look_ahead_maint": maintenance,
            "RegT Margin": call.portfolio.gross / 2,
        }
    )


def _market_value(call: Call) -> Any:
    _own(call)
    book = call.portfolio
    return {
        currency: {
            "total_cash": whole_text(cash),
            "stock": whole_text(book.total(frozenset({"STK"}), currency)),
            "options": whole_text(book.total(frozenset({"OPT"}), currency)),
            "futures": whole_text(book.total(frozenset({"FUT"}), currency)),
            "net_liquidation": whole_text(cash + book.total(currency=currency)),
            "unrealized_pnl": whole_text(book.total_unrealized(currency)),
            "realized_pnl": whole_text(book.realized_today if currency == "USD" else Decimal(0)),
        }
        for currency, cash in book.cash.items()
    }


ROUTES = [
    get("/iserver/accounts", _accounts),
    post("/iserver/account", _switch),
    get("/portfolio/accounts", _portfolio_accounts),
    get("/portfolio/subaccounts", _portfolio_accounts),
    get("/portfolio/subaccounts2", _portfolio_accounts),
    get("/portfolio/{account}/meta", _meta),
    get("/iserver/account/{account}/summary", _summary),
    get("/iserver/account/{account}/summary/available_funds", _available),
    get("/iserver/account/{account}/summary/balances", _balances),
    get("/iserver/account/{account}/summary/margins", _margins),
    get("/iserver/account/{account}/summary/market_value", _market_value),
]

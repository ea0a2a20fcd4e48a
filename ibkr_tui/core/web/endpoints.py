"""IBKR's REST endpoints as methods (reference 4). Reads return checked shapes; orders return the bare `Answer`.

What a read needs called before it is called here (`warmup.py`). Every read raises BrokerError with the broker's words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote

from ibkr_tui.core.web import warmup, wire
from ibkr_tui.core.web.answer import Answer, NotSent
from ibkr_tui.core.web.course import Check
from ibkr_tui.core.web.errors import is_users_error, problem_of
from ibkr_tui.core.web.transport import DEADLINE, Transport
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.numbers import plain

MOST_CONIDS: Final = 100
MOST_FIELDS: Final = 50
MOST_DAYS: Final = 7
WHAT_IF_DEADLINE: Final = 15.0
HISTORY_DEADLINE: Final = 20.0
_ACCOUNT: Final = re.compile(r"[A-Za-z0-9]{1,20}")
_ORDER_ID: Final = re.compile(r"[1-9][0-9]{0,18}")
_NOTHING_FOUND: Final = re.compile(r"no symbol|no contract|not found|no securit", re.IGNORECASE)


class Endpoints:
    """The endpoints that this program uses."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._warm = warmup.WarmUps(transport)

    def session_opened(self) -> None:
        """A new brokerage session began: what must be called first must be called again."""
        self._warm.forget()

    # accounts and portfolio

    async def accounts(self) -> wire.Accounts:
        """The accounts of the login, and whether it is a paper login."""
        found = wire.read_accounts(await self._transport.get(warmup.ISERVER))
        self._warm.note(warmup.ISERVER)
        return found

    async def portfolio_accounts(self) -> list[wire.Row]:
        """The accounts with their base currencies."""
        found = wire.as_rows(await self._transport.get(warmup.PORTFOLIO), "the portfolio's accounts")
        self._warm.note(warmup.PORTFOLIO)
        return found

    async def summary(self, account: str) -> Mapping[str, Any]:
        """Every figure of the account as `{amount, currency, value, …}` under its lower-case name."""
        return wire.as_object(await self._portfolio(account, "summary"), "the account summary")

    async def ledger(self, account: str) -> Mapping[str, Any]:
        """The ledger by currency, with `BASE`."""
        return wire.as_object(await self._portfolio(account, "ledger"), "the ledger")

    async def positions(self, account: str, page: int) -> list[wire.Row]:
        """One page of positions, from 0; an empty page is the end. The first read of a session has sparse rows."""
        return wire.as_rows(await self._portfolio(account, f"positions/{page:d}"), "the positions")

    async def pnl(self) -> Mapping[str, Any]:
        """Profit and loss by `ACCOUNT.Segment`. The first read of a session may be empty."""
        data = wire.as_object(await self._iserver("/iserver/account/pnl/partitioned"), "the profit and loss")
        found = data.get("upnl")
        return found if isinstance(found, dict) else {}

    # contracts

    async def search(self, symbol: str, sec_type: str = "") -> list[wire.Row]:
        """The listings of a symbol; none is an empty list."""
        # By POST: a symbol with a blank or a slash has no settled spelling inside a signature (reference 1.2).
        body = {"symbol": symbol, "name": False} | ({"secType": sec_type} if sec_type else {})
        answer = await self._transport.post("/iserver/secdef/search", body, repeat=True)
        try:
            return wire.as_rows(answer, "the search")
        except BrokerError as error:
            if error.code == "IBKR_REQUEST_REFUSED" and _NOTHING_FOUND.search(error.message):
                return []
            raise

    async def stocks(self, symbol: str) -> Mapping[str, Any]:
        """The stocks of a symbol with their contracts, under the symbol."""
        return wire.as_object(await self._transport.get("/trsrv/stocks", [("symbols", symbol)]), "the stocks")

    async def futures(self, symbol: str) -> Mapping[str, Any]:
        """The futures written on a symbol, under the symbol."""
        return wire.as_object(await self._transport.get("/trsrv/futures", [("symbols", symbol)]), "the futures")

    async def strikes(self, conid: int, month: str, sec_type: str = "OPT") -> Mapping[str, Any]:
        """`{call, put}` of one month (`JAN27`). Empty unless the underlying was searched for before (W-21)."""
        query = [("conid", str(int(conid))), ("sectype", sec_type), ("month", month)]
        return wire.as_object(await self._iserver("/iserver/secdef/strikes", query), f"the strikes of {month}")

    async def option_info(
        self, conid: int, month: str, strike: Decimal, right: str, sec_type: str = "OPT"
    ) -> list[wire.Row]:
        """The contracts of one strike and right (C or P): one for each day of `month` that has it."""
        query = [
            ("conid", str(int(conid))),
            ("sectype", sec_type),
            ("month", month),
            ("strike", plain(strike)),
            ("right", right),
        ]
        answer = await self._iserver("/iserver/secdef/info", query)
        return wire.as_rows(answer, f"the {right} {plain(strike)} of {month}")

    async def contract(self, conid: int) -> Mapping[str, Any]:
        """One contract and its trading rules."""
        answer = await self._transport.get(f"/iserver/contract/{conid:d}/info-and-rules")
        return wire.as_object(answer, f"the contract {conid}")

    async def trading_schedule(self, conid: int) -> wire.TradingSchedule:
        """The trading hours of the days around today."""
        return wire.read_schedule(await self._transport.get("/contract/trading-schedule", [("conid", str(int(conid)))]))

    # market data

    async def snapshot(self, conids: Sequence[int], fields: Sequence[str]) -> dict[int, wire.Row]:
        """Rows by conid. The first call for a conid only starts its stream: call again after half a second.

        Raises BAD_ARGUMENT above 100 conids or 50 fields.
        """
        if not 0 < len(conids) <= MOST_CONIDS or not 0 < len(fields) <= MOST_FIELDS:
            raise BrokerError("BAD_ARGUMENT", f"a snapshot has 1-{MOST_CONIDS} conids and 1-{MOST_FIELDS} fields")
        query = [("conids", ",".join(str(int(conid)) for conid in conids)), ("fields", ",".join(fields))]
        rows = wire.as_rows(await self._iserver("/iserver/marketdata/snapshot", query), "the snapshot")
        return {conid: row for row in rows if (conid := _conid(row)) is not None}

    async def history(self, conid: int, period: str, bar: str, outside_rth: bool = False) -> Mapping[str, Any]:
        """Bars as the broker gives them: prices are true prices, volume may be in lots (reference 4.8)."""
        query = [
            ("conid", str(int(conid))),
            ("period", period),
            ("bar", bar),
            ("outsideRth", "true" if outside_rth else "false"),
        ]
        answer = await self._iserver("/iserver/marketdata/history", query, deadline=HISTORY_DEADLINE)
        return wire.as_object(answer, "the history")

    async def scan(self, instrument: str, kind: str, location: str, filters: Mapping[str, str]) -> Mapping[str, Any]:
        """Run a scanner. Raises BrokerError IBKR_REQUEST_REFUSED for words the broker does not know."""
        chosen = [{"code": code, "value": value} for code, value in filters.items()]
        body = {"instrument": instrument, "type": kind, "location": location, "filter": chosen}
        path = "/iserver/scanner/run"
        return wire.as_object(await self._ask(path, body, "the scan"), "the scan")

    # reports

    async def performance(self, account: str, period: str) -> Mapping[str, Any]:
        """Net value and returns over `period` (1D 7D MTD 1M 3M 6M 12M YTD). IBKR allows one call in 15 minutes."""
        body = {"acctIds": [_account(account)], "period": period}
        return wire.as_object(await self._ask("/pa/performance", body, "the performance"), "the performance")

    async def transactions(self, account: str, conid: int, currency: str, days: int) -> Mapping[str, Any]:
        """What was booked in one instrument. IBKR allows one call in 15 minutes."""
        body = {"acctIds": [_account(account)], "conids": [int(conid)], "currency": currency, "days": days}
        return wire.as_object(await self._ask("/pa/transactions", body, "the transactions"), "the transactions")

    async def exchange_rate(self, source: str, target: str) -> Mapping[str, Any]:
        """`{rate}`: how much of `target` one unit of `source` is."""
        query = [("source", source), ("target", target)]
        answer = await self._iserver("/iserver/exchangerate", query)
        return wire.as_object(answer, f"the rate from {source} to {target}")

    async def select_account(self, account: str) -> Mapping[str, Any]:
        """Make `account` the one that the session's unaddressed calls mean; saying it twice is no error."""
        return wire.as_object(await self._ask("/iserver/account", {"acctId": _account(account)}, "the account"), "it")

    # orders, reading

    async def orders(self, force: bool = False) -> Mapping[str, Any]:
        """The day's orders, at most 1,000, as `{orders, snapshot}`; never filtered.

        Empty on the first call of a session, and always with `force`. A filter would mute the order topic of the
        stream (reference 4.3).
        """
        return wire.read_orders(await self._iserver("/iserver/account/orders", [("force", "true")] if force else []))

    async def order_status(self, order_id: str) -> Mapping[str, Any]:
        """One order of this session by the broker's id."""
        path = f"/iserver/account/order/status/{_order_id(order_id)}"
        return wire.as_object(await self._iserver(path), f"the order {order_id}")

    async def trades(self, days: int = 1) -> list[wire.Row]:
        """Executions of today and up to six days before. Empty on the first call of a session."""
        if not 0 <= days <= MOST_DAYS:
            raise BrokerError("BAD_ARGUMENT", f"the broker keeps the trades of {MOST_DAYS} days")
        return wire.as_rows(await self._iserver("/iserver/account/trades", [("days", str(days))]), "the trades")

    async def whatif(self, account: str, body: Mapping[str, Any] | bytes) -> wire.WhatIf:
        """What the broker thinks `body` (as for `place`) would do. Creates nothing. Needs a snapshot before it."""
        await self._warm.need(warmup.ISERVER)
        path = f"/iserver/account/{_account(account)}/orders/whatif"
        return wire.read_whatif(await self._transport.post(path, body, deadline=WHAT_IF_DEADLINE, repeat=True))

    # orders, writing: one attempt each, and the answer as it came

    async def place(
        self,
        account: str,
        body: Mapping[str, Any] | bytes,
        *,
        deadline: float = DEADLINE,
        check: Check | None = None,
    ) -> Answer:
        """Place orders. `check` is asked when the first byte is about to leave.

        Raises NotSent or AnswerLost, nothing else; every answer is the caller's to judge.
        """
        return await self._transport.send_once(
            "POST", f"/iserver/account/{_account(account)}/orders", body, deadline=deadline, check=check
        )

    async def reply(
        self, question_id: str, confirmed: bool, *, deadline: float = DEADLINE, check: Check | None = None
    ) -> Answer:
        """Answer one question of the broker's. As `place`."""
        path = f"/iserver/reply/{quote(question_id, safe='')}"
        return await self._transport.send_once("POST", path, {"confirmed": confirmed}, deadline=deadline, check=check)

    async def notify(
        self,
        order_id: str,
        request_id: str,
        text: str,
        *,
        deadline: float = DEADLINE,
        check: Check | None = None,
    ) -> Answer:
        """Answer one prompt of the broker's about an order, with an option of its own (reference 4.6). As `place`."""
        body = {"orderId": int(_order_id(order_id)), "reqId": request_id, "text": text}
        return await self._transport.send_once("POST", "/iserver/notification", body, deadline=deadline, check=check)

    async def modify(
        self, account: str, order_id: str, body: bytes, *, deadline: float = DEADLINE, check: Check | None = None
    ) -> Answer:
        """Change an order: `body` says it again, whole (reference 4.6). As `place`."""
        path = f"/iserver/account/{_account(account)}/order/{_order_id(order_id)}"
        return await self._transport.send_once("POST", path, body, deadline=deadline, check=check)

    async def cancel(
        self,
        account: str,
        order_id: str,
        *,
        manual: bool | None = None,
        operator: str = "",
        deadline: float = DEADLINE,
    ) -> Answer:
        """Ask for a cancel, by the broker's id. May be repeated by the caller. Raises as `place`.

        `manual` and `operator` are for futures: whether a person asks, and who (CME rule 576).

        An empty id or −1 would cancel every order: such a call is never sent (NotSent, ORDER_NOT_FOUND).
        """
        path = f"/iserver/account/{_account(account)}/order/{_order_id(order_id)}"
        query = [] if manual is None else [("manualIndicator", "true" if manual else "false")]
        query += [("extOperator", operator)] if operator else []
        return await self._transport.send_once("DELETE", path, query=query, deadline=deadline)

    async def _ask(self, path: str, body: Mapping[str, Any], what: str) -> Answer:
        """A read by POST. Where a 500 means the request, it is a refusal and no failure of the server's (W-15)."""
        await self._warm.need(warmup.ISERVER)
        answer = await self._transport.post(path, body, repeat=True)
        problem = problem_of(answer, what) if is_users_error(answer, path) else None
        if problem is not None:
            raise BrokerError("IBKR_REQUEST_REFUSED", problem.message, details=problem.details)
        return answer

    async def _portfolio(self, account: str, rest: str) -> Answer:
        await self._warm.need(warmup.PORTFOLIO)
        return await self._transport.get(f"/portfolio/{_account(account)}/{rest}")

    async def _iserver(self, path: str, query: Sequence[tuple[str, str]] = (), *, deadline: float = DEADLINE) -> Answer:
        await self._warm.need(warmup.ISERVER)
        return await self._transport.get(path, query, deadline=deadline)


def _account(account: str) -> str:
    if not _ACCOUNT.fullmatch(account):
        raise NotSent("an account id has letters and digits only", "IBKR_ACCOUNT_NOT_FOUND")
    return account


def _order_id(order_id: str) -> str:
    if not _ORDER_ID.fullmatch(order_id):
        raise NotSent("the broker has not given this order an id yet", "ORDER_NOT_FOUND")
    return order_id


def _conid(row: Mapping[str, Any]) -> int | None:
    text = str(row.get("conid") or row.get("conidEx") or "").partition("@")[0]
    return int(text) if text.isascii() and text.isdigit() else None

"""Positions: all pages, once each, shorts included (reference 4.2)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.naming import contract_name
from ibkr_tui.model.numbers import NumberError, parse_wire, parse_wire_or_none
from ibkr_tui.model.portfolio import Position
from ibkr_tui.model.text import clean

MOST_PAGES: Final = 400

ReadPage = Callable[[int], Awaitable[Sequence[Mapping[str, Any]]]]


async def read_positions(account: str, read_page: ReadPage, now: Callable[[], datetime]) -> dict[str, Position]:
    """Every position by conid: pages from 0 until one is empty. A page that repeats the one before is the end too: so
    answers a broker that knows no such page.

    Raises BrokerError IBKR_RESPONSE_INVALID for a row without its quantity or price.
    """
    found: dict[str, Position] = {}
    before: list[str] = []
    for page in range(MOST_PAGES):
        rows = await read_page(page)
        keys: list[str] = []
        for row in rows:
            position = _position(account, row, now())
            if position is not None:
                keys.append(str(position.conid))
                found.setdefault(keys[-1], position)
        if not rows or keys == before:
            return {key: position for key, position in found.items() if position.qty != 0}
        before = keys
    raise BrokerError("IBKR_RESPONSE_INVALID", f"the positions did not end after {MOST_PAGES} pages")


def is_sparse(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether this is the short form that the first read after a start gives: no name, no ticker."""
    return any(not row.get("ticker") and not row.get("name") for row in rows)


def _position(account: str, row: Mapping[str, Any], now: datetime) -> Position | None:
    if row.get("acctId") not in {None, "", account}:
        return None
    conid = row.get("conid")
    if not isinstance(conid, int | str) or not str(conid).isdigit() or int(conid) <= 0:
        raise BrokerError("IBKR_RESPONSE_INVALID", "a position came without its conid")
    symbol = clean(str(row.get("ticker") or row.get("contractDesc") or conid), limit=40)
    sec_type = clean(str(row.get("assetClass") or ""), limit=8)
    multiplier = _number(row, "multiplier")
    price = _number(row, "mktPrice", needed=True)
    return Position(
        account=account,
        conid=int(conid),
        symbol=symbol,
        description=_name(row, symbol, sec_type),
        sec_type=sec_type,
        currency=clean(str(row.get("currency") or ""), limit=8),
        qty=_number(row, "position", needed=True),
        avg_price=_number(row, "avgPrice"),
        avg_cost=_number(row, "avgCost"),
        market_price=price,
        market_value=_number(row, "mktValue", needed=True),
        unrealized_pnl=_number(row, "unrealizedPnl"),
        realized_pnl=_number(row, "realizedPnl"),
        multiplier=multiplier if multiplier > 0 else Decimal(1),
        updated_at=now,
    )


def _name(row: Mapping[str, Any], symbol: str, sec_type: str) -> str:
    """Our short name; where the row has too little for one, the broker's own words."""
    strike, right = parse_wire_or_none(row.get("strike")), str(row.get("putOrCall") or "")
    name = contract_name(symbol, sec_type, str(row.get("expiry") or ""), strike, right)
    if name == symbol and sec_type not in {"", "STK", "CASH"}:
        words = str(row.get("contractDesc") or symbol).partition("[")[0]
        return clean(" ".join(words.split()), limit=40)
    return name


def _number(row: Mapping[str, Any], name: str, *, needed: bool = False) -> Decimal:
    try:
        number = parse_wire(row.get(name))
    except NumberError:
        number = None
    if number is None and needed:
        raise BrokerError("IBKR_RESPONSE_INVALID", f"a position came without its {name}")
    return Decimal(0) if number is None else number

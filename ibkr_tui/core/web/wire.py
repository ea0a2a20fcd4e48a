"""Their JSON, read once at the door: the shape is checked, unknown fields are ignored (reference 4).

Rows whose meaning belongs to another room (orders, positions, quotes, contracts) pass as objects; what no room but
this one knows becomes a struct.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec

from ibkr_tui.core.web.answer import Answer
from ibkr_tui.core.web.errors import decode, invalid, parse
from ibkr_tui.model.numbers import parse_wire_or_none
from ibkr_tui.model.quotes import MarketHours
from ibkr_tui.model.text import clean, clean_html

Row = dict[str, Any]


class Accounts(msgspec.Struct, frozen=True):
    """`/iserver/accounts`: the accounts of the login. `is_paper` is None when the broker does not say."""

    accounts: tuple[str, ...]
    selected: str = ""
    is_paper: bool | None = None


class Span(msgspec.Struct, frozen=True):
    """From `opening` until before `closing`, aware, UTC."""

    opening: datetime
    closing: datetime


class TradingSchedule(msgspec.Struct, frozen=True):
    """`/contract/trading-schedule`: the regular and the extended hours of the days around today, in order."""

    timezone: str
    liquid: tuple[Span, ...]
    extended: tuple[Span, ...]
    days: tuple[date, ...] = ()

    def hours(self, venue: str, now: datetime) -> MarketHours:
        """Whether the regular session is on at `now`, when that changes, and the session that is on or comes next.

        Without a next change it is not known. A half day is a session clearly shorter than the usual one here.
        """
        is_open = any(span.opening <= now < span.closing for span in self.liquid)
        edges = [edge for span in self.liquid for edge in (span.opening, span.closing) if edge > now]
        session = min((span for span in self.liquid if span.closing > now), key=_begin, default=None)
        return MarketHours(
            venue,
            is_open,
            self.timezone,
            now,
            min(edges, default=None),
            is_extended=not is_open and any(span.opening <= now < span.closing for span in self.extended),
            opens=session.opening if session else None,
            closes=session.closing if session else None,
            is_half_day=session is not None and self.is_half(session),
        )

    def is_half(self, session: Span) -> bool:
        """Whether `session` is shorter than nine tenths of the most common one, of at least three."""
        lengths = Counter(span.closing - span.opening for span in self.liquid)
        usual, _ = max(lengths.items(), key=lambda item: (item[1], item[0]), default=(timedelta(0), 0))
        return len(self.liquid) >= 3 and (session.closing - session.opening) < usual * 0.9


class WhatIfLine(msgspec.Struct, frozen=True):
    """One figure of a what-if, in the broker's words: `8,637`."""

    current: str = ""
    change: str = ""
    after: str = ""


class WhatIf(msgspec.Struct, frozen=True):
    """What the broker thinks an order would do. Estimates, in the broker's words: `0.01 USD`, `1 USD (1 Shares)`."""

    amount: str = ""
    commission: str = ""
    total: str = ""
    equity: WhatIfLine = WhatIfLine()
    initial: WhatIfLine = WhatIfLine()
    maintenance: WhatIfLine = WhatIfLine()
    position: WhatIfLine = WhatIfLine()
    warning: str = ""
    error: str = ""


def as_object(answer: Answer, what: str) -> Row:
    """The answer's JSON object. Raises the answer's problem, or IBKR_RESPONSE_INVALID for another shape."""
    data = decode(answer, what)
    if not isinstance(data, dict):
        raise invalid(what, "the answer is not an object")
    return data


def as_rows(answer: Answer, what: str) -> list[Row]:
    """The answer's JSON list of objects; nothing at all, null and `{}` are no rows (a first read may be so).

    Raises the answer's problem, or IBKR_RESPONSE_INVALID for another shape.
    """
    if answer.status == 200 and not answer.body.strip():
        return []
    data = decode(answer, what)
    if data is None or data == {}:
        return []
    if not isinstance(data, list) or not all(isinstance(row, dict) for row in data):
        raise invalid(what, "the answer is not a list of rows")
    return data


def read_accounts(answer: Answer) -> Accounts:
    """Raises IBKR_RESPONSE_INVALID when there is no list of accounts."""
    data = as_object(answer, "the accounts")
    accounts = data.get("accounts")
    if not isinstance(accounts, list):
        raise invalid("the accounts", "the answer names none")
    paper = data.get("isPaper")
    return Accounts(
        tuple(clean(name, limit=20) for name in accounts if isinstance(name, str)),
        _text(data.get("selectedAccount"), 20),
        paper if isinstance(paper, bool) else None,
    )


def read_orders(answer: Answer) -> Row:
    """`{orders, snapshot}`. Raises IBKR_RESPONSE_INVALID when there is no list of orders."""
    data = as_object(answer, "the orders")
    rows = data.setdefault("orders", [] if "snapshot" in data else None)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise invalid("the orders", "the answer holds no list of orders")
    return data


def read_schedule(answer: Answer) -> TradingSchedule:
    """The days in order; times come as epoch seconds. Raises IBKR_RESPONSE_INVALID for another shape."""
    data = as_object(answer, "the trading schedule")
    schedules = data.get("schedules")
    if not isinstance(schedules, dict):
        raise invalid("the trading schedule", "the answer names no days")
    liquid: list[Span] = []
    extended: list[Span] = []
    days: list[date] = []
    for name, day in sorted(schedules.items()):
        if not isinstance(day, dict) or not (name.isascii() and name.isdigit() and len(name) == 8):
            continue
        try:
            days.append(date(int(name[:4]), int(name[4:6]), int(name[6:])))
        except ValueError:
            continue
        liquid += _spans(day.get("liquid_hours"))
        extended += _spans(day.get("extended_hours"))
    zone = _text(data.get("exchange_time_zone"), 40)
    return TradingSchedule(zone, tuple(sorted(liquid, key=_begin)), tuple(sorted(extended, key=_begin)), tuple(days))


def read_whatif(answer: Answer) -> WhatIf:
    """A what-if. An `error` beside figures is the broker's word on the order, shown by the preview; alone it raises."""
    data = parse(answer, "the what-if") if b'"amount"' in answer.body and answer.status == 200 else None
    if not isinstance(data, dict):
        data = as_object(answer, "the what-if")
    amount = data.get("amount")
    money: Mapping[str, Any] = amount if isinstance(amount, dict) else {}
    return WhatIf(
        amount=_text(money.get("amount"), 60),
        commission=_text(money.get("commission"), 40),
        total=_text(money.get("total"), 40),
        equity=_line(data.get("equity")),
        initial=_line(data.get("initial")),
        maintenance=_line(data.get("maintenance")),
        position=_line(data.get("position")),
        warning=_sentence(data.get("warn")),
        error=_sentence(data.get("error")),
    )


def _line(value: Any) -> WhatIfLine:
    if not isinstance(value, dict):
        return WhatIfLine()
    return WhatIfLine(*(_text(value.get(name), 40) for name in ("current", "change", "after")))


def _spans(value: Any) -> list[Span]:
    found = []
    for row in value if isinstance(value, list) else []:
        if not isinstance(row, dict):
            continue
        opening, closing = _seconds(row.get("opening")), _seconds(row.get("closing"))
        if opening is not None and closing is not None and opening < closing:
            found.append(Span(opening, closing))
    return found


def _seconds(value: Any) -> datetime | None:
    number = parse_wire_or_none(value)
    if number is None or not 0 < number < 10**11:
        return None
    return datetime.fromtimestamp(float(number), UTC)


def _begin(span: Span) -> datetime:
    return span.opening


def _text(value: Any, limit: int) -> str:
    return clean(str(value), limit=limit) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _sentence(value: Any) -> str:
    return clean_html(value, limit=500) if isinstance(value, str) else ""

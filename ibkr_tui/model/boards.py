"""The tables and logs that cross the link: their names, and the row type of each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ibkr_tui.model.alerts import Alert
from ibkr_tui.model.audit import AuditRow
from ibkr_tui.model.depth import DepthBook
from ibkr_tui.model.events import Event
from ibkr_tui.model.guards import Guards
from ibkr_tui.model.health import Health
from ibkr_tui.model.orders import Fill, Order, Question
from ibkr_tui.model.portfolio import AccountSummary, Pnl, Position
from ibkr_tui.model.quotes import Quote
from ibkr_tui.model.tape import Print

TABLES: Mapping[str, type[Any]] = {
    "quotes": Quote,  # key: conid
    "depth": DepthBook,  # key: conid
    "alerts": Alert,  # key: alert id
    "positions": Position,  # key: conid
    "orders": Order,  # key: Order.key
    "questions": Question,  # key: question id
    "account": AccountSummary,  # key: account
    "pnl": Pnl,  # key: account
    "health": Health,  # key: profile
    "guards": Guards,  # key: profile
}

LOGS: Mapping[str, type[Any]] = {
    "fills": Fill,
    "events": Event,
    "tape": Print,
    "audit": AuditRow,
}

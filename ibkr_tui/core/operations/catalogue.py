"""Every operation once. An operation is on the list when it works, never before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ibkr_tui.core.dispatch import Operation
from ibkr_tui.core.operations.account import account_operations
from ibkr_tui.core.operations.alerts import alert_operations
from ibkr_tui.core.operations.audit import audit_operations
from ibkr_tui.core.operations.guards import guard_operations
from ibkr_tui.core.operations.keys import key_operations
from ibkr_tui.core.operations.live import live_operations
from ibkr_tui.core.operations.market import market_operations
from ibkr_tui.core.operations.options import option_operations
from ibkr_tui.core.operations.orders import order_operations
from ibkr_tui.core.operations.previews import preview_operations
from ibkr_tui.core.operations.reports import report_operations
from ibkr_tui.core.operations.session import session_operations

if TYPE_CHECKING:
    from ibkr_tui.core.broker import Broker


def operations(broker: Broker) -> list[Operation[Any]]:
    """The list, bound to a broker; each room's operations stand in a file of their own."""
    return [
        *session_operations(broker),
        *account_operations(broker),
        *market_operations(broker),
        *option_operations(broker),
        *alert_operations(broker),
        *report_operations(broker),
        *order_operations(broker),
        *key_operations(broker),
        *preview_operations(broker),
        *guard_operations(broker),
        *audit_operations(broker),
        *live_operations(broker),
    ]

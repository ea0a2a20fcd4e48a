"""A recorded day: orders with their approvals, answers and fills, an alert, the kill switch, a gap."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from ibkr_tui.model.audit import AuditPage, AuditRow
from ibkr_tui.model.events import Event, Severity
from ibkr_tui.model.log import LogPage
from ibkr_tui.model.orders import Fill, Side
from tests.tui.conftest import NOW

D = Decimal
AAPL = {
    "conid": 265598, "symbol": "AAPL", "side": "buy", "qty": "100", "order_type": "limit", "limit_price": "188",
    "tif": "day", "exchange": "SMART", "request_hash": "9f2c41aa00112233aabb", "proposal_hash": "77aa",
    "value": "18800.00", "leverage_after": "0.641", "face": "app",
}  # fmt: skip
MSFT = AAPL | {
    "conid": 272093, "symbol": "MSFT", "qty": "200", "limit_price": "401.5", "proposal_hash": "", "face": "call",
    "value": "80300.00", "group_id": "g7", "role": "entry", "kind": "bracket", "legs_count": 3,
}  # fmt: skip


def row(seq: int, before: float, kind: str, coid: str = "", facts: Mapping[str, Any] | None = None) -> AuditRow:
    """A row, so many seconds before now."""
    return AuditRow(seq, NOW - timedelta(seconds=before), kind, coid, "5f0e9a11" if coid else "", dict(facts or {}))


DAY = (
    row(100, 7200, "opened", facts={"version": "0.1.0", "schema": 2, "key_id": "ab12"}),
    row(101, 7100, "limits", facts={"limits": ["max_order_qty = 500"], "face": "core"}),
    row(102, 602, "approved", facts={"request_hash": "77aa", "preview_id": "p0123456789abcdef", "face": "app"}),
    row(103, 600, "intent", "t1", AAPL),
    row(104, 600, "sent", "t1", {"request_hash": "9f2c41aa00112233aabb", "attempt": 1}),
    row(105, 599, "question", "t1", {"message_ids": ["o163"], "text": "The price exceeds the constraint of 3%."}),
    row(106, 590, "answered", "t1", {"message_ids": ["o163"], "answer": "yes", "by": "app"}),
    row(107, 589, "accepted", "t1", {"order_id": "1001", "status": "Submitted"}),
    row(108, 588, "working", "t1", {"order_id": "1001", "status": "Submitted", "filled": "0"}),
    row(110, 300, "filled", "t1", {
        "order_id": "1001", "execution_id": "e1", "qty": "40", "price": "188", "side": "buy", "conid": 265598,
        "at": "", "late": True,
    }),
    row(111, 120, "kill_switch", facts={"on": True, "by": "call", "text": "drill"}),
    row(112, 90, "kill_switch", facts={"on": False, "by": "call"}),
    row(113, 42, "intent", "t2", MSFT),
    row(114, 42, "sent", "t2", {"request_hash": "9f2c41aa00112233aabb"}),
    row(115, 37, "unknown", "t2", {"text": "no answer within 10 s", "body_start": "<html>", "body_hash": "aa" * 20}),
)  # fmt: skip
OLDER = tuple(row(seq, 90_000 - seq, "limits", facts={"limits": ["max_order_qty = 500"]}) for seq in range(1, 100))
MISSING = row(109, 400, "amended", "t1", {"limit_price": "188", "qty": "100"})


class Journal:
    """What a core's journal holds, by the contract of `get_audit`."""

    def __init__(self, *rows: AuditRow) -> None:
        self.rows = sorted((*rows,), key=lambda row: row.seq)

    def answer(self, asked: dict[str, Any]) -> AuditPage:
        found = [
            row
            for row in self.rows
            if (not asked["coid"] or row.coid == asked["coid"])
            and (not asked["kinds"] or row.kind in asked["kinds"])
            and (asked.get("before") is None or row.seq < asked["before"])
        ]
        return AuditPage(tuple(found[-asked["count"] :]), len(found) > asked["count"])


def tell(feed: Any) -> None:
    """The day, as a core tells it to a face that came in the afternoon."""
    feed.recent.clear()
    feed.accept(LogPage("audit", 1, DAY))
    fills = (
        Fill("e1", "DU1234567", 265598, "AAPL", Side.BUY, D(40), D("188"), NOW - timedelta(seconds=300), "1001", "t1",
             D("1.00")),
        Fill("e2", "DU1234567", 756733, "SPY", Side.SELL, D(50), D("501.77"), NOW - timedelta(seconds=200), "77"),
    )  # fmt: skip
    feed.accept(LogPage("fills", 1, fills))
    at = NOW - timedelta(seconds=250)
    feed.accept(
        LogPage(
            "events",
            1,
            (
                Event(at, "AAPL 187.95 is below 188.00", Severity.WARNING, "ALERT"),
                Event(at, "working BUY 100 AAPL LMT 188 DAY", order_key="t1"),
                Event(NOW - timedelta(seconds=201), "filled SELL 50 SPY @ 501.77", order_key="ib:77"),
                Event(NOW - timedelta(seconds=210), "working SELL 50 SPY MKT DAY", order_key="ib:77"),
                Event(NOW - timedelta(seconds=30), "the stream was lost", Severity.WARNING),
            ),
        )
    )
    feed.take()  # no toast of the alert


@pytest.fixture
def journal() -> Journal:
    return Journal(*OLDER, *DAY, MISSING)

"""An approval is for one order, one account, once, and not for long."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import msgspec
import pytest

from ibkr_tui.core.operations.guard_arguments import PreviewOrder
from ibkr_tui.core.orders.approvals import MOST, Approvals, digest_of
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.groups import GroupKind, Leg, Proposal
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.orders import OrderTicket, OrderType, Role, Side

AAPL = Instrument(265598, "AAPL", "AAPL", "Apple Inc", "STK", "NASDAQ", "USD")
TICKET = OrderTicket(Side.BUY, D(10), "AAPL", order_type=OrderType.LIMIT, limit_price=D("188.00"))
ORDER = Proposal(GroupKind.SIMPLE, "DU1", (Leg(Role.SINGLE, TICKET, AAPL),))


def changed(**fields: Any) -> Proposal:
    ticket = msgspec.structs.replace(TICKET, **fields)
    return msgspec.structs.replace(ORDER, legs=(Leg(Role.SINGLE, ticket, AAPL),))


@pytest.fixture
def approvals(fake_clock: Any) -> Approvals:
    return Approvals(fake_clock, 60.0)


def code(work: Any, *arguments: Any) -> str:
    with pytest.raises(BrokerError) as caught:
        work(*arguments)
    return caught.value.code


def test_once_and_for_that_order_alone(approvals: Approvals) -> None:
    preview, _ = approvals.previewed(ORDER)
    given = approvals.approve(preview)
    for other in (
        changed(qty=D(11)), changed(limit_price=D("188.01")), changed(side=Side.SELL), changed(outside_rth=True),
        msgspec.structs.replace(ORDER, account="DU2"), msgspec.structs.replace(ORDER, amends="t1"),
        msgspec.structs.replace(ORDER, closes=True), msgspec.structs.replace(ORDER, legs=ORDER.legs * 2),
    ):  # fmt: skip
        assert code(approvals.use, given.approval, other) == "APPROVAL_INVALID"
    approvals.use(given.approval, ORDER)
    assert code(approvals.use, given.approval, ORDER) == "APPROVAL_INVALID"
    assert code(approvals.use, "", ORDER) == "APPROVAL_INVALID"
    assert code(approvals.approve, preview) == "PREVIEW_NOT_FOUND"


def test_how_the_instrument_was_named_does_not_matter() -> None:
    assert digest_of(changed(symbol="", conid=265598, limit_price=D("188.0"))) == digest_of(ORDER)
    other = msgspec.structs.replace(AAPL, conid=1)
    assert digest_of(msgspec.structs.replace(ORDER, legs=(Leg(Role.SINGLE, TICKET, other),))) != digest_of(ORDER)


async def test_they_run_out(approvals: Approvals, fake_clock: Any) -> None:
    first, until = approvals.previewed(ORDER)
    assert (until - fake_clock.now()).total_seconds() == 60
    await fake_clock.advance(59.9)
    given = approvals.approve(first)
    late, _ = approvals.previewed(ORDER)
    await fake_clock.advance(60)
    assert code(approvals.use, given.approval, ORDER) == "APPROVAL_EXPIRED"
    assert code(approvals.use, given.approval, ORDER) == "APPROVAL_INVALID"
    assert code(approvals.approve, late) == "PREVIEW_NOT_FOUND"


def test_the_oldest_are_forgotten(approvals: Approvals) -> None:
    first, _ = approvals.previewed(ORDER)
    for _ in range(MOST):
        approvals.previewed(ORDER)
    assert code(approvals.approve, first) == "PREVIEW_NOT_FOUND"


def test_a_preview_of_a_change_says_what_is_taken_back() -> None:
    """It is approved for exactly what is sent: no outside hours said is another thing than none any more."""
    assert PreviewOrder("amend", coid="t1", outside_rth=False).given() == {"coid": "t1", "outside_rth": False}
    assert PreviewOrder("amend", coid="t1").given() == {"coid": "t1"}

"""The gate before live orders: every combination of its conditions, and a checklist that cannot be slipped past."""

from __future__ import annotations

import itertools
import json
import os
from datetime import timedelta
from decimal import Decimal as D
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ibkr_tui.core.acknowledgements import FILE_NAME, KEY_NAME
from ibkr_tui.core.live_gate import LiveDesk
from ibkr_tui.core.settings import AuditSettings, Limits, MarketSettings, Profile, SafetySettings, UiSettings
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.groups import GroupKind, Leg, Proposal
from ibkr_tui.model.instruments import Instrument
from ibkr_tui.model.live_gate import LiveCheck, LiveGateName
from ibkr_tui.model.orders import OrderTicket, OrderType, Role, Side

ACCOUNT = "U7654321"
AAPL = Instrument(265598, "AAPL", "AAPL", "Apple Inc", "STK", "NASDAQ", "USD")


def profile(closed: frozenset[LiveGateName] = frozenset(), **changes: Any) -> Profile:
    """A live profile that meets every condition but those of `closed`; the checklist is kept elsewhere."""
    is_flagged = LiveGateName.FLAGS not in closed
    safety = SafetySettings(
        live_trading_enabled=is_flagged,
        allowed_accounts=("U1111111",) if LiveGateName.ACCOUNT in closed else ("U1111111", ACCOUNT),
    )
    made = Profile(
        name="live", kind="live", auth="oauth1", account_id=ACCOUNT, rest_url="", ws_url="",
        orders="refuse" if LiveGateName.ORDERS in closed else "send", limits=Limits(), market=MarketSettings(),
        safety=safety, ui=UiSettings(), live_trading=is_flagged,
        risk_policy="" if LiveGateName.POLICY in closed else "cautious",
        audit=AuditSettings(2554 if LiveGateName.RETENTION in closed else 2555),
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


def acknowledge_all(desk: LiveDesk) -> None:
    for item in LiveCheck:
        desk.acknowledge(item, item.word)


def refused(desk: LiveDesk) -> BrokerError:
    with pytest.raises(BrokerError) as caught:
        desk.check_orders()
    return caught.value


def limit(order_type: OrderType = OrderType.LIMIT, **changes: Any) -> Proposal:
    price = None if order_type is OrderType.MARKET else D(100)
    ticket = OrderTicket(Side.BUY, D(1), "AAPL", order_type=order_type, limit_price=price)
    return Proposal(GroupKind.SIMPLE, ACCOUNT, (Leg(Role.SINGLE, ticket, AAPL),), **changes)


def test_of_the_64_combinations_exactly_one_is_live(tmp_path: Path, fake_clock: Any) -> None:
    opened = []
    for number, met in enumerate(itertools.product((True, False), repeat=len(LiveGateName))):
        closed = frozenset(name for name, is_met in zip(LiveGateName, met, strict=True) if not is_met)
        state = tmp_path / str(number)
        state.mkdir()
        desk = LiveDesk(profile(closed), state, fake_clock)
        if LiveGateName.CHECKLIST not in closed:
            acknowledge_all(desk)
        found = desk.state()
        assert {gate.name for gate in found.closed} == closed
        assert all(gate.todo for gate in found.closed) and not any(g.todo for g in found.gates if g.is_open)
        if found.is_open:
            opened.append(closed)
            desk.check(limit())
            continue
        code = "ORDERS_REFUSED" if LiveGateName.ORDERS in closed else "LIVE_GATE_CLOSED"
        error = refused(desk)
        assert error.code == code
        if code == "LIVE_GATE_CLOSED":
            assert set(error.details["gates"]) == {str(name) for name in closed}
    assert number == 63
    assert opened == [frozenset()]


@pytest.mark.parametrize(
    ("own", "enabled", "words"),
    [
        (False, True, "profiles.live.live_trading is false"),
        (True, False, "safety.live_trading_enabled is false"),
        (False, False, "profiles.live.live_trading is false and safety.live_trading_enabled is false"),
    ],
)
def test_either_flag_alone_is_not_enough(own: bool, enabled: bool, words: str, tmp_path: Path, fake_clock: Any) -> None:
    safety = SafetySettings(live_trading_enabled=enabled, allowed_accounts=(ACCOUNT,))
    desk = LiveDesk(profile(live_trading=own, safety=safety), tmp_path, fake_clock)
    acknowledge_all(desk)
    error = refused(desk)
    assert (error.code, error.details["gates"]) == ("LIVE_GATE_CLOSED", ["flags"])
    assert words in error.message


def test_a_rehearsal_needs_no_gate_and_paper_has_none(tmp_path: Path, fake_clock: Any) -> None:
    LiveDesk(profile(orders="dry_run", live_trading=False), tmp_path, fake_clock).check_orders()
    paper = LiveDesk(profile(kind="paper", account_id="DU1", live_trading=False), tmp_path, fake_clock)
    paper.check(limit(OrderType.MARKET))
    assert (paper.state().applies, paper.state().is_open) == (False, False)
    with pytest.raises(BrokerError, match="nothing to acknowledge") as caught:
        paper.acknowledge(LiveCheck.PAPER, LiveCheck.PAPER.word)
    assert caught.value.code == "BAD_ARGUMENT"


def test_market_orders_need_the_policy_to_allow_them(tmp_path: Path, fake_clock: Any) -> None:
    desk = LiveDesk(profile(), tmp_path, fake_clock)
    acknowledge_all(desk)
    desk.check(limit())
    for proposal in (limit(OrderType.MARKET), limit(OrderType.MARKET, closes=True)):
        with pytest.raises(BrokerError) as caught:
            desk.check(proposal)
        assert caught.value.code == "LIVE_MARKET_ORDER"
    allowing = LiveDesk(profile(allow_market=True), tmp_path, fake_clock)
    allowing.acknowledge(LiveCheck.LIMITS, LiveCheck.LIMITS.word)
    allowing.check(limit(OrderType.MARKET))


@pytest.mark.parametrize("typed", ["", "yes", "LIMITS REVIEWED", "PAPER TRADING VALIDATED!", "paper_trading_validated"])
def test_other_words_acknowledge_nothing(typed: str, tmp_path: Path, fake_clock: Any) -> None:
    desk = LiveDesk(profile(), tmp_path, fake_clock)
    with pytest.raises(BrokerError) as caught:
        desk.acknowledge(LiveCheck.PAPER, typed)
    assert caught.value.code == "CONFIRMATION_REQUIRED"
    assert not any(item.is_open for item in desk.state().checklist)
    assert not (tmp_path / FILE_NAME).exists()


def test_each_item_stands_alone_and_the_words_may_be_small(tmp_path: Path, fake_clock: Any) -> None:
    desk = LiveDesk(profile(), tmp_path, fake_clock)
    for done, item in enumerate(LiveCheck):
        assert refused(desk).details["gates"] == ["checklist"]
        assert f"{done} of 5" in refused(desk).message
        desk.acknowledge(item, f" {item.word.lower()} ")
    desk.check_orders()
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600
    assert (tmp_path / KEY_NAME).stat().st_mode & 0o777 == 0o600


async def test_an_item_runs_out_by_itself(tmp_path: Path, fake_clock: Any) -> None:
    desk = LiveDesk(profile(), tmp_path, fake_clock)
    desk.acknowledge(LiveCheck.PAPER, LiveCheck.PAPER.word)
    await fake_clock.advance(86_400)
    acknowledge_all(desk)
    desk.acknowledge(LiveCheck.PAPER, LiveCheck.PAPER.word)
    await fake_clock.advance(30 * 86_400 - 1)
    desk.check_orders()
    await fake_clock.advance(1)
    assert [item.note for item in desk.state().checklist] == ["it has run out"] * 5
    assert refused(desk).code == "LIVE_GATE_CLOSED"


def test_a_clock_that_is_set_back_makes_no_item_last_longer(tmp_path: Path, fake_clock: Any) -> None:
    desk = LiveDesk(profile(), tmp_path, fake_clock)
    acknowledge_all(desk)
    fake_clock.jump_wall(-timedelta(days=20).total_seconds())
    assert "in the future" in desk.state().checklist[0].note
    assert refused(desk).code == "LIVE_GATE_CLOSED"


@pytest.mark.parametrize(
    ("changes", "lost"),
    [
        ({"limits": Limits(max_leverage=D(3))}, {LiveCheck.LIMITS}),
        ({"allow_market": True}, {LiveCheck.LIMITS}),
        ({"account_id": "U1111111"}, set(LiveCheck)),
    ],
)
def test_what_was_acknowledged_must_still_be_so(
    changes: dict[str, Any], lost: set[LiveCheck], tmp_path: Path, fake_clock: Any
) -> None:
    acknowledge_all(LiveDesk(profile(), tmp_path, fake_clock))
    found = LiveDesk(profile(**changes), tmp_path, fake_clock).state()
    assert {item.item for item in found.checklist if not item.is_open} == lost
    assert all(item.note for item in found.checklist if not item.is_open)


def _edit(path: Path) -> None:
    document = json.loads(path.read_text())
    document["items"]["paper_trading_validated"]["at"] = "2027-01-01T00:00:00+00:00"
    path.write_text(json.dumps(document))


def _link(path: Path) -> None:
    path.rename(path.with_suffix(".real"))
    path.symlink_to(path.with_suffix(".real"))


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


@pytest.mark.parametrize("name", [FILE_NAME, KEY_NAME])
@pytest.mark.parametrize(
    "harm",
    [
        _edit,
        _link,
        _pipe,
        lambda path: path.chmod(0o644),
        lambda path: path.write_text("{}"),
        lambda path: path.write_bytes(b"\xff" * 32),
    ],
)
def test_a_file_that_is_not_ours_alone_opens_nothing(name: str, harm: Any, tmp_path: Path, fake_clock: Any) -> None:
    desk = LiveDesk(profile(), tmp_path, fake_clock)
    acknowledge_all(desk)
    if harm is _edit and name == KEY_NAME:
        (tmp_path / KEY_NAME).unlink()
    else:
        harm(tmp_path / name)
    error = refused(desk)
    assert error.details["gates"] == ["checklist"]
    assert name in error.message or FILE_NAME in error.message


def test_a_checklist_of_another_profile_does_not_count(tmp_path: Path, fake_clock: Any) -> None:
    acknowledge_all(LiveDesk(profile(), tmp_path, fake_clock))
    assert refused(LiveDesk(profile(name="second"), tmp_path, fake_clock)).details["gates"] == ["checklist"]


def test_after_tampering_every_item_is_asked_anew(tmp_path: Path, fake_clock: Any) -> None:
    desk = LiveDesk(profile(), tmp_path, fake_clock)
    acknowledge_all(desk)
    _edit(tmp_path / FILE_NAME)
    found = desk.acknowledge(LiveCheck.RUNBOOK, LiveCheck.RUNBOOK.word)
    assert [item.is_open for item in found.checklist] == [False, False, False, False, True]


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path, fake_clock: Any) -> None:
    desk = LiveDesk(profile(), tmp_path / "gone", fake_clock)
    with pytest.raises(BrokerError) as caught:
        desk.acknowledge(LiveCheck.PAPER, LiveCheck.PAPER.word)
    assert caught.value.code == "STATE_UNUSABLE"

"""The health row: what it says of session, stream, journal and keys, since when, and how fast frames come."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from ibkr_tui.core.config import load
from ibkr_tui.core.health import HealthBoard
from ibkr_tui.core.memory import resident_mb
from ibkr_tui.core.settings import Profile
from ibkr_tui.core.web.pacing import Pacing
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.model.health import Health, SessionState, StreamState
from ibkr_tui.model.table import Table

COMMITTED = datetime(2025, 11, 5, 14, 58, tzinfo=UTC)


class Parts:
    """A health board whose sources a test sets."""

    def __init__(self, clock: Any, profile: Profile) -> None:
        self.profile = profile
        self.session = SimpleNamespace(state=SessionState.READY, trouble=None)
        self.check = SimpleNamespace(checked_at=None, bad=0, problem=None)
        self.tokens = SimpleNamespace(epoch=1, token_expires_at=clock.now() + timedelta(days=1))
        self.transport = SimpleNamespace(latency_ms=37.6, clock_skew_s=-1.234, pacing=Pacing(clock))
        self.stream = SimpleNamespace(
            state=StreamState.LIVE, last_frame_mono=999.0, connections=3, frames=0, garbage=2, huge=1
        )
        self.quotes = SimpleNamespace(late=3, repeated=4, stray=5, garbled=6)
        self.depth = SimpleNamespace(stray=10, garbled=20)
        self.journal = SimpleNamespace(failure="", place="disk", rows=7, committed_at=COMMITTED)
        self.table: Table[Health] = Table("health")
        self.board = HealthBoard(
            table=self.table, profile=profile, session=self.session, check=self.check, authenticator=self.tokens,
            transport=self.transport, stream=self.stream, journal=self.journal,
            market=SimpleNamespace(hours=lambda: None), subscriptions=lambda: 9, open_intents=lambda: 0,
            boards=lambda: (self.quotes, self.depth), keys_id=lambda: "SHA256:9f2c", clock=clock, version="0.1.0",
        )  # type: ignore[arg-type]  # fmt: skip

    @property
    def row(self) -> Health:
        self.board.show()
        row = self.table.get(self.profile.name)
        assert row is not None
        return row


@pytest.fixture
def parts(fake_clock: Any, tmp_path: Path) -> Parts:
    path = tmp_path / "profile.toml"
    path.write_text('[profiles.paper]\nkind = "paper"\naccount_id = "DU1234567"\nkey_store = "keys"\n')
    return Parts(fake_clock, load(path, {}).profile)


async def test_what_the_core_knows_is_in_the_row(parts: Parts) -> None:
    parts.board.count_faces = lambda: 2
    row = parts.row
    assert (row.message, row.code) == ("", "")
    assert (row.reconnects, row.most_subscriptions, row.clock_skew_s) == (2, 80, -1.2)
    assert (row.journal_place, row.journal_rows, row.journal_committed_at) == ("disk", 7, COMMITTED)
    assert (row.keys_source, row.keys_id, row.faces) == ("key store", "SHA256:9f2c", 2)
    assert row.memory_mb is not None
    assert 5 < row.memory_mb < 2000


async def test_frames_that_were_survived_are_counted(parts: Parts) -> None:
    row = parts.row
    assert (row.garbage_frames, row.huge_frames, row.late_frames, row.repeated_frames) == (2, 1, 3, 4)
    assert (row.stray_frames, row.garbled_values) == (15, 26)


async def test_since_is_when_the_state_turned_and_not_when_it_was_looked_at(parts: Parts, fake_clock: Any) -> None:
    begun = parts.row.session_since
    await fake_clock.advance(30)
    assert parts.row.session_since == begun
    parts.session.state, parts.session.trouble = SessionState.OFFLINE, BrokerError("IBKR_UNAVAILABLE", "no answer")
    lost = fake_clock.now()
    row = parts.row
    assert (row.session_since, row.stream_since) == (lost, begun)
    await fake_clock.advance(5)
    assert parts.row.session_since == lost
    assert "no answer" in row.message


async def test_a_bad_status_degrades_a_session_that_thinks_it_is_ready(parts: Parts, fake_clock: Any) -> None:
    assert parts.row.session is SessionState.READY
    await fake_clock.advance(60)
    problem = BrokerError("IBKR_NO_SESSION", "IBKR's status was bad 3 times in a row: competing")
    parts.check.checked_at, parts.check.bad, parts.check.problem = fake_clock.now(), 3, problem
    row = parts.row
    assert (row.session, row.session_since, row.bad_checks) == (SessionState.DEGRADED, fake_clock.now(), 3)
    assert (row.checked_at, row.code) == (fake_clock.now(), "IBKR_NO_SESSION")
    assert "3 times in a row" in row.message
    parts.session.state = SessionState.BLOCKED
    assert parts.row.session is SessionState.BLOCKED


async def test_a_new_token_has_a_new_time_of_minting(parts: Parts, fake_clock: Any) -> None:
    first = parts.row.token_minted_at
    await fake_clock.advance(3600)
    parts.tokens.epoch = 2
    assert parts.row.token_minted_at == fake_clock.now() != first
    parts.tokens.token_expires_at = None
    assert parts.row.token_minted_at is None


async def test_frames_a_second_over_the_last_seconds(parts: Parts, fake_clock: Any) -> None:
    assert parts.row.frames_per_s is None
    for _ in range(10):
        await fake_clock.advance(1)
        parts.stream.frames += 40
        row = parts.row
    assert row.frames_per_s == 40.0
    for _ in range(5):
        await fake_clock.advance(1)
        row = parts.row
    assert (row.frames_per_s, row.frames) == (0.0, 400)
    parts.stream.state = StreamState.LOST
    assert parts.row.frames_per_s is None


async def test_the_same_facts_are_no_new_row(parts: Parts, fake_clock: Any) -> None:
    watcher = parts.table.watch()
    for _ in range(8):
        parts.board.show()
        await fake_clock.advance(1)
    watcher.take()
    parts.board.show()
    assert watcher.take() is None


@pytest.mark.parametrize(
    ("changes", "source"),
    [({}, "key store"), ({"credentials_file": Path("/c.json")}, "credentials file"), ({"auth": "gateway"}, "gateway")],
)
def test_where_the_keys_come_from(parts: Parts, changes: dict[str, Any], source: str) -> None:
    assert msgspec.structs.replace(parts.profile, **changes).keys_source == source


def test_memory_is_that_of_this_process() -> None:
    before = resident_mb()
    block = bytearray(60_000_000)
    block[::4096] = b"x" * len(block[::4096])
    assert resident_mb() >= before + 40


async def test_the_pacing_is_in_the_row(parts: Parts, fake_clock: Any) -> None:
    pacing = parts.transport.pacing

    async def request(number: int) -> None:
        async with pacing.turn("GET", f"/read/{number}"):
            pass

    requests = asyncio.gather(*(request(number) for number in range(11)))
    await fake_clock.settle()
    assert (parts.row.pacing_used, parts.row.pacing_limit, parts.row.pacing_waiting) == (8, 10, 3)
    await fake_clock.advance(3)
    await requests
    row = parts.row
    assert (row.pacing_used, row.pacing_waiting, row.blocked_for, row.blocked_until) == (0, 0, 0, None)


async def test_a_penalty_is_said_for_as_long_as_it_lasts(parts: Parts, fake_clock: Any) -> None:
    parts.transport.pacing.refused("600")
    ends = fake_clock.now() + timedelta(seconds=600)
    for left in (600, 599, 1):
        row = parts.row
        assert (row.blocked_for, row.blocked_until, row.code) == (left, ends, "IBKR_RATE_LIMITED")
        assert f"until {ends:%H:%M:%S} UTC only cancels go out" in row.message
        await fake_clock.advance(598 if left == 599 else 1)
    assert (parts.row.blocked_for, parts.row.code) == (0, "")


async def test_a_penalty_hides_no_graver_trouble(parts: Parts) -> None:
    parts.transport.pacing.refused("600")
    parts.session.trouble = BrokerError("IBKR_RATE_LIMITED", "the next may leave in 600 s")
    assert "only cancels go out" in parts.row.message
    parts.session.trouble = BrokerError("IBKR_COMPETING_SESSION", "another program")
    assert parts.row.code == "IBKR_COMPETING_SESSION"


@pytest.mark.parametrize(("skew", "code"), [(31.0, "CLOCK_SKEW"), (-31.0, "CLOCK_SKEW"), (30.0, ""), (None, "")])
async def test_a_wrong_clock_is_said(parts: Parts, skew: float | None, code: str) -> None:
    parts.transport.clock_skew_s = skew
    row = parts.row
    assert row.code == code
    assert not code or ("this machine's clock is 31 s" in row.message and "turn NTP on" in row.message)

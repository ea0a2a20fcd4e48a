"""A core that was killed leaves its brokerage session behind; the next one of the same profile takes it back."""

from __future__ import annotations

import os
import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ibkr_tui.core.session.claim import Claim
from ibkr_tui.core.web.answer import Answer

INIT = "/iserver/auth/ssodh/init"
COMPETING = Answer(200, b'{"authenticated":false,"connected":true,"competing":true}')


@pytest.fixture
def held(tmp_path: Path) -> Path:
    return tmp_path / "session.held"


def inits(login: Any) -> list[bool]:
    return [body["compete"] for _, _, path, body in login.broker.calls if path == INIT]


async def test_a_killed_cores_session_is_taken_back_once(scripted: Any, fake_clock: Any, held: Path) -> None:
    Claim(held, fake_clock).hold()
    await fake_clock.advance(100)

    def prepare(login: Any) -> None:
        login.session.claim = Claim(held, fake_clock)
        login.broker.next[INIT] = [COMPETING]

    async with scripted(prepare) as login:
        assert login.session.state == "ready"
        assert inits(login) == [False, True]
        login.broker.next["/tickle"] = [Answer(200, b'{"session":"s","iserver":{"authStatus":{"competing":true}}}')]
        login.broker.next[INIT] = [COMPETING]
        await fake_clock.advance(55)
        await fake_clock.advance(60)
        assert login.session.state == "competing", "what competes later is somebody else"
        assert inits(login) == [False, True, False]


@pytest.mark.parametrize("prepare_file", ["none", "old", "future"])
async def test_nobody_elses_session_is_ever_taken(
    scripted: Any, fake_clock: Any, held: Path, prepare_file: str
) -> None:
    if prepare_file != "none":
        Claim(held, fake_clock).hold()
        away = timedelta(minutes=4) * (1 if prepare_file == "future" else -1)
        at = (fake_clock.now() + away).timestamp()
        os.utime(held, (at, at))

    def prepare(login: Any) -> None:
        login.session.claim = Claim(held, fake_clock)
        login.broker.next[INIT] = [COMPETING]

    async with scripted(prepare) as login:
        assert login.session.state == "competing"
        assert inits(login) == [False]


async def test_the_claim_is_touched_while_we_hold_and_dropped_at_logout(
    scripted: Any, fake_clock: Any, held: Path
) -> None:
    def prepare(login: Any) -> None:
        login.session.claim = Claim(held, fake_clock)

    async with scripted(prepare) as login:
        first = held.stat().st_mtime
        assert stat.S_IMODE(held.stat().st_mode) == 0o600
        await fake_clock.advance(56)
        assert held.stat().st_mtime == pytest.approx(first + 55, abs=1)
        await login.session.stop()
        assert not held.exists()


async def test_a_disk_that_refuses_costs_nothing_else(scripted: Any, fake_clock: Any, held: Path) -> None:
    def prepare(login: Any) -> None:
        login.session.claim = Claim(held / "no" / "such", fake_clock)

    async with scripted(prepare) as login:
        assert login.session.state == "ready"
        await login.session.stop()

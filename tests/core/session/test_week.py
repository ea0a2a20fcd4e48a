"""A week without a person: the session and the simulator in one process, over loopback, on one clock.

Resets each night, a weekend of maintenance, tokens that end, another program, the penalty box, keys not active yet.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from ibkr_tui.core.config import load
from ibkr_tui.core.keys.key_set import load_key_set
from ibkr_tui.core.session.oauth1 import OAuth1
from ibkr_tui.core.session.session import Session
from ibkr_tui.core.web.transport import Transport
from ibkr_tui.model.errors import BrokerError
from ibkr_tui.sim import control
from ibkr_tui.sim.options import SimOptions
from ibkr_tui.sim.server import serve
from ibkr_tui.sim.simulator import Simulator
from tests.core.conftest import FakeClock

NEW_YORK = ZoneInfo("America/New_York")
BEGIN = datetime(2025, 11, 3, 12, 0, tzinfo=NEW_YORK)  # a Monday
LOOK_EVERY_S = 600.0


class SimulatorsClock:
    """The same clock, as the simulator wants it."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock

    def now(self) -> float:
        return self._clock.now().timestamp()

    def monotonic(self) -> float:
        return self._clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        await self._clock.sleep(seconds)


class CountedTransport(Transport):
    """Knows how many requests are on their way: the clock stands still for them."""

    on_their_way = 0

    async def _exchange(self, *arguments: Any) -> Any:
        self.on_their_way += 1
        try:
            return await super()._exchange(*arguments)
        finally:
            self.on_their_way -= 1


class Week:
    """The session that is watched, and the simulator that makes its life hard."""

    def __init__(self, sim: Simulator, config: Path, clock: FakeClock) -> None:
        self.sim = sim
        self.clock = clock
        profile = load(config, {}).profile
        oauth = OAuth1(load_key_set(profile), profile.rest_url, profile.ws_url, clock)
        self.transport = oauth.transport = CountedTransport(profile.rest_url, oauth, clock)
        self.session = Session(profile, oauth, self.transport, clock, self._changed)
        self.seen: list[tuple[datetime, str, str]] = []
        self.reads = 0
        self.failed_reads: list[str] = []

    def _changed(self) -> None:
        problem = self.session.problem
        self.seen.append((self.clock.now(), str(self.session.state), problem.code if problem else ""))

    async def until(self, moment: datetime) -> None:
        """Let time go on, each sleeper woken at its own, and no faster than the sockets."""
        clock = self.clock
        target = (moment - clock._begin).total_seconds()
        await self._quiet()
        while clock._sleepers and clock._sleepers[0][0] <= target:
            due, _, waiter = heapq.heappop(clock._sleepers)
            if not waiter.done():
                clock._elapsed = max(clock._elapsed, due)
                waiter.set_result(None)
                await self._quiet()
        clock._elapsed = target
        await self._quiet()

    async def _quiet(self) -> None:
        async with asyncio.timeout(60):
            await self.clock.settle()
            while self.transport.on_their_way:
                await asyncio.sleep(0)
                if not self.transport.on_their_way:
                    await self.clock.settle()

    async def look(self) -> None:
        """Read the accounts now and then, as a desk does; a ready session must have an answer."""
        while True:
            await self.clock.sleep(LOOK_EVERY_S)
            if self.session.state != "ready":
                continue
            try:
                answer = await self.transport.get("/iserver/accounts")
            except BrokerError as error:
                self.failed_reads.append(error.code)
            else:
                self.reads += answer.status == 200

    def between(self, begin: datetime, end: datetime) -> list[tuple[str, str]]:
        """The states and codes of that time, without repetitions."""
        return list(dict.fromkeys((state, code) for at, state, code in self.seen if begin <= at <= end))

    async def trouble(
        self, begin: datetime, lasts: timedelta, do: tuple[str, Any], undo: tuple[str, Any] | None, *, back_s: float
    ) -> list[tuple[str, str]]:
        """Make trouble at `begin`, undo it, and see the session back at most `back_s` later; its states meanwhile."""
        await self.until(begin)
        assert self.session.state == "ready", f"{begin}: {self.session.state} {self.session.problem}"
        _control(self.sim, *do)
        await self.until(begin + lasts)
        if undo is not None:
            _control(self.sim, *undo)
        await self.until(begin + lasts + timedelta(seconds=back_s))
        assert (self.session.state, self.session.problem) == ("ready", None), f"{begin}: {self.seen[-9:]}"
        return self.between(begin, begin + lasts + timedelta(seconds=back_s))


def _control(sim: Simulator, action: str, body: Any) -> None:
    doers: dict[str, Callable[[Simulator, Any], Any]] = {
        "session": control._session, "oauth": control._oauth, "pacing": control._pacing,
    }  # fmt: skip
    doers[action](sim, body)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """A moment of the week in New York; day 0 is the first Monday."""
    moment = BEGIN.replace(hour=hour, minute=minute) + timedelta(days=day)
    return moment.astimezone(UTC)


async def live_through(week: Week) -> None:
    reset = ("session", {"do": "reset", "seconds": 300})
    held, released = ("session", {"do": "hold"}), ("session", {"do": "release"})
    for day in range(1, 7):
        if day != 6:  # the weekend has its own
            seen = await week.trouble(at(day, 1), timedelta(minutes=5), reset, None, back_s=60)
            assert ("maintenance", "IBKR_MAINTENANCE") in seen
        match day:
            case 1:  # somebody trades in TWS for an hour and a half; he is not disturbed
                seen = await week.trouble(at(1, 10), timedelta(minutes=90), held, released, back_s=70)
                assert ("competing", "IBKR_COMPETING_SESSION") in seen
            case 2:  # the broker forgets every token
                await week.trouble(at(2, 15), timedelta(seconds=1), ("session", {"do": "expire"}), None, back_s=60)
            case 3:  # the brokerage session is gone without a word
                await week.trouble(at(3, 11), timedelta(seconds=1), ("session", {"do": "end"}), None, back_s=60)
            case 4:  # somebody else's requests put the address into the box
                box = ("pacing", {"box_s": 900})
                seen = await week.trouble(at(4, 14), timedelta(minutes=15), box, None, back_s=70)
                assert "IBKR_RATE_LIMITED" in {code for _, code in seen}
            case 5:
                out, back = {"do": "maintenance", "on": True}, {"do": "maintenance", "on": False}
                weekend = timedelta(hours=6)
                seen = await week.trouble(at(5, 20), weekend, ("session", out), ("session", back), back_s=120)
                assert ("maintenance", "IBKR_MAINTENANCE") in seen
            case 6:  # a new consumer key that IBKR has not activated
                await week.until(at(6, 10))
                _control(week.sim, "session", {"do": "expire"})
                off, on = ("oauth", {"active": False}), ("oauth", {"active": True})
                seen = await week.trouble(at(6, 10), timedelta(minutes=90), off, on, back_s=620)
                assert ("blocked", "IBKR_CONSUMER_REVOKED") in seen
    await week.until(at(7, 12))


@pytest.mark.slow
async def test_a_week_without_a_person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def no_market(sim: Simulator) -> None:
        await asyncio.get_running_loop().create_future()

    monkeypatch.setattr(Simulator, "run", no_market)
    clock = FakeClock(BEGIN.astimezone(UTC))
    async with serve(SimOptions(tmp_path / "sim"), SimulatorsClock(clock)) as running:
        week = Week(running.sim, Path(running.ready["config"]), clock)
        tasks = [asyncio.create_task(week.session.run(), name="session"), asyncio.create_task(week.look(), name="look")]
        try:
            await live_through(week)
            assert not any(task.done() for task in tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await week.transport.aclose()
    sim = running.sim
    assert (week.session.state, week.session.problem) == ("ready", None)
    assert {state for _, state, _ in week.seen} >= {"ready", "maintenance", "competing", "blocked"}
    assert "offline" not in {state for when, state, _ in week.seen if when < at(4, 14)}
    assert week.reads > 900
    assert len(week.failed_reads) <= 10, week.failed_reads
    assert dict(sim.pacing.violations) == {}
    assert sim.verifier.mints <= 7 + 2 + 3, "one a day, one for each time the tokens were void"
    asked = sim.statistics.requests["POST /oauth/live_session_token"]
    assert 3 <= asked - sim.verifier.mints <= 3 * 10, "refused: three in ten minutes at most; in a break: what fails"

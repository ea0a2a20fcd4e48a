"""Request limits on a clock that the test moves (reference 5, faults R24 and R25)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ibkr_tui.core.web.pacing import IN_ALL, PENALTY, WINDOW, Pacing
from ibkr_tui.model.errors import BrokerError


class Requests:
    """Starts requests through a `Pacing` and remembers when each left."""

    def __init__(self, pacing: Pacing, clock: Any) -> None:
        self.pacing = pacing
        self.clock = clock
        self.left: list[tuple[str, float]] = []
        self.tasks: list[asyncio.Task[None]] = []

    def start(self, path: str, method: str = "GET", *, lasts: float = 0.0, **options: Any) -> asyncio.Task[None]:
        async def request() -> None:
            async with self.pacing.turn(method, path, **options):
                self.left.append((path, self.clock.monotonic() - 1000.0))
                if lasts:
                    await self.clock.sleep(lasts)

        self.tasks.append(asyncio.create_task(request()))
        return self.tasks[-1]

    def times(self, prefix: str = "") -> list[float]:
        return [round(at, 2) for path, at in self.left if path.startswith(prefix)]


@pytest.fixture
async def requests(fake_clock: Any) -> AsyncIterator[Requests]:
    found = Requests(Pacing(fake_clock), fake_clock)
    yield found
    for task in found.tasks:
        task.cancel()
    await asyncio.gather(*found.tasks, return_exceptions=True)


async def test_no_second_ever_sees_more_than_ten(requests: Requests, fake_clock: Any) -> None:
    for number in range(40):
        requests.start(f"/read/{number}", deadline=60)
        requests.start(f"/order/{number}", "POST", urgent=True)
    await fake_clock.advance(12)
    times = sorted(at for _, at in requests.left)
    assert len(times) == 80
    for begin in times:
        assert sum(begin <= at < begin + 1 for at in times) <= IN_ALL


async def test_reads_go_in_the_order_they_came(requests: Requests, fake_clock: Any) -> None:
    for number in range(20):
        requests.start(f"/{number}")
    await fake_clock.advance(5)
    assert [path for path, _ in requests.left] == [f"/{number}" for number in range(20)]


async def test_an_order_leaves_at_once_whatever_reads_wait(requests: Requests, fake_clock: Any) -> None:
    for number in range(50):
        requests.start(f"/read/{number}", deadline=60)
    await fake_clock.settle()
    requests.start("/order", "POST", urgent=True)
    requests.start("/cancel", "DELETE", urgent=True)
    await fake_clock.settle()
    assert requests.times("/order") == [0.0]
    assert requests.times("/cancel") == [0.0]
    assert len(requests.times("/read")) == 8


async def test_many_cancels_go_before_waiting_reads(requests: Requests, fake_clock: Any) -> None:
    for number in range(30):
        requests.start(f"/read/{number}", deadline=60)
    await fake_clock.settle()
    for number in range(12):
        requests.start(f"/cancel/{number}", "DELETE", urgent=True)
    await fake_clock.advance(2 * WINDOW)
    # Reads get the one place that is always theirs, cancels all others until none is left.
    assert requests.times("/cancel")[-1] <= round(2 * WINDOW, 2)
    assert len(requests.times("/cancel")) == 12


async def test_a_rare_endpoint_is_spaced_from_the_end_of_the_call_before(requests: Requests, fake_clock: Any) -> None:
    for _ in range(2):
        requests.start("/iserver/account/orders", lasts=2.0, deadline=30)
    requests.start("/iserver/account/trades")
    await fake_clock.advance(20)
    assert requests.times("/iserver/account/orders") == [0.0, 7.0]
    assert requests.times("/iserver/account/trades") == [0.0]


async def test_placing_an_order_is_not_the_order_list(requests: Requests, fake_clock: Any) -> None:
    requests.start("/iserver/account/orders")
    await fake_clock.settle()
    requests.start("/iserver/account/DU1/orders", "POST", urgent=True)
    await fake_clock.settle()
    assert len(requests.left) == 2


async def test_a_turn_that_cannot_come_in_time_is_refused_at_once(requests: Requests, fake_clock: Any) -> None:
    for _ in range(3):
        requests.start("/iserver/account/trades", deadline=60)
    await fake_clock.settle()
    with pytest.raises(BrokerError) as caught:
        async with requests.pacing.turn("GET", "/iserver/account/trades", deadline=10):
            pass
    assert caught.value.code == "IBKR_RATE_LIMITED"
    assert caught.value.details["retry_after_s"] == 15


async def test_five_histories_at_once(requests: Requests, fake_clock: Any) -> None:
    for _ in range(7):
        requests.start("/iserver/marketdata/history", lasts=3.0)
    await fake_clock.advance(2.9)
    assert len(requests.left) == 5
    await fake_clock.advance(0.2)
    assert len(requests.left) == 7


async def test_a_waiter_that_gives_up_leaves_the_gate_open(requests: Requests, fake_clock: Any) -> None:
    requests.start("/iserver/account/orders")
    waiting = requests.start("/iserver/account/orders")
    queued = requests.start("/iserver/account/orders", deadline=30)
    await fake_clock.settle()
    waiting.cancel()
    await fake_clock.advance(5.1)
    assert queued.done()
    assert requests.times() == [0.0, 5.0]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, PENALTY),
        ("1", 1),
        ("3600", PENALTY),
        ("-5", 60),
        ("soon", 60),
        ("99999999999999999999", 60),
        ("Wed, 05 Nov 2025 15:02:00 GMT", 120),
        ("Wed, 05 Nov 2025 15:02:00", 120),
        ("Wed, 05 Nov 2025 14:00:00 GMT", 1),
    ],
)
async def test_how_long_a_429_lasts(fake_clock: Any, header: str | None, seconds: float) -> None:
    pacing = Pacing(fake_clock)
    pacing.refused(header)
    assert pacing.blocked_for == pytest.approx(seconds)


async def test_after_a_429_only_cancels_leave_one_every_five_seconds(requests: Requests, fake_clock: Any) -> None:
    pacing = requests.pacing
    pacing.refused("60")
    for method, urgent in (("GET", False), ("POST", True)):
        with pytest.raises(BrokerError) as caught:
            async with pacing.turn(method, "/x", urgent=urgent):
                pass
        assert caught.value.code == "IBKR_RATE_LIMITED"
    for number in range(3):
        requests.start(f"/cancel/{number}", "DELETE", urgent=True, deadline=11)
    await fake_clock.settle()
    with pytest.raises(BrokerError) as caught:
        async with pacing.turn("DELETE", "/cancel/3", urgent=True, deadline=11):
            pass
    assert caught.value.details["retry_after_s"] == 15
    await fake_clock.advance(12)
    assert requests.left == [("/cancel/0", 0.0), ("/cancel/1", 5.0), ("/cancel/2", 10.0)]
    requests.start("/cancel/4", "DELETE", urgent=True)
    await fake_clock.advance(60)
    requests.start("/read")
    await fake_clock.settle()
    assert requests.left[3:] == [("/cancel/4", 15.0), ("/read", 72.0)]


async def test_a_short_penalty_ends_the_wait_of_cancels(requests: Requests, fake_clock: Any) -> None:
    requests.pacing.refused("2")
    for number in range(4):
        requests.start(f"/cancel/{number}", "DELETE", urgent=True)
    await fake_clock.advance(2)
    assert requests.times() == [0.0, 2.0, 2.0, 2.0]


async def test_a_waiting_read_is_stopped_by_a_429(requests: Requests, fake_clock: Any) -> None:
    requests.start("/iserver/account/orders")
    waiting = requests.start("/iserver/account/orders")
    await fake_clock.settle()
    requests.pacing.refused("60")
    await fake_clock.advance(6)
    assert isinstance(waiting.exception(), BrokerError)


async def test_an_order_that_waits_for_its_place_is_stopped_by_a_429(requests: Requests, fake_clock: Any) -> None:
    waiting = [requests.start(f"/orders/{number}", "POST", urgent=True) for number in range(11)][-1]
    await fake_clock.settle()
    requests.pacing.refused("60")
    await fake_clock.advance(2)
    assert isinstance(waiting.exception(), BrokerError) and len(requests.times()) == 10


async def test_cancels_that_are_refused_in_a_penalty_make_it_no_longer(fake_clock: Any) -> None:
    """Else a cancel that is kept up would keep everything else from leaving for good."""
    pacing = Pacing(fake_clock)
    pacing.refused(None)
    await fake_clock.advance(600)
    pacing.refused(None)
    assert pacing.blocked_for == pytest.approx(PENALTY - 600)


async def test_a_shorter_penalty_does_not_end_a_longer_one(fake_clock: Any) -> None:
    pacing = Pacing(fake_clock)
    pacing.refused("100")
    pacing.refused("1")
    assert pacing.blocked_for == pytest.approx(100)

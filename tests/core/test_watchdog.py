"""The loop's watchdog: a loop that stands still is named by its frames, a machine that slept is told apart."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from typing import Any

import pytest

from ibkr_tui.core.watchdog import LoopWatchdog, where


@pytest.fixture
def told() -> list[str]:
    return []


def watchdog(told: list[str], **options: Any) -> LoopWatchdog:
    made = LoopWatchdog(told.append, **options)
    made._beaten = 100.0
    made._thread_id = threading.get_ident()
    return made


def test_a_blocked_loop_is_named_once_with_frames_and_no_values(
    told: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    secret = "hunter2"
    dog = watchdog(told)
    dog.look(104.9, 0.0)
    assert not caplog.records
    dog.look(105.0, 0.0)
    dog.look(106.0, 0.0)
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "stood still for 5.0 s" in record.getMessage()
    assert "test_a_blocked_loop_is_named_once" in record.getMessage()
    assert secret not in record.getMessage()
    assert dog.stalls == 0
    dog.beat(107.5)
    assert (dog.stalls, dog.last_s, dog.longest_s) == (1, 7.5, 7.5)
    assert dog.last_at is not None
    assert told == ["the core stood still for 8 s (the log has where); prices and orders of that time are read again"]
    dog.beat(108.5)
    assert dog.stalls == 1


def test_the_longest_is_kept(told: list[str]) -> None:
    dog = watchdog(told)
    for now in (109.0, 110.0, 116.0, 117.0):
        dog.beat(now)
    assert (dog.stalls, dog.last_s, dog.longest_s) == (2, 6.0, 9.0)


def test_a_machine_that_slept_is_not_a_blocked_loop(told: list[str], caplog: pytest.LogCaptureFixture) -> None:
    dog = watchdog(told)
    dog.look(160.0, 59.0)
    assert not caplog.records
    dog.beat(160.1)
    assert "the process was stopped, or the machine slept" in told[0]


def test_frames_of_a_thread_that_has_ended() -> None:
    assert "ended" in where(None)


async def test_a_loop_that_is_really_blocked_is_seen_from_its_thread(
    told: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    dog = LoopWatchdog(told.append, after=0.2)
    beats = 0

    def count() -> None:
        nonlocal beats
        beats += 1

    dog.on_beat = count
    running = asyncio.create_task(dog.run(), name="watchdog")
    await asyncio.sleep(0)

    def stands_still_here() -> None:
        end = time.monotonic() + 10
        while not caplog.records and time.monotonic() < end:
            time.sleep(0.01)

    stands_still_here()
    assert "stands_still_here" in caplog.records[0].getMessage()
    while not told:
        await asyncio.sleep(0.01)
    assert dog.stalls == 1
    assert beats
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    assert dog._ended.is_set()

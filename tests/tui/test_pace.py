"""Frames become rarer when the terminal falls behind, and come back when it has caught up."""

from __future__ import annotations

from ibkr_tui.tui.pace import Pace


def frames(pace: Pace, start: float, seconds: float, queued: int) -> int:
    return sum(pace.due(start + n * 0.1, queued) for n in range(int(seconds * 10)))


def test_a_quick_terminal_gets_every_frame() -> None:
    assert frames(Pace(0.1), 0, 5, 0) == 50


def test_a_slow_one_gets_two_a_second_then_one() -> None:
    assert frames(Pace(0.1), 0, 10, 5) <= 21
    assert frames(Pace(0.1), 0, 10, 15) <= 11


def test_a_terminal_that_takes_nothing_gets_nothing() -> None:
    assert frames(Pace(0.1), 0, 10, 30) == 0


def test_it_recovers_step_by_step() -> None:
    pace = Pace(0.1)
    frames(pace, 0, 2, 15)
    assert pace.is_slow
    frames(pace, 2, 5, 0)
    assert not pace.is_slow
    assert frames(pace, 10, 2, 0) == 20
